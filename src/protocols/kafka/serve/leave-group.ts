/** LeaveGroup: one member, or from version 3 on several, each with its own outcome. */

import { ask } from '../asking.ts';
import { leaveGroup } from '../calls/leave-group.ts';
import { coordinatorErrorOf, errors } from '../faults.ts';
import { checkGroup, named } from '../group-names.ts';
import { service } from '../service.ts';

const SEVERAL_SINCE = 3;

export const serveLeaveGroup = service(leaveGroup, function* (request, _peer, version) {
  const { groupId: group, memberId } = request;
  const wrong = checkGroup(group);
  if (wrong !== null) return { errorCode: coordinatorErrorOf(wrong.code), members: [] };
  const several = version >= SEVERAL_SINCE;
  const members = several
    ? request.members.map((each) => ({ member: each.memberId, ...named(each.groupInstanceId) }))
    : [{ member: memberId }];
  const left = yield* ask<'leaveGroup'>({ call: 'leaveGroup', group, members });
  if (!left.ok) return { errorCode: coordinatorErrorOf(left.fault.code), members: [] };
  const answers = left.value.members.map(({ member, instance, fault }) => ({
    memberId: member,
    groupInstanceId: instance ?? null,
    errorCode: fault === undefined ? errors.NONE : coordinatorErrorOf(fault.code),
  }));
  return several
    ? { errorCode: errors.NONE, members: answers }
    : { errorCode: answers[0]?.errorCode ?? errors.NONE, members: [] };
});
