/**
 * Reads partitions without a group: the caller says where from and keeps what was read. Follows partitions that are
 * added to the topic when it reads all of them. Commits nothing.
 */
import { id, type PartitionIndex } from '../../model/ids.ts';
import { MIB } from '../../model/limits.ts';
import type { Topic } from '../../model/topic.ts';
import { CallboardError, toError } from './errors.ts';
import { Feed } from './feed.ts';
import type { Link } from './link.ts';
import type { Message } from './message.ts';
import { notNegative, positive } from './options.ts';
import { PartitionStream } from './partition-stream.ts';
import { checkPartition } from './partitioner.ts';
import { findOffsets, type Position, type TimedPosition } from './position.ts';
import type { Topics } from './topics.ts';
import { ignore } from './wait.ts';

export interface ReadOptions {
  /** What may come ahead of its use, bytes; default 8 MiB. */
  readonly prefetchBytes?: number;
  /** How long the node may hold an answer while there is nothing, ms; default 500. */
  readonly fetchWaitMs?: number;
  /** Where to go on when messages at the position are gone, by retention or because the topic is new; default `begin`. */
  readonly outOfRange?: TimedPosition | 'fail';
  /** Told of what went wrong and is tried again. */
  readonly onError?: (error: CallboardError) => void;
}

export interface ReaderOptions extends ReadOptions {
  readonly topic: string;
  /** Default: all, also those that are added later. */
  readonly partitions?: readonly number[];
  /** Where to begin, for all partitions or by partition (others: `begin`); default `begin`. */
  readonly from?: Position | ReadonlyMap<number, Position>;
}

export interface PollOptions {
  /** Most messages of one answer; default 500. */
  readonly max?: number;
  /** How long to wait for the first, ms; default 1,000. */
  readonly waitMs?: number;
  readonly signal?: AbortSignal;
}

/** How often a reader of all partitions looks for new ones, ms. */
const FOLLOW_MS = 10_000;

export class Reader {
  readonly #link: Link;
  readonly #topics: Topics;
  readonly #options: ReaderOptions;
  readonly #feed: Feed;
  readonly #onClose: (reader: Reader) => void;
  readonly #abandon = new AbortController();
  #topic: Topic | null = null;
  #opening: Promise<void> | null = null;
  #follows: boolean;
  #cancelFollow: () => void = ignore;
  #closed = false;

  /** Made by `client.reader()`; `newLink` makes one that is its own. */
  constructor(newLink: () => Link, topics: Topics, options: ReaderOptions, onClose: (reader: Reader) => void) {
    const feed = feedOptions(options);
    const link = newLink();
    this.#link = link;
    this.#topics = topics;
    this.#options = options;
    this.#follows = options.partitions === undefined;
    this.#onClose = onClose;
    this.#feed = new Feed(link, { ...feed, waitsForTopics: false }, (error) => options.onError?.(error));
  }

