/**
 * TxnOffsetCommit: offsets that a group has once the transaction is committed. From version 5 on the group becomes part of
 * the transaction by it (KIP-890); before, AddOffsetsToTxn has to have come.
 */

import type { Fault } from '../../../model/faults.ts';
import { ask } from '../asking.ts';
import { txnOffsetCommit } from '../calls/txn-offset-commit.ts';
import { type ErrorCode, errors } from '../faults.ts';
import { checkGroup, named } from '../group-names.ts';
import { nameOffsets } from '../named-offsets.ts';
import { service } from '../service.ts';
import { transactionError } from '../transactional.ts';

const JOINS_SINCE = 5;
const BY_ID_SINCE = 6;
const ABORTABLE_SINCE = 4;

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
  settle(committed, (why) => errorIn(why, version));
  return { topics };
});

/** A group's coordinator knows of epochs that are wrong, and of none that is fenced. */
function errorIn(why: Fault, version: number): ErrorCode {
  if (why.code === 'UNKNOWN_GROUP') return errors.ILLEGAL_GENERATION;
  if (why.code === 'TRANSACTION_ABORTABLE' && version < ABORTABLE_SINCE) return errors.INVALID_TXN_STATE;
  return transactionError(why, false);
}
