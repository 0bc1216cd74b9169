/** ConsumerGroupDescribe: consumer groups with their members (KIP-848). */
import { call, NO_OPERATIONS, type RequestOf, type ResponseOf } from '../call.ts';
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
  struct,
  uuid,
} from '../schema.ts';

export const consumerGroupDescribe = call({
  key: 69,
  name: 'ConsumerGroupDescribe',
  versions: [0, 1],
  flexible: 0,
  request: {
    groupIds: arrayOf(string),
    includeAuthorizedOperations: boolean,
  },
  response: {
    throttleTimeMs: or(int32, 0),
    groups: array({
      errorCode: int16,
      errorMessage: or(nullable(message), null),
      groupId: string,
      groupState: string,
      groupEpoch: int32,
      assignmentEpoch: int32,
      assignorName: string,
      members: array({
        memberId: string,
        instanceId: or(nullable(string), null),
        rackId: or(nullable(string), null),
        memberEpoch: int32,
        clientId: string,
        clientHost: string,
        subscribedTopicNames: arrayOf(string),
        subscribedTopicRegex: nullable(string),
        assignment: struct({
          topicPartitions: array({ topicId: uuid, topicName: string, partitions: arrayOf(int32) }),
        }),
        targetAssignment: struct({
          topicPartitions: array({ topicId: uuid, topicName: string, partitions: arrayOf(int32) }),
        }),
        memberType: since(1, int8, -1),
      }),
      authorizedOperations: or(int32, NO_OPERATIONS),
    }),
  },
});
export type ConsumerGroupDescribeRequest = RequestOf<typeof consumerGroupDescribe>;
export type ConsumerGroupDescribeResponse = ResponseOf<typeof consumerGroupDescribe>;
