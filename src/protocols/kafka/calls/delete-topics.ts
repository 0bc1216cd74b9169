/** DeleteTopics: topics to delete, by name or id. */
import { call, type RequestOf, type ResponseOf } from '../call.ts';
import { array, arrayOf, int16, int32, message, nullable, or, since, string, until, uuid } from '../schema.ts';

export const deleteTopics = call({
  key: 20,
  name: 'DeleteTopics',
  versions: [1, 6],
  flexible: 4,
  request: {
    topicNames: until(5, arrayOf(string), []),
    topics: since(6, array({ name: nullable(string), topicId: uuid }), []),
    timeoutMs: int32,
  },
  response: {
    throttleTimeMs: or(int32, 0),
    responses: array({
      name: nullable(string, 6),
      topicId: since(6, uuid),
      errorCode: int16,
      errorMessage: since(5, nullable(message), null),
    }),
  },
});
export type DeleteTopicsRequest = RequestOf<typeof deleteTopics>;
export type DeleteTopicsResponse = ResponseOf<typeof deleteTopics>;
