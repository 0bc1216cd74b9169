/** DescribeProducers: producers that partitions remember. */
import { call, type RequestOf, type ResponseOf } from '../call.ts';
import { array, arrayOf, int16, int32, int64, message, nullable, or, string } from '../schema.ts';

export const describeProducers = call({
  key: 61,
  name: 'DescribeProducers',
  versions: [0, 0],
  flexible: 0,
  request: {
    topics: array({ name: string, partitionIndexes: arrayOf(int32) }),
  },
  response: {
    throttleTimeMs: or(int32, 0),
    topics: array({
      name: string,
      partitions: array({
        partitionIndex: int32,
        errorCode: int16,
        errorMessage: or(nullable(message), null),
        activeProducers: array({
          producerId: int64,
          producerEpoch: int32,
          lastSequence: int32,
          lastTimestamp: int64,
          coordinatorEpoch: int32,
          currentTxnStartOffset: int64,
        }),
      }),
    }),
  },
});
export type DescribeProducersRequest = RequestOf<typeof describeProducers>;
export type DescribeProducersResponse = ResponseOf<typeof describeProducers>;
