/**
 * What sends messages: batched by size and linger, stored in order in each partition, each once. Memory is bounded: who
 * sends faster than the node stores waits. Nothing that was taken is dropped silently.
 */
import { KIB, MIB } from '../../model/limits.ts';
import type { Acks } from '../../protocols/request.ts';
import { Accumulator, type Outgoing } from './accumulator.ts';
import { type CompressionCodec, compressorFor } from './compression.ts';
import { GroupDelivery, type Receipt, SingleDelivery } from './delivery.ts';
import { aborted, CallboardError } from './errors.ts';
import { Fifo } from './fifo.ts';
import type { Batch, Round } from './lane.ts';
import type { Link } from './link.ts';
import { checkMessage, messageBytes, type OutgoingMessage, type Sent } from './message.ts';
import { notNegative, positive } from './options.ts';
import type { Partitioner } from './partitioner.ts';
import { Sender } from './sender.ts';
import type { Topics } from './topics.ts';
import { Gate } from './wait.ts';

export interface ProducerOptions {
  /** Who must have a message before it counts as sent; default `all`. With `none` nobody tells, and nothing is retried. */
  readonly acks?: Acks;
  /**
   * The node stores every message once, in order, whatever is sent again; default true. Needs acks. Without it a batch
   * whose fate is unknown fails and is not sent again, and one that was refused for a moment may be passed by the next.
   */
  readonly idempotent?: boolean;
  /** Longest time that a message waits for others to join its batch, ms; default 5. */
  readonly lingerMs?: number;
  /** A batch is closed at this size before compression, bytes; default 256 KiB. */
  readonly batchBytes?: number;
  /** Messages that are not stored yet take at most this, bytes; default 32 MiB. Beyond it `send` waits. */
  readonly memoryBytes?: number;
  /** From `send` to stored with all retries, ms; default 120,000. */
  readonly deliveryTimeoutMs?: number;
  /** Default `none`. */
  readonly compression?: CompressionCodec | 'none';
  /** Chooses the partition in place of the key's hash. */
  readonly partitioner?: Partitioner;
  /** Create missing topics where the node allows it; default true. */
  readonly createTopics?: boolean;
  /** Told of every batch or message that was given up, also when somebody awaits it. */
  readonly onError?: (error: CallboardError, lost: { readonly topic: string; readonly messages: number }) => void;
}

export interface SendOptions {
  /** Ends the wait; what went into a batch before may be stored all the same. */
  readonly signal?: AbortSignal;
}

/** How often those are looked at who wait for room past their deadline, ms. */
const SWEEP_MS = 100;

export class Producer {
  readonly #link: Link;
  readonly #options: ProducerOptions;
  readonly #memoryBytesMax: number;
  readonly #deliveryTimeoutMs: number;
  readonly #sender: Sender;
  readonly #accumulator: Accumulator;
  readonly #blocked = new Fifo<Outgoing>();
  readonly #settled = new Gate();
  readonly #onClose: (producer: Producer) => void;
  #rounds: Round[] = [];
  #round: Round = { left: 0 };
  #usedBytes = 0;
  #closing: Promise<void> | null = null;
  #cancelSweep: (() => void) | null = null;

