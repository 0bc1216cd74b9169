/** The journal's machine: what forms a group, what is answered when, which files are kept; and how its files are judged at a start. */
import { crc32c } from '@node-rs/crc32';
import test, { type ExecutionContext } from 'ava';
import { ENTRY_BYTES, SIDECAR_SEED, writeEntry } from '../../src/log/entry.ts';
import { readHeader } from '../../src/log/group.ts';
import { GROUP_BYTES_MAX, Journal } from '../../src/log/journal.ts';
import type { JournalEffect, JournalError, Store } from '../../src/log/journal-effect.ts';
import { type FileReport, FileScan, judge, reportGroup } from '../../src/log/journal-scan.ts';
import { fault } from '../../src/model/faults.ts';
import { id, type PartitionId } from '../../src/model/ids.ts';
import { KIB } from '../../src/model/limits.ts';
import { batch } from '../actors/storage-world.ts';

type Effect = JournalEffect<string>;

function begin(fileBytes = 64 * KIB): Journal<string> {
  const memory = new Uint8Array(GROUP_BYTES_MAX);
  const first = { nextNumber: 1, nextSequence: 1, durable: new Map() };
  return new Journal({ shard: 0, shards: 1, fileBytes, filesMax: 2, crc32c, memory, ...first });
}

function store(partition: number, base: number, rest: Partial<Store<string>> = {}): Store<string> {
  const body = batch([`${partition} at ${base}`]);
  const entry = new Uint8Array(ENTRY_BYTES);
  const place = { partition: id<PartitionId>(partition), base, next: base + 1, segment: 0, position: 0, durable: 0 };
  const fields = { ...place, length: body.length, epoch: 0, maxTimestamp: 1, crc: 0, flags: 0 };
  writeEntry(entry, 0, fields as never, SIDECAR_SEED, crc32c);
  const client = `client ${partition}`;
  return { partition: place.partition, era: 1, entry, body, memory: null, flushIntervalMs: 0, client, ...rest };
}

function give(journal: Journal<string>, request: Store<string>): void {
  journal.store(request);
  journal.goOn();
}

function written(journal: Journal<string>, error: JournalError | null, bytes: number): void {
  journal.written(error, bytes);
  journal.goOn();
}

function synced(journal: Journal<string>, error: JournalError | null): void {
  journal.synced(error);
  journal.goOn();
}

function take(journal: Journal<string>): Effect[] {
  return journal.outbox.splice(0);
}
const kinds = (effects: readonly Effect[]): string[] => effects.map((effect) => effect.kind);
const groupOf = (effects: readonly Effect[]): Uint8Array => {
  const write = effects.find((effect) => effect.kind === 'write');
  return write?.kind === 'write' ? write.bytes.slice() : new Uint8Array(0);
};

/** Brings one group to disk. */
function write(journal: Journal<string>): Effect[] {
  const effects = take(journal);
  written(journal, null, groupOf(effects).length);
  return take(journal);
}

test('what arrives while a write is in flight forms the next group; one answer for each partition', (t) => {
  const journal = begin();
  give(journal, store(64, 0));
  t.deepEqual(kinds(take(journal)), ['prepare']);
  journal.prepared(null);
  t.deepEqual(kinds(journal.outbox), ['use', 'write']);
  const first = take(journal).slice(1);
  t.is(readHeader(groupOf(first), 0, crc32c)?.count, 1);
  for (const [partition, base] of [
    [64, 1],
    [64, 2],
    [65, 0],
  ] as const)
    give(journal, store(partition, base));
  t.deepEqual(take(journal), []);
  t.like(first[0], { kind: 'write', durable: true });
  written(journal, null, 4_096);
  const second = take(journal);
  t.deepEqual(kinds(second), ['stored', 'write']);
  t.like(readHeader(groupOf(second), 0, crc32c), { count: 3, number: 2, durable: 1, sequence: 1 });
  written(journal, null, 4_096);
  const answers = take(journal).filter((effect) => effect.kind === 'stored');
  t.deepEqual(
    answers
      .map((answer) => (answer.kind === 'stored' ? [answer.client, Number(answer.upTo), answer.durable] : []))
      .sort(),
    [
      ['client 64', 3, true],
      ['client 65', 1, true],
    ],
  );
});

