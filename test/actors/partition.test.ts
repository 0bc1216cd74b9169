/** Partitions and their journal: what was acknowledged is there, whatever ends, and nothing else is promised. */
import { crc32c } from '@node-rs/crc32';
import test from 'ava';
import { compress } from '../../src/edges/client/compression.ts';
import { CODECS } from '../../src/model/batch.ts';
import { BatchBuilder } from '../../src/model/batch-builder.ts';
import { id, type Offset, type ProducerEpoch, type ProducerId, type Timestamp } from '../../src/model/ids.ts';
import { KIB, MIB } from '../../src/model/limits.ts';
import { batch, StorageWorld } from './storage-world.ts';

const P = 64;

test('a batch is acknowledged with its offset and read back', (t) => {
  const world = new StorageWorld();
  t.is(world.appended(P, batch(['a', 'b'])), 0);
  t.is(world.appended(P, batch(['c'])), 2);
  t.deepEqual(world.readAll(P), [
    [0, 'a'],
    [1, 'b'],
    [2, 'c'],
  ]);
  t.like(world.described(P), { begin: 0, end: 3, durable: 3, appended: 3, segments: 1 });
});

for (const kind of ['process', 'power'] as const) {
  test(`what was acknowledged survives the end of the ${kind}`, (t) => {
    const world = new StorageWorld();
    for (let i = 0; i < 20; i++) t.is(world.appended(P + (i % 3), batch([`v${i}`])), Math.floor(i / 3));
    world.restart(kind);
    for (let p = 0; p < 3; p++)
      t.deepEqual(
        world.readAll(P + p),
        Array.from({ length: p === 2 ? 6 : 7 }, (_, i) => [i, `v${i * 3 + p}`]),
      );
    t.is(world.appended(P, batch(['next'])), 7);
    t.deepEqual(world.logged, []);
  });
}

const large = (i: number, bytes = 100 * KIB): string => `${i} ${'L'.repeat(bytes)}`;

/** Appends batches of one record; @returns what a reader is to find. */
function fill(world: StorageWorld, partition: number, count: number, bytes: number): [number, string][] {
  const from = Number(world.described(partition).appended);
  return Array.from({ length: count }, (_, i) => {
    const value = `${from + i} ${'v'.repeat(bytes)}`;
    const offset = world.appended(partition, batch([value], 1_000 + from + i));
    if (offset !== from + i) throw new Error(`appended at ${offset}`);
    return [from + i, value];
  });
}

test('large batches go straight to the segment, small ones between them through the journal, in one order', (t) => {
  const world = new StorageWorld();
  const values = Array.from({ length: 20 }, (_, i) => (i % 3 === 0 ? large(i) : `${i} small`));
  const requests = values.map((value) => world.append(P, batch([value])));
  t.true(world.until(() => requests.every((request) => world.answer(request)?.type === 'appended')));
  const expected = values.map((value, i) => [i, value]);
  t.deepEqual(world.readAll(P), expected);
  world.restart('power');
  t.deepEqual(world.readAll(P), expected);
});

test('records are read from disk once they left memory, in pieces as large as asked for', (t) => {
  const world = new StorageWorld();
  const kept = fill(world, P, 60, 2_000);
  world.stop();
  world.start();
  t.deepEqual(world.readAll(P), kept);
  t.deepEqual(world.readAll(P, 17, 5_000), kept.slice(17));
  t.deepEqual(world.readAll(P, 59, 1), kept.slice(59));
  const [one] = [world.ask<'records'>(P, { type: 'read', offset: id<Offset>(3), bytesMax: 1 })];
  t.is(Number(one.next), 4);
});

test('reads go on while everything is flushed, rolled and recycled beneath them', (t) => {
  const world = new StorageWorld({ settings: { segmentBytes: 200 * KIB }, init: { journalFileBytes: 1100 * KIB } });
  const kept: [number, string][] = [];
  for (let round = 0; round < 6; round++) {
    kept.push(...fill(world, P, 10, 30 * KIB));
    t.deepEqual(world.readAll(P), kept);
  }
  t.true(world.described(P).segments > 5);
  world.run(60_000);
  t.deepEqual(world.readAll(P), kept);
  world.restart('power');
  t.deepEqual(world.readAll(P), kept);
});

