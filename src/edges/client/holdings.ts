/**
 * The partitions that a consumer holds: takes on what is assigned, where the group left off; gives up what is revoked,
 * after what is in hands is processed and committed. One change at a time; the newest assignment wins.
 */
import { id, type Offset, type PartitionIndex, type TopicId } from '../../model/ids.ts';
import type { Place } from '../../protocols/place.ts';
import type { CommittedReply, GroupPlaces } from '../../protocols/request.ts';
import { Backoff } from './backoff.ts';
import { type CallboardError, toError } from './errors.ts';
import type { Feed } from './feed.ts';
import type { Link } from './link.ts';
import type { TopicPartition } from './message.ts';
import { PartitionStream } from './partition-stream.ts';
import { findOffsets, type TimedPosition } from './position.ts';
import { Progress } from './progress.ts';
import type { Topics } from './topics.ts';
import { Gate, ignore, pause } from './wait.ts';

export interface HoldingsOptions {
  readonly group: string;
  readonly topics: readonly string[];
  /** Where to begin in partitions of which the group has committed nothing. */
  readonly from: TimedPosition;
  /** Longest wait for messages in hands when partitions are revoked, ms. */
  readonly revokeMs: number;
}

export interface HoldingsEvents {
  /** What is held, after every step. */
  holds(places: readonly GroupPlaces[], settled: boolean): void;
  /** Before the first message of these. */
  assigned(partitions: readonly TopicPartition[]): Promise<void>;
  /** Still held, nothing in hands: the last moment to commit. */
  revoked(holdings: readonly Holding[]): Promise<void>;
  /** Others have them already. */
  lost(partitions: readonly TopicPartition[]): Promise<void>;
  failed(error: CallboardError): void;
  troubled(error: CallboardError): void;
}

/** One partition that is held. */
export interface Holding {
  readonly stream: PartitionStream;
  readonly progress: Progress;
}

const keyOf = ({ topic, partition }: Place): string => `${topic}/${partition}`;

export class Holdings {
  readonly #link: Link;
  readonly #topics: Topics;
  readonly #feed: Feed;
  readonly #options: HoldingsOptions;
  readonly #events: HoldingsEvents;
  readonly #held = new Map<string, Holding>();
  readonly #byStream = new Map<PartitionStream, Progress>();
  /** Opens when something in hands was processed. */
  readonly #processed = new Gate();
  readonly #stop = new AbortController();
  readonly #backoff: Backoff;
  #target: readonly GroupPlaces[] | null = null;
  #fenced = false;
  #working: Promise<void> | null = null;

  constructor(link: Link, topics: Topics, feed: Feed, options: HoldingsOptions, events: HoldingsEvents) {
    this.#link = link;
    this.#topics = topics;
    this.#feed = feed;
    this.#options = options;
    this.#events = events;
    this.#backoff = new Backoff(link.options.world.random, link.options.backoff);
  }

