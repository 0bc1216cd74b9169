/** Judges `log verify`: a sound folder is sound, every flipped bit is found and named, and what crashes leave is no damage. */
import { crc32c } from '@node-rs/crc32';
import test from 'ava';
import { type VerifySummary, verifyFolder } from '../../../src/edges/cli/log-verify.ts';
import { DAMAGED_FLAG, DIRECT_FLAG } from '../../../src/log/entry.ts';
import type { Finding } from '../../../src/log/inspect.ts';
import { encodeManifest } from '../../../src/log/manifest.ts';
import * as paths from '../../../src/log/paths.ts';
import { id, type Offset } from '../../../src/model/ids.ts';
import { LONG } from '../../long.ts';
import {
  groupOf,
  JOURNAL_FILE,
  LIVE,
  type MemoryFolder,
  type Placed,
  place,
  RESTING,
  smallFolder,
  writeSegment,
} from './log-folder.ts';

const zero = id<Offset>(0);
/** Every bit takes a minute; CI flips one bit of each byte, another one in each run of eight. */
const BITS = LONG ? [0, 1, 2, 3, 4, 5, 6, 7] : null;

async function verify(folder: MemoryFolder): Promise<{ findings: Finding[]; summary: VerifySummary }> {
  const findings: Finding[] = [];
  const summary = await verifyFolder({ folder, crc32c, report: (finding) => findings.push(finding) });
  return { findings, summary };
}

function bytesOf(folder: MemoryFolder, path: string): Uint8Array {
  const bytes = folder.files.get(path);
  if (bytes === undefined) throw new Error(`${path} is not there`);
  return bytes;
}

test('a sound folder has no findings, and everything in it was counted', async (t) => {
  const { findings, summary } = await verify(smallFolder());
  t.deepEqual(findings, []);
  t.like(summary, {
    partitions: 2,
    segments: 3,
    batches: 5,
    groups: 3,
    damage: 0,
    torn: 0,
    notes: 0,
    bytesUncovered: 0,
  });
});

test('a state of producers that the manifest speaks of and that is not there is damage', async (t) => {
  const folder = smallFolder();
  folder.files.delete(paths.producersPath(RESTING));
  const { findings } = await verify(folder);
  t.deepEqual(
    findings.map(({ kind, file, what }) => [kind, file, what]),
    [['damage', paths.producersPath(RESTING), 'snapshot of producers: it is missing']],
  );
});

/** Bytes of each file that carry something; what is behind has no checksum. */
function coveredBytes(folder: MemoryFolder): ReadonlyMap<string, number> {
  const endOf = ({ entry }: Placed): number => entry.position + entry.length;
  const ends = (placed: readonly Placed[]): number => Math.max(...placed.map(endOf));
  return new Map([
    [JOURNAL_FILE, bytesOf(folder, JOURNAL_FILE).length - 4096],
    [paths.segmentPath(RESTING, zero), ends(place(RESTING, zero, [1, 2]))],
    [paths.segmentPath(RESTING, id<Offset>(3)), ends(place(RESTING, id<Offset>(3), [3]))],
    [paths.segmentPath(LIVE, zero), ends(place(LIVE, zero, [2, 2]))],
  ]);
}

test('every flipped bit of segments, sidecars, manifests, snapshots and journal is found', async (t) => {
  const folder = smallFolder();
  const covered = coveredBytes(folder);
  let flips = 0;
  for (const [path, bytes] of folder.files) {
    for (let at = 0; at < bytes.length; at++) {
      for (const bit of BITS ?? [(at * 5) % 8]) {
        bytes[at] = (bytes[at] ?? 0) ^ (1 << bit);
        const { findings, summary } = await verify(folder);
        bytes[at] = (bytes[at] ?? 0) ^ (1 << bit);
        flips++;
        const isFound = findings.some(({ kind, file }) => (kind === 'damage' || kind === 'unclear') && file === path);
        const isCovered = at < (covered.get(path) ?? bytes.length);
        if (isFound !== isCovered || summary.damage + summary.unclear > 0 !== isCovered)
          t.fail(`${path} byte ${at} bit ${bit}: ${JSON.stringify(findings)}`);
      }
    }
  }
  t.true(flips > 20_000);
});

test('what is behind the last batch is counted, and noted where the partition was at rest', async (t) => {
  for (const [partition, notes] of [
    [RESTING, 1],
    [LIVE, 0],
  ] as const) {
    const folder = smallFolder();
    const segment = bytesOf(folder, paths.segmentPath(partition, zero));
    segment[4_000] = 1;
    const { summary } = await verify(folder);
    t.like(summary, { damage: 0, torn: 0, notes, bytesUncovered: segment.length - 4_000 });
  }
});

