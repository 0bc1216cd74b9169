/** Partitions and transactions: who is asked before one begins, what waits, what readers see, through every end of the node. */
import { crc32c } from '@node-rs/crc32';
import test, { type ExecutionContext } from 'ava';
import { producersPath, segmentPath } from '../../src/log/paths.ts';
import { TRANSACTIONAL_FLAG } from '../../src/model/batch.ts';
import { writeInt16, writeInt32 } from '../../src/model/bytes.ts';
import { id, type Offset, type ProducerEpoch, type ProducerId } from '../../src/model/ids.ts';
import { KIB } from '../../src/model/limits.ts';
import { batch, records, StorageWorld } from './storage-world.ts';

const P = 64;

function transactional(producer: number, epoch: number, sequence: number, values: readonly string[]): Uint8Array {
  const bytes = batch(values, 1_000, {
    producer: {
      producerId: id<ProducerId>(producer),
      producerEpoch: id<ProducerEpoch>(epoch),
      baseSequence: sequence,
    },
  });
  writeInt16(bytes, 21, TRANSACTIONAL_FLAG);
  writeInt32(bytes, 17, crc32c(bytes.subarray(21)));
  return bytes;
}

const marking = (producer: number, epoch: number, commit: boolean) =>
  ({ type: 'mark', producer, epoch, commit, coordinatorEpoch: 0 }) as const;

/** What a reader of committed records is given from an offset on. */
function seen(world: StorageWorld, from = 0) {
  const { bytes, stable, end, aborted } = world.ask<'records'>(P, {
    ...{ type: 'read', offset: id<Offset>(from), bytesMax: 1_000_000 },
  });
  return { offsets: records(bytes).map(([offset]) => offset), stable: Number(stable), end: Number(end), aborted };
}

test('the first batch of a transaction asks its coordinator; those behind it do not', (t) => {
  const world = new StorageWorld();
  t.is(world.written(P, transactional(1, 0, 0, ['a'])), 0);
  t.is(world.written(P, transactional(1, 0, 1, ['b'])), 1);
  t.is(world.asked, 1);
  t.deepEqual(seen(world), { offsets: [], stable: 0, end: 2, aborted: undefined });
  t.is(world.ask(P, marking(1, 0, true)).type, 'appended');
  t.deepEqual(seen(world).offsets, [0, 1, 2]);
  t.is(world.written(P, transactional(1, 0, 2, ['c'])), 3);
  t.is(world.asked, 2, 'the next one');
});

test('what is not part of the transaction is refused, with all that its producer has sent behind it', (t) => {
  const world = new StorageWorld();
  world.coordinator = 'silent';
  const requests = [0, 1, 2].map((sequence) => world.write(P, transactional(1, 0, sequence, ['late'])));
  t.is(world.appended(P, batch(['another'])), 0, 'others do not wait');
  world.run(10);
  t.is(world.asked, 1);
  world.unanswered[0]?.(false);
  world.run(10);
  for (const request of requests) t.is(world.outcome(request), 'TRANSACTION_ABORTABLE');
  t.deepEqual(world.readAll(P), [[0, 'another']]);
});

test('what waits for the answer goes on in its order', (t) => {
  const world = new StorageWorld();
  world.coordinator = 'silent';
  const requests = [0, 1, 2].map((sequence) => world.write(P, transactional(1, 0, sequence, [`${sequence}`])));
  world.run(10);
  world.unanswered[0]?.(true);
  t.true(world.until(() => requests.every((request) => world.answer(request) !== undefined)));
  t.deepEqual(
    requests.map((request) => world.outcome(request)),
    [0, 1, 2],
  );
});

test('an end that is told while the question is under way makes the answer void', (t) => {
  const world = new StorageWorld();
  t.is(world.written(P, transactional(1, 0, 0, ['before'])), 0);
  t.is(world.ask(P, marking(1, 0, true)).type, 'appended');
  world.coordinator = 'silent';
  const late = world.write(P, transactional(1, 0, 1, ['late']));
  world.run(10);
  t.is(world.ask(P, marking(1, 0, false)).type, 'appended', 'a marker does not wait');
  world.unanswered[0]?.(true);
  world.run(10);
  t.is(world.asked, 3, 'it asks again');
  world.unanswered[1]?.(false);
  world.run(10);
  t.is(world.outcome(late), 'TRANSACTION_ABORTABLE');
});

