/** DescribeCluster: one broker, which is its own controller. */
import { describeCluster } from '../calls/describe-cluster.ts';
import { type ErrorCode, errors } from '../faults.ts';
import { known } from '../service.ts';
import { CLUSTER_OPERATIONS } from '../standing.ts';

/** Whoever asks for controllers asks the wrong port: clients talk to brokers alone. */
const BROKERS = 1;
const CONTROLLERS = 2;
const ENDPOINTS_SINCE = 1;

export const serveDescribeCluster = known(describeCluster, (request, { broker }, version) => {
  const { node, cluster, host, port } = broker;
  if (request.endpointType !== BROKERS)
    return {
      errorCode: wrongEndpoint(request.endpointType, version),
      errorMessage: 'brokers are described here, no controllers',
      clusterId: cluster,
      controllerId: -1,
      brokers: [],
    };
  return {
    errorCode: errors.NONE,
    clusterId: cluster,
    controllerId: node,
    brokers: [{ brokerId: node, host, port }],
    ...(request.includeClusterAuthorizedOperations ? { clusterAuthorizedOperations: CLUSTER_OPERATIONS } : {}),
  };
});

function wrongEndpoint(type: number, version: number): ErrorCode {
  if (version < ENDPOINTS_SINCE) return errors.INVALID_REQUEST;
  return type === CONTROLLERS ? errors.MISMATCHED_ENDPOINT_TYPE : errors.UNSUPPORTED_ENDPOINT_TYPE;
}
