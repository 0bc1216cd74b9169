/**
 * The catalog's committed topics on their way to the directories: who has subscribed, how far each has come, and who waits
 * for all of them. A plain class inside the catalog's actor. A directory that is down holds nobody back: it gets a whole
 * copy when it is there again.
 */
import type { Address, Context } from '../../runtime/actor.ts';
import type { Topic } from '../../src/model/topic.ts';
import { directoryAddress } from '../directory/contract.ts';
import type { CatalogPush } from './contract.ts';

/** A portion of the copy has at most so many topics, and partitions (5 bytes each), so that it fits a ring record. */
const COPY_TOPICS = 100;
const COPY_PARTITIONS = 4_000;
/** A directory that lags by more messages gets a whole copy instead, so that a slow one costs bounded memory. */
const QUEUE_MAX = 2_000;

interface Subscriber {
  readonly address: Address<CatalogPush>;
  /** All it has confirmed. */
  applied: number;
  queue: CatalogPush[];
  /** Its mailbox was full; a message will tell when to go on. */
  blocked: boolean;
}
/** `awaited`: alive, as far as known, but has not subscribed yet since this catalog started. */
type Directory = Subscriber | 'awaited' | 'down';

export class Publisher {
  readonly #context: Context<never>;
  readonly #wake: (shard: number) => never;
  readonly #directories: Directory[] = [];
  /** Committed topics, in contrast to the machine's own state, which is ahead by what is on its way to the log. */
  #topics = new Map<Topic['id'], Topic>();
  #nextPartition = 0;
  #version = 0;
  /** Nothing may be told before the replay is over. */
  #begun = false;
  readonly #waiting: { readonly version: number; readonly applied: () => void }[] = [];

  /** @param wake the message that the actor is to answer with `push(shard)`. */
  constructor(context: Context<never>, wake: (shard: number) => unknown) {
    this.#context = context;
    this.#wake = wake as (shard: number) => never;
    for (let shard = 0; shard < context.shards; shard++) {
      this.#directories.push('awaited');
      context.watch(directoryAddress(context.node, shard));
    }
  }

  /** Nobody waits. */
  get idle(): boolean {
    return this.#waiting.length === 0;
  }

  /** After each replay: the committed topics, whatever was told before. */
  begin(topics: Iterable<Topic>, nextPartition: number): void {
    this.#topics = new Map();
    for (const topic of topics) this.#topics.set(topic.id, topic);
    this.#nextPartition = nextPartition;
    this.#version++;
    this.#begun = true;
    for (const [shard, directory] of this.#directories.entries()) {
      if (typeof directory !== 'string') this.#copy(shard, directory);
    }
  }

  subscribe(shard: number, from: Address): void {
    const subscriber: Subscriber = { address: from, applied: -1, queue: [], blocked: false };
    this.#directories[shard] = subscriber;
    this.#context.watch(from);
    if (this.#begun) this.#copy(shard, subscriber);
  }

  down(address: Address): void {
    const shard = this.#directories.findIndex(
      (_, index) => directoryAddress(address.node, index).name === address.name,
    );
    const directory = this.#directories[shard];
    if (directory === undefined) return;
    if (typeof directory !== 'string' && directory.address.incarnation !== address.incarnation) return;
    this.#directories[shard] = 'down';
    this.#settle();
  }

  applied(from: Address, version: number): void {
    for (const directory of this.#directories) {
      if (typeof directory === 'string' || directory.address.name !== from.name) continue;
      if (directory.address.incarnation === from.incarnation) directory.applied = Math.max(directory.applied, version);
    }
    this.#settle();
  }

  /** Tells all directories of a committed change. */
  publish(what: 'change' | 'gone', topic: Topic, nextPartition: number): void {
    const version = ++this.#version;
    this.#nextPartition = nextPartition;
    if (what === 'change') this.#topics.set(topic.id, topic);
    else this.#topics.delete(topic.id);
    const push: CatalogPush =
      what === 'change'
        ? { type: 'change', version, nextPartition, topic }
        : { type: 'gone', version, nextPartition, topic: topic.id, name: topic.name };
    for (const [shard, directory] of this.#directories.entries()) {
      if (typeof directory === 'string') continue;
      directory.queue.push(push);
      if (directory.queue.length > QUEUE_MAX) this.#copy(shard, directory);
      else this.#send(shard, directory);
    }
  }

  /** Calls back once every directory that lives knows all that was published so far. */
  whenApplied(applied: () => void): void {
    this.#waiting.push({ version: this.#version, applied });
    this.#settle();
  }

  /** The directory of a shard may have room again. */
  push(shard: number): void {
    const directory = this.#directories[shard];
    if (directory === undefined || typeof directory === 'string') return;
    directory.blocked = false;
    this.#send(shard, directory);
  }

  /** Sends what is due, as far as there is room. */
  #send(shard: number, directory: Subscriber): void {
    const { address, queue } = directory;
    let sent = 0;
    while (!directory.blocked && sent < queue.length) {
      const message = queue[sent];
      if (message === undefined || this.#context.send(address, message) === 'full') directory.blocked = true;
      else sent++;
    }
    queue.splice(0, sent);
    if (directory.blocked) this.#context.whenWritable(address, this.#wake(shard));
  }

  #copy(shard: number, subscriber: Subscriber): void {
    subscriber.queue = [...this.#portions()];
    this.#send(shard, subscriber);
  }

  *#portions(): Generator<CatalogPush> {
    const head = { type: 'copy', version: this.#version, nextPartition: this.#nextPartition } as const;
    let first = true;
    let topics: Topic[] = [];
    let partitions = 0;
    for (const topic of this.#topics.values()) {
      if (
        topics.length > 0 &&
        (topics.length === COPY_TOPICS || partitions + topic.partitions.length > COPY_PARTITIONS)
      ) {
        yield { ...head, first, last: false, topics };
        first = false;
        topics = [];
        partitions = 0;
      }
      topics.push(topic);
      partitions += topic.partitions.length;
    }
    yield { ...head, first, last: true, topics };
  }

  /** Versions rise along the line of those who wait. */
  #settle(): void {
    if (this.#waiting.length === 0) return;
    const known = this.#known();
    for (let next = this.#waiting[0]; next !== undefined && next.version <= known; next = this.#waiting[0]) {
      this.#waiting.shift();
      next.applied();
    }
  }

  /** What all directories know that are not down. */
  #known(): number {
    let known = Infinity;
    for (const directory of this.#directories) {
      if (directory === 'down') continue;
      known = Math.min(known, directory === 'awaited' ? -1 : directory.applied);
    }
    return known;
  }
}
