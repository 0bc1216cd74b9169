/** Judges the state of idempotent producers: retries, order, epochs, roll back, snapshots, against a plain model. */
import test from 'ava';
import fc from 'fast-check';
import { Producers, type Verdict } from '../../src/log/producers.ts';
import { stampBatch } from '../../src/model/batch.ts';
import { type Epoch, id, type Offset, type ProducerEpoch, type ProducerId } from '../../src/model/ids.ts';
import { smallBatch } from '../model/batches.ts';

const SEQUENCE_MAX = 2 ** 31 - 1;

/** A partition's log as far as producers see it: appends what is accepted at the next offset. */
class Log {
  producers: Producers;
  next = 0;
  constructor(producers = new Producers()) {
    this.producers = producers;
  }

  batch(producer: number, epoch: number, sequence: number, count = 1): Uint8Array {
    return smallBatch(count, {
      producer: {
        producerId: id<ProducerId>(producer),
        producerEpoch: id<ProducerEpoch>(epoch),
        baseSequence: sequence,
      },
    });
  }

  /** `accept`, `duplicate of <base offset>` or the fault's code. */
  send(producer: number, epoch: number, sequence: number, count = 1): string {
    const bytes = this.batch(producer, epoch, sequence, count);
    const verdict = this.producers.check(bytes);
    if (verdict.kind === 'accept') {
      stampBatch(bytes, 0, id<Offset>(this.next), id<Epoch>(0));
      this.producers.append(bytes);
      this.next += count;
    }
    return shown(verdict);
  }

  /** Sends and commits at once. */
  store(producer: number, epoch: number, sequence: number, count = 1): string {
    const answer = this.send(producer, epoch, sequence, count);
    this.producers.commit(id<Offset>(this.next));
    return answer;
  }
}

function shown(verdict: Verdict): string {
  if (verdict.kind === 'duplicate') return `duplicate of ${verdict.baseOffset}..${verdict.nextOffset}`;
  return verdict.kind === 'fault' ? verdict.fault.code : 'accept';
}

test('batches without a producer are let through and leave no trace', (t) => {
  const producers = new Producers();
  t.is(shown(producers.check(smallBatch(1))), 'accept');
  producers.append(smallBatch(1));
  t.is(producers.size, 0);
});

test('sequences go on where the last batch ended; a gap and a step back are out of order', (t) => {
  const log = new Log();
  t.is(log.store(1, 0, 0, 3), 'accept');
  t.is(log.store(1, 0, 4), 'OUT_OF_ORDER_SEQUENCE');
  t.is(log.store(1, 0, 3), 'accept');
  t.is(log.store(1, 0, 1), 'OUT_OF_ORDER_SEQUENCE');
});

test('a retry of one of the last five batches is answered with its first offset, one before them is out of order', (t) => {
  const log = new Log();
  for (let batch = 0; batch < 7; batch++) t.is(log.store(1, 0, batch * 2, 2), 'accept');
  for (let batch = 2; batch < 7; batch++) {
    t.is(log.send(1, 0, batch * 2, 2), `duplicate of ${batch * 2}..${batch * 2 + 2}`);
  }
  t.is(log.send(1, 0, 0, 2), 'OUT_OF_ORDER_SEQUENCE');
  t.is(log.send(1, 0, 12, 1), 'OUT_OF_ORDER_SEQUENCE', 'the same sequence with another count is no retry');
});

test('sequences wrap from 2^31 - 1 to 0, between batches and inside one', (t) => {
  const log = new Log();
  t.is(log.store(1, 0, SEQUENCE_MAX), 'accept');
  t.is(log.store(1, 0, 0), 'accept');
  t.is(log.store(2, 0, SEQUENCE_MAX - 1, 5), 'accept');
  t.is(log.send(2, 0, SEQUENCE_MAX - 1, 5), 'duplicate of 2..7');
  t.is(log.store(2, 0, 4), 'OUT_OF_ORDER_SEQUENCE');
  t.is(log.store(2, 0, 3), 'accept');
});

test('a new epoch begins at sequence 0 and fences the older one', (t) => {
  const log = new Log();
  log.store(1, 3, 0);
  t.is(log.send(1, 4, 1), 'OUT_OF_ORDER_SEQUENCE');
  t.is(log.send(1, 4, 0), 'accept');
  t.is(log.send(1, 3, 1), 'PRODUCER_FENCED');
  t.is(log.send(1, 3, 0), 'PRODUCER_FENCED');
  t.is(log.send(1, 4, 0), 'duplicate of 1..2');
});

test('a producer that is not known may begin anywhere: its state may have been forgotten', (t) => {
  t.is(new Log().store(9, 2, 1_000), 'accept');
});

test('the least recently used producer is forgotten first', (t) => {
  const log = new Log(new Producers(2));
  log.store(1, 0, 0);
  log.store(2, 0, 0);
  log.store(1, 0, 1);
  log.store(3, 0, 0);
  t.is(log.producers.size, 2);
  t.is(log.send(1, 0, 1), 'duplicate of 2..3');
  t.is(log.store(2, 0, 7), 'accept');
});

