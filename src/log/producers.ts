/**
 * Idempotent producers of one partition: which sequence each may send next, and where its last batches are, so that a
 * retry is answered and not stored again. Speculative above the committed offset: `truncate` rolls it back with the tail.
 * Rebuilt by feeding it the headers of the log in order, or from a snapshot and what follows. Never writes, never waits.
 *
 * A transaction is open from its first batch here to its marker, which carries its producer's epoch or a later one; with
 * that, batches of older epochs are fenced. Only {@link PartitionTransactions} knows which transactions are open.
 *
 * Sequences and epochs follow Kafka 4 (KIP-98, KIP-360): a batch goes on where the producer's last one ended, from
 * 2^31 - 1 to 0; a new epoch starts at sequence 0; an older epoch is fenced. A producer that is not known (its state went
 * with the least recently used, or it is new here) may begin at any sequence: the client cannot know what was forgotten,
 * so UNKNOWN_PRODUCER is never answered.
 */
import {
  lastSequence,
  NO_PRODUCER,
  readBaseOffset,
  readBaseSequence,
  readLastOffsetDelta,
  readMaxTimestamp,
  readNextOffset,
  readProducerEpoch,
  readProducerId,
  SEQUENCE_MAX,
} from '../model/batch.ts';
import { isControl, isTransactional, readMarker } from '../model/control.ts';
import { type Fault, failed, fault, ok, type Result } from '../model/faults.ts';
import { id, type Offset } from '../model/ids.ts';
import { PRODUCER_BATCHES_KEPT, PRODUCERS_PER_PARTITION_MAX, REQUESTS_IN_FLIGHT_MAX } from '../model/limits.ts';
import { PartitionTransactions, type TransactionsSnapshot } from './transactions.ts';

export type Verdict =
  | { readonly kind: 'accept' }
  /** Would begin a transaction here: its coordinator is to be asked first. */
  | { readonly kind: 'begin' }
  /** Stored before: to be answered once what lies below `nextOffset` is committed. */
  | { readonly kind: 'duplicate'; readonly baseOffset: Offset; readonly nextOffset: Offset }
  | { readonly kind: 'fault'; readonly fault: Fault };

/** Plain values, for any codec: `[producer id, [epoch, first sequence, last sequence, base offset, next offset, timestamp]...]`. */
export interface ProducersSnapshot extends TransactionsSnapshot {
  /** All batches below it are in the snapshot. */
  readonly upTo: number;
  /** Least recently used first. */
  readonly producers: readonly (readonly [producerId: number, ...batches: readonly SnapshotBatch[]])[];
}
/** Markers stand among the batches: they have no first sequence, and as last one that of the batch before, or none. */
type SnapshotBatch = readonly [
  epoch: number,
  firstSequence: number,
  lastSequence: number,
  baseOffset: number,
  nextOffset: number,
  timestamp: number,
];

interface Batch {
  readonly epoch: number;
  readonly firstSequence: number;
  readonly lastSequence: number;
  readonly baseOffset: Offset;
  readonly nextOffset: Offset;
  /** Of its newest record, ms since 1970; -1: none was given. */
  readonly timestamp: number;
}

/** Of one producer: more than its connection may have in flight, so that only a replay gets there. */
const SPECULATIVE_BATCHES_MAX = REQUESTS_IN_FLIGHT_MAX + PRODUCER_BATCHES_KEPT;

/** Of sequences and timestamps that there are none of. */
const NONE = -1;
const ACCEPT: Verdict = { kind: 'accept' };
const BEGIN: Verdict = { kind: 'begin' };

export class Producers {
  /** By producer id, in the order of their last append. Batches oldest first, at least one each. */
  readonly #producers = new Map<number, Batch[]>();
  /** Whose append was the last, while it stands last there. */
  #newest = NO_PRODUCER;
  #committed = 0 as Offset;
  /** Behind the last batch taken in: a roll back to there or beyond has nothing to do. */
  #end = 0 as Offset;
  readonly #producersMax: number;
  #transactions = new PartitionTransactions();

