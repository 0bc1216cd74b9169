/** SyncGroup: the coordinator holds the answer until the leader has assigned. */

import { ask } from '../asking.ts';
import { type SyncGroupResponse, syncGroup } from '../calls/sync-group.ts';
import { coordinatorErrorOf, errors } from '../faults.ts';
import { checkGroup, named } from '../group-names.ts';
import { service } from '../service.ts';
import { readAssignment, writeAssignment } from '../subscription.ts';

/** From here on members say what kind of group they take it for. */
const SAYS_KIND_SINCE = 5;

export const serveSyncGroup = service(syncGroup, function* (request, _peer, version) {
  const { groupId: group, memberId: member, generationId: generation, protocolType, protocolName } = request;
  const wrong = checkGroup(group);
  if (wrong !== null) return refused(coordinatorErrorOf(wrong.code));
  if (version >= SAYS_KIND_SINCE && (protocolType === null || protocolName === null))
    return refused(errors.INCONSISTENT_GROUP_PROTOCOL);
  const synced = yield* ask<'syncGroup'>({
    ...{ call: 'syncGroup', group, member, generation },
    ...named(request.groupInstanceId),
    ...(protocolType === null ? {} : { protocolType }),
    ...(protocolName === null ? {} : { protocol: protocolName }),
    assignments: request.assignments.map(({ memberId: to, assignment }) => ({
      ...{ member: to, assignment: assignment.slice() },
      places: readAssignment(assignment),
    })),
  });
  if (!synced.ok) return refused(coordinatorErrorOf(synced.fault.code));
  const { places, protocol } = synced.value;
  const assignment = places === undefined ? synced.value.assignment : writeAssignment(places);
  return { errorCode: errors.NONE, protocolType: synced.value.protocolType, protocolName: protocol, assignment };
});

function refused(errorCode: number): SyncGroupResponse {
  return { errorCode, assignment: new Uint8Array(0) };
}
