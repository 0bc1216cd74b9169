/** Heartbeat: a member of a classic group is alive, and hears whether it has to join again. */

import { ask } from '../asking.ts';
import { heartbeat } from '../calls/heartbeat.ts';
import { coordinatorErrorOf, errors } from '../faults.ts';
import { checkGroup, named } from '../group-names.ts';
import { service } from '../service.ts';

export const serveHeartbeat = service(heartbeat, function* (request) {
  const { groupId: group, memberId: member, generationId: generation, groupInstanceId } = request;
  const wrong = checkGroup(group);
  if (wrong !== null) return { errorCode: coordinatorErrorOf(wrong.code) };
  const kept = yield* ask<'keepAlive'>({ call: 'keepAlive', group, member, generation, ...named(groupInstanceId) });
  return { errorCode: kept.ok ? errors.NONE : coordinatorErrorOf(kept.fault.code) };
});
