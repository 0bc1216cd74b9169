/**
 * A shard's copy of the committed topics, as the catalog tells it: portions of a whole copy, then change by change. A
 * plain class inside the directory. Partitions are known for this shard alone, because no other's will ask here.
 */
import type { PartitionId, PartitionIndex, TopicId } from '../../src/model/ids.ts';
import { FIRST_USER_PARTITION, id } from '../../src/model/ids.ts';
import type { Topic } from '../../src/model/topic.ts';
import type { CatalogPush } from '../catalog/contract.ts';
import type { PartitionConfiguration } from '../partition/contract.ts';

export interface TopicChange {
  /** As it is now; as it was, when it is gone. */
  readonly topic: Topic;
  readonly gone: boolean;
}

export class DirectoryCopy {
  readonly #shard: number;
  readonly #shards: number;
  readonly #topics = new Map<TopicId, Topic>();
  readonly #byName = new Map<string, Topic>();
  readonly #partitions = new Map<PartitionId, { readonly topic: TopicId; readonly index: PartitionIndex }>();
  /** Portions of a copy that is not whole yet. */
  #portions: Topic[] = [];
  #whole = false;
  #nextPartition = 0;

  constructor(shard: number, shards: number) {
    this.#shard = shard;
    this.#shards = shards;
  }

  /** Every topic is known that was committed when the first copy began. */
  get whole(): boolean {
    return this.#whole;
  }

  get size(): number {
    return this.#topics.size;
  }

  topics(): readonly Topic[] {
    return [...this.#topics.values()];
  }

  find(topic: string | TopicId): Topic | undefined {
    return typeof topic === 'string' ? this.#byName.get(topic) : this.#topics.get(topic);
  }

  /** What a partition of this shard is; undefined when there is no such partition. */
  configuration(partition: PartitionId): PartitionConfiguration | undefined {
    const place = this.#partitions.get(partition);
    const topic = place === undefined ? undefined : this.#topics.get(place.topic);
    if (place === undefined || topic === undefined) return undefined;
    const { id: topicId, name: topicName, settings } = topic;
    return { type: 'configure', topic: topicId, topicName, partition: place.index, settings };
  }

  /** The catalog may have created it since it last told something. */
  unheard(partition: PartitionId): boolean {
    return partition >= Math.max(this.#nextPartition, FIRST_USER_PARTITION);
  }

  /** @returns what is different afterwards. */
  apply(push: CatalogPush): TopicChange[] {
    if (push.type !== 'copy') {
      this.#nextPartition = push.nextPartition;
      return push.type === 'change' ? this.#put(push.topic) : this.#drop(push.topic);
    }
    if (push.first) this.#portions = [];
    for (const topic of push.topics) this.#portions.push(topic);
    if (!push.last) return [];
    this.#nextPartition = push.nextPartition;
    this.#whole = true;
    return this.#replace(this.#portions.splice(0));
  }

  #replace(topics: readonly Topic[]): TopicChange[] {
    const kept = new Set(topics.map((topic) => topic.id));
    const gone = [...this.#topics.keys()].filter((topic) => !kept.has(topic)).flatMap((topic) => this.#drop(topic));
    return [...gone, ...topics.flatMap((topic) => this.#put(topic))];
  }

  #put(topic: Topic): TopicChange[] {
    if (this.#topics.get(topic.id)?.version === topic.version) return [];
    this.#topics.set(topic.id, topic);
    this.#byName.set(topic.name, topic);
    for (const [index, partition] of topic.partitions.entries()) {
      if (partition % this.#shards === this.#shard)
        this.#partitions.set(partition, { topic: topic.id, index: id(index) });
    }
    return [{ topic, gone: false }];
  }

  #drop(topicId: TopicId): TopicChange[] {
    const topic = this.#topics.get(topicId);
    if (topic === undefined) return [];
    this.#topics.delete(topicId);
    // The name may have been given to a newer topic, which the same copy brought.
    if (this.#byName.get(topic.name)?.id === topicId) this.#byName.delete(topic.name);
    for (const partition of topic.partitions) this.#partitions.delete(partition);
    return [{ topic, gone: true }];
  }
}
