/**
 * Carries closed batches to the node: gathers what its lanes may send into requests, reads the answers, pauses after
 * failures, gets producer ids, gives up at deadlines. Settles every batch exactly once and never reorders a partition.
 */
import { type Fault, fault } from '../../model/faults.ts';
import { KIB, MIB, WAIT_MS_MAX } from '../../model/limits.ts';
import type { Acks, ProduceReply, Reply } from '../../protocols/request.ts';
import { Backoff, pauseMs } from './backoff.ts';
import type { Asker } from './connection.ts';
import { CallboardError, toError } from './errors.ts';
import type { Batch, Identity, Lane, Verdict } from './lane.ts';
import type { Link } from './link.ts';

export interface SenderOptions {
  readonly acks: Acks;
  readonly idempotent: boolean;
  /** Longest time that the node may take for one attempt, ms. */
  readonly requestTimeoutMs: number;
}

/** What becomes of batches. */
export interface SenderEvents {
  /** `baseOffset` is -1 without acks. */
  stored(batch: Batch, baseOffset: number): void;
  failed(batch: Batch, error: CallboardError): void;
}

/** Batches of several partitions are gathered up to this in one request; one batch alone may be larger. */
const REQUEST_BYTES = MIB;
/** Room for a request's header and fields beside its batches. */
const FIELDS_BYTES = 64 * KIB;
/** How often deadlines are looked at, ms. */
const SWEEP_MS = 100;

export class Sender {
  readonly #link: Link;
  readonly #options: SenderOptions;
  readonly #events: SenderEvents;
  readonly #backoff: Backoff;
  /** Lanes with unsettled batches. */
  readonly #busy = new Set<Lane>();
  readonly #stopListening: () => void;
  #identity: Identity | null = null;
  #asking = false;
  #pumping = false;
  #cancelSweep: (() => void) | null = null;
  #cancelWake: (() => void) | null = null;
  #wakeAtMs = Number.POSITIVE_INFINITY;
  #closed = false;

  constructor(link: Link, options: SenderOptions, events: SenderEvents) {
    this.#link = link;
    this.#options = options;
    this.#events = events;
    this.#backoff = new Backoff(link.options.world.random, link.options.backoff);
    this.#stopListening = link.onReady(() => this.pump());
  }

  /** Takes a closed batch; {@link pump} sends it. */
  add(batch: Batch): void {
    batch.lane.enqueue(batch);
    this.#busy.add(batch.lane);
    this.#sweepLater();
  }

  /** Sends everything that may be sent now. */
  pump(): void {
    if (this.#pumping || this.#busy.size === 0) return;
    this.#pumping = true;
    while (this.#link.greeting !== null) {
      if (this.#options.idempotent) this.#identify();
      const batches = this.#gather();
      if (batches.length === 0) break;
      this.#send(batches);
    }
    this.#pumping = false;
  }

  /** Gives up everything that is left. */
  close(error: CallboardError): void {
    this.#closed = true;
    this.#stopListening();
    this.#cancelSweep?.();
    this.#cancelWake?.();
    for (const lane of this.#busy) for (const batch of [...lane.queue]) this.#give(batch, error);
  }

  /** One request's worth: at most one batch of each lane. */
  #gather(): Batch[] {
    const batches: Batch[] = [];
    const now = this.#nowMs();
    const frameBytesMax = (this.#link.greeting?.limits.frameBytes ?? 0) - FIELDS_BYTES;
    let bytes = 0;
    for (const lane of this.#busy) {
      const batch = lane.next(now);
      if (batch === null) continue;
      if (batch.bytes.length > frameBytesMax) {
        this.#give(batch, tooLarge(batch, frameBytesMax));
        continue;
      }
      if (batches.length > 0 && bytes + batch.bytes.length > Math.min(REQUEST_BYTES, frameBytesMax)) continue;
      lane.sending(batch);
      batches.push(batch);
      bytes += batch.bytes.length;
    }
    return batches;
  }

  #send(batches: readonly Batch[]): void {
    const parts = batches.map(({ lane, bytes }) => ({ topic: lane.topic, partition: lane.partition, batch: bytes }));
    const timeoutMs = Math.min(this.#options.requestTimeoutMs, WAIT_MS_MAX);
    const asker: Asker = {
      done: (reply) => this.#answered(batches, reply),
      lost: (error, sent) => this.#lost(batches, error, sent),
    };
    this.#link.submit({ call: 'produce', acks: this.#options.acks, timeoutMs, parts }, asker);
  }

  #answered(batches: readonly Batch[], reply: Reply): void {
    if (reply.call === 'produce' && this.#options.acks === 'none') {
      for (const batch of batches) this.#stored(batch, -1);
    } else if (reply.call === 'produce') {
      for (const batch of batches) this.#read(batch, partOf(reply, batch));
    } else {
      const refusal =
        reply.call === 'refused' ? reply.fault : fault('INTERNAL', `produce was answered by ${reply.call}`);
      for (const batch of batches) this.#refused(batch, refusal);
    }
    this.pump();
  }

  #read(batch: Batch, part: ProduceReply['parts'][number] | undefined): void {
    if (part === undefined) this.#refused(batch, fault('INTERNAL', 'the answer leaves a partition out'));
    else if ('fault' in part) this.#refused(batch, part.fault);
    else this.#stored(batch, part.baseOffset);
  }

  #stored(batch: Batch, baseOffset: number): void {
    if (batch.lane.stored(batch)) this.#events.stored(batch, baseOffset);
    this.#rest(batch.lane);
  }