test('small batches that were written along with a large one count as copies of what the journal has', async (t) => {
  const folder = smallFolder();
  const segment = bytesOf(folder, paths.segmentPath(LIVE, zero));
  const [listed, small] = place(LIVE, zero, [2, 1]);
  if (listed === undefined || small === undefined) throw new Error('two batches');
  const from = listed.entry.position + listed.entry.length;
  const large = place(LIVE, zero, [4], from + small.bytes.length, small.entry.next, DIRECT_FLAG);
  segment.fill(0, from);
  segment.set(small.bytes, from);
  for (const { entry, bytes } of large) segment.set(bytes, entry.position);
  folder.files.set(JOURNAL_FILE, Uint8Array.from(groupOf([small, ...large], 7, 40, 39)));
  const { findings, summary } = await verify(folder);
  t.deepEqual(findings, []);
  // Counted from the first byte that is not zero: base offset 2 begins with seven that are.
  t.is(summary.bytesUncovered, small.bytes.length - 7);
});

test('a large batch that does not match: damage where a later entry proves it, torn where sectors lack, else unclear', async (t) => {
  const flip = (bytes: Uint8Array): void => {
    bytes[80] = (bytes[80] ?? 0) ^ 4;
  };
  const lose = (bytes: Uint8Array): Uint8Array => bytes.fill(0, 1_024, 2_048);
  for (const [spoil, isProven, kind] of [
    [flip, true, 'damage'],
    [flip, false, 'unclear'],
    [lose, true, 'damage'],
    [lose, false, 'torn'],
  ] as const) {
    const folder = smallFolder();
    const path = paths.segmentPath(LIVE, zero);
    const [listed] = place(LIVE, zero, [2]);
    if (listed === undefined) throw new Error('a batch');
    const from = listed.entry.position + listed.entry.length;
    const [large, later] = place(LIVE, zero, [400, 1], from, listed.entry.next, DIRECT_FLAG);
    if (large === undefined || later === undefined) throw new Error('two batches');
    const proof = { ...later, entry: { ...later.entry, flags: 0, durable: large.entry.next } };
    const segment = new Uint8Array(from + large.bytes.length);
    segment.set(bytesOf(folder, path).subarray(0, from));
    segment.set(large.bytes, from);
    folder.files.set(path, segment);
    folder.files.set(JOURNAL_FILE, Uint8Array.from(groupOf(isProven ? [large, proof] : [large], 7, 40, 39)));
    t.deepEqual((await verify(folder)).findings, []);
    spoil(segment.subarray(from));
    const { findings, summary } = await verify(folder);
    t.like(findings, [{ kind, file: path, partition: LIVE, offset: large.entry.base }], `${kind} ${isProven}`);
    t.is(/cannot tell/.test(findings[0]?.what ?? ''), kind === 'unclear');
    t.like(summary, { damage: 0, torn: 0, unclear: 0, [kind]: 1 });
  }
});

test('a segment that runs ahead of its sidecar, as a kill leaves it, is sound', async (t) => {
  const folder = smallFolder();
  const listed = place(LIVE, zero, [2]);
  const record = { ...writeSegment(folder, listed, false), bytes: 100_000 };
  folder.files.set(
    paths.manifestPath(LIVE),
    encodeManifest(
      { partition: LIVE, begin: zero, clean: false, cleanedTo: zero, producers: false, segments: [record] },
      crc32c,
    ),
  );
  folder.files.delete(JOURNAL_FILE);
  t.deepEqual((await verify(folder)).findings, []);
});

test('a batch that was lost before is damage, and what lies in its place is not looked at', async (t) => {
  const folder = smallFolder();
  const [first, lost, last] = place(LIVE, zero, [1, 2, 1]);
  if (first === undefined || lost === undefined || last === undefined) throw new Error('three batches');
  const marked = { ...lost, entry: { ...lost.entry, length: 0, flags: DAMAGED_FLAG } };
  const record = writeSegment(folder, [first, marked, last], false);
  folder.files.set(
    paths.manifestPath(LIVE),
    encodeManifest(
      { partition: LIVE, begin: zero, clean: false, cleanedTo: zero, producers: false, segments: [record] },
      crc32c,
    ),
  );
  folder.files.delete(JOURNAL_FILE);
  const { findings } = await verify(folder);
  t.like(findings, [{ kind: 'damage', partition: LIVE, offset: 1 as Offset, next: 3 as Offset }]);
});

