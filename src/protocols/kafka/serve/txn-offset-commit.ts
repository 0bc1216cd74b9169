/**
 * TxnOffsetCommit: offsets that a group has once the transaction is committed. From version 5 on the group becomes part of
 * the transaction by it (KIP-890); before, AddOffsetsToTxn has to have come.
 */
import type { Offset, PartitionIndex, TopicId } from '../../../model/ids.ts';
import type { CommitInTransactionRequest } from '../../groups.ts';
import { type TxnOffsetCommitRequest, txnOffsetCommit } from '../calls/txn-offset-commit.ts';
import { errors } from '../faults.ts';
import { checkGroup, named } from '../group-names.ts';
import { ask, service } from '../service.ts';
import { transactionError } from '../transactional.ts';

const JOINS_SINCE = 5;
const BY_ID_SINCE = 6;

type Asked = TxnOffsetCommitRequest['topics'][number]['partitions'][number];

export const serveTxnOffsetCommit = service(txnOffsetCommit, function* (request, peer, version) {
  const { groupId: group, transactionalId: transaction, producerId: producer, producerEpoch: epoch } = request;
  const byId = version >= BY_ID_SINCE;
  const wanted = request.topics.map(({ name, topicId }) => ({ name, id: topicId }));
  const found = yield* peer.topics.locate(wanted, byId);
  const offsets: CommitInTransactionRequest['offsets'][number][] = [];
  const open: { readonly answer: { errorCode: number }; readonly topic: (typeof wanted)[number] }[] = [];
  const topics = request.topics.map(({ name, topicId, partitions }, index) => {
    const topic = { name, id: topicId };
    const known = found[index];
    const answers = partitions.map((asked) => {
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
  const { generationIdOrMemberEpoch: generation, memberId: member, groupInstanceId } = request;
  const who = { group, transaction, producer, epoch, joins: version >= JOINS_SINCE, generation, member };
  const committed =
    whole === null
      ? yield* ask<'commitInTransaction'>({ call: 'commitInTransaction', ...who, offsets, ...named(groupInstanceId) })
      : ({ ok: false, fault: whole } as const);
  open.forEach(({ answer, topic }, index) => {
    const why = committed.ok ? committed.value.parts[index]?.fault : committed.fault;
    if (why === undefined) return;
    const ofTopic = why.code === 'UNKNOWN_TOPIC';
    answer.errorCode = ofTopic ? peer.topics.errorOf(why, topic, byId) : transactionError(why, true);
  });
  return { topics };
});

function offsetOf(topic: TopicId, asked: Asked): CommitInTransactionRequest['offsets'][number] {
  return {
    topic,
    partition: asked.partitionIndex as PartitionIndex,
    offset: asked.committedOffset as Offset,
    leaderEpoch: asked.committedLeaderEpoch,
    metadata: asked.committedMetadata ?? '',
  };
}
