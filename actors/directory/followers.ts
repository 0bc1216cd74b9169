/**
 * Who looked up what in a directory, and what each has not been told yet. A plain class inside the directory. One whose
 * mailbox is full is told later, the last word on each topic only; what is kept of anybody is bounded.
 */
import type { Address, Context } from '../../runtime/actor.ts';
import type { TopicId } from '../../src/model/ids.ts';
import type { DirectoryAnswer } from './contract.ts';

export type Notice = Extract<DirectoryAnswer, { readonly type: 'topicChanged' | 'topicGone' }>;

/** One who looked up more topics hears of all of them from then on: a flag instead of a list that grows. */
const TOPICS_FOLLOWED_MAX = 1_000;

interface Follower {
  readonly address: Address<Notice>;
  readonly topics: Set<TopicId>;
  everything: boolean;
  /** Not sent yet because its mailbox was full. */
  readonly due: Map<TopicId, Notice>;
}

export class Followers {
  readonly #context: Context<never>;
  readonly #wake: (follower: string) => never;
  readonly #followers = new Map<string, Follower>();
  readonly #byTopic = new Map<TopicId, Set<Follower>>();
  readonly #everything = new Set<Follower>();

  /** @param wake the message that the actor is to answer with `resume(follower)`. */
  constructor(context: Context<never>, wake: (follower: string) => unknown) {
    this.#context = context;
    this.#wake = wake as (follower: string) => never;
  }

  get size(): number {
    return this.#followers.size;
  }

  /** It looked up a topic. */
  add(address: Address, topic: TopicId): void {
    const follower = this.#follower(address);
    if (follower.everything || follower.topics.has(topic)) return;
    if (follower.topics.size >= TOPICS_FOLLOWED_MAX) {
      this.all(address);
      return;
    }
    follower.topics.add(topic);
    const followers = this.#byTopic.get(topic);
    if (followers === undefined) this.#byTopic.set(topic, new Set([follower]));
    else followers.add(follower);
  }

  /** It is to hear of every change. */
  all(address: Address): void {
    const follower = this.#follower(address);
    follower.everything = true;
    this.#everything.add(follower);
    this.#leaveTopics(follower);
  }

  /** Its incarnation has ended. */
  forget(address: Address): void {
    const follower = this.#followers.get(keyOf(address));
    if (follower === undefined) return;
    this.#followers.delete(keyOf(address));
    this.#everything.delete(follower);
    this.#leaveTopics(follower);
  }

  tell(topic: TopicId, notice: Notice): void {
    for (const follower of this.#everything) this.#send(follower, topic, notice);
    for (const follower of this.#byTopic.get(topic) ?? []) {
      this.#send(follower, topic, notice);
      if (notice.type === 'topicGone') follower.topics.delete(topic);
    }
    if (notice.type === 'topicGone') this.#byTopic.delete(topic);
  }

  /** Its mailbox may have room again. */
  resume(key: string): void {
    const follower = this.#followers.get(key);
    if (follower === undefined) return;
    const due = [...follower.due];
    follower.due.clear();
    for (const [topic, notice] of due) this.#send(follower, topic, notice);
  }

  #follower(address: Address): Follower {
    const key = keyOf(address);
    const known = this.#followers.get(key);
    if (known !== undefined) return known;
    const follower: Follower = { address, topics: new Set(), everything: false, due: new Map() };
    this.#followers.set(key, follower);
    this.#context.watch(address);
    return follower;
  }

  /** Behind what it was not told yet, so that it never ends with an old notice. */
  #send(follower: Follower, topic: TopicId, notice: Notice): void {
    if (follower.due.size === 0 && this.#context.send(follower.address, notice) === 'sent') return;
    if (follower.due.size === 0) this.#context.whenWritable(follower.address, this.#wake(keyOf(follower.address)));
    follower.due.delete(topic);
    follower.due.set(topic, notice);
  }

  #leaveTopics(follower: Follower): void {
    for (const topic of follower.topics) {
      const followers = this.#byTopic.get(topic);
      followers?.delete(follower);
      if (followers?.size === 0) this.#byTopic.delete(topic);
    }
    follower.topics.clear();
  }
}

/** Names outlive a restart, a follower does not. */
function keyOf(address: Address<never>): string {
  return `${address.name}#${address.incarnation}`;
}
