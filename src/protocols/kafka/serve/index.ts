/** The calls that are served: what stands here is what ApiVersions says. */
import type { ApiVersionsResponse } from '../calls/api-versions.ts';
import { errors } from '../faults.ts';
import type { Service } from '../service.ts';
import { serveAddOffsetsToTxn } from './add-offsets-to-txn.ts';
import { serveAddPartitionsToTxn } from './add-partitions-to-txn.ts';
import { serveAlterClientQuotas } from './alter-client-quotas.ts';
import { serveAlterConfigs, serveIncrementalAlterConfigs } from './alter-configs.ts';
import { apiVersionsOf, keysOf } from './api-versions.ts';
import { serveConsumerGroupDescribe } from './consumer-group-describe.ts';
import { serveConsumerGroupHeartbeat } from './consumer-group-heartbeat.ts';
import { serveCreatePartitions } from './create-partitions.ts';
import { serveCreateTopics } from './create-topics.ts';
import { serveDeleteGroups } from './delete-groups.ts';
import { serveDeleteRecords } from './delete-records.ts';
import { serveDeleteTopics } from './delete-topics.ts';
import { serveDescribeClientQuotas } from './describe-client-quotas.ts';
import { serveDescribeCluster } from './describe-cluster.ts';
import { serveDescribeConfigs } from './describe-configs.ts';
import { serveDescribeGroups } from './describe-groups.ts';
import { serveDescribeLogDirs } from './describe-log-dirs.ts';
import { serveDescribeProducers } from './describe-producers.ts';
import { serveDescribeTopicPartitions } from './describe-topic-partitions.ts';
import { serveDescribeTransactions } from './describe-transactions.ts';
import { serveEndTxn } from './end-txn.ts';
import { serveFetch } from './fetch.ts';
import { serveFindCoordinator } from './find-coordinator.ts';
import { serveGetTelemetrySubscriptions } from './get-telemetry-subscriptions.ts';
import { serveHeartbeat } from './heartbeat.ts';
import { serveInitProducerId } from './init-producer-id.ts';
import { serveJoinGroup } from './join-group.ts';
import { serveLeaveGroup } from './leave-group.ts';
import { serveListConfigResources } from './list-config-resources.ts';
import { serveListGroups } from './list-groups.ts';
import { serveListOffsets } from './list-offsets.ts';
import { serveListTransactions } from './list-transactions.ts';
import { serveMetadata } from './metadata.ts';
import { serveOffsetCommit } from './offset-commit.ts';
import { serveOffsetDelete } from './offset-delete.ts';
import { serveOffsetFetch } from './offset-fetch.ts';
import { serveOffsetForLeaderEpoch } from './offset-for-leader-epoch.ts';
import { serveProduce } from './produce.ts';
import { servePushTelemetry } from './push-telemetry.ts';
import { serveSyncGroup } from './sync-group.ts';
import { serveTxnOffsetCommit } from './txn-offset-commit.ts';
import { serveWriteTxnMarkers } from './write-txn-markers.ts';

const services: readonly Service[] = [
  serveProduce,
  serveFetch,
  serveListOffsets,
  serveMetadata,
  serveFindCoordinator,
  apiVersionsOf(() => byKey.values()),
  serveInitProducerId,
  serveAddPartitionsToTxn,
  serveAddOffsetsToTxn,
  serveEndTxn,
  serveWriteTxnMarkers,
  serveTxnOffsetCommit,
  serveDescribeProducers,
  serveDescribeTransactions,
  serveListTransactions,
  serveOffsetForLeaderEpoch,
  serveDeleteRecords,
  serveCreateTopics,
  serveDeleteTopics,
  serveCreatePartitions,
  serveDescribeConfigs,
  serveAlterConfigs,
  serveIncrementalAlterConfigs,
  serveDescribeClientQuotas,
  serveAlterClientQuotas,
  serveDescribeCluster,
  serveDescribeLogDirs,
  serveDescribeTopicPartitions,
  serveListConfigResources,
  serveOffsetCommit,
  serveOffsetFetch,
  serveOffsetDelete,
  serveJoinGroup,
  serveSyncGroup,
  serveHeartbeat,
  serveLeaveGroup,
  serveDescribeGroups,
  serveListGroups,
  serveDeleteGroups,
  serveConsumerGroupHeartbeat,
  serveConsumerGroupDescribe,
  serveGetTelemetrySubscriptions,
  servePushTelemetry,
];

const byKey: ReadonlyMap<number, Service> = new Map(services.map((one) => [one.call.key, one]));

/** `undefined`: no such call is served. */
export function serviceOf(key: number): Service | undefined {
  return byKey.get(key);
}

/** What a client hears in version 0 that asks for versions in one that is not served. */
export function tooNew(): ApiVersionsResponse {
  return { errorCode: errors.UNSUPPORTED_VERSION, apiKeys: keysOf(services) };
}