  #refused(batch: Batch, refusal: Fault): void {
    this.#judge(batch, batch.lane.refused(batch, refusal), true);
  }

  #lost(batches: readonly Batch[], error: CallboardError, sent: boolean): void {
    // No pause here: the link itself pauses before it is back.
    for (const batch of batches) this.#judge(batch, batch.lane.lost(batch, error, sent), false);
    this.pump();
  }

  #judge(batch: Batch, verdict: Verdict | null, pause: boolean): void {
    const { lane } = batch;
    if (verdict === 'fail') this.#give(batch, batch.lastError ?? new CallboardError('INTERNAL', 'the batch failed'));
    else if (verdict !== null && pause) this.#pause(lane);
    this.#rest(lane);
  }

  /** Nothing of the lane goes for a while; longer with every failure in a row. */
  #pause(lane: Lane): void {
    const { backoff, world } = this.#link.options;
    lane.pausedUntilMs = this.#nowMs() + pauseMs(lane.failures++, world.random, backoff);
    this.#wakeLater(lane.pausedUntilMs);
  }

  #give(batch: Batch, error: CallboardError): void {
    if (batch.lane.settle(batch)) this.#events.failed(batch, error);
    this.#rest(batch.lane);
  }

  #rest(lane: Lane): void {
    if (lane.idle) this.#busy.delete(lane);
  }

  /** Gives identities to lanes that need one, and asks for one when there is none to give. */
  #identify(): void {
    for (const lane of this.#busy) {
      if (!lane.awaitsIdentity) continue;
      if (lane.renewing && lane.identity === this.#identity) this.#identity = null;
      if (this.#identity === null) break;
      for (const batch of lane.adopt(this.#identity)) this.#give(batch, unknownFate(batch));
    }
    if (this.#identity === null) this.#askIdentity();
  }

  #askIdentity(): void {
    if (this.#asking || this.#closed) return;
    this.#asking = true;
    this.#link.call({ call: 'producer' }).then(
      ({ producerId, epoch }) => {
        this.#asking = false;
        this.#backoff.reset();
        this.#identity = { producerId, epoch };
        this.pump();
      },
      (thrown: unknown) => this.#withoutIdentity(toError(thrown)),
    );
  }

  #withoutIdentity(error: CallboardError): void {
    this.#asking = false;
    if (this.#closed) return;
    for (const lane of this.#busy) {
      for (const batch of [...lane.queue]) {
        batch.lastError = error;
        if (!error.retryable) this.#give(batch, error);
      }
    }
    this.#wakeLater(this.#nowMs() + this.#backoff.nextMs());
  }

  /** Pumps at a time, the earliest that was asked for. */
  #wakeLater(atMs: number): void {
    if (this.#closed || atMs >= this.#wakeAtMs) return;
    this.#cancelWake?.();
    this.#wakeAtMs = atMs;
    this.#cancelWake = this.#link.options.world.clock.after(Math.max(atMs - this.#nowMs(), 0), () => {
      this.#wakeAtMs = Number.POSITIVE_INFINITY;
      this.#cancelWake = null;
      this.pump();
      for (const lane of this.#busy) if (lane.pausedUntilMs > this.#nowMs()) this.#wakeLater(lane.pausedUntilMs);
    });
  }

  #sweepLater(): void {
    if (this.#cancelSweep !== null || this.#closed) return;
    this.#cancelSweep = this.#link.options.world.clock.after(SWEEP_MS, () => {
      this.#cancelSweep = null;
      this.#expire();
      if (this.#busy.size > 0) this.#sweepLater();
    });
  }

  #expire(): void {
    const now = this.#nowMs();
    for (const lane of this.#busy) {
      for (const batch of [...lane.queue]) if (batch.deadlineMs <= now) this.#give(batch, this.#overdue(batch));
    }
    this.pump();
  }

  #overdue(batch: Batch): CallboardError {
    const cause = batch.lastError ?? batch.lane.refusal ?? this.#link.failure;
    const where = `${batch.lane.topicName}/${batch.lane.partition}`;
    const why = cause === null ? 'no answer yet' : cause.message;
    // Nobody can tell what became of a batch that may have been stored: that is no refusal.
    const code = cause?.code === 'DISK_FULL' && !batch.uncertain ? 'DISK_FULL' : 'TIMED_OUT';
    return new CallboardError(code, `${where}: not stored within deliveryTimeoutMs: ${why}`, { cause });
  }

  #nowMs(): number {
    return this.#link.options.world.clock.monotonicMs();
  }
}

function partOf(reply: ProduceReply, { lane }: Batch): ProduceReply['parts'][number] | undefined {
  return reply.parts.find((part) => part.topic === lane.topic && part.partition === lane.partition);
}

function tooLarge(batch: Batch, bytesMax: number): CallboardError {
  return new CallboardError(
    'BATCH_TOO_LARGE',
    `batch of ${batch.bytes.length} bytes; a frame of the node holds ${bytesMax}`,
  );
}

function unknownFate(batch: Batch): CallboardError {
  const message =
    'the node forgot the producer while the fate of this batch was unknown; sending it again could store it twice';
  return new CallboardError('UNKNOWN_PRODUCER', message, { cause: batch.lastError });
}
