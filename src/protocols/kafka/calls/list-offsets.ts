/** ListOffsets: where a partition begins, ends, or reaches a point in time. */
import { call, type RequestOf, type ResponseOf } from '../call.ts';
import { array, int8, int16, int32, int64, since, string } from '../schema.ts';

export const listOffsets = call({
  key: 2,
  name: 'ListOffsets',
  versions: [1, 11],
  flexible: 6,
  request: {
    replicaId: int32,
    isolationLevel: since(2, int8),
    topics: array({
      name: string,
      partitions: array({ partitionIndex: int32, currentLeaderEpoch: since(4, int32, -1), timestamp: int64 }),
    }),
    timeoutMs: since(10, int32, 0),
  },
  response: {
    throttleTimeMs: since(2, int32, 0),
    topics: array({
      name: string,
      partitions: array({
        partitionIndex: int32,
        errorCode: int16,
        timestamp: int64,
        offset: int64,
        leaderEpoch: since(4, int32, -1),
      }),
    }),
  },
});
export type ListOffsetsRequest = RequestOf<typeof listOffsets>;
export type ListOffsetsResponse = ResponseOf<typeof listOffsets>;
