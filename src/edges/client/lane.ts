/**
 * One partition's way to the node: the batch that is being filled, those that wait, those in flight. Decides what may be
 * sent next so that order holds over retries, and what an answer means for the batches behind it. Sends nothing itself.
 *
 * Order: batches get sequences when first sent and keep them. After a failure nothing is sent until all that is in
 * flight has been answered; then everything unsettled goes again from the front. A batch whose fate is unknown is never
 * sent under a second producer id: that could store it twice.
 */
import { type BatchProducer, SEQUENCE_MAX, stampProducer } from '../../model/batch.ts';
import type { Fault, FaultCode } from '../../model/faults.ts';
import type { PartitionIndex, ProducerEpoch, ProducerId, TopicId } from '../../model/ids.ts';
import { PRODUCER_BATCHES_KEPT } from '../../model/limits.ts';
import { crc32c } from './checksum.ts';
import type { Receipt } from './delivery.ts';
import { CallboardError } from './errors.ts';

/** What the node gave an idempotent producer. */
export interface Identity {
  readonly producerId: ProducerId;
  readonly epoch: ProducerEpoch;
}

/** Batches in flight for one partition: as many as the node remembers, so that a repetition is always recognised. */
export const LANE_IN_FLIGHT_MAX = PRODUCER_BATCHES_KEPT;

/** Records that one flush waits for. */
export interface Round {
  /** Not settled yet. */
  left: number;
}

/** A closed batch until it is settled. */
export interface Batch {
  readonly lane: Lane;
  readonly bytes: Uint8Array;
  readonly count: number;
  readonly receipts: readonly Receipt[];
  /** What it was counted as against the memory bound. */
  readonly memoryBytes: number;
  /** Monotonic; then its senders are told why it is late: DISK_FULL, or TIMED_OUT. */
  readonly deadlineMs: number;
  readonly round: Round;
  /** -1: never sent under the lane's identity. */
  sequence: number;
  /** An attempt ended without an answer: the node may have it. */
  uncertain: boolean;
  state: 'queued' | 'flying' | 'settled';
  attempts: number;
  lastError: CallboardError | null;
}

/** What is to be done with a batch after a failed attempt. */
export type Verdict = 'retry' | 'renew' | 'fail';

/** The node refused before it could have stored anything. */
const NOT_STORED: ReadonlySet<FaultCode> = new Set(['OVERLOADED', 'TOO_MANY_REQUESTS', 'DISK_FULL', 'SHUTTING_DOWN']);

export class Lane {
  readonly topicName: string;
  readonly topic: TopicId;
  readonly partition: PartitionIndex;
  readonly idempotent: boolean;
  identity: Identity | null = null;
  /** The lane needs another identity than the one it has. */
  renewing = false;
  /** Nothing is sent before this, monotonic ms. */
  pausedUntilMs = 0;
  failures = 0;
  /** Why the node took nothing lately; null once it does. */
  refusal: CallboardError | null = null;
  #queue: Batch[] = [];
  #inFlight = 0;
  #draining = false;
  /** The node has stored something of this identity here. */
  #known = false;
  #sequence = 0;

  constructor(topicName: string, topic: TopicId, partition: PartitionIndex, idempotent: boolean) {
    this.topicName = topicName;
    this.topic = topic;
    this.partition = partition;
    this.idempotent = idempotent;
  }

  /** Batches that are not settled, in order. */
  get queue(): readonly Batch[] {
    return this.#queue;
  }

  get idle(): boolean {
    return this.#queue.length === 0 && this.#inFlight === 0;
  }

  /** Nothing is in flight and the batches wait for a new identity. */
  get awaitsIdentity(): boolean {
    return (
      this.idempotent && this.#queue.length > 0 && this.#inFlight === 0 && (this.identity === null || this.renewing)
    );
  }

  enqueue(batch: Batch): void {
    this.#queue.push(batch);
  }

