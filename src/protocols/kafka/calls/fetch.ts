/** Fetch: record batches to read, in sessions that name only what changed (KIP-227). */
import { call, type RequestOf, type ResponseOf } from '../call.ts';
import { NO_UUID } from '../reading.ts';
import {
  array,
  arrayOf,
  int8,
  int16,
  int32,
  int64,
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

export const fetch = call({
  key: 1,
  name: 'Fetch',
  versions: [4, 18],
  flexible: 12,
  request: {
    replicaId: until(14, int32, -1),
    maxWaitMs: int32,
    minBytes: int32,
    maxBytes: int32,
    isolationLevel: int8,
    sessionId: since(7, int32, 0),
    sessionEpoch: since(7, int32, -1),
    topics: array({
      topic: until(12, string),
      topicId: since(13, uuid),
      partitions: array({
        partition: int32,
        currentLeaderEpoch: since(9, int32, -1),
        fetchOffset: int64,
        lastFetchedEpoch: since(12, int32, -1),
        logStartOffset: since(5, int64, -1),
        partitionMaxBytes: int32,
        replicaDirectoryId: tag(0, since(17, uuid, NO_UUID)),
        highWatermark: tag(1, since(18, int64, -1)),
      }),
    }),
    forgottenTopicsData: since(
      7,
      array({ topic: until(12, string), topicId: since(13, uuid), partitions: arrayOf(int32) }),
      [],
    ),
    rackId: since(11, string, ''),
    clusterId: tag(0, since(12, nullable(string), null)),
    replicaState: tag(
      1,
      since(15, struct({ replicaId: or(int32, -1), replicaEpoch: int64 }), { replicaId: -1, replicaEpoch: -1 }),
    ),
  },
  response: {
    throttleTimeMs: or(int32, 0),
    errorCode: since(7, int16, 0),
    sessionId: since(7, int32, 0),
    responses: array({
      topic: until(12, string),
      topicId: since(13, uuid),
      partitions: array({
        partitionIndex: int32,
        errorCode: int16,
        highWatermark: int64,
        lastStableOffset: or(int64, -1),
        logStartOffset: since(5, int64, -1),
        abortedTransactions: nullable(array({ producerId: int64, firstOffset: int64 })),
        preferredReadReplica: since(11, int32, -1),
        records: nullable(records),
        divergingEpoch: tag(0, since(12, struct({ epoch: int32, endOffset: int64 }), { epoch: -1, endOffset: -1 })),
        currentLeader: tag(
          1,
          since(12, struct({ leaderId: int32, leaderEpoch: int32 }), { leaderId: -1, leaderEpoch: -1 }),
        ),
        snapshotId: tag(2, since(12, struct({ endOffset: int64, epoch: int32 }), { endOffset: -1, epoch: -1 })),
      }),
    }),
    nodeEndpoints: tag(
      0,
      since(16, array({ nodeId: int32, host: string, port: int32, rack: or(nullable(string), null) }), []),
    ),
  },
});
export type FetchRequest = RequestOf<typeof fetch>;
export type FetchResponse = ResponseOf<typeof fetch>;
