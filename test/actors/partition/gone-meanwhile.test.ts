/** Segments that the log lets go of while somebody reads them: that their files are missing is no damage, whoever asked. */
import { crc32c } from '@node-rs/crc32';
import test from 'ava';
import type { DiskOperation } from '../../../runtime/simulated/faults.ts';
import { BatchBuilder } from '../../../src/model/batch-builder.ts';
import { id, type Offset, type Timestamp } from '../../../src/model/ids.ts';
import { KIB } from '../../../src/model/limits.ts';
import type { TopicSettings } from '../../../src/model/topic.ts';
import { records, StorageWorld } from '../storage-world.ts';

const P = 64;
const RECORDS = 60;
const FIRST_MS = 10_000;
const STEP_MS = 10;
/** Longer than a trim, and the end of a compaction, take. */
const SLOW_MS = 30_000;
/** Longer than until the next look at what is to be compacted. */
const LOOK_MS = 20_000;
const SLOW_CALLS: readonly (readonly [DiskOperation, string])[] = [
  ['open', '.entries'],
  ['read', '.entries'],
  ['open', '.log'],
  ['read', '.log'],
];

/** Batches of one record each, all on disk and none in memory; every second one has the same key. */
function onDisk(settings: Partial<TopicSettings>): StorageWorld {
  const world = new StorageWorld({ settings: { segmentBytes: 20 * KIB, ...settings } });
  for (let i = 0; i < RECORDS; i++) {
    const builder = new BatchBuilder();
    builder.add(FIRST_MS + i * STEP_MS, i % 2 === 0 ? 'same' : `k${i}`, `${i} ${'v'.repeat(2 * KIB)}`);
    if (world.appended(P, builder.finish(crc32c)) !== i) throw new Error('refused');
  }
  world.stop();
  world.start();
  world.described(P);
  return world;
}

/** The first segment, as it was written. */
const FIRST = `partitions/${P}/${'0'.repeat(20)}`;

/** The next such call takes so long. @returns was it made? */
function slow(world: StorageWorld, operation: DiskOperation, of: string, ms: number): () => boolean {
  let made = false;
  const path = (name: string): boolean => {
    made ||= name === of;
    return name === of;
  };
  world.disk.faults.add({ operations: [operation], path, times: 1, effect: { kind: 'slow', ms } });
  return () => made;
}

function names(world: StorageWorld): readonly string[] {
  let found: readonly string[] = [];
  world.disk.list(`partitions/${P}`, (_error, entries) => {
    found = (entries ?? []).map(({ name }) => name);
  });
  world.run(100);
  return found;
}

for (const [operation, ending] of SLOW_CALLS) {
  test(`what was trimmed while it was read lies before the begin, and is not damaged: ${operation} ${ending}`, (t) => {
    const world = onDisk({});
    const made = slow(world, operation, FIRST + ending, SLOW_MS);
    const read = world.send(P, { type: 'read', offset: id<Offset>(1), bytesMax: 1 });
    world.run(10);
    t.true(made());
    const begin = id<Offset>(35);
    t.is(Number(world.ask<'trimmed'>(P, { type: 'trim', offset: begin }).begin), begin);
    world.run(SLOW_MS + 1_000);
    const answer = world.answer(read);
    // What it has read by then it may give, too.
    if (answer?.type === 'records') t.is(records(answer.bytes)[0]?.[0], 1);
    else t.like(answer, { type: 'refused', fault: { code: 'OFFSET_OUT_OF_RANGE' } });
    t.deepEqual(world.described(P).damaged, []);
    t.deepEqual(world.logged, []);
  });

  test(`a time is looked up anew where the log begins later meanwhile: ${operation} ${ending}`, (t) => {
    const world = onDisk({});
    const made = slow(world, operation, FIRST + ending, SLOW_MS);
    const find = world.send(P, { type: 'find', at: id<Timestamp>(FIRST_MS) });
    world.run(10);
    t.true(made());
    const begin = id<Offset>(35);
    t.is(Number(world.ask<'trimmed'>(P, { type: 'trim', offset: begin }).begin), begin);
    world.run(SLOW_MS + 1_000);
    t.like(world.answer(find), { type: 'found', offset: begin, timestamp: FIRST_MS + begin * STEP_MS });
    t.deepEqual(world.logged, []);
  });

  test(`what compaction puts elsewhere meanwhile is read there: ${operation} ${ending}`, (t) => {
    const world = onDisk({ cleanup: 'compact', dirtyRatioMin: 0 });
    // It has read all of the first group, and is about to put it into the place of the old segments.
    t.true(world.until(slow(world, 'sync', `${FIRST}-1.log`, 1_000), LOOK_MS));
    // Others read elsewhere: what compaction had opened makes way.
    for (const elsewhere of [30, 50])
      world.ask<'records'>(P, { type: 'read', offset: id<Offset>(elsewhere), bytesMax: 1 });
    const made = slow(world, operation, FIRST + ending, SLOW_MS);
    const read = world.send(P, { type: 'read', offset: id<Offset>(1), bytesMax: 1 });
    const find = world.send(P, { type: 'find', at: id<Timestamp>(FIRST_MS + STEP_MS) });
    const measure = world.send(P, { type: 'measure', offset: id<Offset>(1) });
    world.run(10);
    t.true(made());
    world.run(SLOW_MS - 5_000);
    t.false(names(world).some((name) => name === `${'0'.repeat(20)}.log`));
    t.is(world.answer(read), undefined);
    world.run(SLOW_MS);
    const answer = world.answer(read);
    t.is(answer?.type === 'records' ? records(answer.bytes)[0]?.[0] : JSON.stringify(answer), 1);
    t.like(world.answer(find), { type: 'found', offset: 1, timestamp: FIRST_MS + STEP_MS });
    t.like(world.answer(measure), { type: 'measured', timestamp: FIRST_MS + STEP_MS });
    t.deepEqual(world.logged, []);
  });
}
