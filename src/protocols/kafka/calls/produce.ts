/** Produce: record batches to append, several partitions in one request. */
import { call, type RequestOf, type ResponseOf } from '../call.ts';
import {
  array,
  int16,
  int32,
  int64,
  message,
  nullable,
  or,
  records,
  since,
  string,
  struct,
  tag,
  until,
  uuid,
} from '../schema.ts';

export const produce = call({
  key: 0,
  name: 'Produce',
  versions: [3, 13],
  flexible: 9,
  request: {
    transactionalId: nullable(string),
    acks: int16,
    timeoutMs: int32,
    topicData: array({
      name: until(12, string),
      topicId: since(13, uuid),
      partitionData: array({ index: int32, records: nullable(records) }),
    }),
  },
  response: {
    responses: array({
      name: until(12, string),
      topicId: since(13, uuid),
      partitionResponses: array({
        index: int32,
        errorCode: int16,
        baseOffset: int64,
        logAppendTimeMs: or(int64, -1),
        logStartOffset: since(5, int64, -1),
        recordErrors: since(8, array({ batchIndex: int32, batchIndexErrorMessage: or(nullable(message), null) }), []),
        errorMessage: since(8, nullable(message), null),
        currentLeader: tag(
          0,
          since(10, struct({ leaderId: int32, leaderEpoch: int32 }), { leaderId: -1, leaderEpoch: -1 }),
        ),
      }),
    }),
    throttleTimeMs: or(int32, 0),
    nodeEndpoints: tag(
      0,
      since(10, array({ nodeId: int32, host: string, port: int32, rack: or(nullable(string), null) }), []),
    ),
  },
});
export type ProduceRequest = RequestOf<typeof produce>;
export type ProduceResponse = ResponseOf<typeof produce>;
