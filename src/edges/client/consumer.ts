/**
 * A member of a consumer group, as people hold it: messages by `for await` or by a handler, each at least once. What is
 * committed was processed: in a loop that is when the next message is asked for, with a handler when its promise
 * resolves. Hands out nothing of a partition that others may have.
 */
import { Commits } from './commits.ts';
import { CallboardError, toError } from './errors.ts';
import { Feed } from './feed.ts';
import { type Holding, Holdings, partitionOf } from './holdings.ts';
import type { Link } from './link.ts';
import { Membership } from './membership.ts';
import type { Message, TopicPartition } from './message.ts';
import { notNegative, positive } from './options.ts';
import type { Position, TimedPosition } from './position.ts';
import type { Progress } from './progress.ts';
import { feedOptions, type ReadOptions } from './reader.ts';
import type { Topics } from './topics.ts';
import { Breath, ignore } from './wait.ts';
import { type Handler, type RunOptions, runHandler } from './workers.ts';

export interface ConsumerOptions extends ReadOptions {
  readonly group: string;
  /** Names; a topic that does not exist yet is taken up when it does. */
  readonly topics: readonly string[] | string;
  /**
   * Where a group begins in partitions of which it has committed nothing, also in those that are added to a topic later;
   * default `end`, as Kafka's clients do. Use `begin` where nothing may be missed.
   */
  readonly from?: TimedPosition;
  /** Commit what was processed every so often, ms; default 1,000; 0: only by `commit`. */
  readonly autoCommitMs?: number;
  /** Default `sticky`. */
  readonly assignor?: 'range' | 'roundrobin' | 'sticky';
  /** Makes the member static: after a restart under the same id it gets its partitions back without a rebalance. */
  readonly instance?: string;
  /** Without a sign of life for so long the member is out, ms; default 45,000. */
  readonly sessionMs?: number;
  /** Longest time to give up revoked partitions, ms; default 300,000. */
  readonly rebalanceMs?: number;
  /** Before the first message of these partitions; `seek` works in here. */
  readonly onAssigned?: (partitions: readonly TopicPartition[]) => void | Promise<void>;
  /** When nothing of these is in hands any more; `commit` works in here. They are given up after it. */
  readonly onRevoked?: (partitions: readonly TopicPartition[]) => void | Promise<void>;
  /** Others have these already, because the session ended; default `onRevoked`. Nothing can be committed. */
  readonly onLost?: (partitions: readonly TopicPartition[]) => void | Promise<void>;
}

/** Offset of the next message to process in a partition. */
export interface CommitOffset extends TopicPartition {
  readonly offset: number;
  /** For people, up to 4,096 characters. */
  readonly metadata?: string;
}

/** Share of the rebalance time that messages in hands get; the rest is for the callback and the commit. */
const REVOKE_SHARE = 0.75;

/** Longest try to commit what is given up, ms: a node that is away for longer gives it to others anyway. */
const LAST_COMMIT_MS_MAX = 10_000;

export class Consumer {
  readonly #fetchLink: Link;
  readonly #groupLink: Link;
  readonly #options: ConsumerOptions;
  readonly #feed: Feed;
  readonly #membership: Membership;
  readonly #holdings: Holdings;
  readonly #commits: Commits;
  readonly #onClose: (consumer: Consumer) => void;
  readonly #breath: Breath;
  #started = false;
  #failure: CallboardError | null = null;
  #closing: Promise<void> | null = null;
  #closeSignal: AbortSignal | undefined;
  #inHand: { readonly progress: Progress; readonly offset: number } | null = null;
  #running: Promise<void> | null = null;