  /** Made by `client.producer()`. */
  constructor(link: Link, topics: Topics, options: ProducerOptions, onClose: (producer: Producer) => void) {
    const { acks = 'all', compression = 'none' } = options;
    const idempotent = options.idempotent ?? acks !== 'none';
    if (idempotent && acks === 'none')
      throw new CallboardError('INVALID_OPTION', 'idempotent needs acks other than none');
    this.#link = link;
    this.#options = options;
    this.#onClose = onClose;
    this.#memoryBytesMax = positive('memoryBytes', options.memoryBytes ?? 32 * MIB);
    this.#deliveryTimeoutMs = positive('deliveryTimeoutMs', options.deliveryTimeoutMs ?? 120_000);
    const { requestTimeoutMs, world } = link.options;
    this.#sender = new Sender(
      link,
      { acks, idempotent, requestTimeoutMs },
      {
        stored: (batch, baseOffset) => this.#stored(batch, baseOffset),
        failed: (batch, error) => this.#failed(batch, error),
      },
    );
    this.#accumulator = new Accumulator(
      world,
      topics,
      {
        idempotent,
        lingerMs: notNegative('lingerMs', options.lingerMs ?? 5),
        batchBytes: positive('batchBytes', options.batchBytes ?? 256 * KIB),
        deliveryTimeoutMs: this.#deliveryTimeoutMs,
        createTopics: options.createTopics ?? true,
        partitioner: options.partitioner,
        compression: compression === 'none' ? undefined : compressorOf(compression),
      },
      {
        closed: (batch) => this.#sender.add(batch),
        send: () => this.#sender.pump(),
        refused: (outgoing, error) => this.#refused(outgoing, error),
      },
    );
  }

  /** True while `send` would have to wait. */
  get full(): boolean {
    return this.#blocked.size > 0 || this.#usedBytes >= this.#memoryBytesMax;
  }

  /** Resolves when the message is stored as `acks` says; waits while memory is full. */
  send(message: OutgoingMessage, options: SendOptions = {}): Promise<Sent> {
    const delivery = new SingleDelivery();
    if (options.signal?.aborted) {
      delivery.failed(aborted(options.signal));
      return delivery.promise;
    }
    const outgoing = this.#offer(message, delivery);
    if (outgoing !== null && options.signal !== undefined) this.#watch(outgoing, delivery, options.signal);
    return delivery.promise;
  }

  /** Resolves when all are stored, in their order; rejects with the first failure, while the others may be stored. */
  sendBatch(messages: readonly OutgoingMessage[], options: SendOptions = {}): Promise<readonly Sent[]> {
    const delivery = new GroupDelivery(messages.length);
    const { signal } = options;
    if (signal?.aborted) delivery.failed(aborted(signal));
    else
      for (let slot = 0; slot < messages.length; slot++)
        this.#offer(messages[slot] as OutgoingMessage, delivery.member(slot));
    if (signal !== undefined) watchSignal(signal, delivery.promise, () => delivery.failed(aborted(signal)));
    return delivery.promise;
  }

  /**
   * Sends without a promise; failures go to `onError` alone. False: memory is full and the message was not taken; wait
   * for {@link writable}.
   * @throws CallboardError for a message that can't be sent, or after `close`.
   */
  sendOneWay(message: OutgoingMessage): boolean {
    const wrong = this.#closing === null ? checkMessage(message) : closedError();
    if (wrong !== null) throw wrong;
    if (this.full) return false;
    this.#take(this.#outgoing(message, null));
    return true;
  }

  /** Resolves when there is room for a message. */
  async writable(options: SendOptions = {}): Promise<void> {
    while (this.full && this.#closing === null) await this.#wait(options.signal);
  }

  /** Sends at once what waits for company; resolves when everything sent before is stored or was given up. */
  async flush(options: SendOptions = {}): Promise<void> {
    const rounds = [...this.#rounds, this.#round].filter((round) => round.left > 0);
    this.#rounds = rounds;
    this.#round = { left: 0 };
    this.#accumulator.closeAll();
    while (rounds.some((round) => round.left > 0)) await this.#wait(options.signal);
  }

  /** Takes nothing more, stores what it has, ends. With a signal that fires, what is left is given up. */
  close(options: SendOptions = {}): Promise<void> {
    this.#closing ??= this.#close(options);
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(options: SendOptions): Promise<void> {
    // Runs after `#closing` is set, so that nothing is taken any more.
    await Promise.resolve();
    try {
      await this.flush(options);
    } finally {
      const error = closedError();
      this.#cancelSweep?.();
      for (let next = this.#blocked.shift(); next !== undefined; next = this.#blocked.shift())
        this.#abandon(next, error);
      this.#accumulator.fail(error);
      this.#accumulator.closeAll();
      this.#sender.close(error);
      this.#onClose(this);
    }
  }

  /** Null: it was refused, and its receipt told. */
  #offer(message: OutgoingMessage, receipt: Receipt): Outgoing | null {
    const wrong = this.#closing === null ? checkMessage(message) : closedError();
    if (wrong !== null) {
      receipt.failed(wrong);
      return null;
    }
    const outgoing = this.#outgoing(message, receipt);
    if (this.full) {
      this.#blocked.push(outgoing);
      this.#round.left += 1;
      this.#sweepLater();
    } else this.#take(outgoing);
    return outgoing;
  }

  #outgoing(message: OutgoingMessage, receipt: Receipt | null): Outgoing {
    const deadlineMs = this.#nowMs() + this.#deliveryTimeoutMs;
    return { message, receipt, bytes: messageBytes(message), round: this.#round, deadlineMs };
  }

  #take(outgoing: Outgoing): void {
    outgoing.round.left += 1;
    this.#usedBytes += outgoing.bytes;
    this.#accumulator.add(outgoing);
  }

  #stored(batch: Batch, baseOffset: number): void {
    const { topicName, partition } = batch.lane;
    for (const receipt of batch.receipts) receipt.delivered(topicName, partition, baseOffset);
    this.#release(batch.memoryBytes, batch.round, batch.count);
  }

  #failed(batch: Batch, error: CallboardError): void {
    const topic = batch.lane.topicName;
    for (const receipt of batch.receipts) receipt.failed(error);
    if (error.code === 'UNKNOWN_TOPIC' || error.code === 'UNKNOWN_PARTITION') this.#accumulator.forget(topic);
    this.#options.onError?.(error, { topic, messages: batch.count });
    this.#release(batch.memoryBytes, batch.round, batch.count);
  }

  #refused(outgoing: Outgoing, error: CallboardError): void {
    this.#usedBytes -= outgoing.bytes;
    this.#abandon(outgoing, error);
    this.#admit();
  }

  /** Of a message whose memory is not counted. */
  #abandon(outgoing: Outgoing, error: CallboardError): void {
    outgoing.receipt?.failed(error);
    this.#options.onError?.(error, { topic: outgoing.message.topic, messages: 1 });
    outgoing.round.left -= 1;
    this.#settled.open();
  }

  #release(bytes: number, round: Round, count: number): void {
    this.#usedBytes -= bytes;
    round.left -= count;
    this.#admit();
    if (this.#settled.waiting > 0) this.#settled.open();
  }

  /** Lets those in who waited for room, in their order. */
  #admit(): void {
    while (this.#blocked.size > 0 && this.#usedBytes < this.#memoryBytesMax) {
      const next = this.#blocked.shift() as Outgoing;
      next.round.left -= 1;
      this.#take(next);
    }
  }

  #watch(outgoing: Outgoing, delivery: SingleDelivery, signal: AbortSignal): void {
    watchSignal(signal, delivery.promise, () => {
      delivery.failed(aborted(signal));
      if (!this.#blocked.remove(outgoing)) return;
      outgoing.round.left -= 1;
      this.#settled.open();
    });
  }

  #sweepLater(): void {
    this.#cancelSweep ??= this.#link.options.world.clock.after(SWEEP_MS, () => {
      this.#cancelSweep = null;
      const now = this.#nowMs();
      for (let next = this.#blocked.peek(); next !== undefined && next.deadlineMs <= now; next = this.#blocked.peek()) {
        this.#blocked.shift();
        this.#abandon(next, new CallboardError('TIMED_OUT', 'no room for the message within deliveryTimeoutMs'));
      }
      if (this.#blocked.size > 0) this.#sweepLater();
    });
  }

  #wait(signal: AbortSignal | undefined): Promise<void> {
    return this.#settled.wait({ clock: this.#link.options.world.clock, signal });
  }

  #nowMs(): number {
    return this.#link.options.world.clock.monotonicMs();
  }
}

function watchSignal(signal: AbortSignal, work: Promise<unknown>, fired: () => void): void {
  if (signal.aborted) {
    fired();
    return;
  }
  signal.addEventListener('abort', fired, { once: true });
  const leave = (): void => signal.removeEventListener('abort', fired);
  work.then(leave, leave);
}

function compressorOf(codec: CompressionCodec): { codec: CompressionCodec; compress(bytes: Uint8Array): Uint8Array } {
  const compressor = compressorFor(codec);
  if (compressor.ok) return { codec, compress: compressor.value };
  throw new CallboardError('UNSUPPORTED_HERE', compressor.fault.message);
}

const closedError = (): CallboardError => new CallboardError('CLOSED', 'the producer was closed');
