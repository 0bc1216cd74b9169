/**
 * Managing a node: topics, groups, offsets, the node itself. Names go in and come out; ids stay inside. Calls that
 * change something are never repeated by themselves: a lost connection is the caller's to judge.
 */
import { id, type PartitionIndex } from '../../model/ids.ts';
import type { Topic, TopicSettings } from '../../model/topic.ts';
import type { Place } from '../../protocols/place.ts';
import type {
  DescribeGroupReply,
  DescribeTopicReply,
  GroupPlaces,
  GroupSummary,
  Lag,
  NodeReply,
} from '../../protocols/request.ts';
import type { CallOptions } from './call.ts';
import { CallboardError } from './errors.ts';
import type { Link } from './link.ts';
import type { TopicPartition } from './message.ts';
import { type Position, type TimedPosition, wireOffset, wirePosition } from './position.ts';
import type { Topics } from './topics.ts';

/** An offset that was asked for. */
export interface PartitionOffset extends TopicPartition {
  readonly offset: number;
  /** Milliseconds since 1970-01-01T00:00Z of the record found by time, else -1. */
  readonly timestamp: number;
}

/** One partition of a group. */
export interface GroupPartition extends TopicPartition {
  /** Offset of the next message to process; -1: nothing committed. */
  readonly committed: number;
  readonly begin: number;
  readonly end: number;
  /** Who has it; empty: nobody. */
  readonly member: string;
  readonly lag: Lag;
}

export interface GroupDescription extends Omit<DescribeGroupReply, 'call' | 'partitions' | 'members'> {
  readonly members: readonly GroupMember[];
  readonly partitions: readonly GroupPartition[];
}

export interface GroupMember extends Omit<DescribeGroupReply['members'][number], 'owned' | 'target'> {
  readonly owned: readonly TopicPartition[];
  readonly target: readonly TopicPartition[];
}

export interface ResetPartition extends TopicPartition {
  /** -1: nothing was committed. */
  readonly from: number;
  readonly to: number;
  readonly error?: CallboardError;
}

export class Admin {
  readonly #link: Link;
  readonly #topics: Topics;

  /** Made by `client.admin()`. */
  constructor(link: Link, topics: Topics) {
    this.#link = link;
    this.#topics = topics;
  }

