/** DescribeGroups: classic groups. What is none is dead, as Kafka's older clients expect it, or from version 6 on an error. */
import type { Result } from '../../../model/faults.ts';
import type { ClassicReport, ClassicState, InspectGroupReply } from '../../classic.ts';
import { resultOf } from '../asking.ts';
import { NO_OPERATIONS } from '../call.ts';
import { type DescribeGroupsResponse, describeGroups } from '../calls/describe-groups.ts';
import { coordinatorErrorOf, errors } from '../faults.ts';
import { service } from '../service.ts';
import { GROUP_OPERATIONS } from '../standing.ts';

/** From here on a group that is not there is an error. */
const NOT_FOUND_SINCE = 6;

export const CLASSIC_STATES: Readonly<Record<ClassicState, string>> = {
  preparing: 'PreparingRebalance',
  completing: 'CompletingRebalance',
  stable: 'Stable',
  empty: 'Empty',
};

type Answer = DescribeGroupsResponse['groups'][number];

export const serveDescribeGroups = service(describeGroups, function* (request, _peer, version) {
  const { groups, includeAuthorizedOperations } = request;
  const authorizedOperations = includeAuthorizedOperations ? GROUP_OPERATIONS : NO_OPERATIONS;
  const replies = groups.length === 0 ? [] : yield groups.map((group) => ({ call: 'inspectGroup', group }));
  return {
    groups: groups.map((group, index) => {
      const described = answer(group, resultOf<'inspectGroup'>('inspectGroup', replies[index]), version);
      return described.errorCode === errors.NONE ? { ...described, authorizedOperations } : described;
    }),
  };
});

function answer(group: string, found: Result<InspectGroupReply>, version: number): Answer {
  if (found.ok && found.value.report.kind === 'classic') return described(group, found.value.report);
  if (found.ok || found.fault.code === 'UNKNOWN_GROUP') {
    const why = found.ok ? `${group} is no classic group` : found.fault.message;
    return version >= NOT_FOUND_SINCE ? dead(group, errors.GROUP_ID_NOT_FOUND, why) : dead(group, errors.NONE, null);
  }
  return dead(group, coordinatorErrorOf(found.fault.code), found.fault.message);
}

function dead(groupId: string, errorCode: number, errorMessage: string | null): Answer {
  return { errorCode, errorMessage, groupId, groupState: 'Dead', protocolType: '', protocolData: '', members: [] };
}

function described(groupId: string, { state, protocolType, protocol, members }: ClassicReport): Answer {
  return {
    errorCode: errors.NONE,
    groupId,
    groupState: CLASSIC_STATES[state],
    protocolType,
    protocolData: protocol,
    members: members.map((each) => ({
      memberId: each.member,
      groupInstanceId: each.instance ?? null,
      clientId: each.client,
      clientHost: `/${each.host}`,
      memberMetadata: each.metadata,
      memberAssignment: each.assignment,
    })),
  };
}
