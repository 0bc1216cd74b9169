/** OffsetForLeaderEpoch: where a leader epoch ended, so that a consumer finds out what was cut off. */
import { call, type RequestOf, type ResponseOf } from '../call.ts';
import { array, int16, int32, int64, or, since, string } from '../schema.ts';

export const offsetForLeaderEpoch = call({
  key: 23,
  name: 'OffsetForLeaderEpoch',
  versions: [2, 4],
  flexible: 4,
  request: {
    replicaId: since(3, int32, -2),
    topics: array({
      topic: string,
      partitions: array({ partition: int32, currentLeaderEpoch: int32, leaderEpoch: int32 }),
    }),
  },
  response: {
    throttleTimeMs: or(int32, 0),
    topics: array({
      topic: string,
      partitions: array({ errorCode: int16, partition: int32, leaderEpoch: int32, endOffset: int64 }),
    }),
  },
});
export type OffsetForLeaderEpochRequest = RequestOf<typeof offsetForLeaderEpoch>;
export type OffsetForLeaderEpochResponse = ResponseOf<typeof offsetForLeaderEpoch>;
