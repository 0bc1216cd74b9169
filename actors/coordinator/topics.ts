/** The topics that exist, as a coordinator knows them: for the group machine by count, for its surveys by partition id. */
import { Topics } from '../../src/group/groups.ts';
import type { PartitionId, PartitionIndex, TopicId } from '../../src/model/ids.ts';
import type { Topic } from '../../src/model/topic.ts';

export class GroupTopics extends Topics {
  readonly #topics = new Map<TopicId, Topic>();

  constructor(topics: Iterable<Topic>) {
    super();
    for (const topic of topics) this.add(topic);
  }

  add(topic: Topic): void {
    this.#topics.set(topic.id, topic);
    this.put({ id: topic.id, name: topic.name, partitions: topic.partitions.length });
  }

  override drop(topic: TopicId): void {
    super.drop(topic);
    this.#topics.delete(topic);
  }

  partition(topic: TopicId, partition: PartitionIndex): PartitionId | undefined {
    return this.#topics.get(topic)?.partitions[partition];
  }
}
