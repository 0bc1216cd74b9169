/** DescribeTopicPartitions: topics with their partitions, page by page. */
import { call, NO_OPERATIONS, type RequestOf, type ResponseOf } from '../call.ts';
import { array, arrayOf, boolean, int16, int32, nullable, or, string, struct, uuid } from '../schema.ts';

export const describeTopicPartitions = call({
  key: 75,
  name: 'DescribeTopicPartitions',
  versions: [0, 0],
  flexible: 0,
  request: {
    topics: array({ name: string }),
    responsePartitionLimit: int32,
    cursor: nullable(struct({ topicName: string, partitionIndex: int32 })),
  },
  response: {
    throttleTimeMs: or(int32, 0),
    topics: array({
      errorCode: int16,
      name: nullable(string),
      topicId: uuid,
      isInternal: boolean,
      partitions: array({
        errorCode: int16,
        partitionIndex: int32,
        leaderId: int32,
        leaderEpoch: int32,
        replicaNodes: arrayOf(int32),
        isrNodes: arrayOf(int32),
        eligibleLeaderReplicas: nullable(arrayOf(int32)),
        lastKnownElr: nullable(arrayOf(int32)),
        offlineReplicas: arrayOf(int32),
      }),
      topicAuthorizedOperations: or(int32, NO_OPERATIONS),
    }),
    nextCursor: nullable(struct({ topicName: string, partitionIndex: int32 })),
  },
});
export type DescribeTopicPartitionsRequest = RequestOf<typeof describeTopicPartitions>;
export type DescribeTopicPartitionsResponse = ResponseOf<typeof describeTopicPartitions>;
