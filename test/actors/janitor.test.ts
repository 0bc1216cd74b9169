/** The janitor: refuses writes before the disk is full, wakes partitions for retention and deletion, has old bytes checked. */
import test from 'ava';
import { GIB, KIB, MIB } from '../../src/model/limits.ts';
import { batch, StorageWorld } from './storage-world.ts';

const P = 64;

test('writes are refused below the watermark and accepted again above it, without a restart', (t) => {
  const world = new StorageWorld({ init: { freeBytesMin: 1024 * GIB - 2 * MIB } });
  const large = 'L'.repeat(200 * KIB);
  for (let i = 0; i < 15; i++) t.is(world.appended(P, batch([large])), i);
  world.run(3_000);
  t.is(world.appended(P + 1, batch(['a'])), 'DISK_FULL');
  t.is(world.appended(3, batch(['the node itself may write, to make room'])), 0);
  t.is(world.readAll(P).length, 15);
  world.gone.add(P);
  world.crashActor(`partition/${P}`);
  world.run(5_000);
  t.is(world.appended(P + 1, batch(['a'])), 0);
});

test('partitions with files are woken after a start: old segments go and deleted topics leave nothing', (t) => {
  const world = new StorageWorld({ settings: { segmentBytes: 20 * KIB } });
  const now = world.world.clock.now();
  for (let i = 0; i < 30; i++) world.appended(P, batch([`${i} ${'x'.repeat(2_000)}`], now));
  world.appended(P + 1, batch(['of a topic that will be deleted']));
  world.stop();
  world.gone.add(P + 1);
  world.settings = { ...world.settings, retentionMs: 60_000 };
  world.start();
  world.run(200_000);
  t.throws(() => world.disk.peek('partitions/65/manifest'));
  t.throws(() => world.disk.peek('partitions/64/00000000000000000000.log'));
  t.like(world.described(P), { begin: 30, end: 30 });
});

test('damage in a sealed segment is found without a reader', (t) => {
  const world = new StorageWorld({ settings: { segmentBytes: 20 * KIB } });
  for (let i = 0; i < 30; i++) world.appended(P, batch([`${i} ${'x'.repeat(2_000)}`]));
  world.stop();
  world.disk.flip('partitions/64/00000000000000000000.log', 5_000, 2);
  world.start();
  world.run(60_000);
  t.regex(world.logged.join('\n'), /records are damaged: a scan found/);
  t.deepEqual(
    world.described(P).damaged.map((range) => range.map(Number)),
    [[2, 2]],
  );
});

test('a shard that dies and is replaced has everything that was acknowledged', (t) => {
  const world = new StorageWorld({ shards: 2 });
  const kept: [number, string][] = [];
  for (let i = 0; i < 20; i++) {
    const value = i % 4 === 0 ? `${i} ${'L'.repeat(100 * KIB)}` : `${i}`;
    t.is(world.appended(65, batch([value])), i);
    kept.push([i, value]);
  }
  for (let i = 0; i < 5; i++) world.append(65, batch([`in flight ${i}`]));
  world.replaceShard(1);
  world.run(500);
  const found = world.readAll(65);
  t.deepEqual(found.slice(0, 20), kept);
  t.is(world.appended(65, batch(['on'])), found.length);
});
