/**
 * Compaction of partitions on the simulated disk: what is left of a log equals a model, offsets stay, readers in between
 * go on, and whatever moment it is cut off at, the log is the old one or the new one.
 */
import { crc32c } from '@node-rs/crc32';
import test, { type ExecutionContext } from 'ava';
import { SeededRandom } from '../../../runtime/simulated/random.ts';
import { compress, decompress } from '../../../src/edges/client/compression.ts';
import { parseSegmentName } from '../../../src/log/paths.ts';
import { batchesIn, CODECS, readBaseOffset, readNextOffset } from '../../../src/model/batch.ts';
import { BatchBuilder } from '../../../src/model/batch-builder.ts';
import { id, type Offset } from '../../../src/model/ids.ts';
import { KIB, MIB } from '../../../src/model/limits.ts';
import { openRecords } from '../../../src/model/record.ts';
import type { TopicSettings } from '../../../src/model/topic.ts';
import { sized } from '../../long.ts';
import { StorageWorld } from '../storage-world.ts';

const PARTITION = 64;
/** More than the longest time between two looks. */
const LOOK_MS = 20_000;

interface Kept {
  readonly offset: number;
  readonly key: string;
  readonly value: string | null;
}

function worldOf(seed: number, settings: Partial<TopicSettings> = {}): StorageWorld {
  return new StorageWorld({
    seed,
    settings: { cleanup: 'compact', segmentBytes: 60 * KIB, dirtyRatioMin: 0, ...settings },
  });
}

/** What was appended, in order, and what compaction may make of it. */
class Model {
  readonly all: Kept[] = [];
  readonly #world: StorageWorld;
  readonly #random: SeededRandom;
  #serial = 0;

  constructor(world: StorageWorld, random: SeededRandom) {
    this.#world = world;
    this.#random = random;
  }

