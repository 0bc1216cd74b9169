/** Judges `log dump` and the two commands around it: what is shown, in which order, for people and as JSON, and exit codes. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { PassThrough } from 'node:stream';
import { crc32c } from '@node-rs/crc32';
import test, { type ExecutionContext } from 'ava';
import type { Console, Doors } from '../../../src/edges/cli/doors.ts';
import { cli } from '../../../src/edges/cli/index.ts';
import { type DumpOptions, dumpFolder, type Row } from '../../../src/edges/cli/log-dump.ts';
import { decompress } from '../../../src/edges/client/compression.ts';
import * as paths from '../../../src/log/paths.ts';
import { id, type Offset } from '../../../src/model/ids.ts';
import { JOURNAL_FILE, LIVE, type MemoryFolder, RESTING, smallFolder } from './log-folder.ts';

async function dump(options: Partial<DumpOptions>): Promise<Row[]> {
  const rows: Row[] = [];
  const all = {
    partitions: [],
    from: 0,
    count: Number.POSITIVE_INFINITY,
    entries: false,
    records: false,
    journal: false,
  };
  const emit = (row: Row): undefined => {
    rows.push(row);
  };
  await dumpFolder({ folder: smallFolder(), ...all, crc32c, decompress, emit, ...options });
  return rows;
}

const kinds = (rows: readonly Row[]): string => rows.map(({ row }) => row).join(' ');

test('shows manifests, segments and batches of every partition in order', async (t) => {
  const rows = await dump({});
  t.is(kinds(rows), 'manifest segment batch batch segment batch manifest segment batch');
  t.like(rows[2], { partition: RESTING, base: 0 as Offset, next: 1 as Offset, codec: 'none', count: 1, epoch: 3 });
  t.like(rows[3], { partition: RESTING, base: 1 as Offset, next: 3 as Offset, count: 2 });
});

test('shows entries and records where they are wanted', async (t) => {
  const rows = await dump({ partitions: [LIVE], entries: true, records: true });
  t.is(kinds(rows), 'manifest segment entry batch record record');
  t.like(rows[2], { partition: LIVE, base: 0 as Offset, next: 2 as Offset, position: 0 });
  t.like(rows[5], {
    partition: LIVE,
    offset: 1 as Offset,
    key: 'key 1',
    value: 'value 1',
    headers: [{ key: 'h', value: null }],
  });
});

test('begins at an offset and ends after so many batches', async (t) => {
  const rows = await dump({ partitions: [RESTING], from: 1, count: 1 });
  t.is(kinds(rows), 'manifest segment batch');
  t.like(rows[2], { base: 1 as Offset });
});

test('shows the journal’s groups with their batches; large ones have only an entry there', async (t) => {
  const rows = await dump({ partitions: [LIVE], journal: true });
  const journal = rows.slice(rows.findIndex(({ row }) => row === 'group'));
  t.is(kinds(journal), 'group batch group entry group batch batch');
  t.like(journal[2], { number: 41, durable: 40, entries: 1, faults: [] });
});

test('shows what does not match beside the rest', async (t) => {
  const folder = smallFolder();
  const flip = (path: string, at: number): void => {
    const bytes = folder.files.get(path);
    if (bytes !== undefined) bytes[at] = (bytes[at] ?? 0) ^ 1;
  };
  flip(paths.segmentPath(RESTING, id<Offset>(0)), 70);
  flip(paths.sidecarPath(RESTING, id<Offset>(3)), 5);
  flip(paths.manifestPath(LIVE), 5);
  flip(JOURNAL_FILE, 4096 + 8);
  const rows = await dump({ folder, records: true, journal: true });
  const faults = rows.flatMap((row) => ('fault' in row && row.fault !== undefined ? [`${row.row}: ${row.fault}`] : []));
  t.deepEqual(faults, ['batch: checksum', 'entry: its checksum does not hold']);
  t.true(rows.some((row) => row.row === 'manifest' && row.content === 'its checksum does not hold'));
  const groups = rows.flatMap((row) => (row.row === 'group' ? [row.faults.length] : []));
  t.deepEqual(groups, [0, 1, 0]);
});

/** The command line on a folder, as if no node were there. */
async function run(
  t: ExecutionContext,
  folder: MemoryFolder,
  argv: string[],
  holder: { pid: number } | 'dead' = 'dead',
) {
  const path = mkdtempSync(join(tmpdir(), 'callboard-log-'));
  t.teardown(() => rmSync(path, { recursive: true, force: true }));
  for (const [name, bytes] of folder.files) {
    mkdirSync(dirname(join(path, name)), { recursive: true });
    writeFileSync(join(path, name), bytes);
  }
  const written = { output: '', errors: '' };
  const output = new PassThrough().on('data', (chunk) => {
    written.output += String(chunk);
  });
  const errors = new PassThrough().on('data', (chunk) => {
    written.errors += String(chunk);
  });
  const console: Console = {
    input: new PassThrough(),
    output,
    errors,
    environment: {},
    onInterrupt: () => () => {},
    exit: () => {},
  };
  const doors: Doors = {
    version: '0',
    settings: [],
    settingsInForce: () =>
      Promise.resolve([{ key: 'data', value: path, text: path, from: 'default', where: 'default' }]),
    holderOf: () => Promise.resolve(holder),
    startNode: () => Promise.reject(new Error('no node is to be started')),
  };
  const code = await cli(argv, doors, console);
  return { code, ...written };
}

