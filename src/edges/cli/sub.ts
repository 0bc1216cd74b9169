/**
 * `sub`: prints messages as they come, for people or as JSON lines, from any position or as a member of a group. Ends
 * cleanly at `--count`, Ctrl-C or when its pipe is closed; a group remembers what was printed.
 */
import type { Command } from 'commander';
import type { Client } from '../client/client.ts';
import type { CallboardError } from '../client/errors.ts';
import type { Message } from '../client/message.ts';
import { withClient } from './client.ts';
import { collect, command, globalsOf, type Surroundings } from './command.ts';
import type { Console } from './doors.ts';
import { usage } from './exit.ts';
import { Lines } from './output.ts';
import { POSITION_HELP, parseCount, parseDuration, parsePosition } from './parse.ts';
import { messageJson, messageLine } from './record.ts';

interface SubOptions {
  readonly from?: string;
  readonly group?: string;
  readonly count?: string;
  readonly partition: readonly string[];
  readonly timeout: string;
}

/** Where messages come from: a reader, or a member of a group. */
interface Source extends AsyncIterable<Message> {
  /** The last message before a `break` is done as well. */
  markProcessed?(message: Message): void;
  close(options?: { readonly signal?: AbortSignal }): Promise<void>;
}

export function subCommand(around: Surroundings): Command {
  return command('sub', 'Print messages: partition, offset, timestamp (ms), key, value, with tabs between.', [
    'callboard sub orders',
    'callboard sub orders --from beginning --count 10',
    'callboard sub orders --from 15min --json',
    'callboard sub orders --partition 3 --from 1200',
    'callboard sub orders --group billing --from beginning',
  ])
    .argument('<topic>')
    .option('--from <position>', `${POSITION_HELP} (default: end; a group goes on where it was)`)
    .option('--group <name>', 'share the partitions with other members of this group, and remember what was printed')
    .option('--count <number>', 'end after so many messages')
    .option('--partition <number>', 'only this partition, several times', collect, [])
    .option('--timeout <duration>', 'longest wait for the node at the start', '5s')
    .action((topic: string, options: SubOptions, own: Command) => subscribe(around, own, topic, options));
}

async function subscribe(around: Surroundings, own: Command, topic: string, options: SubOptions): Promise<void> {
  const { json } = globalsOf(own, around);
  const open = sourceOf(topic, options, troubleTo(around.console));
  const count = options.count === undefined ? Number.POSITIVE_INFINITY : parseCount(options.count, 1, 'number');
  const lines = new Lines(around.console.output);
  const show = json ? messageJson : messageLine;
  try {
    await withClient(own, around, parseDuration(options.timeout), (client) =>
      printAll(open(client), count, (message) => lines.add(show(message)), around.signal),
    );
  } catch (error) {
    // Ctrl-C, and a reader of the pipe that has seen enough, are how this command ends
    if (!around.signal.aborted) throw error;
  } finally {
    await lines.end();
  }
}

/** Checks the options before anybody is asked. */
function sourceOf(
  topic: string,
  { from, group, partition }: SubOptions,
  onError: (error: CallboardError) => void,
): (client: Client) => Source {
  const position = parsePosition(from ?? 'end', Date.now());
  const partitions = partition.map((one) => parseCount(one, 0, 'partition'));
  if (group === undefined) {
    const chosen = partitions.length === 0 ? {} : { partitions };
    return (client) => client.reader({ topic, from: position, onError, ...chosen });
  }
  if (partitions.length > 0) throw usage('--group and --partition were given', 'A group gives out the partitions.');
  if (typeof position === 'object' && 'offset' in position)
    throw usage('a group cannot begin at an offset', 'Move it with "callboard group reset", or give a time.');
  return (client) => client.consumer({ group, topics: [topic], from: position, onError });
}

/** After Ctrl-C a group is left in order, if the node answers so soon. */
const LEAVE_MS_MAX = 3_000;

async function printAll(
  source: Source,
  count: number,
  print: (message: Message) => Promise<void> | undefined,
  signal: AbortSignal,
): Promise<void> {
  let left = count;
  let closing: Promise<void> | undefined;
  const close = (): void => {
    closing ??= source.close({ signal: AbortSignal.timeout(LEAVE_MS_MAX) });
  };
  signal.addEventListener('abort', close);
  if (signal.aborted) close();
  for await (const message of source) {
    const full = print(message);
    if (full !== undefined) await full;
    left -= 1;
    if (left > 0 && !signal.aborted) continue;
    source.markProcessed?.(message);
    break;
  }
  close();
  await closing;
}

/** The same trouble is told again only after this. */
const TOLD_MS = 10_000;

/** What goes wrong on the way and is tried again: told, but not with every attempt. */
function troubleTo({ errors }: Console): (error: CallboardError) => void {
  let lastCode = '';
  let lastMs = Number.NEGATIVE_INFINITY;
  return ({ code, message }) => {
    if (code === lastCode && performance.now() - lastMs < TOLD_MS) return;
    lastCode = code;
    lastMs = performance.now();
    errors.write(`callboard: ${code}: ${message}; trying again\n`);
  };
}
