/** AddOffsetsToTxn: a group joins a transaction, which is going to commit offsets of it (protocol 1). */

import { ask } from '../asking.ts';
import { addOffsetsToTxn } from '../calls/add-offsets-to-txn.ts';
import { errors } from '../faults.ts';
import { checkGroup } from '../group-names.ts';
import { service } from '../service.ts';
import { transactionError } from '../transactional.ts';

const FENCED_SINCE = 2;

export const serveAddOffsetsToTxn = service(addOffsetsToTxn, function* (request, _peer, version) {
  const { transactionalId: transaction, producerId: producer, producerEpoch: epoch, groupId } = request;
  if (checkGroup(groupId) !== null) return { errorCode: errors.INVALID_GROUP_ID };
  const who = { transaction, producer, epoch };
  const asked = { call: 'joinTransaction', ...who, places: [], groups: [groupId], verify: false } as const;
  const joined = yield* ask<'joinTransaction'>(asked);
  return { errorCode: joined.ok ? errors.NONE : transactionError(joined.fault, version >= FENCED_SINCE) };
});