test('a coordinator that does not answer keeps nobody waiting for ever', (t) => {
  const world = new StorageWorld();
  world.coordinator = 'silent';
  const request = world.write(P, transactional(1, 0, 0, ['a']));
  world.run(6_000);
  t.is(world.outcome(request), 'UNAVAILABLE');
});

test('a reader waits for what is committed, or for all, as it wants', (t) => {
  const world = new StorageWorld();
  world.written(P, transactional(1, 0, 0, ['a']));
  const all = world.send(P, { type: 'watch', offset: id<Offset>(0), uncommitted: true });
  const committed = world.send(P, { type: 'watch', offset: id<Offset>(0) });
  world.run(10);
  t.is(world.answer(all)?.type, 'ready');
  t.is(world.answer(committed), undefined);
  world.ask(P, marking(1, 0, false));
  world.run(10);
  t.is(world.answer(committed)?.type, 'ready');
});

test('a marker that was answered survives a power cut, whatever the topic promises', (t) => {
  for (let seed = 1; seed <= 12; seed++) {
    const world = new StorageWorld({ seed, settings: { durability: 'interval', flushIntervalMs: 500 } });
    world.written(P, transactional(1, 0, 0, ['a']));
    world.run(2_000);
    const other = batch(['from somebody else']);
    if (seed % 2 === 0) world.written(P, other);
    t.is(world.ask(P, marking(1, 0, true)).type, 'appended');
    // Told once more, as by a coordinator that has not heard the answer.
    if (seed % 3 === 0) t.is(world.ask(P, marking(1, 0, true)).type, 'appended');
    world.restart('power');
    world.run(100);
    const { stable, end } = seen(world);
    t.is(stable, end, `seed ${seed}: nobody ends the transaction any more`);
  }
});

/** Transactions of one producer, every second one aborted, beside one that is open from the beginning. */
function fill(t: ExecutionContext, world: StorageWorld, rounds: number) {
  const filler = 'x'.repeat(8 * KIB);
  const aborted: [number, number][] = [];
  let end = 0;
  const append = (bytes: Uint8Array, count = 1): void => {
    t.is(world.written(P, bytes), end);
    end += count;
  };
  append(transactional(7, 0, 0, ['open from the beginning']));
  for (let round = 0; round < rounds; round++) {
    if (round % 2 === 1) aborted.push([1, end]);
    append(transactional(1, round, 0, [filler]));
    t.is(world.ask(P, marking(1, round + 1, round % 2 === 0)).type, 'appended');
    end++;
  }
  return { aborted, end };
}

/** What readers are told of what was taken back, from the begin to the end. */
function toldAborted(world: StorageWorld, end: number): string[] {
  const found: (readonly number[])[] = [];
  for (let from = 0; from < end; ) {
    const read = world.ask<'records'>(P, { type: 'read', offset: id<Offset>(from), bytesMax: 100_000 });
    found.push(...(read.aborted ?? []));
    from = read.next;
  }
  return [...new Set(texts(found))];
}
const texts = (entries: readonly (readonly number[])[]): string[] => entries.map((entry) => entry.join(' ')).sort();

/** Small files: states of producers are written again and again, and the journal forgets what is in them. */
const SMALL_FILES = { settings: { segmentBytes: 200 * KIB }, init: { journalFileBytes: 1100 * KIB } };

for (const kind of ['process', 'power', 'stop', 'actor'] as const) {
  test(`open and aborted transactions are known again after the end of the ${kind}`, (t) => {
    const world = new StorageWorld(SMALL_FILES);
    const { aborted, end } = fill(t, world, 150);
    if (kind === 'stop') {
      world.stop();
      world.start();
    } else if (kind === 'actor') world.crashActor(`partition/${P}`);
    else world.restart(kind);
    world.run(100);
    t.deepEqual(seen(world), { offsets: [], stable: 0, end, aborted: undefined });
    t.is(world.ask(P, marking(7, 0, false)).type, 'appended');
    t.deepEqual(toldAborted(world, end), texts([[7, 0], ...aborted]));
    t.is(world.written(P, transactional(1, 10, 1, ['of an older epoch'])), 'PRODUCER_FENCED');
  });
}

