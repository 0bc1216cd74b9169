/** All groups of one coordinator, by name, and the topics that exist. State changes by `apply` alone. */
import { type Fault, fault } from '../model/faults.ts';
import {
  GROUP_BOUNDS,
  type GroupBounds,
  type GroupSettings,
  type GroupTimes,
  timesInForce,
} from '../model/group-settings.ts';
import type { TopicId } from '../model/ids.ts';
import { GROUP_BYTES_PER_COORDINATOR_MAX, GROUPS_PER_COORDINATOR_MAX } from '../model/limits.ts';
import { Barriers } from './classic/barriers.ts';
import { Group } from './group.ts';
import { Pattern } from './pattern.ts';
import type { GroupRecord } from './record.ts';

/** For whoever would add to groups that are heavy. */
export const TOO_HEAVY: Fault = fault(
  'OVERLOADED',
  'members and offsets of the groups here take all the memory they may; delete groups that are not used',
);

/** Which way groups may change while members are in them. */
export type Migration = 'bidirectional' | 'upgrade' | 'downgrade' | 'disabled';

const NO_SETTINGS: GroupSettings = {};

export class Groups {
  readonly #groups = new Map<string, Group>();
  readonly #settings = new Map<string, GroupSettings>();
  #occupied = 0;
  #bytes = 0;
  /** Memory: who waits for whom in groups whose members assign by themselves. */
  readonly barriers: Barriers;

  readonly #migration: Migration;
  /** Of the times that groups may be given. */
  readonly bounds: GroupBounds;

  /** @param initialRebalanceMs how long a group that was empty waits for more members who assign by themselves. */
  constructor(initialRebalanceMs = 0, migration: Migration = 'bidirectional', bounds = GROUP_BOUNDS) {
    this.barriers = new Barriers(initialRebalanceMs);
    this.#migration = migration;
    this.bounds = bounds;
  }

  /** Members who assign by themselves may become guests of the node. */
  get mayUpgrade(): boolean {
    return this.#migration === 'bidirectional' || this.#migration === 'upgrade';
  }

  /** Guests who are left alone may assign by themselves again. */
  get mayDowngrade(): boolean {
    return this.#migration === 'bidirectional' || this.#migration === 'downgrade';
  }

  get size(): number {
    return this.#groups.size;
  }

  /** Those with members. */
  get occupied(): number {
    return this.#occupied;
  }

  /** No more may come. */
  get full(): boolean {
    return Math.max(this.#groups.size, this.barriers.size) >= GROUPS_PER_COORDINATOR_MAX;
  }

  /** They hold as much as they may: nothing may be added, until members leave or offsets are dropped. */
  get heavy(): boolean {
    return this.#bytes >= GROUP_BYTES_PER_COORDINATOR_MAX;
  }

  /** Nobody is in the group, of whichever kind. */
  vacant(name: string): boolean {
    return (this.#groups.get(name)?.members.size ?? 0) === 0 && !this.barriers.occupied(name);
  }

  /** Nobody would miss it. */
  forgettable(name: string): boolean {
    return this.#groups.get(name)?.forgettable === true && this.barriers.get(name) === undefined;
  }

  get(name: string): Group | undefined {
    return this.#groups.get(name);
  }

  all(): IterableIterator<Group> {
    return this.#groups.values();
  }

  /** Those that were given settings of their own, whether anybody is in them or not. */
  get withSettings(): ReadonlyMap<string, GroupSettings> {
    return this.#settings;
  }

  settingsOf(name: string): GroupSettings {
    return this.#settings.get(name) ?? NO_SETTINGS;
  }

  /** Of members that leave them to their group. */
  timesOf(name: string): GroupTimes {
    return timesInForce(this.settingsOf(name), this.bounds);
  }

  /** The first record of a group makes it; its settings are none of it. */
  apply(record: GroupRecord): void {
    if (record.type === 'settings') {
      if (Object.keys(record.settings).length === 0) this.#settings.delete(record.group);
      else this.#settings.set(record.group, record.settings);
      return;
    }
    const known = this.#groups.get(record.group);
    const group = known ?? new Group(record.group);
    const before = group.members.size;
    const bytes = known?.bytes ?? 0;
    group.apply(record);
    this.#bytes += (record.type === 'deleted' ? 0 : group.bytes) - bytes;
    this.#occupied += Math.min(1, group.members.size) - Math.min(1, before);
    if (record.type === 'deleted') this.#groups.delete(record.group);
    else if (known === undefined) this.#groups.set(record.group, group);
  }

  *snapshot(): Generator<GroupRecord> {
    for (const [group, settings] of this.#settings) yield { group, type: 'settings', settings };
    for (const group of this.#groups.values()) yield* group.snapshot();
  }
}

/** A topic, as far as groups care. */
export interface KnownTopic {
  readonly id: TopicId;
  readonly name: string;
  /** How many. */
  readonly partitions: number;
}

/** Patterns whose topics are remembered; those of others are looked for each time. */
const PATTERNS_KEPT = 64;
interface Matches {
  readonly pattern: Pattern;
  readonly topics: Map<TopicId, KnownTopic>;
}

/** The topics that exist. No state: told by the directory. */
export class Topics {
  readonly #matches = new Map<string, Matches>();
  readonly #byId = new Map<TopicId, KnownTopic>();
  readonly #byName = new Map<string, KnownTopic>();

  put(topic: KnownTopic): void {
    this.#byId.set(topic.id, topic);
    this.#byName.set(topic.name, topic);
    for (const { pattern, topics } of this.#matches.values()) if (pattern.fits(topic.name)) topics.set(topic.id, topic);
  }

  drop(id: TopicId): void {
    const topic = this.#byId.get(id);
    if (topic === undefined) return;
    this.#byId.delete(id);
    for (const { topics } of this.#matches.values()) topics.delete(id);
    // Its name may belong to a newer topic by now.
    if (this.#byName.get(topic.name) === topic) this.#byName.delete(topic.name);
  }

  byId(id: TopicId): KnownTopic | undefined {
    return this.#byId.get(id);
  }

  /** Those whose whole name a pattern fits: none, where it is no pattern. */
  matching(text: string): ReadonlyMap<TopicId, KnownTopic> {
    const known = this.#matches.get(text);
    if (known !== undefined) return known.topics;
    const pattern = Pattern.compile(text);
    if (!pattern.ok) return new Map();
    const topics = new Map<TopicId, KnownTopic>();
    for (const topic of this.#byId.values()) if (pattern.value.fits(topic.name)) topics.set(topic.id, topic);
    const oldest = this.#matches.keys().next().value;
    if (this.#matches.size >= PATTERNS_KEPT && oldest !== undefined) this.#matches.delete(oldest);
    this.#matches.set(text, { pattern: pattern.value, topics });
    return topics;
  }

  byName(name: string): KnownTopic | undefined {
    return this.#byName.get(name);
  }
}