test('a journal file without a group of its own is new, recycled, or torn', async (t) => {
  const older = groupOf(place(LIVE, zero, [2]), 3, 12, 11);
  const torn = older.slice().fill(7, 0, 64);
  torn.fill(7, -64);
  for (const [bytes, kinds] of [
    [new Uint8Array(8_192), []],
    [older, []],
    [torn, ['torn']],
  ] as const) {
    const folder = smallFolder();
    folder.files.set(paths.journalPath(0, 8), bytes);
    const { findings } = await verify(folder);
    t.deepEqual(
      findings.map(({ kind }) => kind),
      [...kinds],
    );
  }
});

test('a finding names file, position and offsets', async (t) => {
  const folder = smallFolder();
  const file = paths.segmentPath(RESTING, zero);
  const second = place(RESTING, zero, [1, 2])[1]?.entry;
  const position = second?.position ?? 0;
  bytesOf(folder, file)[position + 70] = 0xff;
  const { findings } = await verify(folder);
  const [finding, ...others] = findings;
  t.deepEqual(others, []);
  t.like(finding, { kind: 'damage', file, position, partition: RESTING, offset: 1 as Offset, next: 3 as Offset });
  t.regex(finding?.what ?? '', /checksum/);
});

test('bad bytes in many places of the last group are a torn tail; below the durable mark they are damage', async (t) => {
  for (const [group, kind] of [
    [2, 'torn'],
    [1, 'damage'],
  ] as const) {
    const folder = smallFolder();
    // The middle of the group is lost, its first and last header are not.
    bytesOf(folder, JOURNAL_FILE).fill(0, group * 4096 + 100, group * 4096 + 3_900);
    const { findings } = await verify(folder);
    t.true(findings.length > 1);
    const ofJournal = findings.filter((finding) => finding.file === JOURNAL_FILE);
    t.deepEqual([...new Set(ofJournal.map((finding) => finding.kind))], [kind]);
  }
});

test('a group that is gone is missed, where a later one says that it was durable', async (t) => {
  const folder = smallFolder();
  bytesOf(folder, JOURNAL_FILE).fill(0, 4096, 2 * 4096);
  const { findings } = await verify(folder);
  t.true(
    findings.some(({ kind, position, what }) => kind === 'damage' && position === 4096 && /cannot be read/.test(what)),
  );
});

test('a group that never came to the disk, though the one behind it did, is a torn tail with all that follows', async (t) => {
  const folder = smallFolder();
  const live = place(LIVE, zero, [2, 2, 1, 1, 1, 1]).slice(-2);
  const [lost, behind] = live;
  if (lost === undefined || behind === undefined) throw new Error('two batches');
  const bytes = bytesOf(folder, JOURNAL_FILE).subarray(0, -4096);
  const last = groupOf([behind], 7, 44, 42);
  folder.files.set(JOURNAL_FILE, Uint8Array.from(Buffer.concat([bytes, new Uint8Array(4096), last])));
  const { findings, summary } = await verify(folder);
  t.like(summary, { damage: 0, torn: 1 });
  t.true(findings.every(({ file }) => file === JOURNAL_FILE));
});

test('entries that a sidecar lost and the journal still has were torn; without the journal they are damage', async (t) => {
  for (const [journaled, kind] of [
    [true, 'torn'],
    [false, 'damage'],
  ] as const) {
    const folder = smallFolder();
    const placed = place(LIVE, zero, [2, 1, 1]);
    const record = { ...writeSegment(folder, placed, false), entries: 1, end: id<Offset>(2) };
    const manifest = {
      partition: LIVE,
      begin: zero,
      clean: false,
      cleanedTo: zero,
      producers: false,
      segments: [record],
    };
    folder.files.set(paths.manifestPath(LIVE), encodeManifest(manifest, crc32c));
    bytesOf(folder, paths.sidecarPath(LIVE, zero)).fill(0, 64, 128);
    if (journaled) folder.files.set(JOURNAL_FILE, groupOf(placed.slice(1), 7, 40, 39));
    else folder.files.delete(JOURNAL_FILE);
    const { findings } = await verify(folder);
    t.deepEqual([...new Set(findings.map((finding) => finding.kind))], [kind], JSON.stringify(findings));
  }
});

test('what a recycled journal file still holds is not covered, and no damage', async (t) => {
  const folder = smallFolder();
  const older = groupOf(place(LIVE, zero, [2]), 3, 12, 11);
  folder.files.set(
    JOURNAL_FILE,
    Uint8Array.from(Buffer.concat([bytesOf(folder, JOURNAL_FILE).subarray(0, -4096), older])),
  );
  const { findings, summary } = await verify(folder);
  t.deepEqual(findings, []);
  t.is(summary.bytesUncovered, 4096);
});