test('what came together is one group, also when nothing was being written', (t) => {
  const journal = begin();
  give(journal, store(64, 0));
  journal.prepared(null);
  write(journal);
  for (const partition of [65, 66, 67]) journal.store(store(partition, 0));
  t.deepEqual(take(journal), [], 'the first does not go alone');
  journal.goOn();
  const effects = take(journal);
  t.deepEqual(kinds(effects), ['write']);
  t.like(readHeader(groupOf(effects), 0, crc32c), { count: 3, number: 2 });
});

test('a group of interval batches alone is answered by its write and synced in time', (t) => {
  const journal = begin();
  give(journal, store(64, 0, { flushIntervalMs: 50 }));
  journal.prepared(null);
  t.like(take(journal).at(-1), { kind: 'write', durable: false });
  written(journal, null, 4_096);
  const effects = take(journal);
  t.deepEqual(kinds(effects), ['stored', 'syncLater']);
  t.like(effects[0], { durable: false });
  t.like(effects[1], { ms: 50 });
  journal.syncDue();
  t.deepEqual(kinds(take(journal)), ['sync']);
  synced(journal, null);
  t.like(take(journal)[0], { kind: 'stored', durable: true });
});

test('a durable write says nothing about an interval group before it: both are fsynced', (t) => {
  const journal = begin();
  give(journal, store(64, 0, { flushIntervalMs: 50 }));
  journal.prepared(null);
  take(journal);
  give(journal, store(65, 0));
  written(journal, null, 4_096);
  const effects = take(journal);
  t.deepEqual(kinds(effects), ['stored', 'syncLater', 'write']);
  t.like(effects[2], { durable: false });
  t.like(readHeader(groupOf(effects), 0, crc32c), { number: 2, durable: 0 });
  written(journal, null, 4_096);
  t.deepEqual(kinds(take(journal)), ['sync']);
  give(journal, store(65, 1));
  synced(journal, null);
  const third = take(journal);
  t.deepEqual(kinds(third), ['stored', 'stored', 'write']);
  t.like(third[2], { durable: true });
});

for (const failing of ['durable write', 'fsync']) {
  test(`after a failed ${failing} the number is given again in a new file, and what the old era still sends is refused`, (t) =>
    failed(t, failing === 'fsync'));
}

function failed(t: ExecutionContext, isFsync: boolean): void {
  const journal = begin();
  give(journal, store(64, 0));
  journal.prepared(null);
  t.deepEqual(kinds(write(journal)), ['stored']);
  give(journal, store(64, 1, { flushIntervalMs: isFsync ? 50 : 0 }));
  take(journal);
  if (isFsync) written(journal, null, 4_096);
  if (isFsync) journal.syncDue();
  take(journal);
  give(journal, store(64, 2));
  if (isFsync) synced(journal, { full: false, message: 'EIO' });
  else written(journal, { full: false, message: 'EIO' }, 4_096);
  const effects = take(journal);
  t.true(kinds(effects).includes('failed') && kinds(effects).includes('retire'));
  give(journal, store(64, 3));
  t.deepEqual(kinds(take(journal)), []);
  give(journal, store(64, 1, { era: 2 }));
  take(journal);
  journal.prepared(null);
  t.like(readHeader(groupOf(take(journal)), 0, crc32c), { number: 2, durable: 1, sequence: 2 });
}

test('a partition that gave up before it stored anything begins anew with an era that counts', (t) => {
  const journal = begin();
  give(journal, store(64, 0));
  journal.prepared(null);
  write(journal);
  const second = journal.forget(id(64));
  journal.abandon(id(64), second, fault('STORAGE_FAILED', 'its segment failed'), 'client 64');
  t.deepEqual(kinds(take(journal)), ['failed']);
  const third = journal.forget(id(64));
  t.true(third > second);
  give(journal, store(64, 1, { era: third }));
  t.deepEqual(kinds(take(journal)), ['write']);
});

