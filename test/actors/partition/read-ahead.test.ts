/** Reads ahead of readers in sequence: each byte comes from disk once, whoever follows, in memory that is bounded and given back. */
import test from 'ava';
import { ReadAheadRoom } from '../../../actors/partition/read-ahead.ts';
import { Rereads } from '../../../actors/partition/rereads.ts';
import { id, type Offset } from '../../../src/model/ids.ts';
import { KIB, MIB } from '../../../src/model/limits.ts';
import { batch, records, StorageWorld } from '../storage-world.ts';

const P = 64;
const RECORDS = 60;

interface OnDisk {
  readonly world: StorageWorld;
  readonly room: ReadAheadRoom;
  readonly rereads: Rereads;
  readonly kept: [number, string][];
  /** Reads of segments so far. */
  reads(): number;
}

/** Partitions with batches of one record each, all on disk and none in memory. */
function onDisk({
  rangesMax = 8,
  partitions = 1,
  segmentBytes = MIB,
  valueBytes = 2 * KIB,
  cachedBytes = MIB,
} = {}): OnDisk {
  const room = new ReadAheadRoom(rangesMax);
  const rereads = new Rereads(cachedBytes);
  const world = new StorageWorld({ settings: { segmentBytes }, init: { readAhead: room, rereads } });
  const kept = Array.from({ length: RECORDS }, (_, i): [number, string] => [i, `${i} ${'v'.repeat(valueBytes)}`]);
  for (let p = P; p < P + partitions; p++)
    for (const [, value] of kept) if (typeof world.appended(p, batch([value])) === 'string') throw new Error('refused');
  world.stop();
  world.start();
  let reads = 0;
  const count = (path: string): boolean => {
    if (path.endsWith('.log')) reads++;
    return false;
  };
  for (let p = P; p < P + partitions; p++) world.described(p);
  world.disk.faults.add({ operations: ['read'], path: count, effect: { kind: 'error', code: 'EIO' } });
  return { world, room, rereads, kept, reads: () => reads };
}

function readFrom(world: StorageWorld, offset: number, bytesMax: number, partition = P): [number, string][] {
  const answer = world.ask<'records'>(partition, { type: 'read', offset: id<Offset>(offset), bytesMax });
  return records(answer.bytes);
}

test('a reader in sequence that takes little at a time has the disk read in large pieces', (t) => {
  const { world, kept, reads } = onDisk();
  t.deepEqual(world.readAll(P, 0, 5_000), kept);
  t.true(reads() <= 4, `${reads()} reads`);
});

test('readers at the same place share what was read, also one that comes a little later', (t) => {
  const { world, kept, reads } = onDisk();
  for (let at = 0; at < RECORDS; at += 2)
    for (let reader = 0; reader < 3; reader++) t.deepEqual(readFrom(world, at, 5_000), kept.slice(at, at + 2));
  t.deepEqual(readFrom(world, 31, 1), kept.slice(31, 32));
  t.true(reads() <= 8, `${reads()} reads`);
});

test('while an answer is on its way nothing more is read ahead, until it is taken or another one is given', (t) => {
  const { world, kept, reads } = onDisk({ segmentBytes: 16 * MIB, valueBytes: 100 * KIB });
  const read = (at: number): void => {
    t.deepEqual(readFrom(world, at, 250 * KIB), kept.slice(at, at + 2));
    world.run(10);
  };
  const taken = (): void => {
    world.send(P, { type: 'taken' });
    world.run(10);
  };
  for (let at = 0; at < 4; at += 2) read(at);
  const first = reads();
  for (let at = 4; at < 20; at += 2) {
    taken();
    const before = reads();
    read(at);
    t.is(reads(), before);
  }
  const second = reads();
  t.true(second > first, 'once it was taken');
  for (let at = 20; at < 32; at += 2) read(at);
  t.true(reads() > second, 'nobody has told');
});

test('nothing is read ahead of one who jumps about', (t) => {
  const { world, room, reads } = onDisk();
  for (let at = RECORDS - 2; at >= 0; at -= 2) t.is(readFrom(world, at, 5_000).length, 2);
  t.is(reads(), RECORDS / 2);
  t.is(room.ranges, 0);
  t.is(readFrom(world, 6, 5_000).length, 2);
});

test('what nobody comes for is let go of, and what is held is bounded for all partitions together', (t) => {
  const { world, room, kept } = onDisk({ rangesMax: 2, partitions: 5 });
  for (let at = 0; at < 20; at += 2)
    for (let p = P; p < P + 5; p++) {
      t.deepEqual(readFrom(world, at, 5_000, p), kept.slice(at, at + 2));
      t.true(room.ranges <= 2);
    }
  t.is(room.ranges, 2);
  world.run(1_100);
  t.is(room.ranges, 0);
  t.deepEqual(world.readAll(P, 20, 5_000), kept.slice(20));
});