/** The file is not there any more. */
function lose(world: StorageWorld, path: string): void {
  let error: unknown;
  world.disk.remove(path, (failure) => {
    error = failure;
  });
  world.run(100);
  if (error !== null) throw new Error(`${path} was not removed`);
}

/** What stands in the two slots of the file, the newest last. */
function statesOf(world: StorageWorld): { position: number; sequence: number; upTo: number }[] {
  const bytes = world.disk.peek(producersPath(id(P)));
  const states = [0, bytes.length / 2].flatMap((position) => {
    const slot = bytes.subarray(position, position + bytes.length / 2);
    if (slot[0] === 0) return [];
    const line = JSON.parse(new TextDecoder().decode(slot.subarray(0, slot.indexOf(10)))) as {
      sequence: number;
      state: { upTo: number };
    };
    return { position, sequence: line.sequence, upTo: line.state.upTo };
  });
  return states.sort((one, other) => one.sequence - other.sequence);
}

/** After a start that says so all that {@link fill} wrote is known again, and so it is after the next one, which says nothing. */
function comesBack(t: ExecutionContext, world: StorageWorld, { aborted, end }: ReturnType<typeof fill>, says: RegExp) {
  const before = world.logged.length;
  world.start();
  world.run(100);
  t.deepEqual(seen(world), { offsets: [], stable: 0, end, aborted: undefined });
  t.regex(world.logged.slice(before).join(), says);
  t.is(world.written(P, transactional(1, 149, 0, ['x'.repeat(8 * KIB)])), 'PRODUCER_FENCED');
  t.is(world.ask(P, marking(7, 0, false)).type, 'appended');
  t.deepEqual(toldAborted(world, end), texts([[7, 0], ...aborted]));
  world.run(1_000);
  const again = world.logged.length;
  world.restart('power');
  world.run(100);
  t.deepEqual(toldAborted(world, end), texts([[7, 0], ...aborted]));
  t.deepEqual(world.logged.slice(again), [], 'it was written anew');
}

for (const [what, kind] of [
  ['damaged', 'process'],
  ['damaged', 'stop'],
  ['missing', 'process'],
  ['missing', 'stop'],
] as const) {
  test(`a ${what} state of producers is read from the log anew after the end of the ${kind}`, (t) => {
    const world = new StorageWorld(SMALL_FILES);
    const filled = fill(t, world, 150);
    if (kind === 'stop') world.stop();
    else world.crash(kind);
    if (what === 'damaged')
      for (const { position } of statesOf(world)) world.disk.flip(producersPath(id(P)), position + 40, 3);
    else lose(world, producersPath(id(P)));
    comesBack(t, world, filled, new RegExp(`is ${what}: it is read from the log anew`));
  });
}

for (const kind of ['process', 'stop'] as const) {
  test(`the newest state of producers is damaged: what the one before lacks is read after the end of the ${kind}`, (t) => {
    const world = new StorageWorld(SMALL_FILES);
    const filled = fill(t, world, 150);
    if (kind === 'stop') world.stop();
    else world.crash(kind);
    const [older, newest] = statesOf(world);
    t.true(older !== undefined && newest !== undefined && older.upTo < newest.upTo);
    world.disk.flip(producersPath(id(P)), (newest?.position ?? 0) + 40, 3);
    comesBack(t, world, filled, /does not hold: what the one before lacks is read from the log/);
  });
}

test('a write of the state of producers that the disk has lost is noticed by what sidecars name', (t) => {
  const world = new StorageWorld(SMALL_FILES);
  const { aborted, end } = fill(t, world, 150);
  const path = producersPath(id(P));
  const before = world.disk.peek(path);
  world.stop();
  t.notDeepEqual(world.disk.peek(path), before, 'the stop has written it');
  world.disk.open(path, { mode: 'write' }, (_error, file) => {
    if (file !== undefined) world.disk.write(file, [before], 0, () => {});
  });
  world.run(100);
  t.deepEqual(world.disk.peek(path), before);
  world.start();
  world.run(100);
  t.is(world.written(P, transactional(1, 149, 0, ['x'.repeat(8 * KIB)])), 'PRODUCER_FENCED');
  t.is(world.ask(P, marking(7, 0, false)).type, 'appended');
  t.deepEqual(toldAborted(world, end), texts([[7, 0], ...aborted]));
  t.deepEqual(world.logged, []);
});

