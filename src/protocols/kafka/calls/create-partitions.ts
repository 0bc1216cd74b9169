/** CreatePartitions: more partitions for topics. */
import { call, type RequestOf, type ResponseOf } from '../call.ts';
import { array, arrayOf, boolean, int16, int32, message, nullable, or, string } from '../schema.ts';

export const createPartitions = call({
  key: 37,
  name: 'CreatePartitions',
  versions: [0, 3],
  flexible: 2,
  request: {
    topics: array({
      name: string,
      count: int32,
      assignments: nullable(array({ brokerIds: arrayOf(int32) })),
    }),
    timeoutMs: int32,
    validateOnly: boolean,
  },
  response: {
    throttleTimeMs: or(int32, 0),
    results: array({ name: string, errorCode: int16, errorMessage: or(nullable(message), null) }),
  },
});
export type CreatePartitionsRequest = RequestOf<typeof createPartitions>;
export type CreatePartitionsResponse = ResponseOf<typeof createPartitions>;