  constructor(producersMax = PRODUCERS_PER_PARTITION_MAX) {
    this.#producersMax = producersMax;
  }

  /** Producers known. */
  get size(): number {
    return this.#producers.size;
  }

  get transactions(): PartitionTransactions {
    return this.#transactions;
  }

  /** Nothing is known that would have to be kept. */
  get isEmpty(): boolean {
    return this.#producers.size === 0 && this.#transactions.size === 0;
  }

  /** May the batch whose header is at `at` be appended next? Its fields were checked at the door. */
  check(header: Uint8Array, at = 0): Verdict {
    const producerId = readProducerId(header, at);
    if (producerId === NO_PRODUCER) return ACCEPT;
    if (isControl(header, at)) return this.#checkMarker(producerId, readProducerEpoch(header, at));
    const verdict = this.#checkSequence(producerId, header, at);
    if (verdict.kind !== 'accept') return verdict;
    return this.#checkTransaction(producerId, readProducerEpoch(header, at), isTransactional(header, at));
  }

  /** A marker without a transaction is a repeated one: answered once everything here is committed. */
  #checkMarker(producerId: number, epoch: number): Verdict {
    const open = this.#transactions.epochOf(producerId);
    const last = Math.max(open, this.#producers.get(producerId)?.at(-1)?.epoch ?? -1);
    if (epoch < last) return refuse('PRODUCER_FENCED', producerId, `marker of epoch ${epoch} is older than ${last}`);
    return open >= 0 ? ACCEPT : { kind: 'duplicate', baseOffset: this.#end, nextOffset: this.#end };
  }

  #checkTransaction(producerId: number, epoch: number, transactional: boolean): Verdict {
    const open = this.#transactions.epochOf(producerId);
    if (open < 0) return transactional ? BEGIN : ACCEPT;
    if (transactional && open === epoch) return ACCEPT;
    return refuse('INVALID_TRANSACTION_STATE', producerId, `its transaction of epoch ${open} is not over`);
  }