test('a partition is asked to flush what was fsynced, and not the offsets that a failed fsync gave up', (t) => {
  const journal = begin();
  give(journal, store(64, 0));
  journal.prepared(null);
  write(journal);
  give(journal, store(64, 1, { flushIntervalMs: 50 }));
  t.deepEqual(kinds(write(journal)), ['stored', 'syncLater']);
  journal.syncDue();
  take(journal);
  synced(journal, { full: false, message: 'EIO' });
  t.like(
    take(journal).find(({ kind }) => kind === 'flush'),
    { partition: 64, upTo: 1 },
  );
  journal.flushed(id(64), 1);
  t.like(take(journal)[0], { kind: 'remove', name: '0-1' });
});

test('files that fail are needed for what was fsynced in them alone: the journal never waits for what it gave up', (t) => {
  const journal = begin();
  give(journal, store(64, 0));
  journal.prepared(null);
  write(journal);
  for (let era = 1; era < 5; era++) {
    give(journal, store(64, 1, { era }));
    if (era > 1) journal.prepared(null);
    written(journal, { full: false, message: 'EIO' }, groupOf(take(journal)).length);
    t.true(kinds(take(journal)).includes('failed'), `era ${era}`);
  }
  t.deepEqual(journal.files.names, ['0-1'], 'only the first one has something');
});

/** Its first file, with room for no more, has a batch of 64 and one of 65. */
function ofTwoPartitions(): Journal<string> {
  const journal = begin(8_192);
  give(journal, store(64, 0));
  journal.prepared(null);
  write(journal);
  give(journal, store(65, 0));
  write(journal);
  return journal;
}

test('a file goes when every partition in it has flushed, and is used again', (t) => {
  const journal = ofTwoPartitions();
  give(journal, store(64, 1));
  const full = take(journal);
  t.deepEqual(kinds(full), ['retire', 'flush'], 'one after the other, and the next file is on its way');
  journal.prepared(null);
  write(journal);
  journal.flushed(id(64), 1);
  t.like(
    take(journal).find((effect) => effect.kind === 'flush'),
    { partition: 65 },
  );
  give(journal, store(64, 2));
  write(journal);
  journal.flushed(id(65), 1);
  give(journal, store(64, 3));
  t.like(
    take(journal).find((effect) => effect.kind === 'prepare'),
    { recycle: '0-1', name: '0-3' },
  );
});

test('a partition that several files wait for is asked once for all that they have of it', (t) => {
  const journal = ofTwoPartitions();
  journal.prepared(null);
  give(journal, store(65, 1));
  write(journal);
  give(journal, store(65, 2));
  write(journal);
  give(journal, store(65, 3));
  t.like(
    take(journal).find((effect) => effect.kind === 'flush'),
    { partition: 65, upTo: 3 },
  );
  journal.flushed(id(64), 1);
  journal.flushed(id(65), 3);
  t.deepEqual(kinds(take(journal)), ['prepare'], 'both files are free');
});

test('the next file is made ready while the one before is written, and is used without waiting', (t) => {
  const journal = begin(16_384);
  give(journal, store(64, 0));
  journal.prepared(null);
  write(journal);
  give(journal, store(64, 1));
  const half = write(journal);
  t.like(
    half.find((effect) => effect.kind === 'prepare'),
    { name: '0-2', recycle: null, fillBytes: 16_384 },
  );
  for (let base = 2; base < 4; base++) {
    give(journal, store(64, base));
    t.false(kinds(write(journal)).includes('prepare'), 'once');
  }
  journal.prepared(null);
  give(journal, store(64, 4));
  t.deepEqual(kinds(journal.outbox), ['retire', 'flush', 'use', 'write']);
  t.like(readHeader(groupOf(take(journal)), 0, crc32c), { sequence: 2, number: 5, durable: 4 });
});

