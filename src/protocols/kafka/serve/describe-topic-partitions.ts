/** DescribeTopicPartitions: topics with their partitions by name, in pages. */
import { ok, type Result } from '../../../model/faults.ts';
import type { Topic } from '../../../model/topic.ts';
import { ask, type Serving } from '../asking.ts';
import {
  type DescribeTopicPartitionsRequest,
  type DescribeTopicPartitionsResponse,
  describeTopicPartitions,
} from '../calls/describe-topic-partitions.ts';
import { errors } from '../faults.ts';
import { lookUp } from '../look-up.ts';
import { NO_UUID } from '../reading.ts';
import { type Peer, service } from '../service.ts';
import { LEADER_EPOCH, TOPIC_OPERATIONS } from '../standing.ts';
import { errorOfNamed } from '../topic-names.ts';

type Answer = DescribeTopicPartitionsResponse['topics'][number];
type Cursor = NonNullable<DescribeTopicPartitionsRequest['cursor']>;

/** Of one page, however many were asked for; as Kafka's. */
const PARTITIONS_MAX = 2_000;

export const serveDescribeTopicPartitions = service(describeTopicPartitions, function* (request, peer) {
  const { cursor, responsePartitionLimit, topics: wanted } = request;
  if (cursor !== null && !isAmong(wanted, cursor))
    return { topics: wanted.map(({ name }) => missing(name, errors.INVALID_REQUEST)), nextCursor: null };
  const found = yield* find(wanted.map(({ name }) => name));
  if (!found.ok) return { topics: [], nextCursor: null };
  let left = Math.min(Math.max(responsePartitionLimit, 1), PARTITIONS_MAX);
  const topics: Answer[] = [];
  let nextCursor: Cursor | null = null;
  for (const [topicName, topic] of found.value) {
    if (cursor !== null && topicName < cursor.topicName) continue;
    if (left === 0) {
      nextCursor = { topicName, partitionIndex: 0 };
      break;
    }
    if (!topic.ok) {
      topics.push(missing(topicName, errorOfNamed(topic.fault, topicName)));
      continue;
    }
    const from = cursor?.topicName === topicName ? cursor.partitionIndex : 0;
    const count = Math.min(left, Math.max(topic.value.partitions.length - from, 0));
    topics.push(describe(topic.value, from, from + count, peer));
    left -= count;
    if (from + count < topic.value.partitions.length) {
      nextCursor = { topicName, partitionIndex: from + count };
      break;
    }
  }
  return { topics, nextCursor };
});

/** A page begins at a partition of a topic that was asked for. */
function isAmong(wanted: DescribeTopicPartitionsRequest['topics'], { topicName, partitionIndex }: Cursor): boolean {
  return partitionIndex >= 0 && (wanted.length === 0 || wanted.some(({ name }) => name === topicName));
}

type Found = readonly (readonly [name: string, topic: Result<Topic>])[];

/** By name; without names all. */
function* find(names: readonly string[]): Serving<Result<Found>> {
  if (names.length === 0) {
    const listed = yield* ask<'topics'>({ call: 'topics' });
    if (!listed.ok) return listed;
    return ok(sorted(listed.value.topics.map((topic) => [topic.name, ok(topic)] as const)));
  }
  const distinct = [...new Set(names)];
  const found = yield* lookUp(distinct, false);
  return ok(sorted(found.map((topic, index) => [distinct[index] ?? '', topic] as const)));
}

const sorted = (found: Found): Found => [...found].sort(([one], [other]) => (one < other ? -1 : 1));

function missing(name: string, errorCode: number): Answer {
  return { errorCode, name, topicId: NO_UUID, isInternal: false, partitions: [] };
}

function describe({ id, name, partitions }: Topic, from: number, to: number, { broker, topics }: Peer): Answer {
  const self = [broker.node];
  return {
    errorCode: errors.NONE,
    name,
    topicId: topics.ids.digitsOf(id),
    isInternal: false,
    partitions: partitions.slice(from, to).map((_id, index) => ({
      errorCode: errors.NONE,
      partitionIndex: from + index,
      leaderId: broker.node,
      leaderEpoch: LEADER_EPOCH,
      replicaNodes: self,
      isrNodes: self,
      eligibleLeaderReplicas: [],
      lastKnownElr: [],
      offlineReplicas: [],
    })),
    topicAuthorizedOperations: TOPIC_OPERATIONS,
  };
}
