/** InitProducerId: an identity for an idempotent or transactional producer. */
import { call, type RequestOf, type ResponseOf } from '../call.ts';
import { int16, int32, int64, nullable, or, since, string } from '../schema.ts';

export const initProducerId = call({
  key: 22,
  name: 'InitProducerId',
  versions: [0, 5],
  flexible: 2,
  request: {
    transactionalId: nullable(string),
    transactionTimeoutMs: int32,
    producerId: since(3, int64, -1),
    producerEpoch: since(3, int16, -1),
  },
  response: {
    throttleTimeMs: or(int32, 0),
    errorCode: int16,
    producerId: int64,
    producerEpoch: int16,
  },
});
export type InitProducerIdRequest = RequestOf<typeof initProducerId>;
export type InitProducerIdResponse = ResponseOf<typeof initProducerId>;
