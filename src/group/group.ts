/**
 * The state of one consumer group: members, who owns what, who should, committed offsets. Changes by `apply` alone, which
 * asserts that a partition never has two owners. Decides nothing and knows no time, but for two marks per member that
 * are memory and not state.
 */
import { assert, unreachable } from '../model/assert.ts';
import type { Offset, TopicId } from '../model/ids.ts';
import { Generation } from './generation.ts';
import { PendingOffsets } from './pending.ts';
import { type PlaceKey, packPlaces, partitionOf, placeKey, topicOf, unpackPlaces } from './places.ts';
import type { Assignor, CommittedEntry, GroupKind, GroupRecord, Subscription } from './record.ts';

export interface Member {
  readonly id: string;
  subscription: Subscription;
  /** Of the last step it made; 0 until the first. */
  epoch: number;
  /** The one before: its answer may have been lost on the way. */
  previous: number;
  /** It may read these. */
  readonly assigned: Set<PlaceKey>;
  /** It was told to give these up and has not said that it did. */
  readonly revoking: Set<PlaceKey>;
  /** What it should own. */
  target: ReadonlySet<PlaceKey>;
  /** Static, put down what it had, expected back. */
  away: boolean;
  /** Memory: how often {@link assigned} has changed. */
  moves: number;
  /** Memory: when its session is over, ms; 0 before it is first heard of, or looked at, since the replay. */
  dueAt: number;
  /** Memory: since when it has something to give up, or to come for, ms; 0 when it has not. */
  revokingSince: number;
  /** Memory: a guest has joined, and not asked for its assignment. */
  unsynced: boolean;
}

export interface Committed {
  readonly offset: Offset;
  readonly metadata: string;
  /** Of the record before the offset; -1: unknown. */
  readonly leaderEpoch: number;
  /** When, ms since 1970. */
  readonly at: number;
}
export interface GroupTopic {
  readonly name: string;
  readonly partitions: number;
}

const NOTHING: ReadonlySet<PlaceKey> = new Set();

/** Could it assign by itself, and leaves that to the node as long as others can't? */
export const isGuest = ({ subscription }: Member): boolean => subscription.classic !== null;

export class Group {
  readonly name: string;
  #epoch = 0;
  #stale = false;
  /** Of the members that it has or had last; a group that only keeps offsets is none of a coordinator's assigning. */
  #kind: GroupKind = 'classic';
  #generation: Generation | null = null;
  #assignor: Assignor = 'sticky';
  readonly #members = new Map<string, Member>();
  /** Topics by name, with the number of members that want each. */
  readonly #wanted = new Map<string, number>();
  /** As {@link Group.#wanted}, for patterns. */
  readonly #patterns = new Map<string, number>();
  readonly #instances = new Map<string, string>();
  readonly #owners = new Map<PlaceKey, string>();
  readonly #offsets = new Map<PlaceKey, Committed>();
  readonly pending = new PendingOffsets();
  #emptiedAt: number | null = null;
  #bytes = 0;
  #topics: ReadonlyMap<TopicId, GroupTopic> = new Map();

  constructor(name: string) {
    this.name = name;
  }

  get kind(): GroupKind {
    return this.#kind;
  }

  /** The last whole one, while its members assign by themselves. */
  get generation(): Generation | null {
    return this.#generation;
  }

  /** Rises with every new target and every generation. */
  get epoch(): number {
    return this.#epoch;
  }

  /** Members or their wishes have changed since the target was made. */
  get stale(): boolean {
    return this.#stale;
  }

  get assignor(): Assignor {
    return this.#assignor;
  }

  get members(): ReadonlyMap<string, Member> {
    return this.#members;
  }

  get offsets(): ReadonlyMap<PlaceKey, Committed> {
    return this.#offsets;
  }

  /** The topics that the target was made for. */
  get topics(): ReadonlyMap<TopicId, GroupTopic> {
    return this.#topics;
  }

  /** Names of the topics that anybody wants, whether they exist or not. */
  wanted(): IterableIterator<string> {
    return this.#wanted.keys();
  }

  wants(topic: string): boolean {
    return this.#wanted.has(topic);
  }

  /** Patterns of names that anybody wants. */
  patterns(): IterableIterator<string> {
    return this.#patterns.keys();
  }

