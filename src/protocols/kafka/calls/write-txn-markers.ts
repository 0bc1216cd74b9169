/** WriteTxnMarkers: the end of transactions in their partitions; admins end hanging ones by it. */
import { call, type RequestOf, type ResponseOf } from '../call.ts';
import { array, arrayOf, boolean, int8, int16, int32, int64, since, string } from '../schema.ts';

export const writeTxnMarkers = call({
  key: 27,
  name: 'WriteTxnMarkers',
  versions: [1, 2],
  flexible: 1,
  request: {
    markers: array({
      producerId: int64,
      producerEpoch: int16,
      transactionResult: boolean,
      topics: array({ name: string, partitionIndexes: arrayOf(int32) }),
      coordinatorEpoch: int32,
      transactionVersion: since(2, int8, 0),
    }),
  },
  response: {
    markers: array({
      producerId: int64,
      topics: array({
        name: string,
        partitions: array({ partitionIndex: int32, errorCode: int16 }),
      }),
    }),
  },
});
export type WriteTxnMarkersRequest = RequestOf<typeof writeTxnMarkers>;
export type WriteTxnMarkersResponse = ResponseOf<typeof writeTxnMarkers>;
