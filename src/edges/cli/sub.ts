/**
 * `sub`: prints messages as they come, for people or as JSON lines from any position. Ends
 * cleanly at `--count`, Ctrl-C or when its pipe is closed.
 */
import type { Command } from 'commander';
import type { Client } from '../client/client.ts';
import type { Message } from '../client/message.ts';
import { withClient } from './client.ts';
import { collect, command, globalsOf, type Surroundings } from './command.ts';
import { Lines } from './output.ts';
import { POSITION_HELP, type Position, parseCount, parseDuration, parsePosition } from './parse.ts';
import { messageJson, messageLine } from './record.ts';

interface SubOptions {
  readonly from?: string;
  readonly count?: string;
  readonly partition: readonly string[];
  readonly timeout: string;
}

/** Where messages come from. */
export interface Source {
  /** The next ones; none when there was nothing for a while. */
  next(signal: AbortSignal): Promise<readonly Message[]>;
}

export function subCommand(around: Surroundings): Command {
  return command('sub', 'Print messages: partition, offset, timestamp (ms), key, value, with tabs between.', [
    'callboard sub orders',
    'callboard sub orders --from beginning --count 10',
    'callboard sub orders --from 15min --json',
    'callboard sub orders --partition 3 --from 1200',
  ])
    .argument('<topic>')
    .option('--from <position>', `${POSITION_HELP} (default: end)`)
    .option('--count <number>', 'end after so many messages')
    .option('--partition <number>', 'only this partition, several times', collect, [])
    .option('--timeout <duration>', 'longest wait for the node at the start', '5s')
    .action((topic: string, options: SubOptions, own: Command) => subscribe(around, own, topic, options));
}

async function subscribe(around: Surroundings, own: Command, topic: string, options: SubOptions): Promise<void> {
  const { json } = globalsOf(own, around);
  const from = parsePosition(options.from ?? 'end', Date.now());
  const partitions = options.partition.map((one) => parseCount(one, 0, 'partition'));
  const count = options.count === undefined ? Number.POSITIVE_INFINITY : parseCount(options.count, 1, 'number');
  const lines = new Lines(around.console.output);
  const show = json ? messageJson : messageLine;
  try {
    await withClient(own, around, parseDuration(options.timeout), async (client) => {
      const source = readerSource(client, topic, partitions, from);
      await printAll(source, count, (message) => lines.add(show(message)), around.signal);
    });
  } catch (error) {
    // Ctrl-C, and a reader of the pipe that has seen enough, are how this command ends
    if (!around.signal.aborted) throw error;
  } finally {
    await lines.end();
  }
}

async function printAll(
  source: Source,
  count: number,
  print: (message: Message) => Promise<void> | undefined,
  signal: AbortSignal,
): Promise<void> {
  let left = count;
  while (left > 0 && !signal.aborted) {
    const messages = (await source.next(signal)).slice(0, left);
    for (const message of messages) await print(message);
    left -= messages.length;
  }
}

function readerSource(client: Client, topic: string, partitions: readonly number[], from: Position): Source {
  const reader = client.reader({ topic, from, ...(partitions.length > 0 && { partitions }) });
  return {
    next: (signal) => reader.poll({ signal }),
  };
}
