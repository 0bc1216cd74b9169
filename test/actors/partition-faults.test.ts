/** What the disk does to a partition: full, failing, torn, flipped. Nothing acknowledged is lost, nothing damaged is served. */
import { crc32c } from '@node-rs/crc32';
import test from 'ava';
import { decodeManifest } from '../../src/log/manifest.ts';
import { KIB } from '../../src/model/limits.ts';
import { batch, StorageWorld } from './storage-world.ts';

const P = 64;
const inJournal = (path: string): boolean => path.startsWith('journal/');
const inSegments = (path: string): boolean => path.endsWith('.log');

/** `count` batches of one record each; @returns values by offset. */
function fill(world: StorageWorld, count: number, bytes = 100, partition = P): [number, string][] {
  const from = world.described(partition).appended as number;
  return Array.from({ length: count }, (_, i) => {
    const value = `${from + i} ${'v'.repeat(bytes)}`;
    const offset = world.appended(partition, batch([value], 1_000 + from + i));
    if (offset !== from + i) throw new Error(`appended at ${offset}, not at ${from + i}`);
    return [from + i, value];
  });
}

/** Has the node move everything to its segments. */
function flush(world: StorageWorld): void {
  world.stop();
  world.start();
}

test('a failed fsync of the journal is told, nothing of it is kept, and the next append works', (t) => {
  const world = new StorageWorld();
  const kept = fill(world, 3);
  world.disk.faults.add({ operations: ['sync'], path: inJournal, effect: { kind: 'error', code: 'EIO' }, times: 1 });
  t.is(world.appended(P, batch(['lost'])), 'STORAGE_FAILED');
  t.like(world.described(P), { end: 3, durable: 3, appended: 3 });
  t.is(world.appended(P, batch(['next'])), 3);
  kept.push([3, 'next']);
  t.deepEqual(world.readAll(P), kept);
  world.restart('power');
  t.deepEqual(world.readAll(P), kept);
});

test('a full disk refuses by name, reads go on, and writes resume by themselves', (t) => {
  const world = new StorageWorld();
  const kept = fill(world, 3);
  const rule = world.disk.faults.add({ operations: ['write'], effect: { kind: 'error', code: 'ENOSPC' } });
  t.is(world.appended(P, batch(['a'])), 'DISK_FULL');
  t.is(world.appended(P, batch(['b'])), 'DISK_FULL');
  t.deepEqual(world.readAll(P), kept);
  rule.remove();
  world.run(1_000);
  t.is(world.appended(P, batch(['c'])), 3);
  world.restart('process');
  t.deepEqual(world.readAll(P), [...kept, [3, 'c']]);
});

test('a large batch that the full disk does not take is refused, and what comes later takes its place', (t) => {
  const world = new StorageWorld();
  const kept = fill(world, 2);
  const large = 'L'.repeat(100 * KIB);
  const rule = world.disk.faults.add({
    operations: ['write'],
    path: inSegments,
    effect: { kind: 'error', code: 'ENOSPC' },
  });
  t.is(world.appended(P, batch([large])), 'DISK_FULL');
  rule.remove();
  world.run(2_000);
  t.is(world.appended(P, batch(['small'])), 2);
  t.is(world.appended(P, batch([large])), 3);
  kept.push([2, 'small'], [3, large]);
  t.deepEqual(world.readAll(P), kept);
  world.restart('power');
  t.deepEqual(world.readAll(P), kept);
});

test('a large batch behind much that only the journal has is durable without its segment', (t) => {
  const world = new StorageWorld();
  const kept = fill(world, 30, 10 * KIB);
  const large = 'L'.repeat(100 * KIB);
  const rule = world.disk.faults.add({
    operations: ['write'],
    path: inSegments,
    effect: { kind: 'error', code: 'ENOSPC' },
  });
  t.is(world.appended(P, batch([large])), 30);
  kept.push([30, large]);
  world.restart('power');
  t.deepEqual(world.readAll(P), kept);
  rule.remove();
  world.run(2_000);
  flush(world);
  t.deepEqual(world.readAll(P), kept);
});

for (const durability of ['fsync', 'interval'] as const) {
  test(`what takes the place of a large batch that failed behind its durable entry is journaled itself, under ${durability}`, (t) => {
    const world = new StorageWorld({ settings: { durability, flushIntervalMs: 100 } });
    const kept = fill(world, 2);
    const rules = (['ENOSPC', 'slow'] as const).map((kind) =>
      world.disk.faults.add({
        operations: ['write'],
        path: inSegments,
        effect: kind === 'slow' ? { kind, ms: 1_000 } : { kind: 'error', code: kind },
      }),
    );
    t.is(world.appended(P, batch(['L'.repeat(100 * KIB)])), 'DISK_FULL');
    for (const rule of rules) rule.remove();
    world.run(2_000);
    kept.push(...fill(world, 3));
    world.run(2_000);
    world.restart('power');
    t.deepEqual(world.readAll(P), kept);
  });
}