  /** All of them could assign by themselves, and there is somebody. */
  get guestsOnly(): boolean {
    for (const member of this.#members.values()) if (!isGuest(member)) return false;
    return this.#members.size > 0;
  }

  /** The member that holds an instance id. */
  holder(instance: string): Member | undefined {
    return this.#members.get(this.#instances.get(instance) ?? '');
  }

  /** Who may read a partition, or still has to give it up. */
  owner(key: PlaceKey): string | undefined {
    return this.#owners.get(key);
  }

  /** Since when it has been known to have no members, ms since 1970; null: it has some, or nobody has looked yet. */
  get emptiedAt(): number | null {
    return this.#emptiedAt;
  }

  /** The log would miss nothing; somebody may be about to join all the same. */
  get forgettable(): boolean {
    const classic = this.#generation?.members.size ?? 0;
    return this.#members.size === 0 && classic === 0 && this.#offsets.size === 0 && this.pending.size === 0;
  }

  /** About what members and offsets take in memory. */
  get bytes(): number {
    return this.#bytes;
  }

  apply(record: Exclude<GroupRecord, { readonly type: 'settings' }>): void {
    switch (record.type) {
      case 'member':
        this.#welcome(record.member, record.subscription, record.replaces);
        break;
      case 'gone':
        this.#remove(this.#known(record.member));
        this.#stale = true;
        break;
      case 'away':
        this.#putDown(this.#known(record.member));
        break;
      case 'target':
        this.#aim(record);
        break;
      case 'step':
        this.#step(record);
        break;
      case 'offsets':
        for (const entry of record.offsets) this.#commit(entry);
        break;
      case 'pending':
        this.pending.add(record);
        break;
      case 'settled':
        for (const entry of this.pending.take(record.producer)) if (record.commit) this.#commit(entry);
        break;
      case 'forget':
        this.#forget(new Set(record.topics));
        break;
      case 'emptied':
        this.#emptiedAt = record.at;
        break;
      case 'dropped':
        for (const key of unpackPlaces(record.places)) this.#dropOffset(key);
        break;
      case 'generation':
        this.#begin(record);
        break;
      case 'assigned':
        assert(this.#generation !== null, `group ${this.name} has no generation`);
        this.#generation.apply(record);
        break;
      case 'epoch':
        assert(record.epoch > this.#epoch, `epoch ${record.epoch} of group ${this.name} comes after ${this.#epoch}`);
        this.#epoch = record.epoch;
        break;
      case 'group':
        this.#epoch = record.epoch;
        this.#stale = record.stale;
        this.#kind = record.kind;
        break;
      case 'deleted':
        assert(this.#members.size === 0, `group ${this.name} is deleted with members`);
        break;
      default:
        unreachable(record);
    }
  }

  *snapshot(): Generator<GroupRecord> {
    const group = this.name;
    for (const { id: member, subscription } of this.#members.values())
      yield { group, type: 'member', member, subscription, replaces: null };
    const targets = [...this.#members.values()].map(({ id, target }) => [id, packPlaces(target)] as const);
    const topics = [...this.#topics].map(([id, { name, partitions }]) => [id, name, partitions] as const);
    yield { group, type: 'target', epoch: this.#epoch, assignor: this.#assignor, topics, targets };
    for (const member of this.#members.values()) yield* this.#memberSnapshot(member);
    if (this.#generation !== null) yield* this.#generation.snapshot(group);
    const offsets: CommittedEntry[] = [];
    for (const [key, { offset, metadata, leaderEpoch, at }] of this.#offsets)
      offsets.push([topicOf(key), partitionOf(key), offset, metadata, leaderEpoch, at]);
    if (offsets.length > 0) yield { group, type: 'offsets', offsets };
    yield* this.pending.snapshot(group);
    if (this.#emptiedAt !== null) yield { group, type: 'emptied', at: this.#emptiedAt };
    yield { group, type: 'group', epoch: this.#epoch, stale: this.#stale, kind: this.#kind };
  }

  *#memberSnapshot(member: Member): Generator<GroupRecord> {
    const step = { group: this.name, type: 'step', member: member.id, epoch: member.epoch } as const;
    const { previous } = member;
    const give = packPlaces([...member.assigned, ...member.revoking]);
    yield { ...step, previous, released: false, revoke: [], give };
    if (member.revoking.size > 0)
      yield { ...step, previous, released: false, revoke: packPlaces(member.revoking), give: [] };
    if (member.away) yield { group: this.name, type: 'away', member: member.id };
  }

  #begin(record: Extract<GroupRecord, { readonly type: 'generation' }>): void {
    assert(this.#members.size === 0, `group ${this.name} has members that do not assign`);
    this.#kind = 'classic';
    this.#generation = new Generation(record);
    this.#epoch = Math.max(this.#epoch, record.generation);
    this.#emptiedAt = null;
  }

  #known(id: string): Member {
    const member = this.#members.get(id);
    assert(member !== undefined, `group ${this.name} has no member ${id}`);
    return member;
  }

  #welcome(id: string, subscription: Subscription, replaces: string | null): void {
    this.#kind = 'consumer';
    this.#generation = null;
    this.#emptiedAt = null;
    const before = this.#members.get(replaces ?? id);
    if (before === undefined || !sameWish(before.subscription, subscription)) this.#stale = true;
    if (before !== undefined && replaces === null) {
      this.#want(before.subscription, -1);
      this.#want(subscription, 1);
      before.subscription = subscription;
      return;
    }
    if (before !== undefined) this.#remove(before);
    assert(!this.#members.has(id), `${id} is a member of ${this.name} already`);
    const fresh = { epoch: 0, previous: 0, away: false, moves: 0, dueAt: 0, revokingSince: 0, unsynced: false };
    const target = before?.target ?? NOTHING;
    this.#members.set(id, { id, subscription, assigned: new Set(), revoking: new Set(), target, ...fresh });
    this.#want(subscription, 1);
    if (subscription.instance !== null) this.#instances.set(subscription.instance, id);
  }

  #want(subscription: Subscription, by: 1 | -1): void {
    this.#bytes += by * bytesOf(subscription);
    const { topics, pattern } = subscription;
    for (const topic of topics) count(this.#wanted, topic, by);
    if (pattern !== '') count(this.#patterns, pattern, by);
  }

  #remove(member: Member): void {
    this.#putDown(member);
    this.#members.delete(member.id);
    this.#want(member.subscription, -1);
    if (member.subscription.instance !== null) this.#instances.delete(member.subscription.instance);
  }

  #putDown(member: Member): void {
    for (const key of member.assigned) this.#owners.delete(key);
    for (const key of member.revoking) this.#owners.delete(key);
    member.assigned.clear();
    member.revoking.clear();
    member.away = true;
  }

  #aim(record: Extract<GroupRecord, { readonly type: 'target' }>): void {
    assert(record.epoch >= this.#epoch, `epoch ${record.epoch} of group ${this.name} comes after ${this.#epoch}`);
    this.#epoch = record.epoch;
    this.#stale = false;
    this.#assignor = record.assignor;
    this.#topics = new Map(record.topics.map(([id, name, partitions]) => [id, { name, partitions }]));
    for (const [member, places] of record.targets) this.#known(member).target = new Set(unpackPlaces(places));
  }

  #step(record: Extract<GroupRecord, { readonly type: 'step' }>): void {
    const member = this.#known(record.member);
    if (record.released) {
      for (const key of member.revoking) this.#owners.delete(key);
      member.revoking.clear();
    }
    for (const key of unpackPlaces(record.revoke)) {
      assert(member.assigned.delete(key), `${member.id} is to give up what it does not own`);
      member.revoking.add(key);
    }
    for (const key of unpackPlaces(record.give)) {
      const owner = this.#owners.get(key);
      assert(owner === undefined, `a partition of group ${this.name} is given to ${member.id} and owned by ${owner}`);
      this.#owners.set(key, member.id);
      member.assigned.add(key);
    }
    if (record.revoke.length > 0 || record.give.length > 0) member.moves++;
    member.epoch = record.epoch;
    member.previous = record.previous;
  }

  #commit([topic, partition, offset, metadata, leaderEpoch, at]: CommittedEntry): void {
    const key = placeKey(topic, partition);
    this.#dropOffset(key);
    this.#offsets.set(key, { offset: offset as Offset, metadata, leaderEpoch, at });
    this.#bytes += OFFSET_BYTES + 2 * metadata.length;
  }

  #forget(topics: ReadonlySet<TopicId>): void {
    this.pending.forget(topics);
    for (const key of this.#offsets.keys()) if (topics.has(topicOf(key))) this.#dropOffset(key);
  }

  #dropOffset(key: PlaceKey): void {
    const before = this.#offsets.get(key);
    if (before === undefined) return;
    this.#offsets.delete(key);
    this.#bytes -= OFFSET_BYTES + 2 * before.metadata.length;
  }
}

/** Of a member without its wishes, and of an offset without its metadata, as the engine lays them out. */
const MEMBER_BYTES = 1_024;
const OFFSET_BYTES = 192;

/** A name takes its characters, and its place in the list and in the count of who wants it. */
function bytesOf({ topics, pattern, client, rack, host, classic }: Subscription): number {
  let bytes = MEMBER_BYTES + 2 * (pattern.length + client.length + rack.length + host.length);
  for (const { name, metadata } of classic ?? []) bytes += 64 + 2 * name.length + metadata.length;
  for (const topic of topics) bytes += 64 + 2 * topic.length;
  return bytes;
}

function count(counts: Map<string, number>, name: string, by: 1 | -1): void {
  const now = (counts.get(name) ?? 0) + by;
  if (now > 0) counts.set(name, now);
  else counts.delete(name);
}

/** Does the change of a subscription leave everybody's target as it is? */
function sameWish(a: Subscription, b: Subscription): boolean {
  if (a.assignor !== b.assignor || a.pattern !== b.pattern || a.topics.length !== b.topics.length) return false;
  const topics = new Set(a.topics);
  return b.topics.every((topic) => topics.has(topic));
}
