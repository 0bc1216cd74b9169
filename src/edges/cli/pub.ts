/**
 * `pub`: sends messages from arguments, a file or the lines of standard input, as fast as the node takes them and no
 * faster. Keeps trying while the node is away, inside the deadline of each message. What was acked can be written down.
 */
import { readFile } from 'node:fs/promises';
import { type Command, Option } from 'commander';
import type { OutgoingMessage } from '../client/message.ts';
import type { Producer, ProducerOptions } from '../client/producer.ts';
import { AckedFile } from './acked.ts';
import { withClient } from './client.ts';
import { collect, command, globalsOf, print, type Surroundings } from './command.ts';
import { CommandError, EXIT, usage } from './exit.ts';
import { linesOf } from './lines.ts';
import { Progress } from './output.ts';
import { parseCount, parseDuration, parsePair } from './parse.ts';
import { Tally } from './tally.ts';

interface PubOptions {
  readonly key?: string;
  readonly header: readonly string[];
  readonly file?: string;
  readonly repeat: string;
  readonly partition?: string;
  readonly acks: NonNullable<ProducerOptions['acks']>;
  readonly acked?: string;
  readonly compression: NonNullable<ProducerOptions['compression']>;
  readonly timeout: string;
}

export function pubCommand(around: Surroundings): Command {
  return command('pub', 'Send messages: arguments, a file, or the lines of standard input.', [
    'callboard pub orders "hello"',
    'callboard pub orders --key customer-7 --header source=web \'{"total": 12}\'',
    'seq 100000 | callboard pub orders --compression zstd',
    'callboard pub backups --file picture.jpg',
    'tail -f app.log | callboard pub logs --acked stored.tsv',
  ])
    .argument('<topic>')
    .argument('[messages...]', 'each argument is one message; without any, every line of standard input is one')
    .option('--key <text>', 'key of every message: messages of one key stay in order in one partition')
    .option('--header <name=value>', 'a header on every message, several times', collect, [])
    .option('--file <path>', 'the whole file is one message')
    .option('--repeat <times>', 'send every message so many times', '1')
    .option('--partition <number>', 'send to this partition, whatever the key')
    .addOption(choice('--acks <who>', 'who must have a message before it counts', ['all', 'leader', 'none'], 'all'))
    .option(
      '--acked <file>',
      'write partition, offset and value of every acked message, with tabs between, as the acks come',
    )
    .addOption(choice('--compression <codec>', 'of batches', ['none', 'gzip', 'snappy', 'lz4', 'zstd'], 'none'))
    .option('--timeout <duration>', 'keep trying each message so long, also while the node is away', '120s')
    .action((topic: string, messages: readonly string[], options: PubOptions, own: Command) =>
      publish(around, own, topic, messages, options),
    );
}

function choice(flags: string, description: string, choices: readonly string[], byDefault: string): Option {
  return new Option(flags, description).choices(choices).default(byDefault);
}

/** A word to those who wait for a node that is not there. */
const PATIENCE_MS = 2_000;

async function publish(
  around: Surroundings,
  own: Command,
  topic: string,
  messages: readonly string[],
  options: PubOptions,
): Promise<void> {
  const { console } = around;
  const { server, json } = globalsOf(own, around);
  const timeoutMs = parseDuration(options.timeout);
  const make = messageMaker(topic, options);
  const repeat = parseCount(options.repeat, 1, 'number of times');
  const values = await valuesOf(around, messages, options.file);
  const tally = new Tally(options.acked === undefined ? null : new AckedFile(options.acked));
  const patience = setTimeout(() => {
    console.errors.write(`No node answers at ${server}; trying for ${Math.round(timeoutMs / 1_000)} s.\n`);
  }, PATIENCE_MS);
  try {
    await withClient(own, around, timeoutMs, async (client) => {
      clearTimeout(patience);
      const { acks, compression } = options;
      const producer = client.producer({ acks, compression, deliveryTimeoutMs: timeoutMs, onError: tally.lost });
      const progress = new Progress(console.errors, () => tally.progress());
      try {
        await sendAll(producer, values, repeat, make, tally, around.signal);
        await finish(producer, around.signal);
      } finally {
        progress.end();
        tally.close();
      }
    });
  } finally {
    clearTimeout(patience);
  }
  print(around, json, { topic, ...tally.summary() }, () => tally.text(topic));
  if (around.interrupted.aborted) throw new CommandError(EXIT.interrupted, 'interrupted');
  tally.check();
}

type MessageMaker = (value: Buffer) => OutgoingMessage;

function messageMaker(topic: string, options: PubOptions): MessageMaker {
  const headers = options.header.map((one) => parsePair(one, 'header'));
  const partition = options.partition === undefined ? undefined : parseCount(options.partition, 0, 'partition');
  const key = options.key === undefined ? null : Buffer.from(options.key);
  const fixed = { topic, key, ...(headers.length > 0 && { headers }), ...(partition !== undefined && { partition }) };
  return (value) => ({ ...fixed, value });
}

/** Where the messages come from: lists of values, so that a chunk of input costs one turn. */
async function valuesOf(
  { console, signal }: Surroundings,
  messages: readonly string[],
  file: string | undefined,
): Promise<Iterable<readonly Buffer[]> | AsyncIterable<readonly Buffer[]>> {
  if (file !== undefined && messages.length > 0)
    throw usage('both messages and --file were given', 'Give one of them.');
  if (file !== undefined) return [[await readWhole(file)]];
  if (messages.length > 0) return [messages.map((message) => Buffer.from(message))];
  if (console.input.isTTY) console.errors.write('Every line is a message; Ctrl-D ends.\n');
  return linesOf(console.input, signal);
}

async function readWhole(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    throw usage(`${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}

async function sendAll(
  producer: Producer,
  values: Iterable<readonly Buffer[]> | AsyncIterable<readonly Buffer[]>,
  repeat: number,
  make: MessageMaker,
  tally: Tally,
  signal: AbortSignal,
): Promise<void> {
  for await (const list of values) {
    for (const value of list) {
      const message = make(value);
      for (let time = 0; time < repeat; time++) {
        // a failure that trying again cannot heal would meet every message that follows
        if (tally.hopeless || signal.aborted) return;
        while (producer.full && !signal.aborted) await producer.writable({ signal });
        tally.send(producer, message, value);
      }
    }
  }
}

/** After an interrupt what is under way gets a moment, not its whole deadline. */
const LAST_MS_MAX = 3_000;

async function finish(producer: Producer, signal: AbortSignal): Promise<void> {
  const ending = new AbortController();
  const soon = (): void => void setTimeout(() => ending.abort(), LAST_MS_MAX).unref();
  if (signal.aborted) soon();
  else signal.addEventListener('abort', soon, { once: true });
  await producer.close({ signal: ending.signal });
}
