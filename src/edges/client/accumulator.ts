/**
 * Records → batches: finds each message's partition, encodes it straight into the batch that is being filled there, and
 * closes batches by size and by linger. Bounds the memory of all that is not settled. Sends nothing and settles nothing
 * that a batch holds; only what never got into a batch is given up here.
 */

import { BATCH_HEADER_BYTES } from '../../model/batch.ts';
import { BatchBuilder, type BatchOptions, recordBytesMax } from '../../model/batch-builder.ts';
import type { PartitionIndex } from '../../model/ids.ts';
import type { Topic } from '../../model/topic.ts';
import { pauseMs } from './backoff.ts';
import { crc32c } from './checksum.ts';
import type { Receipt } from './delivery.ts';
import { CallboardError, toError } from './errors.ts';
import { Fifo } from './fifo.ts';
import { type Batch, Lane, type Round } from './lane.ts';
import { type OutgoingMessage, recordHeaders } from './message.ts';
import { checkPartition, type Partitioner, partitionOfKey, Sticky } from './partitioner.ts';
import type { World } from './ports.ts';
import type { Topics } from './topics.ts';

export interface AccumulatorOptions {
  readonly lingerMs: number;
  readonly batchBytes: number;
  readonly deliveryTimeoutMs: number;
  readonly idempotent: boolean;
  readonly createTopics: boolean;
  readonly partitioner: Partitioner | undefined;
  readonly compression: BatchOptions['compression'];
}

/** A message on its way into a batch. */
export interface Outgoing {
  readonly message: OutgoingMessage;
  readonly receipt: Receipt | null;
  /** What it counts against the memory bound. */
  readonly bytes: number;
  readonly round: Round;
  /** Monotonic. */
  readonly deadlineMs: number;
}

export interface AccumulatorEvents {
  /** Batches to send. */
  closed(batch: Batch): void;
  /** Everything that could be closed now is. */
  send(): void;
  /** A message that got into no batch. */
  refused(outgoing: Outgoing, error: CallboardError): void;
}

interface OpenBatch {
  readonly sink: Sink;
  readonly lane: Lane;
  readonly builder: BatchBuilder;
  readonly receipts: Receipt[];
  readonly round: Round;
  readonly openedMs: number;
  readonly deadlineMs: number;
  readonly bytesMax: number;
  memoryBytes: number;
}

/** One topic. */
interface Sink {
  readonly name: string;
  readonly waiting: Fifo<Outgoing>;
  readonly sticky: Sticky;
  topic: Topic | null;
  lanes: (Lane | undefined)[];
  open: (OpenBatch | undefined)[];
  resolving: boolean;
}

/** Builders that are kept for the next batch, with the memory they have grown to. */
const SPARE_BUILDERS_MAX = 16;
/** Longest single attempt to look up a topic, ms. */
const RESOLVE_MS = 5_000;

export class Accumulator {
  readonly #world: World;
  readonly #topics: Topics;
  readonly #options: AccumulatorOptions;
  readonly #events: AccumulatorEvents;
  readonly #sinks = new Map<string, Sink>();
  /** In the order they were opened. */
  readonly #open = new Set<OpenBatch>();
  readonly #spare: BatchBuilder[] = [];
  #cancelLinger: (() => void) | null = null;
  /** Batches were closed since the last send. */
  #sealed = false;

  constructor(world: World, topics: Topics, options: AccumulatorOptions, events: AccumulatorEvents) {
    this.#world = world;
    this.#topics = topics;
    this.#options = options;
    this.#events = events;
  }

  /** Takes a message: into a batch at once when its topic is known, else as soon as it is. */
  add(outgoing: Outgoing): void {
    const sink = this.#sinkOf(outgoing.message.topic);
    if (sink.topic !== null && sink.waiting.size === 0) this.#place(sink, sink.topic, outgoing);
    else {
      sink.waiting.push(outgoing);
      if (!sink.resolving) this.#resolve(sink);
    }
  }

