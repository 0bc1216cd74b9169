/** `log verify` and `log dump`: looks into a data folder without a node. Writes nothing into it. */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import type { Finding } from '../../log/inspect.ts';
import { crc32c } from '../client/checksum.ts';
import { decompress } from '../client/compression.ts';
import { collect, command, type Surroundings } from './command.ts';
import { CommandError, EXIT, usage } from './exit.ts';
import { dumpFolder, type Row } from './log-dump.ts';
import { diskFolder } from './log-files.ts';
import { type VerifySummary, verifyFolder } from './log-verify.ts';
import { bar, Lines, Progress } from './output.ts';
import { parseCount } from './parse.ts';

export function logCommand(around: Surroundings): Command {
  return command('log', 'Look into a data folder, without a node.', [
    'callboard log verify',
    'callboard log dump --records',
  ])
    .addCommand(verifyCommand(around))
    .addCommand(dumpCommand(around));
}

function verifyCommand(around: Surroundings): Command {
  return command(
    'verify',
    'Read every byte and report what is not as it was written. Ends with 5 where there is damage, with 6 where nobody can tell.',
    ['callboard log verify', 'callboard log verify /var/lib/callboard --json'],
  )
    .argument('[folder]', 'data folder (default: the one in the settings)')
    .action(async (given: string | undefined, _options: unknown, self: Command) => {
      await verify(around, await folderOf(around, given), self.optsWithGlobals<{ json?: boolean }>().json === true);
    });
}

async function verify(around: Surroundings, folder: string, json: boolean): Promise<void> {
  await warnOfNode(around, folder);
  const lines = new Lines(around.console.output);
  let shown = '';
  const progress = new Progress(around.console.errors, () => shown);
  let summary: VerifySummary;
  try {
    summary = await verifyFolder({
      folder: diskFolder(folder),
      crc32c,
      signal: around.signal,
      report: (finding) => void lines.add(json ? JSON.stringify(finding) : findingLine(finding)),
      progress: (done, total) => {
        shown = `${bar(done, total)} of ${total} bytes`;
      },
    });
  } finally {
    progress.end();
  }
  lines.add(json ? JSON.stringify({ kind: 'summary', ...summary }) : summaryText(summary));
  await lines.end();
  if (summary.damage > 0) around.ends(EXIT.damaged);
  else if (summary.unclear > 0) around.ends(EXIT.unclear);
}

function findingLine({ kind, file, position, partition, offset, next, what }: Finding): string {
  const records =
    offset === undefined ? '' : next === undefined ? ` offset ${offset}` : ` offsets ${offset} to ${next - 1}`;
  const where = partition === undefined ? '' : `, partition ${partition}${records}`;
  return `${kind === 'unclear' ? 'cannot tell' : kind}: ${file} at byte ${position}${where}: ${what}`;
}

function summaryText(summary: VerifySummary): string {
  const { partitions, segments, batches, groups, bytes, bytesUncovered, damage, torn, unclear, notes } = summary;
  const read = `${partitions} partitions, ${segments} segments, ${batches} batches, ${groups} groups of the journal, ${bytes} bytes`;
  const rest = bytesUncovered === 0 ? '' : ` (${bytesUncovered} of them carry nothing and are not covered)`;
  const found = damage === 0 ? 'no damage' : `${damage} ${damage === 1 ? 'place' : 'places'} damaged`;
  const tail = torn === 0 ? '' : `, ${torn} torn at the end: the node cuts that when it starts`;
  const open = unclear === 0 ? '' : `, ${unclear} of which nobody can tell whether torn or damaged`;
  return `${read}${rest}: ${found}${tail}${open}${notes === 0 ? '' : `, ${notes} notes`}`;
}

interface DumpFlags {
  readonly partition: readonly string[];
  readonly from: string;
  readonly count?: string;
  readonly entries?: boolean;
  readonly records?: boolean;
  readonly journal?: boolean;
  readonly json?: boolean;
}

function dumpCommand(around: Surroundings): Command {
  return command('dump', 'Show segments and batches; with flags also entries, records and the journal.', [
    'callboard log dump --partition 64 --from 1000 --count 5 --records',
    'callboard log dump /var/lib/callboard --journal --entries --json',
  ])
    .argument('[folder]', 'data folder (default: the one in the settings)')
    .option('--partition <id>', 'only this partition (may be repeated; "topic describe" shows the ids)', collect, [])
    .option('--from <offset>', 'leave out batches that end before this offset', '0')
    .option('--count <n>', 'show at most so many batches of each partition')
    .option('--entries', 'show the entry of every batch too')
    .option('--records', 'show the records of every batch too')
    .option('--journal', 'show the groups of the journal too')
    .action(async (given: string | undefined, _options: unknown, self: Command) => {
      await dump(around, await folderOf(around, given), self.optsWithGlobals<DumpFlags>());
    });
}

async function dump(around: Surroundings, folder: string, flags: DumpFlags): Promise<void> {
  await warnOfNode(around, folder);
  const lines = new Lines(around.console.output);
  const json = flags.json === true;
  await dumpFolder({
    folder: diskFolder(folder),
    partitions: flags.partition.map((text) => parseCount(text, 0, 'partition id')),
    from: parseCount(flags.from, 0, 'offset'),
    count: flags.count === undefined ? Number.POSITIVE_INFINITY : parseCount(flags.count, 1, 'count'),
    entries: flags.entries === true,
    records: flags.records === true,
    journal: flags.journal === true,
    crc32c,
    decompress,
    emit: (row) => {
      around.signal.throwIfAborted();
      return lines.add(json ? JSON.stringify(row) : rowLine(row));
    },
  });
  await lines.end();
}

/** Depth of a row in the text: batches below their segment, records below their batch. */
const INDENT: Readonly<Record<Row['row'], string>> = {
  manifest: '',
  segment: '',
  group: '',
  unreadable: '',
  entry: '  ',
  batch: '  ',
  record: '    ',
};

/** `name value` pairs in the order of the row; faults stand out at the end. */
function rowLine(row: Row): string {
  const { row: kind, ...fields } = row;
  const shown = Object.entries(fields).map(([name, value]) => {
    const text = typeof value === 'object' && value !== null ? JSON.stringify(value) : quoted(value);
    return name === 'fault' ? `DAMAGED: ${text}` : `${name} ${text}`;
  });
  return `${INDENT[kind]}${kind} ${shown.join(' ')}`;
}

/** Text with spaces or control characters is quoted, so that a line stays one line. */
function quoted(value: unknown): string {
  const text = String(value);
  return typeof value === 'string' && !/^[\x21-\x7e]+$/.test(text) ? JSON.stringify(text) : text;
}

/** The folder that was named, or the one of the settings. */
async function folderOf({ doors }: Surroundings, given: string | undefined): Promise<string> {
  const inForce = (await doors.settingsInForce({ settings: {} })).find(({ key }) => key === 'data');
  const folder = resolve(given ?? String(inForce?.value));
  if (!existsSync(folder)) throw usage(`${folder} is not there`, 'Name the data folder of a node.');
  if (existsSync(join(folder, 'node.json'))) return folder;
  throw new CommandError(
    EXIT.usage,
    `${folder} is no data folder: it has no node.json`,
    'Name the data folder of a node.',
  );
}

async function warnOfNode({ doors, console }: Surroundings, folder: string): Promise<void> {
  const holder = await doors.holderOf(folder);
  if (holder === 'dead') return;
  const who = holder === null ? 'A process' : `Process ${holder.pid}`;
  console.errors.write(`${who} runs on ${folder}: what it writes meanwhile may look torn or damaged here.\n`);
}