for (const operation of ['write', 'sync'] as const) {
  test(`a segment whose ${operation} fails is written no more, and nothing acknowledged is lost`, (t) => {
    const world = new StorageWorld();
    const large = (i: number): string => `${i}${'L'.repeat(100 * KIB)}`;
    t.is(world.appended(P, batch([large(0)])), 0);
    t.is(world.appended(P, batch(['one'])), 1);
    world.disk.faults.add({
      operations: [operation],
      path: inSegments,
      effect: { kind: 'error', code: 'EIO' },
      times: 1,
    });
    t.is(world.appended(P, batch([large(2)])), 'STORAGE_FAILED');
    world.until(() => world.logged.some((line) => /was sealed/.test(line)));
    t.is(world.appended(P, batch([large(3)])), 2);
    const kept = [large(0), 'one', large(3)].map((value, i) => [i, value]);
    t.deepEqual(world.readAll(P), kept);
    t.is(world.described(P).segments, 2);
    world.restart('power');
    t.deepEqual(world.readAll(P), kept);
    flush(world);
    t.deepEqual(world.readAll(P), kept);
  });
}

test('a torn last write of the journal is cut and reported; everything before it is there', (t) => {
  const world = new StorageWorld();
  const kept = fill(world, 5);
  world.append(P, batch(['torn'.repeat(3_000)]));
  world.until(() => world.disk.peek('journal/0-1').length > 6 * 4096, 100);
  world.crash('power');
  const size = world.disk.peek('journal/0-1').length;
  world.disk.cut('journal/0-1', size - 4096);
  world.start();
  t.deepEqual(world.readAll(P), kept);
  t.regex(world.logged.join('\n'), /a torn tail was cut off the journal .*"position":20480/);
  t.is(world.appended(P, batch(['after'])), 5);
});

test('a flipped bit in an acknowledged batch of the journal is damage: never served, never cut, all else is', (t) => {
  const world = new StorageWorld();
  const kept = fill(world, 6);
  world.crash('process');
  world.disk.flip('journal/0-1', 2 * 4096 + 64 + 64 + 80, 3);
  world.start();
  t.is(world.readAll(P), 'DATA_DAMAGED');
  t.deepEqual(world.readAll(P, 3), kept.slice(3));
  t.deepEqual(
    world.described(P).damaged.map((range) => range.map(Number)),
    [[2, 2]],
  );
  t.is(world.appended(P, batch(['goes on'])), 6);
  flush(world);
  t.is(world.readAll(P, 2), 'DATA_DAMAGED');
  t.deepEqual(world.readAll(P, 3), [...kept.slice(3), [6, 'goes on']]);
});

test('no single flipped bit in the entries or headers of an acknowledged group loses its batch', (t) => {
  for (const at of [0, 17, 40, 64, 70, 100, 120, 4090]) {
    const world = new StorageWorld();
    const kept = fill(world, 4);
    world.crash('process');
    world.disk.flip('journal/0-1', 4096 + at, 1);
    world.start();
    t.deepEqual(world.readAll(P), kept, `byte ${at}`);
  }
});

test('a flipped bit in a segment is found by the read that meets it', (t) => {
  const world = new StorageWorld();
  const kept = fill(world, 5, 1_000);
  flush(world);
  world.disk.flip('partitions/64/00000000000000000000.log', 2_500, 0);
  t.is(world.readAll(P), 'DATA_DAMAGED');
  t.deepEqual(world.readAll(P, 3), kept.slice(3));
  t.deepEqual(
    world.described(P).damaged.map((range) => range.map(Number)),
    [[2, 2]],
  );
});

test('a partition whose manifest is damaged comes back from its sidecars, and writes it anew', (t) => {
  for (const [kind, settings] of [
    ['power', { segmentBytes: 20 * KIB }],
    ['process', {}],
  ] as const) {
    const world = new StorageWorld({ settings });
    const kept = fill(world, 30, 2_000);
    flush(world);
    kept.push(...fill(world, 20, 2_000));
    world.crash(kind);
    world.disk.flip('partitions/64/manifest', 40, 1);
    world.start();
    t.deepEqual(world.readAll(P), kept, kind);
    t.is(world.appended(P, batch(['still here'])), 50);
    world.run(1_000);
    t.is(typeof decodeManifest(world.disk.peek('partitions/64/manifest'), crc32c), 'object', 'it is whole again');
    world.restart('power');
    t.is((world.readAll(P) as unknown[]).length, 51);
  }
});

