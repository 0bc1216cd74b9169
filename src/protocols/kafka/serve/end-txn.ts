/**
 * EndTxn: commits or aborts. Answered once every partition and group of the transaction knows: readers of committed
 * records see it then, and the producer's next transaction meets nothing of this one. From version 5 on the end takes an
 * epoch of its own, and the answer has the one of the next transaction (KIP-890).
 */

import { ask } from '../asking.ts';
import { endTxn } from '../calls/end-txn.ts';
import { errors } from '../faults.ts';
import { service } from '../service.ts';
import { transactionError } from '../transactional.ts';

const FENCED_SINCE = 2;
const EPOCHS_SINCE = 5;

export const serveEndTxn = service(endTxn, function* (request, _peer, version) {
  const { transactionalId: transaction, producerId: producer, producerEpoch: epoch, committed: commit } = request;
  const protocol = version >= EPOCHS_SINCE ? 2 : 1;
  const ended = yield* ask<'endTransaction'>({
    call: 'endTransaction',
    transaction,
    producer,
    epoch,
    commit,
    protocol,
  });
  if (!ended.ok) return { errorCode: transactionError(ended.fault, version >= FENCED_SINCE) };
  return { errorCode: errors.NONE, producerId: ended.value.producer, producerEpoch: ended.value.epoch };
});