  /** Closes every batch that is being filled. */
  closeAll(): void {
    for (const open of this.#open) this.#seal(open);
    this.#send();
  }

  /** Gives up what waits for its topic, and closes nothing. */
  fail(error: CallboardError): void {
    this.#cancelLinger?.();
    for (const sink of this.#sinks.values()) this.#refuseWaiting(sink, error, Number.POSITIVE_INFINITY);
  }

  /** The node does not know the topic any more: look it up again before the next message. */
  forget(name: string): void {
    this.#topics.forget(name);
    const sink = this.#sinks.get(name);
    if (sink !== undefined) sink.topic = null;
  }

  #sinkOf(name: string): Sink {
    let sink = this.#sinks.get(name);
    if (sink === undefined) {
      const sticky = new Sticky(this.#world.random);
      sink = { name, waiting: new Fifo(), sticky, topic: null, lanes: [], open: [], resolving: false };
      this.#sinks.set(name, sink);
      this.#learn(sink, this.#topics.known(name));
    }
    return sink;
  }

  /** Takes over what is known of the topic; one that was deleted and made anew gets new lanes. */
  #learn(sink: Sink, topic: Topic | undefined): void {
    if (topic === undefined || topic === sink.topic) return;
    if (sink.lanes.some((lane) => lane !== undefined && lane.topic !== topic.id)) {
      for (const open of sink.open) if (open !== undefined) this.#seal(open);
      sink.lanes = [];
    }
    sink.topic = topic;
  }

  #resolve(sink: Sink): void {
    sink.resolving = true;
    this.#topics.resolve(sink.name, { create: this.#options.createTopics, timeoutMs: RESOLVE_MS }).then(
      (topic) => {
        sink.resolving = false;
        this.#learn(sink, topic);
        for (let next = sink.waiting.shift(); next !== undefined; next = sink.waiting.shift())
          this.#place(sink, topic, next);
      },
      (thrown: unknown) => this.#unresolved(sink, toError(thrown)),
    );
  }

  #unresolved(sink: Sink, error: CallboardError): void {
    const nowMs = this.#world.clock.monotonicMs();
    this.#refuseWaiting(sink, error, error.retryable ? nowMs : Number.POSITIVE_INFINITY);
    if (sink.waiting.size === 0) sink.resolving = false;
    else this.#world.clock.after(pauseMs(0, this.#world.random, {}), () => this.#resolve(sink));
  }

  /** Those whose deadline is not after `untilMs`. */
  #refuseWaiting(sink: Sink, error: CallboardError, untilMs: number): void {
    for (let next = sink.waiting.peek(); next !== undefined && next.deadlineMs <= untilMs; next = sink.waiting.peek()) {
      sink.waiting.shift();
      this.#events.refused(next, error);
    }
  }

  #place(sink: Sink, topic: Topic, outgoing: Outgoing): void {
    const { message } = outgoing;
    try {
      // Encoded once where the partition depends on its bytes.
      const key = typeof message.key === 'string' ? Buffer.from(message.key) : (message.key ?? null);
      if (this.#options.compression === undefined) checkFits(topic, outgoing);
      const partition = this.#partitionOf(sink, topic, message, key);
      this.#write(this.#openFor(sink, topic, partition, outgoing), key, outgoing);
    } catch (thrown) {
      // A partitioner of the caller's, or a choice that the topic does not have.
      this.#events.refused(outgoing, thrown instanceof CallboardError ? thrown : invalid(thrown));
    }
    if (this.#sealed) this.#send();
  }

  #partitionOf(sink: Sink, topic: Topic, message: OutgoingMessage, key: Uint8Array | null): number {
    const count = topic.partitions.length;
    const { partitioner } = this.#options;
    if (message.partition !== undefined) return checkPartition(message.partition, count, topic.name);
    if (partitioner !== undefined) {
      const value = typeof message.value === 'string' ? Buffer.from(message.value) : (message.value ?? null);
      return checkPartition(partitioner(key, count, { topic: topic.name, value }), count, topic.name);
    }
    return key === null ? sink.sticky.of(count) : partitionOfKey(key, count);
  }

  /** The batch that takes the message: the open one, or a new one when that is full or belongs to another flush. */
  #openFor(sink: Sink, topic: Topic, partition: number, outgoing: Outgoing): OpenBatch {
    const open = sink.open[partition];
    if (open !== undefined) {
      if (open.round === outgoing.round && fits(open, outgoing)) return open;
      this.#seal(open);
    }
    const fresh: OpenBatch = {
      sink,
      lane: this.#laneOf(sink, topic, partition),
      builder: this.#spare.pop() ?? new BatchBuilder(),
      receipts: [],
      round: outgoing.round,
      openedMs: this.#world.clock.monotonicMs(),
      deadlineMs: outgoing.deadlineMs,
      bytesMax: this.#batchBytesMax(topic),
      memoryBytes: 0,
    };
    sink.open[partition] = fresh;
    this.#open.add(fresh);
    if (this.#cancelLinger === null) this.#linger(this.#options.lingerMs);
    return fresh;
  }

  /** Bytes before compression; what can't be compressed becomes a little larger by it, and must fit all the same. */
  #batchBytesMax({ settings }: Topic): number {
    const spare = this.#options.compression === undefined ? 0 : settings.batchBytesMax / 8;
    return Math.min(this.#options.batchBytes, settings.batchBytesMax - spare);
  }

  #laneOf(sink: Sink, topic: Topic, partition: number): Lane {
    const lane =
      sink.lanes[partition] ?? new Lane(topic.name, topic.id, partition as PartitionIndex, this.#options.idempotent);
    sink.lanes[partition] = lane;
    return lane;
  }

  #write(open: OpenBatch, key: Uint8Array | null, outgoing: Outgoing): void {
    const { message, receipt } = outgoing;
    const timestamp = message.timestamp ?? this.#world.clock.now();
    receipt?.placed(open.builder.count, timestamp);
    open.builder.add(timestamp, key, message.value ?? null, recordHeaders(message.headers));
    if (receipt !== null) open.receipts.push(receipt);
    open.memoryBytes += outgoing.bytes;
    if (open.builder.bytes >= open.bytesMax) this.#seal(open);
  }

  /** Closes a batch; keyless messages go on to the next partition. */
  #seal(open: OpenBatch): void {
    const { sink, lane, builder, receipts, round, memoryBytes, deadlineMs } = open;
    this.#open.delete(open);
    sink.open[lane.partition] = undefined;
    sink.sticky.turn(lane.partition, sink.topic?.partitions.length ?? 1);
    const count = builder.count;
    // A message that could not be encoded leaves its batch empty.
    if (count === 0) return;
    const bytes = builder.finish(
      crc32c,
      this.#options.compression === undefined ? {} : { compression: this.#options.compression },
    );
    if (this.#spare.length < SPARE_BUILDERS_MAX) this.#spare.push(builder);
    this.#learn(sink, this.#topics.known(sink.name));
    const start = { sequence: -1, uncertain: false, state: 'queued', attempts: 0, lastError: null } as const;
    this.#sealed = true;
    this.#events.closed({ lane, bytes, count, receipts, memoryBytes, deadlineMs, round, ...start });
  }

  /** Always last: what it settles makes room, and those who waited for it come back in here. */
  #send(): void {
    this.#sealed = false;
    this.#events.send();
  }

  #linger(ms: number): void {
    const { clock } = this.#world;
    this.#cancelLinger = clock.after(ms, () => {
      this.#cancelLinger = null;
      const dueMs = clock.monotonicMs() - this.#options.lingerMs;
      for (const open of this.#open) {
        if (open.openedMs > dueMs) {
          this.#linger(Math.max(open.openedMs - dueMs, 1));
          break;
        }
        this.#seal(open);
      }
      this.#send();
    });
  }
}

/** Counted exactly only near the end of a batch: text may take three times its length. */
function fits(open: OpenBatch, { message, bytes }: Outgoing): boolean {
  if (open.builder.bytes + 3 * bytes <= open.bytesMax) return true;
  return open.builder.bytes + exactBytes(message) <= open.bytesMax;
}

/** @throws CallboardError BATCH_TOO_LARGE for a message that the topic would not take even alone. */
function checkFits({ name, settings }: Topic, { message, bytes }: Outgoing): void {
  if (3 * bytes < settings.batchBytesMax) return;
  const batchBytes = BATCH_HEADER_BYTES + exactBytes(message);
  if (batchBytes > settings.batchBytesMax)
    throw new CallboardError(
      'BATCH_TOO_LARGE',
      `the message takes ${batchBytes} bytes; batches of topic ${name} have at most ${settings.batchBytesMax}`,
    );
}

const exactBytes = (message: OutgoingMessage): number =>
  recordBytesMax(message.key ?? null, message.value ?? null, recordHeaders(message.headers));

function invalid(thrown: unknown): CallboardError {
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new CallboardError('INVALID_OPTION', `the message could not be placed: ${message}`, { cause: thrown });
}
