/** All groups of one coordinator, by name, and the topics that exist. State changes by `apply` alone. */
import type { TopicId } from '../model/ids.ts';
import { Group } from './group.ts';
import type { GroupRecord } from './record.ts';

export class Groups {
  readonly #groups = new Map<string, Group>();
  #occupied = 0;

  get size(): number {
    return this.#groups.size;
  }

  /** Those with members. */
  get occupied(): number {
    return this.#occupied;
  }

  get(name: string): Group | undefined {
    return this.#groups.get(name);
  }

  all(): IterableIterator<Group> {
    return this.#groups.values();
  }

  /** The first record of a group makes it. */
  apply(record: GroupRecord): void {
    const known = this.#groups.get(record.group);
    const group = known ?? new Group(record.group);
    const before = group.members.size;
    group.apply(record);
    this.#occupied += Math.min(1, group.members.size) - Math.min(1, before);
    if (record.type === 'deleted') this.#groups.delete(record.group);
    else if (known === undefined) this.#groups.set(record.group, group);
  }

  *snapshot(): Generator<GroupRecord> {
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

/** The topics that exist. No state: told by the directory. */
export class Topics {
  readonly #byId = new Map<TopicId, KnownTopic>();
  readonly #byName = new Map<string, KnownTopic>();

  put(topic: KnownTopic): void {
    this.#byId.set(topic.id, topic);
    this.#byName.set(topic.name, topic);
  }

  drop(id: TopicId): void {
    const topic = this.#byId.get(id);
    if (topic === undefined) return;
    this.#byId.delete(id);
    // Its name may belong to a newer topic by now.
    if (this.#byName.get(topic.name) === topic) this.#byName.delete(topic.name);
  }

  byId(id: TopicId): KnownTopic | undefined {
    return this.#byId.get(id);
  }

  byName(name: string): KnownTopic | undefined {
    return this.#byName.get(name);
  }
}
