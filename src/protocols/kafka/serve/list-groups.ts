/** ListGroups: groups of both kinds, those of Callboard's own clients among them. */
import type { GroupState, GroupSummary } from '../../groups.ts';
import { ask } from '../asking.ts';
import { listGroups } from '../calls/list-groups.ts';
import { coordinatorErrorOf, errors } from '../faults.ts';
import { service } from '../service.ts';
import { CONSUMER_STATES } from './consumer-group-describe.ts';
import { CLASSIC_STATES } from './describe-groups.ts';

const STATES: Readonly<Record<GroupState, string>> = { ...CONSUMER_STATES, ...CLASSIC_STATES };

export const serveListGroups = service(listGroups, function* (request) {
  const listed = yield* ask<'groups'>({ call: 'groups' });
  if (!listed.ok) return { errorCode: coordinatorErrorOf(listed.fault.code), groups: [] };
  const states = new Set(request.statesFilter.map((state) => state.toLowerCase()));
  const types = new Set(request.typesFilter.map((type) => type.toLowerCase()));
  const wanted = ({ state, kind }: GroupSummary): boolean =>
    (states.size === 0 || states.has(STATES[state].toLowerCase())) && (types.size === 0 || types.has(kind));
  return {
    errorCode: errors.NONE,
    groups: listed.value.groups.filter(wanted).map(({ group, state, kind, protocolType }) => ({
      ...{ groupId: group, protocolType, groupState: STATES[state] },
      groupType: kind,
    })),
  };
});
