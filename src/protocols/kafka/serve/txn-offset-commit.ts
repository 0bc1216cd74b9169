/**
 * TxnOffsetCommit: offsets that a group has once the transaction is committed. From version 5 on the group becomes part of
 * the transaction by it (KIP-890); before, AddOffsetsToTxn has to have come.
 */

import { ask } from '../asking.ts';
import { txnOffsetCommit } from '../calls/txn-offset-commit.ts';
import { checkGroup, named } from '../group-names.ts';
import { nameOffsets } from '../named-offsets.ts';
import { service } from '../service.ts';
import { transactionError } from '../transactional.ts';

const JOINS_SINCE = 5;
const BY_ID_SINCE = 6;

export const serveTxnOffsetCommit = service(txnOffsetCommit, function* (request, peer, version) {
  const { groupId: group, transactionalId: transaction, producerId: producer, producerEpoch: epoch } = request;
  const { offsets, topics, settle } = yield* nameOffsets(request.topics, peer, version >= BY_ID_SINCE);
  const whole = checkGroup(group);
  const { generationIdOrMemberEpoch: generation, memberId: member, groupInstanceId } = request;
  const who = { group, transaction, producer, epoch, joins: version >= JOINS_SINCE, generation, member };
  const committed =
    whole === null
      ? yield* ask<'commitInTransaction'>({ call: 'commitInTransaction', ...who, offsets, ...named(groupInstanceId) })
      : ({ ok: false, fault: whole } as const);
  settle(committed, (why) => transactionError(why, true));
  return { topics };
});