test('a next file that cannot be made ready ahead fails nobody, and is tried again when it is needed', (t) => {
  const journal = begin(8_192);
  give(journal, store(64, 0));
  journal.prepared(null);
  const early = write(journal);
  t.true(kinds(early).includes('prepare'));
  journal.prepared({ full: true, message: 'ENOSPC' });
  give(journal, store(64, 1));
  t.false(kinds(write(journal)).some((kind) => kind === 'failed' || kind === 'prepare'));
  give(journal, store(64, 2));
  t.deepEqual(kinds(take(journal)), ['retire', 'flush', 'prepare']);
  journal.prepared({ full: true, message: 'ENOSPC' });
  t.deepEqual(kinds(take(journal)), ['failed'], 'now somebody waits for it');
});

test('refused writes do not keep the node from writing its own logs', (t) => {
  const journal = begin();
  journal.refuse(fault('DISK_FULL', 'nearly full'));
  give(journal, store(64, 0));
  t.like(take(journal)[0], { kind: 'failed', client: 'client 64' });
  give(journal, store(3, 0));
  t.deepEqual(kinds(take(journal)), ['prepare']);
});

// ---- files as they are found

function file(sequence: number, groups: readonly { number: number; durable: number; clean?: boolean }[]): FileReport {
  const reports = groups.map(({ number, durable, clean = true }, index) => ({
    number,
    durable,
    clean,
    position: index * 4_096,
    partitions: [],
  }));
  return { name: `0-${sequence}`, sequence, shard: 0, shards: 1, groups: reports, unfinished: null };
}

test('bad bytes above the durable mark are a torn tail, below it damage', (t) => {
  const [torn] = judge([
    file(1, [
      { number: 1, durable: 0 },
      { number: 2, durable: 1 },
      { number: 3, durable: 2, clean: false },
    ]),
  ]);
  t.like(torn, { cutAt: 8_192, numbers: [1, 3], damaged: [] });
  const [damaged] = judge([
    file(1, [
      { number: 1, durable: 0 },
      { number: 2, durable: 1, clean: false },
      { number: 3, durable: 2 },
    ]),
  ]);
  t.like(damaged, { cutAt: null, numbers: [1, 4], damaged: [2] });
  const [missing] = judge([
    file(1, [
      { number: 1, durable: 0 },
      { number: 3, durable: 2 },
    ]),
  ]);
  t.like(missing, { cutAt: null, damaged: [2] });
  const [hole] = judge([
    file(1, [
      { number: 1, durable: 0 },
      { number: 3, durable: 0 },
    ]),
  ]);
  t.like(hole, { cutAt: 4_096, numbers: [1, 3] });
});

test('groups of a file that a later one took over from do not count, whatever they look like', (t) => {
  const [first, second] = judge([
    file(1, [
      { number: 1, durable: 0 },
      { number: 2, durable: 1, clean: false },
    ]),
    file(2, [
      { number: 2, durable: 1 },
      { number: 3, durable: 2 },
    ]),
  ]);
  t.like(first, { cutAt: null, numbers: [1, 2], damaged: [] });
  t.like(second, { cutAt: null, numbers: [2, 4], unprovenFrom: 4_096 });
});

test('a scan finds the groups of its file behind a bad header, and none of what the file held before', (t) => {
  const journal = begin(64 * KIB);
  give(journal, store(64, 0));
  journal.prepared(null);
  const groups: Uint8Array[] = [];
  for (let base = 0; base < 3; base++) {
    if (base > 0) give(journal, store(64, base));
    const effects = take(journal);
    groups.push(groupOf(effects));
    written(journal, null, 4_096);
  }
  const bytes = new Uint8Array(16_384);
  for (const [index, group] of groups.entries()) bytes.set(group, index * 4_096);
  const numbers = (window: Uint8Array): number[] =>
    new FileScan(1, crc32c).scan(window, 0, true).groups.map((group) => reportGroup(group).number);
  t.deepEqual(numbers(bytes), [1, 2, 3]);
  const blind = bytes.slice();
  blind.fill(0, 4_096, 4_096 + 64);
  t.deepEqual(numbers(blind), [1, 2, 3]);
  blind.fill(0, 4_096, 8_192);
  t.deepEqual(numbers(blind), [1, 3]);
  t.deepEqual(new FileScan(2, crc32c).scan(bytes, 0, true).groups, []);
});