  /** Made by `client.consumer()`; `newLink` makes those that are its own. */
  constructor(newLink: () => Link, topics: Topics, options: ConsumerOptions, onClose: (consumer: Consumer) => void) {
    this.#options = options;
    this.#onClose = onClose;
    const names = typeof options.topics === 'string' ? [options.topics] : options.topics;
    const sessionMs = positive('sessionMs', options.sessionMs ?? 45_000);
    const rebalanceMs = positive('rebalanceMs', options.rebalanceMs ?? 300_000);
    const intervalMs = notNegative('autoCommitMs', options.autoCommitMs ?? 1_000);
    const { group, instance, assignor = 'sticky', from = 'end' } = options;
    if (names.length === 0) throw new CallboardError('INVALID_OPTION', 'topics is empty');
    const feed = feedOptions(options);
    this.#fetchLink = newLink();
    this.#groupLink = newLink();
    this.#breath = new Breath(this.#fetchLink.options.world.clock);
    const troubled = (error: CallboardError): void => options.onError?.(error);
    this.#feed = new Feed(this.#fetchLink, { ...feed, waitsForTopics: true }, troubled);
    this.#membership = new Membership(
      this.#groupLink,
      { group, topics: names, instance, assignor, sessionMs, rebalanceMs },
      {
        assigned: (places) => this.#holdings.assign(places),
        fenced: (error) => this.#fenced(error),
        failed: (error) => this.#fail(error),
        troubled,
      },
    );
    this.#holdings = new Holdings(
      this.#groupLink,
      topics,
      this.#feed,
      { group, topics: names, from, revokeMs: REVOKE_SHARE * rebalanceMs },
      {
        holds: (places, settled) => this.#membership.holds(places, settled),
        assigned: (partitions) => this.#tell(options.onAssigned, partitions),
        revoked: (holdings) => this.#revoked(holdings),
        lost: (partitions) => this.#tell(options.onLost ?? options.onRevoked, partitions),
        failed: (error) => this.#fail(error),
        troubled,
      },
    );
    this.#commits = new Commits(
      this.#groupLink,
      this.#membership,
      { group, intervalMs },
      () => this.#holdings.all,
      troubled,
    );
  }

  /** Joins the group; the first message asked for does it by itself. */
  join(): void {
    this.#checkOpen();
    if (this.#started) return;
    this.#started = true;
    this.#membership.start();
    this.#commits.start();
  }

  /** Id of this member in its group. */
  get member(): string {
    return this.#membership.member;
  }

  /** The partitions that it holds now. */
  assignment(): readonly TopicPartition[] {
    return this.#holdings.all.map(({ stream }) => partitionOf(stream));
  }

  /** Offset of the next message to hand out of a partition that is held. */
  position(partition: TopicPartition): number {
    return this.#holding(partition).stream.position;
  }

  /**
   * One message after the other, without end: until `break`, `close` or an error. A message counts as processed when the
   * next one is asked for; after a `break` call {@link markProcessed} for the last one.
   */
  async *[Symbol.asyncIterator](): AsyncGenerator<Message, void, undefined> {
    this.join();
    for (let message = await this.#next(); message !== null; message = await this.#next()) yield message;
  }

  /**
   * Calls `handler` with every message until `close`, the signal, or an error: a handler's own ends it, and its message
   * comes again. Messages of one partition come one after the other, or `concurrency` of them at a time.
   */
  run(handler: Handler, options: RunOptions = {}): Promise<void> {
    this.join();
    if (this.#running !== null) throw new CallboardError('INVALID_OPTION', 'the consumer runs a handler already');
    const { clock } = this.#fetchLink.options.world;
    const source = {
      feed: this.#feed,
      clock,
      handed: (message: Message) => this.#handed(message),
      processed: (progress: Progress, offset: number) => this.#holdings.processed(progress, offset),
      failure: () => this.#failure,
      closed: () => this.#closing !== null,
    };
    const running = runHandler(source, handler, options).finally(() => {
      this.#running = null;
    });
    this.#running = running;
    return running;
  }

  /** The message is done: it will be committed. For loops that end by `break`, and for work that ends out of order. */
  markProcessed(message: Message): void {
    const holding = this.#holdings.find(message.topic, message.partition);
    if (holding !== undefined) this.#holdings.processed(holding.progress, message.offset);
  }

  /** Commits a message (and all before it), given offsets, or everything that was processed. */
  async commit(
    what?: Message | readonly CommitOffset[],
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<void> {
    if (what === undefined) await this.#commits.processed(this.#holdings.all, options);
    else if (isMessage(what)) {
      this.markProcessed(what);
      const entry = { holding: this.#holding(what), offset: what.offset + 1, metadata: undefined };
      await this.#commits.commit([entry], options);
    } else {
      const entries = what.map(({ offset, metadata, ...place }) => ({
        holding: this.#holding(place),
        offset,
        metadata,
      }));
      await this.#commits.commit(entries, options);
    }
  }

  /** Hands out nothing of these (default: all that are held) until `resume`; the member stays in the group. */
  pause(partitions?: readonly TopicPartition[]): void {
    for (const { stream } of this.#some(partitions)) stream.paused = true;
  }

  resume(partitions?: readonly TopicPartition[]): void {
    for (const { stream } of this.#some(partitions)) stream.paused = false;
    this.#feed.fetcher.hurry();
    this.#feed.arrived.open();
  }

  /** Goes on elsewhere in a partition that is held. The group's committed offset never goes back by it. */
  async seek(partition: TopicPartition, to: Position, options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    const { stream, progress } = this.#holding(partition);
    await this.#feed.seek(stream, to, options.signal);
    progress.moved(stream.position);
  }

  /**
   * Waits for running handlers, commits what was processed, leaves the group (a static member only for a while) and
   * disconnects; with a signal that fires without waiting for the node. Not to be awaited inside a handler: it would wait for itself; use the signal of `run` there.
   */
  close(options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    if (this.#closing === null) this.#closeSignal = options.signal;
    this.#closing ??= this.#close(options.signal);
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(signal: AbortSignal | undefined): Promise<void> {
    this.#commits.stop();
    // After `#closing` is set: who waits for messages sees that there will be none.
    await Promise.resolve();
    this.#feed.arrived.open();
    try {
      await this.#running?.catch(ignore);
      await this.#holdings.close();
      await this.#membership.leave(this.#options.instance === undefined, signal);
    } catch (thrown) {
      this.#options.onError?.(toError(thrown));
    } finally {
      this.#feed.close(new CallboardError('CLOSED', 'the consumer was closed'));
      this.#fetchLink.close();
      this.#groupLink.close();
      this.#onClose(this);
    }
  }

  async #next(): Promise<Message | null> {
    if (this.#inHand !== null) this.#holdings.processed(this.#inHand.progress, this.#inHand.offset);
    this.#inHand = null;
    for (;;) {
      if (this.#breath.due) await this.#breath.taken();
      if (this.#closing !== null) return null;
      if (this.#failure !== null) throw this.#failure;
      const message = this.#feed.fetcher.take();
      const progress = message === null ? null : this.#handed(message);
      if (message !== null && progress !== null) {
        this.#inHand = { progress, offset: message.offset };
        return message;
      }
      if (message === null) await this.#feed.arrived.wait({ clock: this.#fetchLink.options.world.clock });
    }
  }

  /** Notes a message as being in somebody's hands; null: its partition is not held any more. */
  #handed(message: Message): Progress | null {
    const stream = this.#feed.fetcher.current;
    const progress = stream === null ? undefined : this.#holdings.progressOf(stream);
    progress?.handed(message.offset);
    return progress ?? null;
  }

  async #revoked(holdings: readonly Holding[]): Promise<void> {
    await this.#tell(
      this.#options.onRevoked,
      holdings.map(({ stream }) => partitionOf(stream)),
    );
    if (!this.#commits.automatic) return;
    try {
      await this.#commits.processed(holdings, { timeoutMs: LAST_COMMIT_MS_MAX, signal: this.#closeSignal });
    } catch (thrown) {
      // They come again to whoever gets the partitions: at least once, not lost.
      this.#options.onError?.(toError(thrown));
    }
  }

  async #tell(
    callback: ((partitions: readonly TopicPartition[]) => void | Promise<void>) | undefined,
    partitions: readonly TopicPartition[],
  ): Promise<void> {
    if (partitions.length === 0) return;
    try {
      await callback?.(partitions);
    } catch (thrown) {
      // A change of hands can't be refused by a callback: others wait for it.
      this.#options.onError?.(toError(thrown));
    }
  }

  #fenced(error: CallboardError): void {
    this.#holdings.fence();
    this.#options.onError?.(error);
  }

  #fail(error: CallboardError): void {
    this.#failure ??= error;
    this.#feed.arrived.open();
  }

  #some(partitions: readonly TopicPartition[] | undefined): readonly Holding[] {
    return partitions?.map((partition) => this.#holding(partition)) ?? this.#holdings.all;
  }

  #holding({ topic, partition }: TopicPartition): Holding {
    const holding = this.#holdings.find(topic, partition);
    if (holding !== undefined) return holding;
    throw new CallboardError('UNKNOWN_PARTITION', `${topic}/${partition} is not assigned to this consumer`);
  }

  #checkOpen(): void {
    if (this.#closing !== null) throw new CallboardError('CLOSED', 'the consumer was closed');
  }
}

function isMessage(what: Message | readonly CommitOffset[]): what is Message {
  return !Array.isArray(what);
}