  get all(): readonly Holding[] {
    return [...this.#held.values()];
  }

  progressOf(stream: PartitionStream): Progress | undefined {
    return this.#byStream.get(stream);
  }

  find(topic: string, partition: number): Holding | undefined {
    return this.all.find(({ stream }) => stream.topicName === topic && stream.partition === partition);
  }

  /** A message was processed. */
  processed(progress: Progress, offset: number): void {
    if (progress.processed(offset) && this.#processed.waiting > 0) this.#processed.open();
  }

  /** Hold exactly this from now on. */
  assign(places: readonly GroupPlaces[]): void {
    this.#target = places;
    this.#work();
  }

  /** Everything is gone. */
  fence(): void {
    this.#fenced = true;
    this.#target = null;
    for (const { stream } of this.all) this.#feed.fetcher.remove(stream);
    this.#work();
  }

  /** Gives everything up, in order. */
  async close(): Promise<void> {
    this.#stop.abort();
    await this.#working;
    await this.#revoke(this.all);
  }

  #work(): void {
    this.#working ??= this.#change().finally(() => {
      this.#working = null;
    });
  }

  async #change(): Promise<void> {
    while ((this.#fenced || this.#target !== null) && !this.#stop.signal.aborted) {
      try {
        if (this.#fenced) await this.#lose();
        else await this.#step();
        this.#backoff.reset();
      } catch (thrown) {
        await this.#failed(toError(thrown));
      }
    }
  }

  async #failed(error: CallboardError): Promise<void> {
    if (this.#stop.signal.aborted) return;
    if (error.retryable) {
      this.#events.troubled(error);
      await pause(this.#link.options.world.clock, this.#backoff.nextMs(), this.#stop.signal).catch(ignore);
    } else {
      this.#target = null;
      this.#events.failed(error);
    }
  }

  async #lose(): Promise<void> {
    this.#fenced = false;
    const lost = this.all;
    for (const holding of lost) this.#drop(holding);
    if (lost.length > 0) await this.#events.lost(lost.map(({ stream }) => partitionOf(stream)));
  }

  /** Towards the target: first what must go, then what comes. */
  async #step(): Promise<void> {
    const target = this.#target ?? [];
    const wanted = new Map(flatten(target).map((place) => [keyOf(place), place]));
    const revoked = this.all.filter(({ stream }) => !wanted.has(keyOf(stream)));
    if (revoked.length > 0) {
      await this.#revoke(revoked);
      this.#report(false);
    }
    const added = [...wanted.values()].filter((place) => !this.#held.has(keyOf(place)));
    if (added.length > 0 && this.#target === target && !this.#fenced) await this.#take(added, target);
    if (this.#target !== target || this.#fenced) return;
    this.#target = null;
    this.#report(true);
  }

  async #revoke(holdings: readonly Holding[]): Promise<void> {
    for (const { stream } of holdings) this.#feed.fetcher.remove(stream);
    const { clock } = this.#link.options.world;
    const untilMs = clock.monotonicMs() + this.#options.revokeMs;
    while (holdings.some(({ progress }) => !progress.idle) && !this.#fenced) {
      const timeoutMs = untilMs - clock.monotonicMs();
      if (timeoutMs <= 0 || this.#stop.signal.aborted) break;
      await this.#processed.wait({ clock, timeoutMs, signal: this.#stop.signal }).catch(ignore);
    }
    if (!this.#fenced && holdings.length > 0) await this.#events.revoked(holdings);
    for (const holding of holdings) this.#drop(holding);
  }

  async #take(places: readonly Place[], target: readonly GroupPlaces[]): Promise<void> {
    const named = await this.#named(places);
    const reply = await this.#link.call(
      { call: 'committed', group: this.#options.group, places: named.map(({ place }) => place) },
      { signal: this.#stop.signal },
    );
    const started = await this.#starts(named, reply);
    // Somebody may have changed their mind meanwhile.
    if (this.#target !== target || this.#fenced) return;
    for (const holding of started) {
      this.#held.set(keyOf(holding.stream), holding);
      this.#byStream.set(holding.stream, holding.progress);
    }
    await this.#events.assigned(started.map(({ stream }) => partitionOf(stream)));
    if (this.#fenced) return;
    this.#feed.fetcher.add(started.map(({ stream }) => stream));
  }

  /** Places with the names of their topics; a topic that is gone is left to the group to take back. */
  async #named(places: readonly Place[]): Promise<readonly { readonly place: Place; readonly name: string }[]> {
    if (places.some(({ topic }) => this.#topics.byId(topic) === undefined))
      await this.#topics.existing(this.#options.topics, { signal: this.#stop.signal });
    return places.flatMap((place) => {
      const name = this.#topics.byId(place.topic)?.name;
      return name === undefined ? [] : [{ place, name }];
    });
  }

  /** Where the group left off, or where groups without offsets begin. */
  async #starts(
    named: readonly { readonly place: Place; readonly name: string }[],
    { parts }: CommittedReply,
  ): Promise<readonly Holding[]> {
    const committed = new Map(parts.map((part) => [keyOf(part), part.offset]));
    const wanted = named.map(({ place }) => {
      const offset = committed.get(keyOf(place)) ?? -1;
      return { place, at: offset >= 0 ? { offset } : this.#options.from };
    });
    const offsets = await findOffsets(this.#link, wanted, { signal: this.#stop.signal });
    return named.map(({ place, name }, index) => {
      const offset = offsets[index] ?? id<Offset>(0);
      const stream = new PartitionStream(name, place.topic, place.partition, offset);
      return { stream, progress: new Progress(offset, committed.get(keyOf(place)) ?? -1) };
    });
  }

  #drop({ stream }: Holding): void {
    this.#feed.fetcher.remove(stream);
    this.#held.delete(keyOf(stream));
    this.#byStream.delete(stream);
  }

  #report(settled: boolean): void {
    const places = new Map<TopicId, PartitionIndex[]>();
    for (const { stream } of this.all) {
      const partitions = places.get(stream.topic) ?? [];
      partitions.push(stream.partition);
      places.set(stream.topic, partitions);
    }
    this.#events.holds(
      [...places].map(([topic, partitions]) => ({ topic, partitions })),
      settled,
    );
  }
}

export const partitionOf = ({ topicName, partition }: PartitionStream): TopicPartition => ({
  topic: topicName,
  partition,
});

function flatten(places: readonly GroupPlaces[]): Place[] {
  return places.flatMap(({ topic, partitions }) => partitions.map((partition) => ({ topic, partition })));
}
