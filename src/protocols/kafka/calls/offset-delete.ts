/** OffsetDelete: forgets committed offsets of a group. */
import { call, NEVER, type RequestOf, type ResponseOf } from '../call.ts';
import { array, int16, int32, or, string } from '../schema.ts';

export const offsetDelete = call({
  key: 47,
  name: 'OffsetDelete',
  versions: [0, 0],
  flexible: NEVER,
  request: {
    groupId: string,
    topics: array({
      name: string,
      partitions: array({ partitionIndex: int32 }),
    }),
  },
  response: {
    errorCode: int16,
    throttleTimeMs: or(int32, 0),
    topics: array({
      name: string,
      partitions: array({ partitionIndex: int32, errorCode: int16 }),
    }),
  },
});
export type OffsetDeleteRequest = RequestOf<typeof offsetDelete>;
export type OffsetDeleteResponse = ResponseOf<typeof offsetDelete>;
