/**
 * Keeps partition streams filled through one incremental fetch session on a connection of its own. Stops asking while
 * enough came ahead, so that memory stays bounded; a partition that is used slowly does not hold up the others. After a
 * lost connection it opens a new session where each stream stands. Never decides where a stream starts.
 */
import { KIB, MIB } from '../../model/limits.ts';
import type { FetchReply, FetchRequest, Place, Reply } from '../../protocols/request.ts';
import { Backoff } from './backoff.ts';
import { CallboardError } from './errors.ts';
import type { Link } from './link.ts';
import type { Message } from './message.ts';
import type { PartitionStream } from './partition-stream.ts';

export interface FetcherOptions {
  /** What may come ahead of its use, bytes. */
  readonly prefetchBytes: number;
  /** How long the node may hold an answer while there is nothing, ms. */
  readonly fetchWaitMs: number;
}

export interface FetcherEvents {
  /** Something came, or a stream stopped. */
  arrived(): void;
  /** A stream's fault. True: it is being moved; false: it stops there, and who reads is told. */
  faulted(stream: PartitionStream, error: CallboardError): boolean;
}

/** One partition's part of one answer. */
const PART_BYTES_MAX = MIB;
/** A partition gets at least this ahead, however many there are. */
const SHARE_BYTES_MIN = 256 * KIB;

type Key = number;
/** Partitions of one topic stay below 2^14. */
const keyOf = (place: Place): Key => place.topic * 16_384 + place.partition;

export class Fetcher {
  readonly #link: Link;
  readonly #options: FetcherOptions;
  readonly #events: FetcherEvents;
  readonly #backoff: Backoff;
  readonly #streams = new Map<Key, PartitionStream>();
  /** What the node's session holds, by the stream that was meant. */
  #inSession = new Map<Key, PartitionStream>();
  #session = 0;
  #asking = false;
  #closed = false;
  #order: PartitionStream[] = [];
  #turn = 0;
  #current: PartitionStream | null = null;
  #cancelPause: (() => void) | null = null;
  readonly #stopListening: () => void;

  constructor(link: Link, options: FetcherOptions, events: FetcherEvents) {
    this.#link = link;
    this.#options = options;
    this.#events = events;
    this.#backoff = new Backoff(link.options.world.random, link.options.backoff);
    this.#stopListening = link.onReady(() => this.poke());
  }

  /** Where the last message was taken from. */
  get current(): PartitionStream | null {
    return this.#current;
  }

  get streams(): readonly PartitionStream[] {
    return this.#order;
  }

  streamOf(place: Place): PartitionStream | undefined {
    return this.#streams.get(keyOf(place));
  }

  add(stream: PartitionStream): void {
    this.#streams.set(keyOf(stream), stream);
    this.#order = [...this.#streams.values()];
    this.poke();
  }

