/** OffsetCommit: by members of either kind of group, and by anybody while a group has none. */
import type { Fault } from '../../../model/faults.ts';
import type { Offset, PartitionIndex, TopicId } from '../../../model/ids.ts';
import type { CommitOffsetsRequest } from '../../classic.ts';
import { type OffsetCommitRequest, type OffsetCommitResponse, offsetCommit } from '../calls/offset-commit.ts';
import { coordinatorErrorOf, errors } from '../faults.ts';
import { checkGroup, named } from '../group-names.ts';
import { ask, service } from '../service.ts';

const BY_ID_SINCE = 10;

type Topic = OffsetCommitRequest['topics'][number];
type Asked = Topic['partitions'][number];
type Answer = OffsetCommitResponse['topics'][number]['partitions'][number] & { errorCode: number };

export const serveOffsetCommit = service(offsetCommit, function* (request, peer, version) {
  const { groupId: group, memberId: member, generationIdOrMemberEpoch: generation } = request;
  const byId = version >= BY_ID_SINCE;
  const wanted = request.topics.map(({ name, topicId }) => ({ name, id: topicId }));
  const found = yield* peer.topics.locate(wanted, byId);
  const offsets: CommitOffsetsRequest['offsets'][number][] = [];
  const open: { readonly answer: Answer; readonly topic: (typeof wanted)[number] }[] = [];
  const topics = request.topics.map(({ name, topicId, partitions }, index) => {
    const topic = { name, id: topicId };
    const known = found[index];
    const answers = partitions.map((asked): Answer => {
      const answer = { partitionIndex: asked.partitionIndex, errorCode: errors.NONE as number };
      if (known?.ok !== true)
        answer.errorCode = known === undefined ? -1 : peer.topics.errorOf(known.fault, topic, byId);
      else if (asked.partitionIndex < 0) answer.errorCode = errors.UNKNOWN_TOPIC_OR_PARTITION;
      else if (asked.committedOffset < 0) answer.errorCode = errors.INVALID_REQUEST;
      else {
        open.push({ answer, topic });
        offsets.push(offsetOf(known.value, asked));
      }
      return answer;
    });
    return { name, topicId, partitions: answers };
  });
  const whole = checkGroup(group);
  const committed =
    whole === null
      ? yield* ask<'commitOffsets'>({
          ...{ call: 'commitOffsets', group, member, generation, offsets },
          ...named(request.groupInstanceId),
        })
      : ({ ok: false, fault: whole } as const);
  open.forEach(({ answer, topic }, index) => {
    const why = committed.ok ? committed.value.parts[index]?.fault : committed.fault;
    if (why !== undefined) answer.errorCode = codeOf(why) ?? peer.topics.errorOf(why, topic, byId);
  });
  return { topics };
});

/** Of what has to do with groups; topics have their own. */
function codeOf(why: Fault): number | undefined {
  return why.code === 'UNKNOWN_TOPIC' ? undefined : coordinatorErrorOf(why.code);
}

function offsetOf(topic: TopicId, asked: Asked): CommitOffsetsRequest['offsets'][number] {
  return {
    topic,
    partition: asked.partitionIndex as PartitionIndex,
    offset: asked.committedOffset as Offset,
    leaderEpoch: asked.committedLeaderEpoch,
    metadata: asked.committedMetadata ?? '',
  };
}
