/**
 * Keeps partition streams filled through one incremental fetch session on a connection of its own. Stops asking while
 * enough came ahead, so that memory stays bounded; a partition that is used slowly does not hold up the others. After a
 * lost connection it opens a new session where each stream stands. Never decides where a stream starts.
 */
import { KIB, MIB } from '../../model/limits.ts';
import type { Place } from '../../protocols/place.ts';
import type { FetchReply, FetchRequest, Reply } from '../../protocols/request.ts';
import { Backoff } from './backoff.ts';
import { CallboardError } from './errors.ts';
import { FetchSession, type PlaceKey, placeKey } from './fetch-session.ts';
import type { Link } from './link.ts';
import type { Message } from './message.ts';
import type { PartitionStream } from './partition-stream.ts';
import { ignore } from './wait.ts';

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
/** An answer may have at least this, however much came ahead for others. */
const ANSWER_BYTES_MIN = 64 * KIB;
/** A partition gets at least this ahead, however many there are. */
const SHARE_BYTES_MIN = 256 * KIB;

/** Longest wait of the node while partitions are left out because enough came ahead of them, ms. */
const INCOMPLETE_WAIT_MS = 10;
/** The node allows few sessions on a connection. */
const LEFT_BEHIND_MAX = 4;

export class Fetcher {
  readonly #link: Link;
  readonly #options: FetcherOptions;
  readonly #events: FetcherEvents;
  readonly #backoff: Backoff;
  readonly #streams = new Map<PlaceKey, PartitionStream>();
  #session = new FetchSession();
  /** Sessions that were left while the node held their answer; they are closed when it comes. */
  #leftBehind = 0;
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
    return this.#streams.get(placeKey(place));
  }

  add(streams: readonly PartitionStream[]): void {
    for (const stream of streams) this.#streams.set(placeKey(stream), stream);
    this.#order = [...this.#streams.values()];
    this.hurry();
  }

  remove(stream: PartitionStream): void {
    if (this.#streams.get(placeKey(stream)) !== stream) return;
    this.#streams.delete(placeKey(stream));
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

  /** After streams were added, moved or resumed: asks for them at once, though the node may hold an answer for others. */
  hurry(): void {
    if (this.#asking && this.#leftBehind < LEFT_BEHIND_MAX) {
      this.#leftBehind += 1;
      this.#asking = false;
      this.#session = new FetchSession();
    }
    this.poke();
  }

  /** Looks whether there is something to ask for: after a stream was used. */
  poke(): void {
    if (this.#asking || this.#closed || this.#cancelPause !== null || this.#link.greeting === null) return;
    const request = this.#request();
    if (request === null) return;
    this.#asking = true;
    const session = this.#session;
    this.#link.submit(request, {
      done: (reply) => this.#answered(session, reply),
      lost: () => this.#lost(session),
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
    const { prefetchBytes, fetchWaitMs } = this.#options;
    const share = Math.max(SHARE_BYTES_MIN, prefetchBytes / Math.max(this.#order.length, 1));
    const wanted = new Map<PlaceKey, PartitionStream>();
    let isComplete = true;
    for (const [key, stream] of this.#streams) {
      if (!isActive(stream) || stream.fault !== null) continue;
      // Whoever has nothing may always ask: a partition that is stuck with its share must not starve the others.
      const mayAsk = stream.bufferedBytes === 0 || (buffered < prefetchBytes && stream.bufferedBytes < share);
      if (mayAsk) wanted.set(key, stream);
      else isComplete = false;
    }
    if (wanted.size === 0) return null;
    const limits = this.#link.greeting?.limits ?? { fetchBytes: PART_BYTES_MAX, waitMs: 0 };
    return {
      call: 'fetch',
      session: this.#session.number,
      ...this.#session.change(wanted, PART_BYTES_MAX),
      bytesMin: 1,
      bytesMax: Math.min(Math.max(prefetchBytes - buffered, ANSWER_BYTES_MIN), limits.fetchBytes),
      // Those that were left out want to be asked for as soon as they are used up.
      waitMs: Math.min(isComplete ? fetchWaitMs : INCOMPLETE_WAIT_MS, fetchWaitMs, limits.waitMs),
    };
  }

  #answered(session: FetchSession, reply: Reply): void {
    if (session !== this.#session) {
      this.#leave(reply);
      return;
    }
    this.#asking = false;
    if (this.#closed) return;
    if (reply.call !== 'fetch') {
      this.#session = new FetchSession();
      this.#pause();
      return;
    }
    this.#backoff.reset();
    session.number = reply.session;
    let troubled = false;
    for (const part of reply.parts) troubled = this.#read(session, part) || troubled;
    if (troubled) this.#pause();
    else this.poke();
    if (reply.parts.length > 0) this.#events.arrived();
  }

  /** The answer of a session that was left: what it brought is fetched again by the other. */
  #leave(reply: Reply): void {
    this.#leftBehind -= 1;
    if (reply.call !== 'fetch' || this.#closed) return;
    const nothing = { add: [], drop: [], bytesMin: 0, bytesMax: 1, waitMs: 0 } as const;
    this.#link.submit(
      { call: 'fetch', session: reply.session, ...nothing, close: true },
      { done: ignore, lost: ignore },
    );
  }

  /** True when the partition could not be read now and is to be asked for again after a pause. */
  #read(session: FetchSession, part: FetchReply['parts'][number]): boolean {
    const stream = session.streamOf(part);
    // Given up or moved while the answer was under way.
    if (stream === undefined || stream.moved || this.#streams.get(placeKey(part)) !== stream) return false;
    if (part.fault === undefined) {
      stream.end = part.end;
      stream.add(part.bytes, part.aborted);
      return false;
    }
    const error = CallboardError.from(part.fault);
    // It has to be added anew, whether the session kept it or not.
    stream.moved = true;
    if (error.retryable) return true;
    if (!this.#events.faulted(stream, error)) stream.fault = error;
    return false;
  }

  #lost(session: FetchSession): void {
    if (session === this.#session) {
      this.#asking = false;
      this.#session = new FetchSession();
    } else this.#leftBehind -= 1;
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
