/**
 * Compaction of partitions on the simulated disk: what is left of a log equals a model, offsets stay, readers in between
 * go on, and whatever moment it is cut off at, the log is the old one or the new one.
 */
import { crc32c } from '@node-rs/crc32';
import test, { type ExecutionContext } from 'ava';
import { SeededRandom } from '../../runtime/simulated/random.ts';
import { compress, decompress } from '../../src/edges/client/compression.ts';
import { parseSegmentName } from '../../src/log/paths.ts';
import { batchesIn, CODECS, readBaseOffset, readNextOffset } from '../../src/model/batch.ts';
import { BatchBuilder } from '../../src/model/batch-builder.ts';
import { id, type Offset } from '../../src/model/ids.ts';
import { KIB, MIB } from '../../src/model/limits.ts';
import { openRecords } from '../../src/model/record.ts';
import type { TopicSettings } from '../../src/model/topic.ts';
import { sized } from '../long.ts';
import { StorageWorld } from './storage-world.ts';

const PARTITION = 64;
/** More than the longest time between two looks. */
const LOOK_MS = 20_000;

interface Kept {
  readonly offset: number;
  readonly key: string;
  readonly value: string | null;
}

function worldOf(seed: number, settings: Partial<TopicSettings> = {}, arenaBytes = 64 * MIB): StorageWorld {
  return new StorageWorld({
    seed,
    arenaBytes,
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

const files = (world: StorageWorld): string[] =>
  world.disk.files().filter((path) => path.startsWith(`partitions/${PARTITION}/`));

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
      t.is(world.described(PARTITION).end, id(model.all.length));
    }
    world.restart('power');
    check(t, readAll(world), model, `seed ${seed}, after a restart`);
    t.deepEqual(world.logged.filter((line) => /damage|missing|put off/.test(line)), []);
  }
});