test('a flipped bit in a sidecar hides its own batch alone, wherever it is', (t) => {
  for (const index of [0, 2, 4]) {
    const world = new StorageWorld();
    const kept = fill(world, 5);
    world.stop();
    world.disk.flip('partitions/64/00000000000000000000.entries', index * 64 + 9, 4);
    world.start();
    t.is(world.readAll(P, index), 'DATA_DAMAGED');
    t.deepEqual(world.readAll(P, index + 1), kept.slice(index + 1));
    t.is(world.appended(P, batch(['goes on'])), 5, `entry ${index}`);
    t.deepEqual(world.readAll(P, 5), [[5, 'goes on']]);
    world.restart('power');
    t.is(world.readAll(P, index), 'DATA_DAMAGED');
    t.deepEqual(world.readAll(P, 5), [[5, 'goes on']]);
  }
});

test('a file of the journal with damage is set aside as it is when the rest of it is in the segments', (t) => {
  const world = new StorageWorld();
  fill(world, 6);
  world.crash('process');
  world.disk.flip('journal/0-1', 4096 + 64 + 64 + 80, 3);
  const before = world.disk.peek('journal/0-1').slice();
  world.start();
  t.is(world.readAll(P), 'DATA_DAMAGED' as never);
  world.run(5_000);
  t.deepEqual(world.disk.peek('journal/0-1.damaged').slice(), before);
});

test('under interval an ack does not wait for the fsync, which follows; a failing one loses nothing that was read', (t) => {
  const world = new StorageWorld({ settings: { durability: 'interval', flushIntervalMs: 200 } });
  t.is(world.appended(P, batch(['a'])), 0);
  t.like(world.described(P), { end: 1, durable: 0 });
  world.run(300);
  t.like(world.described(P), { end: 1, durable: 1 });
  t.is(world.appended(P, batch(['b'])), 1);
  world.disk.faults.add({ operations: ['sync'], path: inJournal, effect: { kind: 'error', code: 'EIO' }, times: 1 });
  world.run(1_000);
  t.like(world.described(P), { end: 2, durable: 2 });
  world.restart('power');
  t.deepEqual(world.readAll(P), [
    [0, 'a'],
    [1, 'b'],
  ]);
});

const lazily = { settings: { durability: 'interval', flushIntervalMs: 200 } } as const;
const giant = (name: string): string => `${name}${'L'.repeat(100 * KIB)}`;

test('under interval a large batch is answered when it is written, and fsynced within the interval', (t) => {
  const world = new StorageWorld(lazily);
  world.disk.faults.add({ operations: ['sync'], path: inSegments, effect: { kind: 'slow', ms: 1_000 }, times: 1 });
  t.is(world.appended(P, batch([giant('a')])), 0);
  t.like(world.described(P), { end: 1, durable: 0 });
  t.deepEqual(world.readAll(P), [[0, giant('a')]]);
  world.run(1_300);
  t.like(world.described(P), { end: 1, durable: 1 });
  world.restart('power');
  t.deepEqual(world.readAll(P), [[0, giant('a')]]);
});

test('under interval a killed process loses no large batch that was answered', (t) => {
  const world = new StorageWorld(lazily);
  const kept = ['a', 'b', 'c'].map((name, i): [number, string] => {
    t.is(world.appended(P, batch([giant(name)])), 2 * i);
    t.is(world.appended(P, batch([name])), 2 * i + 1);
    return [2 * i, giant(name)];
  });
  t.true(world.described(P).durable < 6, 'nothing was fsynced yet');
  world.restart('process');
  const found = world.readAll(P) as [number, string][];
  t.is(found.length, 6);
  for (const [offset, value] of kept) t.is(found[offset]?.[1], value);
  t.like(world.described(P), { end: 6, durable: 6 });
  world.restart('power');
  t.is(world.readAll(P).length, 6, 'the start has made it durable');
});

