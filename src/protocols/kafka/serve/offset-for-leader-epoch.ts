/** OffsetForLeaderEpoch: there has been one leader, so its epoch ends where the partition ends. */
import type { PartitionIndex } from '../../../model/ids.ts';
import type { OffsetsRequest } from '../../request.ts';
import { ask } from '../asking.ts';
import {
  type OffsetForLeaderEpochRequest,
  type OffsetForLeaderEpochResponse,
  offsetForLeaderEpoch,
} from '../calls/offset-for-leader-epoch.ts';
import { type ErrorCode, errors } from '../faults.ts';
import { service } from '../service.ts';
import { LEADER_EPOCH } from '../standing.ts';

type Asked = OffsetForLeaderEpochRequest['topics'][number]['partitions'][number];
type Answer = OffsetForLeaderEpochResponse['topics'][number]['partitions'][number];
type Part = OffsetsRequest['parts'][number];

export const serveOffsetForLeaderEpoch = service(offsetForLeaderEpoch, function* (request, { topics }) {
  const named = request.topics.map(({ topic }) => ({ name: topic, id: '' }));
  const found = yield* topics.locate(named, false);
  const parts: Part[] = request.topics.flatMap(({ partitions }, index) => {
    const topic = found[index];
    return topic?.ok === true ? partitions.flatMap((one) => partOf(topic.value, one)) : [];
  });
  const ends = parts.length === 0 ? undefined : yield* ask<'offsets'>({ call: 'offsets', parts });
  let next = 0;
  const answers = request.topics.map(({ topic: name, partitions }, index) => {
    const topic = found[index];
    const answer = (asked: Asked): Answer => {
      if (topic?.ok !== true) return failure(asked, errors.UNKNOWN_TOPIC_OR_PARTITION);
      const wrong = judge(asked);
      if (wrong !== null) return failure(asked, wrong);
      const end = ends?.ok === true ? ends.value.parts[next++] : undefined;
      if (end === undefined) return failure(asked, errors.NOT_LEADER_OR_FOLLOWER);
      if ('fault' in end) return failure(asked, topics.errorOf(end.fault, { name, id: '' }, false));
      // An epoch that never was has no end.
      if (asked.leaderEpoch !== LEADER_EPOCH) return failure(asked, errors.NONE);
      const { partition } = asked;
      return { errorCode: errors.NONE, partition, leaderEpoch: LEADER_EPOCH, endOffset: end.offset };
    };
    return { topic: name, partitions: partitions.map(answer) };
  });
  return { topics: answers };
});

function judge({ partition, currentLeaderEpoch }: Asked): ErrorCode | null {
  if (partition < 0) return errors.UNKNOWN_TOPIC_OR_PARTITION;
  return currentLeaderEpoch > LEADER_EPOCH ? errors.UNKNOWN_LEADER_EPOCH : null;
}

function partOf(topic: Part['topic'], asked: Asked): Part[] {
  return judge(asked) === null ? [{ topic, partition: asked.partition as PartitionIndex, at: 'end' }] : [];
}

function failure({ partition }: Asked, errorCode: number): Answer {
  return { errorCode, partition, leaderEpoch: -1, endOffset: -1 };
}
