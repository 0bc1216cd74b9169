/**
 * InitProducerId: an identity for a producer. An idempotent one gets a new id whatever it had before: it raises its epoch
 * after a loss by itself (KIP-360). One with a transactional id gets the next epoch of its id, which fences the one before.
 */
import type { OpenProducerRequest } from '../../transactions.ts';
import { ask } from '../asking.ts';
import { initProducerId } from '../calls/init-producer-id.ts';
import { type ErrorCode, errorOf, errors } from '../faults.ts';
import { service } from '../service.ts';
import { transactionError } from '../transactional.ts';

const FENCED_SINCE = 4;

export const serveInitProducerId = service(initProducerId, function* (request, _peer, version) {
  const { transactionalId: transaction, transactionTimeoutMs: timeoutMs, producerId: producer } = request;
  const before = { producer, epoch: request.producerEpoch };
  if (before.producer < 0 !== before.epoch < 0) return refuse(errors.INVALID_REQUEST);
  if (transaction !== null) return yield* open({ call: 'openProducer', transaction, timeoutMs, before }, version);
  const made = yield* ask<'producer'>({ call: 'producer' });
  if (!made.ok) return refuse(errorOf(made.fault.code));
  return { errorCode: errors.NONE, producerId: made.value.producerId, producerEpoch: made.value.epoch };
});

function* open(request: OpenProducerRequest, version: number) {
  const opened = yield* ask<'openProducer'>(request);
  if (!opened.ok) return refuse(transactionError(opened.fault, version >= FENCED_SINCE));
  return { errorCode: errors.NONE, producerId: opened.value.producer, producerEpoch: opened.value.epoch };
}

function refuse(errorCode: ErrorCode) {
  return { errorCode, producerId: -1, producerEpoch: -1 };
}
