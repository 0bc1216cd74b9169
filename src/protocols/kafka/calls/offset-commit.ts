/** OffsetCommit: how far a group has read. */
import { call, type RequestOf, type ResponseOf } from '../call.ts';
import { array, int16, int32, int64, nullable, or, since, string, until, uuid } from '../schema.ts';

export const offsetCommit = call({
  key: 8,
  name: 'OffsetCommit',
  versions: [2, 10],
  flexible: 8,
  request: {
    groupId: string,
    generationIdOrMemberEpoch: or(int32, -1),
    memberId: string,
    retentionTimeMs: until(4, int64, -1),
    groupInstanceId: since(7, nullable(string), null),
    topics: array({
      name: until(9, string),
      topicId: since(10, uuid),
      partitions: array({
        partitionIndex: int32,
        committedOffset: int64,
        committedLeaderEpoch: since(6, int32, -1),
        committedMetadata: nullable(string),
      }),
    }),
  },
  response: {
    throttleTimeMs: since(3, int32, 0),
    topics: array({
      name: until(9, string),
      topicId: since(10, uuid),
      partitions: array({ partitionIndex: int32, errorCode: int16 }),
    }),
  },
});
export type OffsetCommitRequest = RequestOf<typeof offsetCommit>;
export type OffsetCommitResponse = ResponseOf<typeof offsetCommit>;