  append(records: readonly (readonly [key: string, value: string | null])[], codec = 0): void {
    const builder = new BatchBuilder();
    for (const [key, value] of records) builder.add(this.#world.world.clock.now(), key, value);
    const name = CODECS[codec] ?? 'none';
    const options =
      name === 'none' ? {} : { compression: { codec: name, compress: (bytes: Uint8Array) => compress(name, bytes) } };
    const base = this.#world.appended(PARTITION, builder.finish(crc32c, options));
    if (typeof base === 'string') throw new Error(`refused: ${base}`);
    for (const [index, [key, value]] of records.entries()) this.all.push({ offset: base + index, key, value });
  }

  /** Batches of a few keys out of `keys`; now and then a tombstone. */
  load(batches: number, keys: number): void {
    for (let left = batches; left > 0; left--) {
      const records = Array.from({ length: 1 + this.#random.below(6) }, () => {
        const key = `k${this.#random.below(keys)}`;
        const filler = 'x'.repeat(this.#random.below(1_500));
        return [key, this.#random.below(8) === 0 ? null : `${this.#serial++} ${filler}`] as const;
      });
      this.append(records, this.#random.below(CODECS.length));
    }
  }

  /** By key, of the newest record that is no tombstone. */
  get newest(): Map<string, Kept> {
    const newest = new Map<string, Kept>();
    for (const record of this.all) newest.set(record.key, record);
    return newest;
  }
}

function readAll(world: StorageWorld, bytesMax = 100 * KIB): Kept[] {
  const found: Kept[] = [];
  let offset = id<Offset>(0);
  const text = (bytes: Uint8Array | null): string | null => (bytes === null ? null : new TextDecoder().decode(bytes));
  for (;;) {
    const answer = world.ask<'records'>(PARTITION, { type: 'read', offset, bytesMax });
    if (answer.type !== 'records') throw new Error(JSON.stringify(answer));
    if (answer.next === offset) return found;
    let next = -1;
    for (const batch of batchesIn(answer.bytes)) {
      if (readBaseOffset(batch) < next) throw new Error('batches are not in order');
      const records = openRecords(batch, decompress, 64 * MIB);
      if (!records.ok) throw new Error(records.fault.message);
      while (records.value.next()) {
        const { offset: at, key, value } = records.value;
        found.push({ offset: at, key: text(key) ?? '', value: text(value) });
      }
      if (records.value.damaged) throw new Error('a batch is damaged');
      next = readNextOffset(batch);
    }
    if (next !== answer.next) throw new Error(`next is ${answer.next}, the batches end at ${next}`);
    offset = answer.next;
  }
}

/** Every record is one that was appended, where it was appended, in order; of each key the newest is there. */
function check(t: ExecutionContext, found: readonly Kept[], model: Model, message: string): void {
  const byOffset = new Map(model.all.map((record) => [record.offset, record]));
  let last = -1;
  for (const record of found) {
    t.deepEqual(record, byOffset.get(record.offset) as Kept, message);
    t.true(record.offset > last, message);
    last = record.offset;
  }
  const seen = new Map(found.map((record) => [record.key, record]));
  for (const [key, newest] of model.newest) {
    const kept = seen.get(key);
    if (kept === undefined) t.is(newest.value, null, `${message}: ${key} is lost`);
    else t.deepEqual(kept, newest, message);
  }
}

/** Everything so far is sealed by a batch that opens a new segment, and compacted. */
function compact(world: StorageWorld, model: Model): void {
  world.run((world.settings.segmentMs ?? 0) + 1);
  model.append([['last', 'one']]);
  world.run(LOOK_MS);
}

function files(world: StorageWorld): string[] {
  let names: string[] = [];
  world.disk.list(`partitions/${PARTITION}`, (_error, entries) => {
    names = (entries ?? []).map(({ name }) => name);
  });
  world.run(100);
  return names.sort();
}

test('of each key the newest record stays at its offset', (t) => {
  for (let seed = 1; seed <= sized(6, 300); seed++) {
    const world = worldOf(seed, { segmentMs: 5_000 });
    const model = new Model(world, new SeededRandom(seed));
    for (let round = 0; round < 3; round++) {
      model.load(60, 20);
      compact(world, model);
      const found = readAll(world);
      check(t, found, model, `seed ${seed}, round ${round}`);
      const before = found.slice(0, -1);
      t.is(new Set(before.map(({ key }) => key)).size, before.length, `seed ${seed}: a key is there twice`);
      t.is(Number(world.described(PARTITION).end), model.all.length);
    }
    world.restart('power');
    check(t, readAll(world), model, `seed ${seed}, after a restart`);
    t.deepEqual(
      world.logged.filter((line) => /damage|missing|put off/.test(line)),
      [],
    );
  }
});

test('what was replaced is removed, and what a crash has left over', (t) => {
  const world = worldOf(7, { segmentMs: 5_000 });
  const model = new Model(world, new SeededRandom(7));
  model.load(80, 10);
  compact(world, model);
  t.true(wasCompacted(files(world)));
  t.true(parsed(files(world)).length <= 6, `${files(world)} are left`);
  check(t, readAll(world), model, 'compacted');
});

test('a tombstone goes once readers had their time, and not before', (t) => {
  const world = worldOf(3, { segmentMs: 5_000, tombstoneRetentionMs: 200_000 });
  const model = new Model(world, new SeededRandom(3));
  model.append([
    ['a', '1'],
    ['b', '2'],
  ]);
  model.append([['a', null]]);
  compact(world, model);
  const offsets = (): number[] => readAll(world).map(({ offset }) => offset);
  t.deepEqual(offsets(), [1, 2, 3]);
  world.run(30_000);
  compact(world, model);
  t.true(offsets().includes(2), 'the tombstone went too early');
  world.run(200_000);
  t.false(offsets().includes(2), 'the tombstone is still there');
  t.true(offsets().includes(1));
  check(t, readAll(world), model, 'without it');
});

test('what is older than a topic wants is compacted, however little it is, and also without a further batch', (t) => {
  const clean = 'x'.repeat(1_000);
  for (const compactionLagMsMax of [-1, 60_000]) {
    const world = worldOf(5, { dirtyRatioMin: 1, compactionLagMsMax });
    const model = new Model(world, new SeededRandom(5));
    const offsets = (): number[] => readAll(world).map(({ offset }) => offset);
    const bounded = compactionLagMsMax > 0;
    for (let round = 0; round < 2; round++) {
      const first = model.all.length;
      model.append([['a', clean]]);
      model.append([['b', clean]]);
      model.append([['a', 'again']]);
      world.run(30_000);
      t.true(offsets().includes(first), 'it is young');
      world.run(60_000);
      t.is(offsets().includes(first), !bounded);
      check(t, readAll(world), model, `round ${round}`);
    }
    t.deepEqual(offsets(), bounded ? [4, 5] : [0, 1, 2, 3, 4, 5]);
  }
});

test('a batch whose records all went stays at the end of its segment, without records', (t) => {
  const world = worldOf(4, { segmentMs: 5_000 });
  const model = new Model(world, new SeededRandom(4));
  model.append([['a', '1']]);
  model.append([['a', '2']]);
  world.run(6_000);
  model.append([['a', '3']]);
  world.run(LOOK_MS);
  model.append([['b', '4']]);
  t.deepEqual(
    readAll(world).map(({ offset }) => offset),
    [2, 3],
  );
  const answer = world.ask<'records'>(PARTITION, { type: 'read', offset: id(0), bytesMax: 1 });
  t.true(answer.next > 0);
});

test('many keys are compacted', (t) => {
  const world = worldOf(5, { segmentMs: 5_000, segmentBytes: 4 * MIB });
  const model = new Model(world, new SeededRandom(5));
  for (let round = 0; round < 2; round++)
    for (let at = 0; at < 30_000; at += 1_000)
      model.append(Array.from({ length: 1_000 }, (_, index) => [`key ${at + index}`, `${round}`] as const));
  for (let run = 0; run < 4; run++) compact(world, model);
  const found = readAll(world);
  check(t, found, model, 'many keys');
  t.is(found.filter(({ key }) => key !== 'last').length, 30_000);
});

test('after a clean stop the last segment is compacted too, and the log goes on behind it', (t) => {
  const world = worldOf(8, { segmentMs: 5_000 });
  const model = new Model(world, new SeededRandom(8));
  model.load(40, 5);
  world.run(6_000);
  world.stop();
  world.start();
  t.true(readAll(world).length > 5);
  world.run(LOOK_MS);
  t.true(readAll(world).length <= 5);
  model.load(3, 5);
  world.restart('power');
  check(t, readAll(world), model, 'went on');
});

test('a compacted partition comes back without its manifest', (t) => {
  for (let after = 0; after < 4; after++) {
    const world = worldOf(20 + after, { segmentMs: 5_000 });
    const model = new Model(world, new SeededRandom(20));
    for (let round = 0; round <= after; round++) {
      model.load(40, 12);
      compact(world, model);
    }
    t.true(wasCompacted(files(world)));
    world.crash('power');
    world.disk.flip(`partitions/${PARTITION}/manifest`, 20, 1);
    world.start();
    check(t, readAll(world), model, `after ${after}`);
    t.deepEqual(world.described(PARTITION).damaged, []);
    model.load(5, 12);
    check(t, readAll(world), model, `after ${after}, and on`);
  }
});

test('on a disk that fails now and then nothing is lost, and it is compacted later', (t) => {
  const operations = ['write', 'sync', 'open', 'rename', 'syncFolder', 'truncate', 'read', 'remove', 'list'] as const;
  for (let seed = 1; seed <= sized(12, 500); seed++) {
    const random = new SeededRandom(seed);
    const { world, model } = loaded(200 + seed);
    for (let fault = 0; fault < 6; fault++)
      world.disk.faults.add({
        operations: [operations[random.below(operations.length)] as (typeof operations)[number]],
        effect: { kind: 'error', code: random.below(2) === 0 ? 'EIO' : 'ENOSPC' },
        path: (path) => path.startsWith('partitions'),
        skip: random.below(12),
        times: 1 + random.below(2),
      });
    world.run(2 * LOOK_MS);
    world.disk.faults.clear();
    check(t, readAll(world), model, `seed ${seed}`);
    if (random.below(2) === 0) world.restart('power');
    check(t, readAll(world), model, `seed ${seed}, again`);
    compact(world, model);
    compact(world, model);
    const found = readAll(world);
    check(t, found, model, `seed ${seed}, compacted`);
    const keys = found.map(({ key }) => key).filter((key) => key !== 'last');
    t.is(new Set(keys).size, keys.length, `seed ${seed}`);
  }
});

test('damage is never written anew: it stays where it is, and is told', (t) => {
  const world = worldOf(6, { segmentMs: 5_000 });
  const model = new Model(world, new SeededRandom(6));
  model.load(40, 10);
  world.run(6_000);
  const [name] = files(world).filter((file) => parseSegmentName(file)?.kind === 'log');
  world.disk.flip(`partitions/${PARTITION}/${name}`, 200, 3);
  model.append([['last', 'one']]);
  world.run(2 * LOOK_MS);
  t.true(files(world).includes(name as string), 'the damaged segment is gone');
  t.true(world.described(PARTITION).damaged.length > 0);
});

test('a tombstone stays as long as an older segment has damage: what it takes out may lie there', (t) => {
  const world = worldOf(7, { segmentMs: 5_000, tombstoneRetentionMs: 1_000 });
  const model = new Model(world, new SeededRandom(7));
  model.append([['gone', 'taken out later']]);
  model.append([['other', 'x'.repeat(20_000)]]);
  world.run(6_000);
  const [name] = files(world).filter((file) => parseSegmentName(file)?.kind === 'log');
  world.disk.flip(`partitions/${PARTITION}/${name}`, 15_000, 3);
  model.append([['gone', null]]);
  for (let round = 0; round < 4; round++) compact(world, model);
  t.true(world.described(PARTITION).damaged.length > 0);
  const answer = world.ask<'records'>(PARTITION, { type: 'read', offset: id<Offset>(2), bytesMax: MIB });
  const kept = answer.type === 'records' ? [...batchesIn(answer.bytes)].map((batch) => readBaseOffset(batch)) : [];
  t.is(kept[0], id<Offset>(2), 'the tombstone is gone, and the record before it can still be read');
});

/** A partition with something to compact, always the same one. */
function loaded(seed = 100): { world: StorageWorld; model: Model } {
  const world = worldOf(seed, { segmentMs: 5_000 });
  const model = new Model(world, new SeededRandom(seed));
  model.load(40, 12);
  world.run(6_000);
  model.append([['last', 'one']]);
  return { world, model };
}

const wasCompacted = (names: readonly string[]): boolean =>
  names.some((name) => (parseSegmentName(name)?.generation ?? 0) > 0);

/** From {@link loaded} on, until compaction has begun at the latest, ms. */
function beginOfCompaction(): number {
  const { world } = loaded();
  const from = world.world.clock.now();
  let names: readonly string[] = [];
  const isThere = (): boolean => {
    world.disk.list(`partitions/${PARTITION}`, (_error, entries) => {
      names = (entries ?? []).map(({ name }) => name);
    });
    return wasCompacted(names);
  };
  if (!world.until(isThere, 2 * LOOK_MS)) throw new Error('nothing is compacted');
  return world.world.clock.now() - from - 15;
}

for (const kind of ['process', 'power'] as const)
  test(`cut off at any point a compaction leaves the old segments or the new one: ${kind}`, (t) => {
    const begin = beginOfCompaction();
    const seen = new Set<string>();
    const step = sized(3, 0.5);
    for (let after = 0; after < 150; after += step) {
      const { world, model } = loaded();
      world.run(begin + after);
      world.restart(kind);
      seen.add(
        files(world)
          .filter((name) => parseSegmentName(name) !== null)
          .join(' '),
      );
      check(t, readAll(world), model, `${kind}, after ${after} ms`);
      compact(world, model);
      compact(world, model);
      const found = readAll(world);
      check(t, found, model, `${kind}, after ${after} ms, compacted`);
      const keys = found.map(({ key }) => key).filter((key) => key !== 'last');
      t.is(new Set(keys).size, keys.length, `after ${after} ms`);
      t.true(parsed(files(world)).length <= 6, `after ${after} ms files are left: ${files(world)}`);
      t.deepEqual(
        world.logged.filter((line) => /damage|missing/.test(line)),
        [],
      );
    }
    t.true(
      [...seen].some((names) => !wasCompacted(names.split(' '))),
      'no cut was before it',
    );
    const states = [...seen].filter((names) => wasCompacted(names.split(' '))).length;
    t.true(states > (kind === 'process' ? 2 : 0), 'the cuts were all alike');
  });

const parsed = (names: readonly string[]): object[] => names.flatMap((name) => parseSegmentName(name) ?? []);