test('without room readers get the same', (t) => {
  const { world, kept, reads } = onDisk({ rangesMax: 0 });
  t.deepEqual(world.readAll(P, 0, 5_000), kept);
  t.is(reads(), RECORDS / 2);
});

test('it goes on from one segment to the next, and lets go of those that are taken off the log', (t) => {
  const { world, room, kept, reads } = onDisk({ segmentBytes: 50 * KIB });
  t.deepEqual(world.readAll(P, 0, 5_000), kept);
  t.true(reads() <= 12, `${reads()} reads`);
  t.true(room.ranges > 0);
  world.ask(P, { type: 'trim', offset: id<Offset>(RECORDS) });
  t.true(room.ranges <= 1);
});

test('damage that is met ahead is told to the reader who comes there, not before', (t) => {
  const { world, kept } = onDisk();
  world.disk.flip('partitions/64/00000000000000000000.log', 30 * 2_200, 0);
  const read: [number, string][] = [];
  let at = 0;
  for (;;) {
    const answer = world.ask<'records' | 'refused'>(P, { type: 'read', offset: id<Offset>(at), bytesMax: 5_000 });
    if (answer.type === 'refused') break;
    read.push(...records(answer.bytes));
    at = Number(answer.next);
  }
  t.true(at > 25 && at < 35, `damaged at ${at}`);
  t.deepEqual(read, kept.slice(0, at));
  t.deepEqual(world.readAll(P, at + 1, 5_000), kept.slice(at + 1));
});

test('damage that becomes known later is not served out of what is held', (t) => {
  const { world, kept } = onDisk({ segmentBytes: 50 * KIB });
  for (const at of [0, 2, 4]) t.deepEqual(readFrom(world, at, 5_000), kept.slice(at, at + 2));
  world.disk.flip('partitions/64/00000000000000000000.log', 10 * 2_200, 0);
  world.ask(P, { type: 'scrub' });
  const [[first] = []] = world.described(P).damaged;
  t.true(first !== undefined && first >= 8 && first < 12);
  for (let at = 6; at < Number(first); at++) t.deepEqual(readFrom(world, at, 5_000)[0], kept[at]);
  t.is(world.readAll(P, Number(first), 5_000), 'DATA_DAMAGED');
});

test('a partition that crashes gives its room back, and serves on', (t) => {
  const { world, room } = onDisk();
  for (const at of [0, 2, 4]) readFrom(world, at, 5_000);
  t.is(room.ranges, 1);
  world.crashActor(`partition/${P}`);
  world.run(50);
  t.is(room.ranges, 0);
  t.is(readFrom(world, 6, 5_000).length, 2);
});

test('what is read again comes by way of the cache, which is not believed against the disk', (t) => {
  const { world, rereads, kept } = onDisk();
  t.deepEqual(world.readAll(P, 0, 5_000), kept);
  t.true(rereads.bytesCached > 0);
  world.run(1_100);
  const isLog = (path: string): boolean => path.endsWith('.log');
  world.disk.faults.add({ operations: ['read'], path: isLog, times: 1, effect: { kind: 'flip' } });
  // Of all bytes of the log: among those of a few batches the bit could lie behind them.
  t.deepEqual(readFrom(world, 0, MIB), kept);
  t.is(world.disk.faults.take('read', 'x.log').length, 0);
  t.deepEqual(world.readAll(P, 0, 5_000), kept);
  t.deepEqual(world.described(P).damaged, []);
});

test('of what the cache has, one range is read ahead of a reader, and none stays behind it', (t) => {
  const { world, room, rereads, kept } = onDisk({
    segmentBytes: 16 * MIB,
    valueBytes: 100 * KIB,
    cachedBytes: 16 * MIB,
  });
  const rangesMost = (): number => {
    let most = 0;
    for (let at = 0; at < RECORDS; at += 10) {
      t.deepEqual(readFrom(world, at, MIB), kept.slice(at, at + 10));
      world.send(P, { type: 'taken' });
      world.run(10);
      most = Math.max(most, room.ranges);
    }
    return most;
  };
  t.is(rangesMost(), 4, 'of what the disk alone has: three ahead, one behind');
  t.true(rereads.bytesCached > 0);
  world.run(1_100);
  t.is(rangesMost(), 1);
});

test('what was read again and is damaged on the disk is told all the same', (t) => {
  const { world, rereads } = onDisk();
  world.readAll(P, 0, 5_000);
  t.true(rereads.bytesCached > 0);
  world.run(1_100);
  world.disk.flip('partitions/64/00000000000000000000.log', 30 * 2_200, 0);
  t.is(world.readAll(P, 0, 5_000), 'DATA_DAMAGED');
});
