/**
 * Produce: record batches to append, several partitions in one request. Versions 0 to 2 end with Kafka 3; they stand here
 * because librdkafka up to 2.10 at least compresses only for brokers that list them; what it sends is a later one.
 */
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
  versions: [0, 13],
  flexible: 9,
  request: {
    transactionalId: since(3, nullable(string), null),
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
        logAppendTimeMs: since(2, int64, -1),
        logStartOffset: since(5, int64, -1),
        recordErrors: since(8, array({ batchIndex: int32, batchIndexErrorMessage: or(nullable(message), null) }), []),
        errorMessage: since(8, nullable(message), null),
        currentLeader: tag(
          0,
          since(10, struct({ leaderId: int32, leaderEpoch: int32 }), { leaderId: -1, leaderEpoch: -1 }),
        ),
      }),
    }),
    throttleTimeMs: since(1, int32, 0),
    nodeEndpoints: tag(
      0,
      since(10, array({ nodeId: int32, host: string, port: int32, rack: or(nullable(string), null) }), []),
    ),
  },
});
export type ProduceRequest = RequestOf<typeof produce>;
export type ProduceResponse = ResponseOf<typeof produce>;