  #checkSequence(producerId: number, header: Uint8Array, at: number): Verdict {
    const batches = this.#producers.get(producerId);
    const last = batches?.at(-1);
    if (batches === undefined || last === undefined) return ACCEPT;
    const epoch = readProducerEpoch(header, at);
    const first = readBaseSequence(header, at);
    if (epoch < last.epoch) return refuse('PRODUCER_FENCED', producerId, `epoch ${epoch} is older than ${last.epoch}`);
    if (epoch > last.epoch) {
      if (first === 0) return ACCEPT;
      return refuse('OUT_OF_ORDER_SEQUENCE', producerId, `new epoch ${epoch} begins at sequence ${first}, not 0`);
    }
    const expected = last.lastSequence === SEQUENCE_MAX ? 0 : last.lastSequence + 1;
    if (first === expected) return ACCEPT;
    const known = findDuplicate(batches, epoch, first, lastSequence(first, readLastOffsetDelta(header, at)));
    if (known !== null) return { kind: 'duplicate', baseOffset: known.baseOffset, nextOffset: known.nextOffset };
    return refuse('OUT_OF_ORDER_SEQUENCE', producerId, `sequence ${first} came, ${expected} was expected`);
  }

  /** Takes in the batch at `at`, which carries its offset: it was accepted, or read from the log at start. */
  append(header: Uint8Array, at = 0): void {
    const producerId = readProducerId(header, at);
    if (producerId === NO_PRODUCER) return;
    const batches = this.#producers.get(producerId) ?? [];
    const batch = isControl(header, at) ? markerOf(header, at, batches.at(-1)) : batchOf(header, at);
    this.#follow(producerId, batch, header, at);
    if (producerId !== this.#newest) this.#setNewest(producerId, batches);
    batches.push(batch);
    this.#end = batch.nextOffset;
    this.#forgetBatches(batches);
    if (this.#producers.size > this.#producersMax) this.#forgetOldest();
  }

  /** Deleted and set again, the producer is the most recently used: the map keeps the order of insertion. */
  #setNewest(producerId: number, batches: Batch[]): void {
    this.#producers.delete(producerId);
    this.#producers.set(producerId, batches);
    this.#newest = producerId;
  }

  #follow(producerId: number, { epoch, baseOffset }: Batch, header: Uint8Array, at: number): void {
    if (isControl(header, at)) {
      const marker = readMarker(at === 0 ? header : header.subarray(at));
      if (marker !== null) this.#transactions.end(producerId, marker === 'commit', baseOffset);
    } else if (isTransactional(header, at)) this.#transactions.add(producerId, epoch, baseOffset);
  }

  /** All that are known, for people. */
  report(): { producer: number; epoch: number; lastSequence: number; lastTimestamp: number; openSince: number }[] {
    return [...this.#producers].map(([producer, batches]) => {
      const { epoch = 0, lastSequence: last = NONE, timestamp: lastTimestamp = NONE } = batches.at(-1) ?? {};
      return { producer, epoch, lastSequence: last, lastTimestamp, openSince: this.#transactions.firstOf(producer) };
    });
  }

  /** Of the batches from `from` to before `to` those that say what a producer has sent last: base offsets. */
  lastOnes(from: Offset, to: Offset): number[] {
    const found: number[] = [];
    for (const batches of this.#producers.values()) {
      const last = batches.at(-1);
      const data = batches.findLast(({ firstSequence }) => firstSequence >= 0);
      for (const one of last === data ? [last] : [last, data])
        if (one !== undefined && from <= one.baseOffset && one.baseOffset < to) found.push(one.baseOffset);
    }
    return found;
  }

  /** What lies below `offset` is never rolled back. */
  commit(offset: Offset): void {
    if (offset > this.#committed) this.#committed = offset;
    if (this.#transactions.size > 0) this.#transactions.commit(offset);
  }

  /** Rolls back to `offset`: the batches from there on were cut off the log. At or above the committed offset. */
  truncate(offset: Offset): void {
    if (offset >= this.#end) return;
    this.#end = offset;
    this.#newest = NO_PRODUCER;
    this.#transactions.truncate(offset);
    for (const [producerId, batches] of this.#producers) {
      while ((batches.at(-1)?.nextOffset ?? 0) > offset) batches.pop();
      if (batches.length === 0) this.#producers.delete(producerId);
    }
  }

  /** State of all that lies below `upTo`, the end of a batch. */
  snapshot(upTo: Offset): ProducersSnapshot {
    const producers: [number, ...SnapshotBatch[]][] = [];
    for (const [producerId, batches] of this.#producers) {
      const below = batches.filter((batch) => batch.nextOffset <= upTo).slice(-PRODUCER_BATCHES_KEPT);
      if (below.length > 0) producers.push([producerId, ...below.map(toPlain)]);
    }
    return { upTo, producers, ...this.#transactions.snapshot(upTo) };
  }

  /** Reads what `snapshot` gave, after it was on disk: nothing about its shape is taken for granted. */
  static restore(snapshot: unknown, producersMax = PRODUCERS_PER_PARTITION_MAX): Result<Producers> {
    const restored = new Producers(producersMax);
    if (typeof snapshot !== 'object' || snapshot === null) return badSnapshot('it is no map');
    const { upTo, producers, open, aborted } = snapshot as { [field: string]: unknown };
    const transactions = PartitionTransactions.restore(open, aborted);
    if (transactions === null) return badSnapshot('its transactions are wrong');
    restored.#transactions = transactions;
    if (!isCount(upTo) || !Array.isArray(producers)) return badSnapshot('fields are missing');
    if (producers.length > producersMax) return badSnapshot(`it has ${producers.length} producers`);
    for (const producer of producers) {
      if (!Array.isArray(producer) || !isCount(producer[0])) return badSnapshot('a producer has no id');
      const batches: Batch[] = [];
      for (const plain of producer.slice(1)) {
        const batch = fromPlain(plain);
        if (batch === null || batch.nextOffset > upTo)
          return badSnapshot(`a batch of producer ${producer[0]} is wrong`);
        batches.push(batch);
      }
      if (batches.length === 0) return badSnapshot(`producer ${producer[0]} has no batches`);
      restored.#producers.set(producer[0], batches);
    }
    restored.#committed = upTo as Offset;
    restored.#end = upTo as Offset;
    return ok(restored);
  }

  /** Keeps the last batches, and before them those that count once more when the ones behind are rolled back. */
  #forgetBatches(batches: Batch[]): void {
    while (
      batches.length > SPECULATIVE_BATCHES_MAX ||
      (batches[PRODUCER_BATCHES_KEPT]?.nextOffset ?? Number.POSITIVE_INFINITY) <= this.#committed
    )
      batches.shift();
  }

  #forgetOldest(): void {
    for (const producerId of this.#producers.keys()) {
      this.#producers.delete(producerId);
      return;
    }
  }
}

/** The batch of the same epoch that has exactly these sequences, among all kept. */
function findDuplicate(batches: readonly Batch[], epoch: number, first: number, last: number): Batch | null {
  for (let index = batches.length - 1; index >= 0; index--) {
    const batch = batches[index];
    if (batch === undefined || batch.epoch !== epoch) return null;
    if (batch.firstSequence === first && batch.lastSequence === last) return batch;
  }
  return null;
}

function refuse(
  code: 'PRODUCER_FENCED' | 'OUT_OF_ORDER_SEQUENCE' | 'INVALID_TRANSACTION_STATE',
  producerId: number,
  message: string,
): Verdict {
  return { kind: 'fault', fault: fault(code, `producer ${producerId}: ${message}`) };
}

function badSnapshot(what: string): Result<never> {
  return failed('DATA_DAMAGED', `snapshot of producers: ${what}`);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function batchOf(header: Uint8Array, at: number): Batch {
  const first = readBaseSequence(header, at);
  return {
    epoch: readProducerEpoch(header, at),
    firstSequence: first,
    lastSequence: lastSequence(first, readLastOffsetDelta(header, at)),
    baseOffset: readBaseOffset(header, at),
    nextOffset: readNextOffset(header, at),
    timestamp: readMaxTimestamp(header, at),
  };
}

/** A marker takes no sequence; of a new epoch, the next batch has the first one. */
function markerOf(header: Uint8Array, at: number, before: Batch | undefined): Batch {
  const epoch = readProducerEpoch(header, at);
  const goesOn = before !== undefined && before.epoch === epoch;
  return {
    epoch,
    firstSequence: NONE,
    lastSequence: goesOn ? before.lastSequence : NONE,
    baseOffset: readBaseOffset(header, at),
    nextOffset: readNextOffset(header, at),
    timestamp: readMaxTimestamp(header, at),
  };
}

function toPlain(batch: Batch): SnapshotBatch {
  const { epoch, firstSequence, lastSequence: last, baseOffset, nextOffset, timestamp } = batch;
  return [epoch, firstSequence, last, baseOffset, nextOffset, timestamp];
}

function fromPlain(plain: unknown): Batch | null {
  const isField = (field: unknown, index: number): boolean =>
    isCount(field) || (field === NONE && (index === 1 || index === 2 || index === 5));
  if (!Array.isArray(plain) || plain.length !== 6 || !plain.every(isField)) return null;
  const [epoch, firstSequence, lastSequence, baseOffset, nextOffset, timestamp] = plain as [...SnapshotBatch];
  if (baseOffset >= nextOffset) return null;
  const place = { baseOffset: id<Offset>(baseOffset), nextOffset: id<Offset>(nextOffset) };
  return { epoch, firstSequence, lastSequence, ...place, timestamp };
}
