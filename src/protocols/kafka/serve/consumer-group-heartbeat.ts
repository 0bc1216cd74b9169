/**
 * ConsumerGroupHeartbeat (KIP-848): the native heartbeat under other names. Kafka's `uniform` is `sticky`, which spreads
 * partitions as evenly and moves as few; session and heartbeat interval are those of its group.
 */
import { type Fault, fault, type Result } from '../../../model/faults.ts';
import type { PartitionIndex } from '../../../model/ids.ts';
import { NAME_CHARS_MAX } from '../../../model/limits.ts';
import type { GroupPlaces, HeartbeatRequest } from '../../groups.ts';
import { ask } from '../asking.ts';
import {
  type ConsumerGroupHeartbeatRequest,
  type ConsumerGroupHeartbeatResponse,
  consumerGroupHeartbeat,
} from '../calls/consumer-group-heartbeat.ts';
import { coordinatorErrorOf, errors } from '../faults.ts';
import { checkGroup, named } from '../group-names.ts';
import { type Peer, service } from '../service.ts';

/** What the group machine takes, ms; clients that may take for ever say so with the largest number there is. */
const REBALANCE_MS = { least: 1_000, most: 3_600_000 };

type Asked = ConsumerGroupHeartbeatRequest;
/** Before, the node gives members their ids (KIP-1082). */
const OWN_ID_SINCE = 1;
const JOIN = 0;
/** A static member that comes back. */
const AWAY = -2;

export const serveConsumerGroupHeartbeat = service(consumerGroupHeartbeat, function* (request, peer, version) {
  if (version >= OWN_ID_SINCE && request.memberId === '')
    return refused(fault('INVALID_REQUEST', 'a member gives itself an id'));
  const beat = beatOf(request, peer);
  if (!beat.ok) return refused(beat.fault);
  const beaten = yield* ask<'heartbeat'>(beat.value);
  if (!beaten.ok) return refused(beaten.fault);
  const { member, epoch, heartbeatMs, assignment } = beaten.value;
  return {
    errorCode: errors.NONE,
    memberId: member,
    memberEpoch: epoch,
    heartbeatIntervalMs: heartbeatMs,
    assignment: assignment === undefined ? null : { topicPartitions: placesFor(assignment, peer) },
  };
});

function beatOf(request: Asked, peer: Peer): Result<HeartbeatRequest> {
  const { groupId: group, memberId: member, memberEpoch: epoch, rackId, subscribedTopicRegex: pattern } = request;
  const topics = request.subscribedTopicNames;
  const wrong = checkGroup(group) ?? checkTopics(topics) ?? checkJoin(request);
  if (wrong !== null) return { ok: false, fault: wrong };
  const assignor = request.serverAssignor === 'uniform' ? 'sticky' : request.serverAssignor;
  if (assignor !== null && assignor !== 'sticky' && assignor !== 'range')
    return { ok: false, fault: fault('UNKNOWN_ASSIGNOR', 'assignors are uniform and range') };
  const beat = { call: 'heartbeat', group, member, epoch, waitMs: 0, ...named(request.instanceId) } as const;
  const value: HeartbeatRequest = {
    ...beat,
    ...(request.rebalanceTimeoutMs < 0 ? {} : { rebalanceMs: bounded(request.rebalanceTimeoutMs) }),
    ...(rackId === null ? {} : { rack: rackId }),
    ...(topics === null ? {} : { topics }),
    ...(pattern === null ? {} : { pattern }),
    ...(assignor === null ? {} : { assignor }),
    ...(request.topicPartitions === null ? {} : { owned: placesOf(request.topicPartitions, peer) }),
  };
  return { ok: true, value };
}

function checkTopics(names: readonly string[] | null): Fault | null {
  if (names === null || names.every((name) => name !== '' && name.length <= NAME_CHARS_MAX)) return null;
  return fault('INVALID_REQUEST', `topics have 1 to ${NAME_CHARS_MAX} characters`);
}

function checkJoin({ memberEpoch, topicPartitions, rebalanceTimeoutMs, instanceId, rackId }: Asked): Fault | null {
  if (rackId === '') return fault('INVALID_REQUEST', 'a rack has a name');
  if (memberEpoch === AWAY && instanceId === null)
    return fault('INVALID_REQUEST', 'who leaves for a while is a static member');
  if (memberEpoch !== JOIN) return null;
  if (rebalanceTimeoutMs < 0) return fault('INVALID_REQUEST', 'a rebalance time-out must be given with epoch 0');
  if (topicPartitions?.length === 0) return null;
  return fault('INVALID_REQUEST', 'who joins holds no partitions, and says so');
}

const bounded = (ms: number): number => Math.max(REBALANCE_MS.least, Math.min(REBALANCE_MS.most, ms));

/** What is no topic of this cluster, or no partition, nobody can hold. */
function placesOf(held: NonNullable<Asked['topicPartitions']>, { topics }: Peer): GroupPlaces[] {
  return held.flatMap(({ topicId, partitions }) => {
    const topic = topics.ids.topicOf(topicId);
    const known = partitions.filter((index) => index >= 0) as PartitionIndex[];
    return topic === undefined ? [] : [{ topic, partitions: known }];
  });
}

function placesFor(
  assignment: readonly GroupPlaces[],
  { topics }: Peer,
): NonNullable<ConsumerGroupHeartbeatResponse['assignment']>['topicPartitions'] {
  return assignment.map(({ topic, partitions }) => ({ topicId: topics.ids.digitsOf(topic), partitions }));
}

function refused(why: Fault): ConsumerGroupHeartbeatResponse {
  // Members that assign by themselves make it another kind of group, and there is none of this kind by that name.
  const errorCode =
    why.code === 'INCONSISTENT_PROTOCOL'
      ? errors.GROUP_ID_NOT_FOUND
      : why.code === 'INVALID_NAME'
        ? errors.INVALID_REQUEST
        : coordinatorErrorOf(why.code);
  const nothing = { heartbeatIntervalMs: 0, assignment: null };
  return { errorCode, errorMessage: why.message, memberId: null, memberEpoch: 0, ...nothing };
}