test('under interval a power cut takes a tail of no more than the interval, and never a batch from the middle', (t) => {
  let lost = 0;
  for (let seed = 1; seed <= 20; seed++) {
    const world = new StorageWorld({ ...lazily, seed });
    for (let i = 0; i < 4; i++) t.is(world.appended(P, batch([giant(`${i}`)])), i);
    world.run(400);
    for (let i = 4; i < 9; i++) t.is(world.appended(P, batch([i % 2 === 0 ? giant(`${i}`) : `${i}`])), i);
    world.restart('power');
    const found = world.readAll(P) as [number, string][];
    t.true(found.length >= 4, `seed ${seed}: ${found.length} are left`);
    for (const [index, [offset, value]] of found.entries()) t.true(offset === index && value.startsWith(`${index}`));
    t.is(world.appended(P, batch(['next'])), found.length);
    lost += 9 - found.length;
  }
  t.true(lost > 0, 'no cut took anything: the test shows nothing');
});

for (const operation of ['write', 'sync'] as const) {
  test(`under interval a segment whose ${operation} fails loses nothing that readers have seen`, (t) => {
    const world = new StorageWorld(lazily);
    const kept: [number, string][] = [0, 1].map((i) => [i, giant(`${i}`)]);
    for (const [offset, value] of kept) t.is(world.appended(P, batch([value])), offset);
    world.disk.faults.add({
      operations: [operation],
      path: inSegments,
      effect: { kind: 'error', code: 'EIO' },
      times: 2,
    });
    if (operation === 'write') t.is(world.appended(P, batch([giant('refused')])), 'STORAGE_FAILED');
    t.deepEqual(world.readAll(P), kept);
    world.run(5_000);
    t.like(world.described(P), { end: 2, durable: 2 });
    t.is(world.appended(P, batch([giant('2')])), 2);
    world.run(1_000);
    world.restart('power');
    t.deepEqual(world.readAll(P), [...kept, [2, giant('2')]]);
  });
}

test('what was answered under interval is stored again with pauses while the disk is full, and not at once for ever', (t) => {
  const world = new StorageWorld(lazily);
  t.is(world.appended(P, batch(['a'])), 0);
  const full = { kind: 'error', code: 'ENOSPC' } as const;
  const rule = world.disk.faults.add({ operations: ['sync', 'write', 'open'], path: inJournal, effect: full });
  world.run(20_000);
  const failures = world.logged.filter((line) => /the journal could not be written/.test(line)).length;
  t.true(failures > 3 && failures < 60, `${failures} failures in 20 s`);
  t.deepEqual(world.readAll(P), [[0, 'a']]);
  rule.remove();
  world.run(3_000);
  t.like(world.described(P), { end: 1, durable: 1 });
  world.restart('power');
  t.deepEqual(world.readAll(P), [[0, 'a']]);
});

test('a topic that changes from interval to fsync has large batches fsynced before it answers', (t) => {
  const world = new StorageWorld({ settings: { durability: 'interval', flushIntervalMs: 60_000 } });
  t.is(world.appended(P, batch([giant('0')])), 0);
  t.like(world.described(P), { durable: 0 });
  world.configure(P, { ...world.settings, durability: 'fsync' });
  t.is(world.appended(P, batch([giant('1')])), 1);
  t.like(world.described(P), { durable: 2 });
  world.restart('power');
  t.is(world.readAll(P).length, 2);
});

test('a log that never pauses keeps only the files of its newest segments open', (t) => {
  const world = new StorageWorld({ settings: { segmentBytes: 300 * KIB } });
  const { disk } = world;
  const [open, close] = [disk.open.bind(disk), disk.close.bind(disk)];
  let opened = 0;
  disk.open = (path, options, done) =>
    open(path, options, (error, file) => {
      if (file !== undefined && path.startsWith('partitions/64/')) opened++;
      done(error, file);
    });
  disk.close = (file, done) => {
    if (file.path.startsWith('partitions/64/')) opened--;
    close(file, done);
  };
  let most = 0;
  for (let i = 0; i < 60; i++) {
    t.is(world.appended(P, batch([giant(`${i}`)])), i);
    most = Math.max(most, opened);
  }
  t.true(world.described(P).segments > 20);
  t.true(most > 0 && most <= 8, `${most} files were open`);
});

test('a journal file that another shard removes while this one starts does not stop the start', (t) => {
  const world = new StorageWorld({ shards: 2 });
  const kept = fill(world, 3);
  const empty = 'journal/7-900';
  world.disk.replace(empty, new Uint8Array(0), (error) => t.is(error, null));
  world.run(100);
  const gone = { kind: 'error', code: 'ENOENT' } as const;
  world.disk.faults.add({ operations: ['open'], path: (path) => path === empty, effect: gone, times: 2 });
  world.restart('process');
  world.run(1_000);
  t.deepEqual(world.readAll(P), kept);
  t.deepEqual(
    world.logged.filter((line) => line.includes('"error"')),
    [],
  );
});
