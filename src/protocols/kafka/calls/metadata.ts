/** Metadata: brokers, topics and who leads their partitions. */
import { call, NO_OPERATIONS, type RequestOf, type ResponseOf } from '../call.ts';
import { array, arrayOf, boolean, int16, int32, nullable, range, since, string, uuid } from '../schema.ts';

export const metadata = call({
  key: 3,
  name: 'Metadata',
  versions: [0, 13],
  flexible: 9,
  request: {
    topics: nullable(array({ topicId: since(10, uuid), name: nullable(string, 10) }), 1),
    allowAutoTopicCreation: since(4, boolean, true),
    includeClusterAuthorizedOperations: range(8, 10, boolean, false),
    includeTopicAuthorizedOperations: since(8, boolean, false),
  },
  response: {
    throttleTimeMs: since(3, int32, 0),
    brokers: array({ nodeId: int32, host: string, port: int32, rack: since(1, nullable(string), null) }),
    clusterId: since(2, nullable(string), null),
    controllerId: since(1, int32, -1),
    topics: array({
      errorCode: int16,
      name: nullable(string, 12),
      topicId: since(10, uuid),
      isInternal: since(1, boolean),
      partitions: array({
        errorCode: int16,
        partitionIndex: int32,
        leaderId: int32,
        leaderEpoch: since(7, int32, -1),
        replicaNodes: arrayOf(int32),
        isrNodes: arrayOf(int32),
        offlineReplicas: since(5, arrayOf(int32), []),
      }),
      topicAuthorizedOperations: since(8, int32, NO_OPERATIONS),
    }),
    clusterAuthorizedOperations: range(8, 10, int32, NO_OPERATIONS),
    errorCode: since(13, int16, 0),
  },
});
export type MetadataRequest = RequestOf<typeof metadata>;
export type MetadataResponse = ResponseOf<typeof metadata>;
