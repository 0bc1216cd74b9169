/** LeaveGroup: one member, or from version 3 on several, each with its own outcome. */

import type { Fault } from '../../../model/faults.ts';
import { ask } from '../asking.ts';
import { type LeaveGroupRequest, type LeaveGroupResponse, leaveGroup } from '../calls/leave-group.ts';
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
  if (!left.ok) return refused(left.fault, several ? request.members : []);
  const answers = left.value.members.map(({ member, instance, fault }) => ({
    memberId: member,
    groupInstanceId: instance ?? null,
    errorCode: fault === undefined ? errors.NONE : coordinatorErrorOf(fault.code),
  }));
  return several
    ? { errorCode: errors.NONE, members: answers }
    : { errorCode: answers[0]?.errorCode ?? errors.NONE, members: [] };
});

/** Of a group that is not there nobody is a member; what is wrong with the whole is told of the whole. */
function refused(why: Fault, members: LeaveGroupRequest['members']): LeaveGroupResponse {
  const errorCode = coordinatorErrorOf(why.code);
  if (why.code !== 'UNKNOWN_MEMBER' || members.length === 0) return { errorCode, members: [] };
  const answers = members.map(({ memberId, groupInstanceId }) => ({ memberId, groupInstanceId, errorCode }));
  return { errorCode: errors.NONE, members: answers };
}