test('verify of a sound folder ends with 0 and says what it read', async (t) => {
  const { code, output, errors } = await run(t, smallFolder(), ['log', 'verify']);
  t.is(code, 0);
  t.regex(output, /^2 partitions, 3 segments, 5 batches, 3 groups of the journal, \d+ bytes: no damage\n$/);
  t.is(errors, '');
});

test('verify of a damaged folder ends with 5 and names the place, also as JSON', async (t) => {
  const folder = smallFolder();
  const file = paths.segmentPath(RESTING, id<Offset>(0));
  folder.files.get(file)?.fill(0xff, 70, 71);
  const text = await run(t, folder, ['log', 'verify']);
  t.is(text.code, 5);
  t.regex(
    text.output,
    /^damage: partitions\/64\/0{20}\.log at byte 0, partition 64 offsets 0 to 0: batch of \d+ bytes: checksum\n/,
  );
  t.regex(text.output, /1 place damaged\n$/);
  const json = await run(t, folder, ['log', 'verify', '--json']);
  t.is(json.code, 5);
  const [finding, summary] = json.output
    .trim()
    .split('\n')
    .map((line): unknown => JSON.parse(line));
  t.like(finding, { kind: 'damage', file, partition: 64, offset: 0, next: 1 });
  t.like(summary, { kind: 'summary', damage: 1 });
});

test('a node that runs on the folder is named', async (t) => {
  const { code, errors } = await run(t, smallFolder(), ['log', 'verify'], { pid: 4711 });
  t.is(code, 0);
  t.regex(errors, /^Process 4711 runs on /);
});

test('dump prints a line a piece, and JSON that is the same', async (t) => {
  const argv = ['log', 'dump', '--partition', '65', '--records', '--entries', '--journal'];
  const text = await run(t, smallFolder(), argv);
  t.is(text.code, 0);
  t.regex(
    text.output,
    /^ {2}batch file partitions\/65\/0{20}\.log at 0 partition 65 base 0 next 2 bytes \d+ epoch 3 codec none/m,
  );
  t.regex(
    text.output,
    /^ {4}record partition 65 offset 1 timestamp 1 key "key 1" value "value 1" headers \[\{"key":"h","value":null\}\]$/m,
  );
  const json = await run(t, smallFolder(), [...argv, '--json']);
  const lines = (output: string): string[] => output.trim().split('\n');
  const parsed = lines(json.output).map((line): { row: string } => JSON.parse(line));
  t.deepEqual(
    parsed.map(({ row }) => row),
    lines(text.output).map((line) => line.trim().split(' ')[0] ?? ''),
  );
});

test('a folder that is none, and numbers that are none, are usage errors', async (t) => {
  for (const argv of [
    ['log', 'verify', '/nowhere/at/all'],
    ['log', 'dump', tmpdir()],
    ['log', 'dump', '--partition', 'x'],
    ['log', 'dump', '--count', '0'],
  ]) {
    const { code, errors } = await run(t, smallFolder(), argv);
    t.is(code, 2, argv.join(' '));
    t.regex(errors, /^callboard: /, argv.join(' '));
  }
});