test('offsets outside of the log are refused, the end is empty', (t) => {
  const world = new StorageWorld();
  fill(world, P, 3, 10);
  t.deepEqual(world.readAll(P, 3), []);
  t.is(world.readAll(P, 4), 'OFFSET_OUT_OF_RANGE');
  world.ask(P, { type: 'trim', offset: id<Offset>(2) });
  t.is(world.readAll(P, 1), 'OFFSET_OUT_OF_RANGE');
  t.is((world.readAll(P, 2) as unknown[]).length, 1);
});

test('batches beyond the limit of the topic are refused', (t) => {
  const world = new StorageWorld({ settings: { batchBytesMax: 2_000 } });
  t.is(world.appended(P, batch(['x'.repeat(2_000)])), 'BATCH_TOO_LARGE');
  t.is(world.appended(P, batch(['x'])), 0);
});

test('acks none is stored in order and never answered', (t) => {
  const world = new StorageWorld();
  const first = world.append(P, batch(['a']), 'none');
  t.is(world.appended(P, batch(['b'])), 1);
  t.is(world.answer(first), undefined);
  t.deepEqual(world.readAll(P), [
    [0, 'a'],
    [1, 'b'],
  ]);
});

test('a watch is answered once something is committed at its offset, an unwatched one never', (t) => {
  const world = new StorageWorld();
  const now = world.send(P, { type: 'watch', offset: id<Offset>(0) });
  const later = world.send(P, { type: 'watch', offset: id<Offset>(1) });
  world.send(P, { type: 'watch', offset: id<Offset>(0) });
  world.run(100);
  t.is(world.answer(now), undefined);
  world.appended(P, batch(['a']));
  t.is(world.answer(now)?.type, 'ready');
  t.is(world.answer(later), undefined);
  world.appended(P, batch(['b']));
  t.is(world.answer(later)?.type, 'ready');
});

test('the record of a time is found in memory and on disk', (t) => {
  const world = new StorageWorld({ settings: { segmentBytes: 4 * KIB } });
  for (let i = 0; i < 30; i++) world.appended(P, batch([`a${i}`, `b${i}`], 10_000 + i * 10));
  const find = (time: number): [number, number] => {
    const { offset, timestamp } = world.ask<'found'>(P, { type: 'find', at: id<Timestamp>(time) });
    return [offset, timestamp];
  };
  for (const where of ['memory', 'disk']) {
    t.deepEqual(find(0), [0, 10_000], where);
    t.deepEqual(find(10_095), [20, 10_100], where);
    t.deepEqual(find(10_290), [58, 10_290], where);
    t.deepEqual(find(10_291), [60, -1], where);
    world.stop();
    world.start();
  }
  t.is(Number(world.ask<'found'>(P, { type: 'find', at: 'begin' }).offset), 0);
  t.is(Number(world.ask<'found'>(P, { type: 'find', at: 'end' }).offset), 60);
});

test('the record of a time is found in compressed batches too, from the begin of the log on', (t) => {
  const world = new StorageWorld({ settings: { segmentBytes: 4 * KIB } });
  for (let i = 0; i < 40; i++) {
    const codec = CODECS[i % CODECS.length] ?? 'none';
    const builder = new BatchBuilder();
    for (const ms of [3, 0, 6, 9]) builder.add(10_000 + i * 10 + ms, null, `${i} ${ms}`);
    const compression = codec === 'none' ? {} : { compression: { codec, compress: pack(codec) } };
    world.appended(P, builder.finish(crc32c, compression));
  }
  const find = (at: 'newest' | number): [number, number] => {
    const { offset, timestamp } = world.ask<'found'>(P, { type: 'find', at: at as 'newest' });
    return [offset, timestamp];
  };
  for (const where of ['memory', 'disk']) {
    for (let i = 0; i < 40; i++) {
      t.deepEqual(find(10_000 + i * 10 + 1), [4 * i, 10_000 + i * 10 + 3], where);
      t.deepEqual(find(10_000 + i * 10 + 4), [4 * i + 2, 10_000 + i * 10 + 6], where);
      t.deepEqual(find(10_000 + i * 10 + 9), [4 * i + 3, 10_000 + i * 10 + 9], where);
    }
    t.deepEqual(find('newest'), [159, 10_399], where);
    world.stop();
    world.start();
  }
  // The log begins in the middle of a batch that is compressed with gzip.
  t.is(world.ask(P, { type: 'trim', offset: id<Offset>(6) }).type, 'trimmed');
  t.deepEqual(find(0), [6, 10_016]);
});

