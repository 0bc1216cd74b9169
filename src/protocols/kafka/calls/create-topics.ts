/** CreateTopics: new topics, or with validateOnly what would become of them. */
import { call, type RequestOf, type ResponseOf } from '../call.ts';
import {
  array,
  arrayOf,
  boolean,
  int8,
  int16,
  int32,
  message,
  nullable,
  or,
  since,
  string,
  tag,
  uuid,
} from '../schema.ts';

export const createTopics = call({
  key: 19,
  name: 'CreateTopics',
  versions: [2, 7],
  flexible: 5,
  request: {
    topics: array({
      name: string,
      numPartitions: int32,
      replicationFactor: int16,
      assignments: array({ partitionIndex: int32, brokerIds: arrayOf(int32) }),
      configs: array({ name: string, value: nullable(string) }),
    }),
    timeoutMs: int32,
    validateOnly: boolean,
  },
  response: {
    throttleTimeMs: or(int32, 0),
    topics: array({
      name: string,
      topicId: since(7, uuid),
      errorCode: int16,
      errorMessage: or(nullable(message), null),
      numPartitions: since(5, int32, -1),
      replicationFactor: since(5, int16, -1),
      configs: since(
        5,
        nullable(
          array({
            name: string,
            value: nullable(string),
            readOnly: boolean,
            configSource: int8,
            isSensitive: boolean,
          }),
        ),
        null,
      ),
      topicConfigErrorCode: tag(0, since(5, int16, 0)),
    }),
  },
});
export type CreateTopicsRequest = RequestOf<typeof createTopics>;
export type CreateTopicsResponse = ResponseOf<typeof createTopics>;