test('what the journal has lost and segments have kept: the state of producers is read from these', (t) => {
  const world = new StorageWorld({ settings: { durability: 'interval' } });
  t.is(world.written(P, transactional(1, 0, 0, ['a'])), 0);
  t.is(world.ask(P, marking(1, 1, true)).type, 'appended');
  world.stop();
  world.start();
  t.is(world.written(P, batch(['the journal goes on'])), 2);
  const [journal, producers] = ['journal/0-2', producersPath(id(P))];
  const before = [journal, producers].map((path) => ({ path, bytes: world.disk.peek(path) }));
  t.is(world.written(P, transactional(1, 1, 0, ['open'])), 3);
  world.stop();
  for (const { path, bytes } of before) {
    world.disk.open(path, { mode: 'write' }, (_error, file) => {
      if (file !== undefined) world.disk.write(file, [bytes], 0, () => {});
    });
    world.run(100);
    world.disk.cut(path, bytes.length);
    t.deepEqual(world.disk.peek(path), bytes, path);
  }
  world.start();
  world.run(100);
  const { stable, end } = seen(world);
  t.deepEqual([stable, end], [3, 4]);
});

test('of what retention has taken since the state of producers was written, the journal tells', (t) => {
  const world = new StorageWorld({ settings: { segmentBytes: 100 * KIB, retentionBytes: 1 } });
  const sent = (sequence: number): Uint8Array =>
    batch(['a'], 1_000, {
      producer: { producerId: id<ProducerId>(1), producerEpoch: id<ProducerEpoch>(0), baseSequence: sequence },
    });
  t.is(world.written(P, sent(0)), 0);
  world.stop();
  world.start();
  t.is(world.written(P, sent(1)), 1);
  for (let count = 0; count < 40; count++) t.is(world.written(P, batch([`${'x'.repeat(8 * KIB)}`])), 2 + count);
  world.run(10_000);
  t.true(world.ask<'found'>(P, { type: 'find', at: 'begin' }).offset > 2, 'retention was there');
  world.restart('process');
  world.run(100);
  t.is(world.written(P, sent(2)), 42);
  t.is(world.written(P, sent(1)), 1, 'known');
  t.deepEqual(world.logged, []);
});

test('where no producer has an id there is no state of them, and nothing is read anew', (t) => {
  const world = new StorageWorld(SMALL_FILES);
  for (let count = 0; count < 200; count++) t.is(world.written(P, batch([`${'x'.repeat(8 * KIB)}`])), count);
  world.restart('process');
  world.run(100);
  t.is(world.written(P, batch(['more'])), 200);
  t.deepEqual(world.logged, []);
});

test('a damaged state of producers beside damaged records: what can be read tells what it knows', (t) => {
  const world = new StorageWorld(SMALL_FILES);
  const { aborted, end } = fill(t, world, 60);
  world.stop();
  for (const { position } of statesOf(world)) world.disk.flip(producersPath(id(P)), position + 40, 3);
  // Some batch of the first segment, one that was taken back: its marker alone says nothing.
  world.disk.flip(segmentPath(id(P), id(0), 0), 9_000, 0);
  world.start();
  world.run(100);
  t.is(world.ask(P, marking(7, 0, false)).type, 'appended');
  const told = new Set<string>();
  for (let from = 0; from < end; from++) {
    const read = world.ask<'records' | 'refused'>(P, { type: 'read', offset: id<Offset>(from), bytesMax: 1 });
    if (read.type === 'records') for (const entry of read.aborted ?? []) told.add(entry.join(' '));
  }
  const expected = texts([[7, 0], ...aborted]);
  t.true([...told].every((entry) => expected.includes(entry)));
  t.true(told.size >= expected.length - 1, `${told.size} of ${expected.length}`);
});