const pack =
  (codec: Exclude<(typeof CODECS)[number], 'none'>) =>
  (bytes: Uint8Array): Uint8Array =>
    compress(codec, bytes);

test('retention by size and by age takes whole old segments, never the one that is written', (t) => {
  const world = new StorageWorld({
    settings: { segmentBytes: 20 * KIB, retentionBytes: 60 * KIB, retentionMs: 60_000 },
  });
  const now = world.world.clock.now();
  for (let i = 0; i < 100; i++) world.appended(P, batch([large(i, 2_000)], now));
  world.run(20_000);
  const { begin, sizeBytes } = world.described(P);
  t.true(begin > 0 && sizeBytes >= 60 * KIB && sizeBytes < 90 * KIB, `${begin} ${sizeBytes}`);
  t.is((world.readAll(P, begin) as unknown[]).length, 100 - begin);
  world.restart('power');
  t.is(world.described(P).begin, begin);
  world.run(200_000);
  t.like(world.described(P), { begin: 100, end: 100 });
  t.is(world.appended(P, batch(['still here'])), 100);
  const left = world.disk.peek('partitions/64/manifest').length;
  t.true(left < 1_000);
});

test('trimmed records are gone after a restart, their segments with them', (t) => {
  const world = new StorageWorld({ settings: { segmentBytes: 20 * KIB } });
  const kept = fill(world, P, 50, 2_000);
  world.run(1_000);
  t.is(Number(world.ask<'trimmed'>(P, { type: 'trim', offset: id<Offset>(33) }).begin), 33);
  world.run(1_000);
  world.restart('process');
  t.is(Number(world.described(P).begin), 33);
  t.deepEqual(world.readAll(P, 33), kept.slice(33));
});

for (const kind of ['process', 'power'] as const) {
  test(`records that were trimmed do not come back after a crash in the same moment: ${kind}`, (t) => {
    for (const [count, to] of [
      [5, 5],
      [50, 33],
    ] as const) {
      const world = new StorageWorld({ settings: { segmentBytes: 20 * KIB } });
      const kept = fill(world, P, count, 2_000);
      const answer = world.send(P, { type: 'trim', offset: id<Offset>(to) });
      t.true(world.until(() => world.answer(answer) !== undefined));
      world.restart(kind);
      t.is(Number(world.described(P).begin), to);
      t.deepEqual(world.readAll(P, to), kept.slice(to));
      t.is(world.appended(P, batch(['next'])), count);
    }
  });
}

test('a trim is not answered while the manifest cannot be written', (t) => {
  const world = new StorageWorld();
  fill(world, P, 5, 100);
  const manifest = (path: string): boolean => path.includes('manifest');
  const effect = { kind: 'error', code: 'EIO' } as const;
  world.disk.faults.add({ operations: ['rename'], path: manifest, effect, times: 1 });
  const answer = world.send(P, { type: 'trim', offset: id<Offset>(3) });
  world.run(500);
  t.is(world.answer(answer), undefined);
  t.true(world.until(() => world.answer(answer) !== undefined));
  world.restart('power');
  t.is(Number(world.described(P).begin), 3);
});

test('a folder written with 2 shards opens with 1 and with 4, and with 2 again', (t) => {
  const world = new StorageWorld({ shards: 2, arenaBytes: 32 * MIB });
  const kept = new Map<number, [number, string][]>();
  for (const shards of [2, 1, 4, 2]) {
    if (world.shards !== shards) world.restart(shards === 1 ? 'process' : 'power', shards);
    for (let p = P; p < P + 5; p++) {
      t.deepEqual(world.readAll(p), kept.get(p) ?? [], `${shards} shards`);
      kept.set(p, [...(kept.get(p) ?? []), ...fill(world, p, 5, 500)]);
      t.deepEqual(world.readAll(p), kept.get(p), `${shards} shards`);
    }
  }
  world.run(10_000);
  for (let p = P; p < P + 5; p++) t.deepEqual(world.readAll(p), kept.get(p));
});