test('groups that were given up after a failed write are not judged', async (t) => {
  const folder = smallFolder();
  const live = place(LIVE, zero, [2, 2, 1, 1]).slice(2);
  bytesOf(folder, JOURNAL_FILE).fill(1, 2 * 4096 + 100, 2 * 4096 + 3_900);
  const again = live.map(({ entry, bytes }) => ({ entry: { ...entry, durable: id<Offset>(4) }, bytes }));
  folder.files.set(paths.journalPath(0, 8), Buffer.concat([groupOf(again, 8, 42, 41), groupOf([], 8, 43, 42)]));
  const { findings } = await verify(folder);
  t.deepEqual(findings, []);
});

test('a batch under another partition’s or segment’s name does not pass', async (t) => {
  const swaps = [
    [paths.segmentPath(RESTING, zero), paths.segmentPath(LIVE, zero)],
    [paths.sidecarPath(RESTING, zero), paths.sidecarPath(LIVE, zero)],
    [paths.sidecarPath(RESTING, zero), paths.sidecarPath(RESTING, id<Offset>(3))],
    [paths.manifestPath(RESTING), paths.manifestPath(LIVE)],
  ] as const;
  for (const [one, other] of swaps) {
    const folder = smallFolder();
    const kept = bytesOf(folder, one);
    folder.files.set(one, bytesOf(folder, other));
    folder.files.set(other, kept);
    t.true((await verify(folder)).summary.damage > 0, `${one} and ${other}`);
  }
});

test('files that are missing, cut short or too many are told', async (t) => {
  const sidecar = paths.sidecarPath(RESTING, zero);
  const cases: [string, (folder: MemoryFolder) => unknown, RegExp][] = [
    ['no segment', (folder) => folder.files.delete(paths.segmentPath(RESTING, zero)), /segment is missing/],
    ['no sidecar', (folder) => folder.files.delete(sidecar), /manifest tells 2 batches/],
    [
      'a sidecar without its last entry',
      (folder) => folder.files.set(sidecar, bytesOf(folder, sidecar).slice(0, 64)),
      /manifest tells 2 batches/,
    ],
    ['half an entry', (folder) => folder.files.set(sidecar, bytesOf(folder, sidecar).slice(0, 100)), /cut short/],
    [
      'a segment cut short',
      (folder) => folder.files.set(paths.segmentPath(RESTING, zero), new Uint8Array(10)),
      /bytes are missing/,
    ],
    ['no journal', (folder) => folder.files.delete(JOURNAL_FILE), /^$/],
    ['a journal set aside', (folder) => folder.files.set(`${JOURNAL_FILE}.damaged`, new Uint8Array(1)), /set aside/],
    ['a stranger', (folder) => folder.files.set('notes.txt', new Uint8Array(1)), /no file of the log/],
  ];
  for (const [name, change, expected] of cases) {
    const folder = smallFolder();
    change(folder);
    const { findings } = await verify(folder);
    t.regex(findings.map(({ what }) => what).join('; '), expected, name);
  }
});

test('offsets that neither a segment nor the journal holds are damage', async (t) => {
  const folder = smallFolder();
  const record = writeSegment(folder, place(LIVE, zero, [2]), false);
  const later = place(LIVE, zero, [1], 10_000, id<Offset>(9));
  folder.files.set(
    paths.manifestPath(LIVE),
    encodeManifest(
      { partition: LIVE, begin: zero, clean: false, cleanedTo: zero, producers: false, segments: [record] },
      crc32c,
    ),
  );
  folder.files.set(JOURNAL_FILE, groupOf(later, 7, 40, 39));
  const { findings } = await verify(folder);
  t.like(findings, [{ kind: 'damage', partition: LIVE, offset: 2 as Offset, next: 9 as Offset }]);
});

test('a folder is read whole, and work that is interrupted stops', async (t) => {
  const folder = smallFolder();
  let last = 0;
  let total = 0;
  await verifyFolder({
    folder,
    crc32c,
    report: () => {},
    progress: (done, of) => {
      t.true(done >= last);
      last = done;
      total = of;
    },
  });
  t.true(last > 0.9 * total && last <= total);
  const stopped = AbortSignal.abort(new Error('stopped'));
  await t.throwsAsync(verifyFolder({ folder, crc32c, report: () => {}, signal: stopped }), { message: 'stopped' });
});
