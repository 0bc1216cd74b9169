/**
 * InitProducerId: an identity for an idempotent producer. A producer that raises its epoch after a loss does that by itself
 * (KIP-360), so whoever asks gets a new id, whatever it had before.
 */
import { initProducerId } from '../calls/init-producer-id.ts';
import { type ErrorCode, errorOf, errors } from '../faults.ts';
import { ask, service } from '../service.ts';

export const serveInitProducerId = service(initProducerId, function* ({ transactionalId, producerId, producerEpoch }) {
  if (transactionalId !== null || producerId < 0 !== producerEpoch < 0) return refuse(errors.INVALID_REQUEST);
  const made = yield* ask<'producer'>({ call: 'producer' });
  if (!made.ok) return refuse(errorOf(made.fault.code));
  return { errorCode: errors.NONE, producerId: made.value.producerId, producerEpoch: made.value.epoch };
});

function refuse(errorCode: ErrorCode) {
  return { errorCode, producerId: -1, producerEpoch: -1 };
}