test('the memory engine never touches the disk, is bounded by retention, and is gone after a restart', (t) => {
  const world = new StorageWorld({ settings: { engine: 'memory', retentionBytes: 4 * MIB } });
  for (let i = 0; i < 100; i++) t.is(world.appended(P, batch([large(i)])), i);
  world.run(10_000);
  const { begin, end, sizeBytes } = world.described(P);
  t.true(begin > 0 && end === 100 && sizeBytes < 7 * MIB, `${begin} ${sizeBytes}`);
  t.is((world.readAll(P, begin) as unknown[]).length, 100 - begin);
  t.throws(() => world.disk.peek('partitions/64/manifest'));
  world.restart('process');
  t.like(world.described(P), { begin: 0, end: 0 });
});

test('memory that is short is an answer, and what waits for the segments is moved there', (t) => {
  const world = new StorageWorld({ arenaBytes: 12 * MIB, init: { journalFileBytes: 4 * MIB, journalFilesMax: 2 } });
  let appended = 0;
  let refused = 0;
  for (let i = 0; i < 400; i++) {
    const answer = world.appended(P + (i % 4), batch([large(i, 50 * KIB)]));
    if (typeof answer === 'number') appended++;
    else if (answer === 'OVERLOADED') refused++;
    else t.fail(answer);
    if (refused > 0) world.run(5);
  }
  t.true(appended > 300, `${appended} appended, ${refused} refused`);
  let found = 0;
  for (let p = P; p < P + 4; p++) found += world.readAll(p).length;
  t.is(found, appended);
});

test('an idempotent producer is recognised after every kind of restart', (t) => {
  const world = new StorageWorld();
  const send = (sequence: number): number | string => {
    const producer = { producerId: id<ProducerId>(7), producerEpoch: id<ProducerEpoch>(0), baseSequence: sequence };
    return world.appended(P, batch([`s${sequence}`], 1_000, { producer }));
  };
  for (let sequence = 0; sequence < 8; sequence++) t.is(send(sequence), sequence);
  t.is(send(7), 7);
  t.is(send(9), 'OUT_OF_ORDER_SEQUENCE');
  let next = 8;
  for (const how of ['process', 'power', 'actor', 'clean'] as const) {
    if (how === 'actor') world.crashActor(`partition/${P}`);
    else if (how === 'clean') {
      world.stop();
      world.start();
    } else world.restart(how);
    world.run(100);
    t.is(send(next - 1), next - 1, how);
    t.is(send(next + 1), 'OUT_OF_ORDER_SEQUENCE', how);
    t.is(send(next), next, how);
    next++;
  }
});

test('a partition whose topic is gone refuses, frees its folder and the journal, and stops', (t) => {
  const world = new StorageWorld();
  fill(world, P, 5, 100);
  fill(world, P + 1, 5, 100);
  world.stop();
  world.start();
  world.gone.add(P);
  t.is(world.appended(P, batch(['x'])), 'UNKNOWN_PARTITION');
  world.run(1_000);
  t.throws(() => world.disk.peek('partitions/64/manifest'));
  t.notThrows(() => world.disk.peek('partitions/65/manifest'));
});

test('a clean stop leaves nothing in the journal and is remembered', (t) => {
  const world = new StorageWorld();
  const kept = fill(world, P, 5, 100);
  t.deepEqual(world.stop(), []);
  t.is(world.disk.peek('journal/0-1').length, 0);
  t.regex(new TextDecoder().decode(world.disk.peek('partitions/64/manifest')), /"clean":true/);
  world.start();
  t.deepEqual(world.readAll(P), kept);
  fill(world, P, 1, 100_000);
  t.regex(new TextDecoder().decode(world.disk.peek('partitions/64/manifest')), /"clean":false/);
});
