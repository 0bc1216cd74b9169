/** DescribeCluster: the brokers of the cluster. */
import { call, NO_OPERATIONS, type RequestOf, type ResponseOf } from '../call.ts';
import { array, boolean, int8, int16, int32, message, nullable, or, since, string } from '../schema.ts';

export const describeCluster = call({
  key: 60,
  name: 'DescribeCluster',
  versions: [0, 2],
  flexible: 0,
  request: {
    includeClusterAuthorizedOperations: boolean,
    endpointType: since(1, int8, 1),
    includeFencedBrokers: since(2, boolean, false),
  },
  response: {
    throttleTimeMs: or(int32, 0),
    errorCode: int16,
    errorMessage: or(nullable(message), null),
    endpointType: since(1, int8, 1),
    clusterId: string,
    controllerId: int32,
    brokers: array({
      brokerId: int32,
      host: string,
      port: int32,
      rack: or(nullable(string), null),
      isFenced: since(2, boolean, false),
    }),
    clusterAuthorizedOperations: or(int32, NO_OPERATIONS),
  },
});
export type DescribeClusterRequest = RequestOf<typeof describeCluster>;
export type DescribeClusterResponse = ResponseOf<typeof describeCluster>;