test('what is cut off the tail is forgotten, also more than five batches, and what was before counts again', (t) => {
  const log = new Log();
  for (let sequence = 0; sequence < 5; sequence++) log.store(1, 0, sequence);
  for (let sequence = 5; sequence < 15; sequence++) log.send(1, 0, sequence);
  log.send(1, 1, 0);
  log.send(2, 0, 0);
  log.producers.truncate(id<Offset>(5));
  log.next = 5;
  t.is(log.producers.size, 1);
  for (let sequence = 0; sequence < 5; sequence++) t.regex(log.send(1, 0, sequence), /^duplicate/);
  t.is(log.send(1, 0, 5), 'accept');
});

test('state stays bounded when nothing is ever committed', (t) => {
  const log = new Log();
  for (let sequence = 0; sequence < 1_000; sequence++) log.send(1, 0, sequence);
  let known = 0;
  for (let sequence = 0; sequence < 1_000; sequence++) if (/^dup/.test(log.send(1, 0, sequence))) known++;
  t.true(known >= 256 && known < 300, String(known));
});

/** The same rules over the whole history, without a bound. */
class Model {
  history: { producer: number; epoch: number; first: number; count: number; base: number }[] = [];

  answer(producer: number, epoch: number, first: number, count: number): string {
    const own = this.history.filter((batch) => batch.producer === producer);
    const last = own.at(-1);
    if (last === undefined) return 'accept';
    if (epoch < last.epoch) return 'PRODUCER_FENCED';
    if (epoch > last.epoch) return first === 0 ? 'accept' : 'OUT_OF_ORDER_SEQUENCE';
    if (first === (last.first + last.count) % 2 ** 31) return 'accept';
    const known = own
      .slice(-5)
      .find((batch) => batch.epoch === epoch && batch.first === first && batch.count === count);
    return known === undefined ? 'OUT_OF_ORDER_SEQUENCE' : `duplicate of ${known.base}..${known.base + known.count}`;
  }
}

const command = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('send' as const),
      producer: fc.nat(2),
      epoch: fc.nat(2),
      back: fc.nat(5),
      count: fc.integer({ min: 1, max: 3 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('commit' as const), share: fc.double({ min: 0, max: 1, noNaN: true }) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('truncate' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('restart' as const) }) },
);

test('against a model of the whole history, with roll backs and restarts from snapshots', (t) => {
  fc.assert(
    fc.property(fc.array(command, { maxLength: 60 }), (commands) => {
      const log = new Log();
      const model = new Model();
      let committed = 0;
      for (const step of commands) {
        if (step.kind === 'send') {
          const own = model.history.filter((batch) => batch.producer === step.producer);
          const last = own.at(-1);
          // Near what is due: the next sequence, or a batch that was sent before.
          const again = step.back > 0 ? own.at(-step.back) : undefined;
          const first = again?.first ?? (last?.epoch === step.epoch ? last.first + last.count : 0);
          const count = again?.count ?? step.count;
          const expected = model.answer(step.producer, step.epoch, first, count);
          const base = log.next;
          const answer = log.send(step.producer, step.epoch, first, count);
          // Above the committed offset more than five batches are kept: a retry may be known for longer, never for less.
          const longer = expected === 'OUT_OF_ORDER_SEQUENCE' && answer.startsWith('duplicate');
          if (answer !== expected && !(longer && own.length > 5)) return false;
          if (answer === 'accept') {
            model.history.push({ producer: step.producer, epoch: step.epoch, first, count, base });
          }
        } else if (step.kind === 'commit') {
          const upTo = model.history[Math.floor(step.share * model.history.length)]?.base ?? log.next;
          committed = Math.max(committed, upTo);
          log.producers.commit(id<Offset>(committed));
        } else {
          model.history = model.history.filter((batch) => batch.base < committed);
          log.next = committed;
          if (step.kind === 'truncate') log.producers.truncate(id<Offset>(committed));
          else {
            const snapshot: unknown = JSON.parse(JSON.stringify(log.producers.snapshot(id<Offset>(committed))));
            const restored = Producers.restore(snapshot);
            if (!restored.ok) return false;
            log.producers = restored.value;
          }
        }
      }
      return true;
    }),
    { numRuns: 500 },
  );
  t.pass();
});

test('a snapshot that is no snapshot is damage, never an error', (t) => {
  fc.assert(
    fc.property(fc.anything(), (value) => {
      const restored = Producers.restore(value);
      return restored.ok || restored.fault.code === 'DATA_DAMAGED';
    }),
    { numRuns: 2_000 },
  );
  for (const producers of [
    [[1]],
    [[-1, [0, 0, 0, 0, 1]]],
    [[1, [0, 0, 0, 5, 5]]],
    [[1, [0, 0, 0, 9, 11]]],
    [[1, [0, 0]]],
  ]) {
    t.false(Producers.restore({ upTo: 10, producers }).ok, JSON.stringify(producers));
  }
});