  /** Finds the topic and the positions; the first `poll` does it by itself. */
  async open(options: { readonly signal?: AbortSignal | undefined } = {}): Promise<void> {
    if (this.#closed) throw closedError();
    this.#opening ??= this.#open(options.signal);
    try {
      await this.#opening;
    } catch (error) {
      this.#opening = null;
      throw error;
    }
  }

  /** The next messages, as soon as there is one: none after `waitMs`. */
  async poll(options: PollOptions = {}): Promise<Message[]> {
    await this.open(options);
    const messages: Message[] = [];
    const max = options.max ?? 500;
    const first = await this.#feed.next({ timeoutMs: options.waitMs ?? 1_000, signal: options.signal });
    for (let message = first; message !== null; ) {
      messages.push(message);
      if (messages.length >= max) break;
      message = this.#takeMore();
    }
    return messages;
  }

  /** One message after the other, without end: until `break`, `close` or an error. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Message, void, undefined> {
    while (!this.#closed) {
      for (const message of await this.#pollOpen()) yield message;
    }
  }

  /** Reads exactly these partitions from now on; those that stay keep their position, new ones begin at `from`. */
  async assign(partitions: readonly number[], from: Position = 'begin', signal?: AbortSignal): Promise<void> {
    await this.open({ signal });
    this.#follows = false;
    for (const stream of this.#feed.fetcher.streams)
      if (!partitions.includes(stream.partition)) this.#feed.fetcher.remove(stream);
    const held = new Set<number>(this.#feed.fetcher.streams.map((stream) => stream.partition));
    await this.#add(
      partitions.filter((partition) => !held.has(partition)),
      () => from,
      signal,
    );
  }

  /** Goes on elsewhere, in one partition or in all that are read. */
  async seek(to: Position, partition?: number, signal?: AbortSignal): Promise<void> {
    await this.open({ signal });
    const streams = partition === undefined ? this.#feed.fetcher.streams : [this.#stream(partition)];
    await Promise.all(streams.map((stream) => this.#feed.seek(stream, to, signal)));
  }

  /** Hands out nothing of these partitions (default: all) until `resume`. */
  pause(partitions?: readonly number[]): void {
    for (const stream of this.#some(partitions)) stream.paused = true;
  }

  resume(partitions?: readonly number[]): void {
    for (const stream of this.#some(partitions)) stream.paused = false;
    this.#feed.fetcher.hurry();
    this.#feed.arrived.open();
  }

  /** Offset of the next message of each partition that is read. */
  positions(): Map<number, number> {
    return new Map(this.#feed.fetcher.streams.map(({ partition, position }) => [partition, position]));
  }

  /** Offset that the next message of each partition will get, as of now. */
  async ends(options: { readonly signal?: AbortSignal } = {}): Promise<Map<number, number>> {
    await this.open(options);
    const streams = this.#feed.fetcher.streams;
    const wanted = streams.map((place) => ({ place, at: 'end' as const }));
    const offsets = await findOffsets(this.#link, wanted, options);
    return new Map(streams.map(({ partition }, index) => [partition, offsets[index] ?? 0]));
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#abandon.abort();
    this.#cancelFollow();
    this.#feed.close(closedError());
    this.#link.close();
    this.#onClose(this);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** For the iterator: the end of the reader ends it, without an error. */
  async #pollOpen(): Promise<Message[]> {
    try {
      return await this.poll({ signal: this.#abandon.signal });
    } catch (error) {
      if (this.#closed) return [];
      throw error;
    }
  }

  /** What is at hand; an error waits for the next poll, so that what came before it is not lost. */
  #takeMore(): Message | null {
    const { fetcher } = this.#feed;
    return fetcher.take((stream) => stream.peek() !== null);
  }

  async #open(signal: AbortSignal | undefined): Promise<void> {
    const topic = await this.#topics.resolve(this.#options.topic, { signal });
    this.#topic = topic;
    const { from = 'begin' } = this.#options;
    const start = (partition: number): Position => (isMap(from) ? (from.get(partition) ?? 'begin') : from);
    await this.#add([...(this.#options.partitions ?? topic.partitions.keys())], start, signal);
    if (this.#follows) this.#followLater();
  }

  async #add(
    partitions: readonly number[],
    from: (partition: number) => Position,
    signal?: AbortSignal,
  ): Promise<void> {
    const topic = this.#topic as Topic;
    const wanted = partitions.map((partition) => ({
      place: {
        topic: topic.id,
        partition: id<PartitionIndex>(checkPartition(partition, topic.partitions.length, topic.name)),
      },
      at: from(partition),
    }));
    const offsets = await findOffsets(this.#link, wanted, { signal });
    const streams = wanted.flatMap(({ place }, index) => {
      const offset = offsets[index];
      if (offset === undefined || this.#feed.fetcher.streamOf(place) !== undefined) return [];
      return [new PartitionStream(topic.name, place.topic, place.partition, offset)];
    });
    this.#feed.fetcher.add(streams);
  }

  #followLater(): void {
    if (this.#closed) return;
    this.#cancelFollow = this.#link.options.world.clock.after(FOLLOW_MS, () => {
      this.#follow().catch((thrown: unknown) => this.#options.onError?.(toError(thrown)));
    });
  }

  /** Partitions that were added are read from their begin: what was stored before they were noticed is new too. */
  async #follow(): Promise<void> {
    try {
      const topic = await this.#topics.refresh(this.#options.topic);
      if (this.#closed || !this.#follows || topic.id !== this.#topic?.id) return;
      const before = this.#topic.partitions.length;
      this.#topic = topic;
      const added = [...topic.partitions.keys()].slice(before);
      if (added.length > 0) await this.#add(added, () => 'begin');
    } finally {
      this.#followLater();
    }
  }

  #some(partitions: readonly number[] | undefined): readonly PartitionStream[] {
    return partitions?.map((partition) => this.#stream(partition)) ?? this.#feed.fetcher.streams;
  }

  #stream(partition: number): PartitionStream {
    const stream = this.#feed.fetcher.streams.find((each) => each.partition === partition);
    if (stream === undefined) throw new CallboardError('UNKNOWN_PARTITION', `partition ${partition} is not read here`);
    return stream;
  }
}

/** With the defaults. */
export function feedOptions(options: ReadOptions): {
  prefetchBytes: number;
  fetchWaitMs: number;
  outOfRange: TimedPosition | 'fail';
} {
  return {
    prefetchBytes: positive('prefetchBytes', options.prefetchBytes ?? 8 * MIB),
    fetchWaitMs: notNegative('fetchWaitMs', options.fetchWaitMs ?? 500),
    outOfRange: options.outOfRange ?? 'begin',
  };
}

function isMap(from: Position | ReadonlyMap<number, Position>): from is ReadonlyMap<number, Position> {
  return from instanceof Map;
}

const closedError = (): CallboardError => new CallboardError('CLOSED', 'the reader was closed');
