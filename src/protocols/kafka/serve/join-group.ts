/** JoinGroup: the coordinator holds the answer until everybody has joined. */
import type { Fault } from '../../../model/faults.ts';
import { ask } from '../asking.ts';
import { type JoinGroupRequest, type JoinGroupResponse, joinGroup } from '../calls/join-group.ts';
import { coordinatorErrorOf, errors } from '../faults.ts';
import { checkGroup, named } from '../group-names.ts';
import { service } from '../service.ts';
import { subscribed } from '../subscription.ts';

/** From here on a new member is told its id first, and comes back with it (KIP-394). */
const TWO_STEPS_SINCE = 4;
/** From here on a leader can be told that it has nothing to assign (KIP-814). */
const SKIPS_SINCE = 9;
/** From here on the name of the way of assigning may be null. */
const NO_PROTOCOL_SINCE = 7;

export const serveJoinGroup = service(joinGroup, function* (request, _peer, version) {
  const wrong = checkGroup(request.groupId);
  if (wrong !== null) return refused(request, wrong, version);
  const { groupId: group, memberId: member, protocolType, sessionTimeoutMs: sessionMs, rebalanceTimeoutMs } = request;
  const protocols = request.protocols.map(({ name, metadata }) => ({
    name,
    metadata: metadata.slice(),
    ...subscribed(protocolType, metadata),
  }));
  const joined = yield* ask<'joinGroup'>({
    ...{ call: 'joinGroup', group, member, protocolType, protocols, sessionMs },
    ...named(request.groupInstanceId),
    rebalanceMs: rebalanceTimeoutMs < 0 ? sessionMs : rebalanceTimeoutMs,
    twoSteps: version >= TWO_STEPS_SINCE,
    maySkip: version >= SKIPS_SINCE,
  });
  if (!joined.ok) return refused(request, joined.fault, version);
  const { value } = joined;
  if (value.fault !== undefined) return refused({ ...request, memberId: value.member }, value.fault, version);
  return {
    errorCode: errors.NONE,
    generationId: value.generation,
    protocolType: value.protocolType,
    protocolName: value.protocol,
    leader: value.leader,
    skipAssignment: value.skip,
    memberId: value.member,
    members: value.members.map((each) => ({
      memberId: each.member,
      groupInstanceId: each.instance ?? null,
      metadata: each.metadata,
    })),
  };
});

function refused({ memberId }: Pick<JoinGroupRequest, 'memberId'>, why: Fault, version: number): JoinGroupResponse {
  const protocolName = version >= NO_PROTOCOL_SINCE ? null : '';
  return { errorCode: coordinatorErrorOf(why.code), generationId: -1, protocolName, leader: '', memberId, members: [] };
}
