/** AddOffsetsToTxn: the group whose offsets a transaction is going to commit. */
import { call, type RequestOf, type ResponseOf } from '../call.ts';
import { int16, int32, int64, or, string } from '../schema.ts';

export const addOffsetsToTxn = call({
  key: 25,
  name: 'AddOffsetsToTxn',
  versions: [0, 4],
  flexible: 3,
  request: {
    transactionalId: string,
    producerId: int64,
    producerEpoch: int16,
    groupId: string,
  },
  response: {
    throttleTimeMs: or(int32, 0),
    errorCode: int16,
  },
});
export type AddOffsetsToTxnRequest = RequestOf<typeof addOffsetsToTxn>;
export type AddOffsetsToTxnResponse = ResponseOf<typeof addOffsetsToTxn>;
