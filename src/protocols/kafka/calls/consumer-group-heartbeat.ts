/** ConsumerGroupHeartbeat: a member of a consumer group joins, stays, and learns its partitions (KIP-848). */
import { call, type RequestOf, type ResponseOf } from '../call.ts';
import { array, arrayOf, int16, int32, message, nullable, or, since, string, struct, uuid } from '../schema.ts';

export const consumerGroupHeartbeat = call({
  key: 68,
  name: 'ConsumerGroupHeartbeat',
  versions: [0, 1],
  flexible: 0,
  request: {
    groupId: string,
    memberId: string,
    memberEpoch: int32,
    instanceId: or(nullable(string), null),
    rackId: or(nullable(string), null),
    rebalanceTimeoutMs: int32,
    subscribedTopicNames: nullable(arrayOf(string)),
    subscribedTopicRegex: since(1, nullable(string), null),
    serverAssignor: nullable(string),
    topicPartitions: nullable(array({ topicId: uuid, partitions: arrayOf(int32) })),
  },
  response: {
    throttleTimeMs: or(int32, 0),
    errorCode: int16,
    errorMessage: or(nullable(message), null),
    memberId: nullable(string),
    memberEpoch: int32,
    heartbeatIntervalMs: int32,
    assignment: nullable(
      struct({
        topicPartitions: array({ topicId: uuid, partitions: arrayOf(int32) }),
      }),
    ),
  },
});
export type ConsumerGroupHeartbeatRequest = RequestOf<typeof consumerGroupHeartbeat>;
export type ConsumerGroupHeartbeatResponse = ResponseOf<typeof consumerGroupHeartbeat>;