  async createTopic(
    name: string,
    options: { readonly partitions?: number; readonly settings?: Partial<TopicSettings> } & CallOptions = {},
  ): Promise<Topic> {
    const { partitions, settings = {}, ...call } = options;
    const count = partitions === undefined ? {} : { partitions };
    return (await this.#link.call({ call: 'createTopic', name, settings, ...count }, call)).topic;
  }

  /** Changes settings, adds partitions: never fewer than now. */
  async alterTopic(
    name: string,
    options: { readonly partitions?: number; readonly settings?: Partial<TopicSettings> } & CallOptions,
  ): Promise<Topic> {
    const { partitions, settings = {}, ...call } = options;
    const count = partitions === undefined ? {} : { partitions };
    const { topic } = await this.#link.call({ call: 'alterTopic', name, settings, ...count }, call);
    this.#topics.forget(name);
    return topic;
  }

  /** Deletes the topic with all its messages. */
  async deleteTopic(name: string, options: CallOptions = {}): Promise<void> {
    await this.#link.call({ call: 'deleteTopic', name }, options);
    this.#topics.forget(name);
  }

  async listTopics(options: CallOptions = {}): Promise<readonly Topic[]> {
    return (await this.#link.call({ call: 'topics' }, options)).topics;
  }

  /** Offsets, sizes and damage of every partition. */
  async describeTopic(name: string, options: CallOptions = {}): Promise<Omit<DescribeTopicReply, 'call'>> {
    const { topic, partitions } = await this.#link.call({ call: 'describeTopic', name }, options);
    return { topic, partitions };
  }

  /** Begin, end, or the first offset from a time on, of all partitions of a topic or of some. */
  async offsets(
    topic: string,
    at: TimedPosition,
    options: { readonly partitions?: readonly number[] } & CallOptions = {},
  ): Promise<readonly PartitionOffset[]> {
    const { partitions, ...call } = options;
    const known = await this.#topics.refresh(topic, call);
    const wanted = partitions ?? known.partitions.keys();
    const parts = [...wanted].map((partition) => ({
      topic: known.id,
      partition: id<PartitionIndex>(partition),
      at: wirePosition(at),
    }));
    const reply = await this.#link.call({ call: 'offsets', parts }, call);
    return reply.parts.map((part) => {
      if ('fault' in part) throw CallboardError.from(part.fault);
      return { topic, partition: part.partition, offset: part.offset, timestamp: part.timestamp };
    });
  }

  async listGroups(options: CallOptions = {}): Promise<readonly GroupSummary[]> {
    return (await this.#link.call({ call: 'groups' }, options)).groups;
  }

  /** Members, what each has, and the lag of every partition as the node counts it. */
  async describeGroup(group: string, options: CallOptions = {}): Promise<GroupDescription> {
    const { call: _, members, partitions, ...rest } = await this.#link.call({ call: 'describeGroup', group }, options);
    const names = await this.#namesOf(
      members.flatMap((member) => [...member.owned, ...member.target]),
      options,
    );
    for (const part of partitions) names.set(part.topic, part.topicName);
    return {
      ...rest,
      members: members.map(({ owned, target, ...member }) => ({
        ...member,
        owned: named(owned, names),
        target: named(target, names),
      })),
      partitions: partitions.map(({ topic: _topic, topicName, ...part }) => ({ topic: topicName, ...part })),
    };
  }

  /** Moves the committed offsets of a group that has no members; `dryRun` only tells. */
  async resetGroup(
    group: string,
    topic: string,
    to: Position,
    options: { readonly partitions?: readonly number[]; readonly dryRun?: boolean } & CallOptions = {},
  ): Promise<readonly ResetPartition[]> {
    const { partitions, dryRun = false, ...call } = options;
    const known = await this.#topics.refresh(topic, call);
    const wanted = partitions ?? known.partitions.keys();
    const places = [...wanted].map((partition) => ({
      topic: known.id,
      partition: id<PartitionIndex>(partition),
      to: typeof to === 'object' && 'offset' in to ? { offset: wireOffset(to.offset) } : wirePosition(to),
    }));
    const reply = await this.#link.call({ call: 'resetGroup', group, places, dryRun }, call);
    return reply.parts.map((part) =>
      'fault' in part
        ? { topic, partition: part.partition, from: -1, to: -1, error: CallboardError.from(part.fault) }
        : { topic, partition: part.partition, from: part.from, to: part.to },
    );
  }

  /** Forgets a group that has no members, with its offsets. */
  async deleteGroup(group: string, options: CallOptions = {}): Promise<void> {
    await this.#link.call({ call: 'deleteGroup', group }, options);
  }

  /** What the node is, its shards and its storage. */
  async node(options: CallOptions = {}): Promise<Omit<NodeReply, 'call'>> {
    const { call: _, ...node } = await this.#link.call({ call: 'node' }, options);
    return node;
  }

  /** Names of the topics that stand here as ids. */
  async #namesOf(places: readonly GroupPlaces[], options: CallOptions): Promise<Map<Place['topic'], string>> {
    const names = new Map<Place['topic'], string>();
    if (places.length === 0) return names;
    for (const topic of await this.listTopics(options)) names.set(topic.id, topic.name);
    return names;
  }
}

function named(places: readonly GroupPlaces[], names: ReadonlyMap<Place['topic'], string>): readonly TopicPartition[] {
  return places.flatMap(({ topic, partitions }) =>
    partitions.map((partition) => ({ topic: names.get(topic) ?? `#${topic}`, partition })),
  );
}