  /** The batch that may be sent now. */
  next(nowMs: number): Batch | null {
    if (this.pausedUntilMs > nowMs || this.#inFlight >= LANE_IN_FLIGHT_MAX) return null;
    if (this.#draining && this.#inFlight > 0) return null;
    if (this.idempotent && (this.identity === null || this.renewing)) return null;
    // A node takes the first batch of a producer that it does not know at any sequence: a second one in flight could
    // pass the first.
    if (this.idempotent && !this.#known && this.#inFlight > 0) return null;
    return this.#queue.find((batch) => batch.state === 'queued') ?? null;
  }

  /** Called for the batch of {@link next} when it goes out. */
  sending(batch: Batch): void {
    this.#draining = false;
    this.#inFlight += 1;
    batch.state = 'flying';
    batch.attempts += 1;
    if (this.identity === null || batch.sequence >= 0) return;
    batch.sequence = this.#sequence;
    this.#sequence = (this.#sequence + batch.count) % (SEQUENCE_MAX + 1);
    stampProducer(batch.bytes, producerOf(this.identity, batch.sequence), crc32c);
  }

  /** Stored: true when somebody still waits for it. */
  stored(batch: Batch): boolean {
    this.failures = 0;
    this.refusal = null;
    this.#known = true;
    return this.#landed(batch) && this.settle(batch);
  }

  /** The node refused it. `null`: nobody waits for it any more. */
  refused(batch: Batch, fault: Fault): Verdict | null {
    const isHead = this.#queue[0] === batch;
    if (!this.#landed(batch)) return null;
    batch.lastError = CallboardError.from(fault);
    this.refusal = batch.lastError;
    if (fault.retryable && !NOT_STORED.has(fault.code)) batch.uncertain = true;
    if (this.idempotent && fault.code === 'OUT_OF_ORDER_SEQUENCE') return this.#outOfOrder(batch, isHead);
    if (this.idempotent && fault.code === 'UNKNOWN_PRODUCER') return batch.uncertain ? 'fail' : this.#renew();
    return fault.retryable && (this.idempotent || !batch.uncertain) ? this.#retry() : 'fail';
  }

  /** The stream ended under it. */
  lost(batch: Batch, error: CallboardError, sent: boolean): Verdict | null {
    if (!this.#landed(batch)) return null;
    batch.lastError = error;
    batch.uncertain ||= sent;
    return this.idempotent || !sent ? this.#retry() : 'fail';
  }

  /** Takes a batch out for good; false when it was before. */
  settle(batch: Batch): boolean {
    const at = this.#queue.indexOf(batch);
    if (at < 0) return false;
    this.#queue.splice(at, 1);
    batch.state = 'settled';
    return true;
  }

  /** Starts anew with another identity; answers the batches that must not follow because their fate is unknown. */
  adopt(identity: Identity): readonly Batch[] {
    const unknown = this.#queue.filter((batch) => batch.uncertain);
    this.identity = identity;
    this.renewing = false;
    this.#known = false;
    this.#sequence = 0;
    for (const batch of this.#queue) batch.sequence = -1;
    return unknown;
  }

  /** It came back, one way or the other; false when it was given up meanwhile. */
  #landed(batch: Batch): boolean {
    this.#inFlight -= 1;
    if (batch.state !== 'flying') return false;
    batch.state = 'queued';
    return true;
  }

  #retry(): Verdict {
    this.#draining = true;
    return 'retry';
  }

  /** With a batch before it unsettled it only waits its turn; at the front, what came before it was given up. */
  #outOfOrder(batch: Batch, isHead: boolean): Verdict {
    // The node knows the producer's last batches and would have recognised this one: it is not stored. Nor is what is
    // behind it in the queue, for the gap stands before all of it.
    for (const later of this.#queue.slice(this.#queue.indexOf(batch))) later.uncertain = false;
    return isHead ? this.#renew() : this.#retry();
  }

  #renew(): Verdict {
    this.#draining = true;
    this.renewing = true;
    return 'renew';
  }
}

function producerOf(identity: Identity, baseSequence: number): BatchProducer {
  return { producerId: identity.producerId, producerEpoch: identity.epoch, baseSequence };
}
