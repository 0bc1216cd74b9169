/** OffsetFetch: how far groups have read. */
import { call, type RequestOf, type ResponseOf } from '../call.ts';
import {
  array,
  arrayOf,
  boolean,
  int16,
  int32,
  int64,
  nullable,
  or,
  range,
  since,
  string,
  until,
  uuid,
} from '../schema.ts';

export const offsetFetch = call({
  key: 9,
  name: 'OffsetFetch',
  versions: [1, 10],
  flexible: 6,
  request: {
    groupId: until(7, string, ''),
    topics: until(7, nullable(array({ name: string, partitionIndexes: arrayOf(int32) }), 2), []),
    groups: since(
      8,
      array({
        groupId: string,
        memberId: since(9, nullable(string), null),
        memberEpoch: since(9, int32, -1),
        topics: nullable(array({ name: until(9, string), topicId: since(10, uuid), partitionIndexes: arrayOf(int32) })),
      }),
      [],
    ),
    requireStable: since(7, boolean, false),
  },
  response: {
    throttleTimeMs: since(3, int32, 0),
    topics: until(
      7,
      array({
        name: string,
        partitions: array({
          partitionIndex: int32,
          committedOffset: int64,
          committedLeaderEpoch: since(5, int32, -1),
          metadata: nullable(string),
          errorCode: int16,
        }),
      }),
      [],
    ),
    errorCode: range(2, 7, int16, 0),
    groups: since(
      8,
      array({
        groupId: string,
        topics: array({
          name: until(9, string),
          topicId: since(10, uuid),
          partitions: array({
            partitionIndex: int32,
            committedOffset: int64,
            committedLeaderEpoch: or(int32, -1),
            metadata: nullable(string),
            errorCode: int16,
          }),
        }),
        errorCode: int16,
      }),
      [],
    ),
  },
});
export type OffsetFetchRequest = RequestOf<typeof offsetFetch>;
export type OffsetFetchResponse = ResponseOf<typeof offsetFetch>;