  remove(stream: PartitionStream): void {
    if (this.#streams.get(keyOf(stream)) !== stream) return;
    this.#streams.delete(keyOf(stream));
    this.#order = [...this.#streams.values()];
    this.poke();
  }

  /** The next message of the partitions in turn; null: none is here now. @throws CallboardError of a stopped stream, once. */
  take(wanted: (stream: PartitionStream) => boolean = every): Message | null {
    for (let left = this.#order.length; left > 0; left--) {
      if (this.#turn >= this.#order.length) this.#turn = 0;
      const stream = this.#order[this.#turn] as PartitionStream;
      const before = stream.bufferedBytes;
      const message = isActive(stream) && wanted(stream) ? stream.take() : null;
      if (stream.bufferedBytes !== before) this.poke();
      this.#current = stream;
      // Stays with a partition while it has something of the batch at hand: cheaper than to change with every message.
      if (message !== null) return message;
      this.#turn += 1;
    }
    this.poke();
    return null;
  }

  /** Looks whether there is something to ask for: after a stream was added, moved, resumed or used. */
  poke(): void {
    if (this.#asking || this.#closed || this.#cancelPause !== null || this.#link.greeting === null) return;
    const request = this.#request();
    if (request === null) return;
    this.#asking = true;
    this.#link.submit(request, {
      done: (reply) => this.#answered(reply),
      lost: () => this.#lost(),
    });
  }

  close(): void {
    this.#closed = true;
    this.#cancelPause?.();
    this.#stopListening();
  }

  /** What changes in the session, and what to wait for; null: nothing is to be asked now. */
  #request(): FetchRequest | null {
    let buffered = 0;
    for (const stream of this.#order) buffered += stream.bufferedBytes;
    if (buffered >= this.#options.prefetchBytes) return null;
    const share = Math.max(SHARE_BYTES_MIN, this.#options.prefetchBytes / Math.max(this.#order.length, 1));
    const wanted = new Map<Key, PartitionStream>();
    for (const [key, stream] of this.#streams) {
      if (isActive(stream) && stream.fault === null && stream.bufferedBytes < share) wanted.set(key, stream);
    }
    if (wanted.size === 0) return null;
    return this.#change(wanted, this.#options.prefetchBytes - buffered);
  }

  #change(wanted: Map<Key, PartitionStream>, bytesMax: number): FetchRequest {
    const add: FetchRequest['add'][number][] = [];
    const drop: Place[] = [];
    for (const [key, stream] of wanted) {
      const { topic, partition, fetchOffset, moved } = stream;
      stream.moved = false;
      if (moved || this.#inSession.get(key) !== stream)
        add.push({ topic, partition, offset: fetchOffset, bytesMax: PART_BYTES_MAX });
    }
    for (const [key, { topic, partition }] of this.#inSession) if (!wanted.has(key)) drop.push({ topic, partition });
    this.#inSession = wanted;
    const { fetchBytes, waitMs } = this.#link.greeting?.limits ?? { fetchBytes: PART_BYTES_MAX, waitMs: 0 };
    return {
      call: 'fetch',
      session: this.#session,
      add,
      drop,
      bytesMin: 1,
      bytesMax: Math.max(1, Math.min(bytesMax, fetchBytes)),
      waitMs: Math.min(this.#options.fetchWaitMs, waitMs),
    };
  }

  #answered(reply: Reply): void {
    this.#asking = false;
    if (this.#closed) return;
    if (reply.call !== 'fetch') {
      this.#reset();
      this.#pause();
      return;
    }
    this.#backoff.reset();
    this.#session = reply.session;
    let troubled = false;
    for (const part of reply.parts) troubled = this.#read(part) || troubled;
    if (troubled) this.#pause();
    else this.poke();
    if (reply.parts.length > 0) this.#events.arrived();
  }

  /** True when the partition could not be read now and is to be asked for again after a pause. */
  #read(part: FetchReply['parts'][number]): boolean {
    const stream = this.#inSession.get(keyOf(part));
    // Given up or moved while the answer was under way.
    if (stream === undefined || stream.moved || this.#streams.get(keyOf(part)) !== stream) return false;
    if (part.fault === undefined) {
      stream.end = part.end;
      stream.add(part.bytes);
      return false;
    }
    this.#inSession.delete(keyOf(part));
    const error = CallboardError.from(part.fault);
    if (error.retryable) {
      stream.moved = true;
      return true;
    }
    if (!this.#events.faulted(stream, error)) stream.fault = error;
    return false;
  }

  #lost(): void {
    this.#asking = false;
    this.#reset();
  }

  /** The node has no session for us any more. */
  #reset(): void {
    this.#session = 0;
    this.#inSession = new Map();
  }

  #pause(): void {
    this.#cancelPause = this.#link.options.world.clock.after(this.#backoff.nextMs(), () => {
      this.#cancelPause = null;
      this.poke();
    });
  }
}

const isActive = (stream: PartitionStream): boolean => !stream.paused && !stream.seeking;
const every = (): boolean => true;
