/** Judges what a partition keeps of transactions: what readers may see, what was taken back, roll back, snapshots. */
import { crc32c } from '@node-rs/crc32';
import test from 'ava';
import fc from 'fast-check';
import { Producers } from '../../src/log/producers.ts';
import { readNextOffset, stampBatch, TRANSACTIONAL_FLAG } from '../../src/model/batch.ts';
import { writeInt16, writeInt32 } from '../../src/model/bytes.ts';
import { markerBatch, readMarker } from '../../src/model/control.ts';
import { type Epoch, id, type Offset, type ProducerEpoch, type ProducerId } from '../../src/model/ids.ts';
import { smallBatch } from '../model/batches.ts';

function transactional(producer: number, epoch: number, sequence: number, count = 1): Uint8Array {
  const bytes = smallBatch(count, {
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

/** A partition's log, as far as transactions go: keeps all batches, to replay them. */
class Log {
  producers = new Producers();
  readonly batches: Uint8Array[] = [];
  end = 0;
  committed = 0;

  append(bytes: Uint8Array): void {
    stampBatch(bytes, 0, id<Offset>(this.end), id<Epoch>(0));
    this.producers.append(bytes);
    this.batches.push(bytes);
    this.end = readNextOffset(bytes);
  }

  /** `begin` where a coordinator would be asked; stored all the same. */
  send(producer: number, epoch: number, sequence: number, count = 1): string {
    const bytes = transactional(producer, epoch, sequence, count);
    const verdict = this.producers.check(bytes);
    if (verdict.kind === 'accept' || verdict.kind === 'begin') this.append(bytes);
    return verdict.kind === 'fault' ? verdict.fault.code : verdict.kind;
  }

  mark(producer: number, epoch: number, commit: boolean): string {
    const bytes = markerBatch({ producer, epoch, commit, coordinatorEpoch: 0, at: 5 }, crc32c);
    const verdict = this.producers.check(bytes);
    if (verdict.kind === 'accept') this.append(bytes);
    return verdict.kind === 'fault' ? verdict.fault.code : verdict.kind;
  }

  commit(upTo = this.end): void {
    this.committed = upTo;
    this.producers.commit(id<Offset>(upTo));
  }

  get stable(): number {
    return this.producers.transactions.stable(id<Offset>(this.committed));
  }

  aborted(from = 0, to = this.end): readonly (readonly number[])[] {
    return this.producers.transactions.aborted(from, to);
  }
}

test('a marker is one control record that says how the transaction ended', (t) => {
  for (const commit of [true, false]) {
    const bytes = markerBatch({ producer: 9, epoch: 3, commit, coordinatorEpoch: 7, at: 1_000 }, crc32c);
    t.is(readMarker(bytes), commit ? 'commit' : 'abort');
    t.deepEqual([...bytes.subarray(61)], [32, 0, 0, 0, 8, 0, 0, 0, commit ? 1 : 0, 12, 0, 0, 0, 0, 0, 7, 0]);
  }
});

test('readers of committed records stop before the first open transaction', (t) => {
  const log = new Log();
  t.is(log.send(1, 0, 0, 2), 'begin');
  t.is(log.send(2, 0, 0), 'begin');
  t.is(log.send(1, 0, 2), 'accept', 'its transaction is open here');
  log.commit();
  t.is(log.stable, 0);
  t.is(log.mark(1, 0, true), 'accept');
  t.is(log.stable, 0, 'its marker is not committed');
  log.commit();
  t.is(log.stable, 2, 'the other one began there');
  t.is(log.mark(2, 0, false), 'accept');
  log.commit();
  t.is(log.stable, 6);
  t.deepEqual(log.aborted(), [[2, 2]]);
  t.deepEqual(log.aborted(0, 2), []);
  t.deepEqual(log.aborted(5, 6), [[2, 2]], 'its records may lie there, up to its marker');
  t.deepEqual(log.aborted(6, 7), []);
});

test('a marker that comes again writes nothing; an older one is fenced; a late batch is fenced by a newer epoch', (t) => {
  const log = new Log();
  log.send(1, 0, 0);
  t.is(log.mark(1, 1, false), 'accept', 'with the epoch of the next transaction');
  t.is(log.mark(1, 1, false), 'duplicate');
  t.is(log.mark(1, 0, true), 'PRODUCER_FENCED');
  t.is(log.send(1, 0, 1), 'PRODUCER_FENCED');
  t.is(log.send(1, 1, 1), 'OUT_OF_ORDER_SEQUENCE', 'a new epoch begins at sequence 0');
  t.is(log.send(1, 1, 0), 'begin');
});

test('where the epoch stays, sequences go on behind the marker, and the next batch begins another transaction', (t) => {
  const log = new Log();
  log.send(1, 0, 0, 3);
  log.mark(1, 0, true);
  t.is(log.send(1, 0, 0), 'OUT_OF_ORDER_SEQUENCE');
  t.is(log.send(1, 0, 3), 'begin');
  t.is(log.send(1, 0, 3), 'duplicate');
});

test('batches outside of the transaction that is open are refused', (t) => {
  const log = new Log();
  log.send(1, 0, 0);
  const plain = smallBatch(1, {
    producer: { producerId: id<ProducerId>(1), producerEpoch: id<ProducerEpoch>(0), baseSequence: 1 },
  });
  const verdict = log.producers.check(plain);
  t.is(verdict.kind === 'fault' ? verdict.fault.code : '', 'INVALID_TRANSACTION_STATE');
  t.is(log.send(1, 1, 0), 'INVALID_TRANSACTION_STATE', 'another epoch, although the one before was not ended');
});

test('what was rolled back is open again, or was never there', (t) => {
  const log = new Log();
  log.send(1, 0, 0);
  log.commit();
  log.mark(1, 0, false);
  log.send(2, 0, 0);
  log.producers.truncate(id<Offset>(1));
  t.deepEqual(log.aborted(), []);
  t.is(log.stable, 0);
  t.is(log.producers.transactions.epochOf(1), 0);
  t.is(log.producers.transactions.epochOf(2), -1);
});

test('what was taken back before the begin of the log is forgotten', (t) => {
  const log = new Log();
  for (const producer of [1, 2]) {
    log.send(producer, 0, 0);
    log.mark(producer, 0, false);
  }
  log.producers.transactions.trim(2);
  t.deepEqual(log.aborted(), [[2, 2]]);
});

interface Op {
  readonly producer: number;
  readonly what: 'send' | 'commit' | 'abort' | 'settle';
}
const ops = fc.array(
  fc.record<Op>({ producer: fc.nat(3), what: fc.constantFrom('send', 'send', 'commit', 'abort', 'settle') }),
  { maxLength: 60 },
);

/** What readers must see, from the batches alone. */
function model(log: Log): { readonly stable: number; readonly aborted: string[] } {
  const open = new Map<number, number>();
  const undecided: number[] = [];
  const aborted: string[] = [];
  for (const bytes of log.batches) {
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    const [offset, producer] = [Number(view.getBigInt64(0)), Number(view.getBigInt64(43))];
    const first = open.get(producer);
    if ((view.getInt16(21) & 0x20) === 0) {
      if (first === undefined) open.set(producer, offset);
    } else if (first !== undefined) {
      open.delete(producer);
      if (offset >= log.committed) undecided.push(first);
      if (readMarker(bytes) === 'abort') aborted.push(`${producer} ${first}`);
    }
  }
  return { stable: Math.min(log.committed, ...undecided, ...open.values()), aborted: aborted.sort() };
}

/** Plays operations: sequences go on, the epoch stays. */
function play(steps: readonly Op[], log = new Log()): Log {
  const sequences = new Map<number, number>();
  for (const { producer, what } of steps) {
    const sequence = sequences.get(producer) ?? 0;
    if (what === 'settle') log.commit();
    else if (what === 'send') {
      log.send(producer, 0, sequence);
      sequences.set(producer, sequence + 1);
    } else log.mark(producer, 0, what === 'commit');
  }
  return log;
}

test('the stable offset and what was taken back are what the batches say', (t) => {
  fc.assert(
    fc.property(ops, (steps) => {
      const log = play(steps);
      const expected = model(log);
      t.is(log.stable, expected.stable);
      t.deepEqual(
        log
          .aborted()
          .map((entry) => entry.join(' '))
          .sort(),
        expected.aborted,
      );
    }),
  );
});

test('a snapshot of any committed offset and the batches behind it lead to the same', (t) => {
  fc.assert(
    fc.property(ops, fc.double({ min: 0, max: 1, noNaN: true }), (steps, part) => {
      const log = play(steps);
      log.commit();
      const upTo = Math.floor(part * log.end);
      const restored = Producers.restore(JSON.parse(JSON.stringify(log.producers.snapshot(id<Offset>(upTo)))));
      if (!restored.ok) throw new Error(restored.fault.message);
      for (const bytes of log.batches) if (readNextOffset(bytes) > upTo) restored.value.append(bytes);
      restored.value.commit(id<Offset>(log.end));
      const { transactions } = restored.value;
      t.is(transactions.stable(id<Offset>(log.end)), log.stable as Offset);
      t.deepEqual(transactions.aborted(0, log.end), log.producers.transactions.aborted(0, log.end));
      for (let producer = 0; producer < 4; producer++)
        t.is(transactions.firstOf(producer), log.producers.transactions.firstOf(producer));
    }),
  );
});

test('every range of offsets is told all that was taken back in it', (t) => {
  fc.assert(
    fc.property(ops, fc.nat(60), fc.nat(60), (steps, one, other) => {
      const log = play(steps);
      log.commit();
      const [from, to] = [Math.min(one, other, log.end), Math.min(Math.max(one, other), log.end)];
      const told = new Set(log.aborted(from, to).map((entry) => entry.join(' ')));
      // The transactions, each with its marker, found by asking for single offsets.
      const untold: string[] = [];
      for (let offset = from; offset < to; offset++)
        for (const entry of log.aborted(offset, offset + 1))
          if (!told.has(entry.join(' '))) untold.push(entry.join(' '));
      t.deepEqual(untold, []);
    }),
  );
});
