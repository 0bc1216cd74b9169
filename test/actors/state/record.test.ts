/** How a state log is read: snapshots that were cut short, logs that were trimmed, batches of any size. */
import test from 'ava';
import { packRecords, packSnapshot, Replay } from '../../../actors/state/record.ts';
import { batchesIn, readNextOffset, stampBatch } from '../../../src/model/batch.ts';
import { id } from '../../../src/model/ids.ts';
import { codec } from '../state-world.ts';

/** A state that is the list of its records. */
class Listed {
  records: string[] = [];
  reset(): void {
    this.records = [];
  }
  apply(record: string): void {
    this.records.push(record);
  }
  decode(value: unknown): string | null {
    return typeof value === 'string' ? value : null;
  }
}

const plain = (...records: string[]): Uint8Array[] => packRecords(records, codec, 1).map(({ bytes }) => bytes);
const snapshot = (...records: string[]): Uint8Array[] => packSnapshot(records, codec, 1).map(({ bytes }) => bytes);

/** Batches one after the other, with the offsets that a log would give them. */
function logOf(...batches: Uint8Array[]): Uint8Array {
  let next = 0;
  for (const batch of batches) {
    stampBatch(batch, 0, id(next), id(0));
    next = readNextOffset(batch);
  }
  return Buffer.concat(batches);
}

function read(bytes: Uint8Array, trimmed = false): { readonly records: string[]; readonly whole: boolean } {
  const state = new Listed();
  const replay = new Replay(codec, state, trimmed);
  let next = 0;
  for (const batch of batchesIn(bytes)) {
    const wrong = replay.add(batch, next);
    if (wrong !== null) throw new Error(wrong.code);
    next = readNextOffset(batch);
  }
  return { records: state.records, whole: replay.whole };
}

test('records are read in order, and those of a batch before the offset only once', (t) => {
  t.deepEqual(read(logOf(...plain('a', 'b'), ...plain('c'))).records, ['a', 'b', 'c']);
  const state = new Listed();
  new Replay(codec, state, false).add(logOf(...plain('a', 'b', 'c')), 2);
  t.deepEqual(state.records, ['c']);
});

test('bytes in a record stay as they are when the memory that was read into is used again', (t) => {
  const found: unknown[] = [];
  const state = { reset: () => {}, apply: (record: unknown) => found.push(record), decode: (value: unknown) => value };
  const bytes = Uint8Array.from(
    logOf(...packRecords([{ assignment: Uint8Array.of(1, 2, 3) }], codec, 1).map((one) => one.bytes)),
  );
  new Replay<unknown>(codec, state, false).add(bytes, 0);
  bytes.fill(0xff);
  t.deepEqual(found, [{ assignment: Uint8Array.of(1, 2, 3) }]);
});

test('a snapshot stands for all before it', (t) => {
  t.deepEqual(read(logOf(...plain('a', 'b'), ...snapshot('ab'), ...plain('c'))).records, ['ab', 'c']);
});

test('a snapshot whose end is missing never happened', (t) => {
  const large = 'x'.repeat(300_000);
  const parts = snapshot(large, large, large);
  t.true(parts.length > 1, 'it takes several batches');
  const cut = parts.slice(0, -1);
  t.deepEqual(read(logOf(...plain('a'), ...cut)).records, ['a']);
  t.deepEqual(read(logOf(...plain('a'), ...cut, ...plain('b'))).records, ['a', 'b']);
  const again = snapshot('ab');
  t.deepEqual(read(logOf(...plain('a'), ...cut, ...plain('b'), ...again)).records, ['ab']);
});

test('a trimmed log is nothing without a whole snapshot', (t) => {
  const tail = snapshot('x'.repeat(600_000), 'y').slice(-1);
  t.deepEqual(read(logOf(...plain('b')), true), { records: [], whole: false });
  t.deepEqual(read(logOf(...tail, ...plain('b')), true), { records: [], whole: false });
  t.deepEqual(read(logOf(...tail, ...plain('b'), ...snapshot('ab'), ...plain('c')), true), {
    records: ['ab', 'c'],
    whole: true,
  });
});

test('a snapshot of nothing is a snapshot', (t) => {
  t.deepEqual(read(logOf(...plain('a'), ...snapshot())).records, []);
});

test('a batch holds what fits, a record larger than that has one to itself', (t) => {
  const records = ['a', 'x'.repeat(700_000), 'b', 'c'];
  const packed = packRecords(records, codec, 1);
  t.deepEqual(
    packed.map(({ count }) => count),
    [1, 1, 2],
  );
  t.deepEqual(read(logOf(...packed.map(({ bytes }) => bytes))).records, records);
});

test('a record that this version does not know ends the replay by name', (t) => {
  const [batch] = packRecords([7], codec, 1);
  const replay = new Replay(codec, new Listed(), false);
  t.is(replay.add(logOf(batch?.bytes as Uint8Array), 0)?.code, 'UNSUPPORTED_VERSION');
});
