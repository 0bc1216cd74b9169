/** Changes of a group's own settings: what may be, and the record of it. A group needs no members to have some. */
import { type Fault, fault, ok, type Result } from '../model/faults.ts';
import {
  changed,
  checkChange,
  GROUP_TIMES,
  type GroupSettings,
  type GroupSettingsChange,
  timesInForce,
} from '../model/group-settings.ts';
import { GROUP_SETTINGS_PER_COORDINATOR_MAX } from '../model/limits.ts';
import type { Groups } from './groups.ts';
import type { GroupRecord } from './record.ts';

/** The record of the change; null: nothing changes by it. */
export function alterSettings(groups: Groups, group: string, change: GroupSettingsChange): Result<GroupRecord | null> {
  const before = groups.settingsOf(group);
  const after = changed(before, change);
  const wrong = checkChange(change, groups.bounds) ?? checkTogether(groups, after) ?? checkRoom(groups, group, after);
  if (wrong !== null) return { ok: false, fault: wrong };
  if (GROUP_TIMES.every((name) => before[name] === after[name])) return ok(null);
  return ok({ group, type: 'settings', settings: after });
}

/** Whoever is in time with its heartbeats has to stay in its session. */
function checkTogether(groups: Groups, after: GroupSettings): Fault | null {
  const { sessionMs, heartbeatMs } = timesInForce(after, groups.bounds);
  if (sessionMs > heartbeatMs) return null;
  return fault(
    'INVALID_SETTING',
    `a session must be longer than the time between heartbeats; they would be ${sessionMs} and ${heartbeatMs} ms`,
  );
}

function checkRoom(groups: Groups, group: string, after: GroupSettings): Fault | null {
  const isNew = Object.keys(after).length > 0 && Object.keys(groups.settingsOf(group)).length === 0;
  if (!isNew || groups.withSettings.size < GROUP_SETTINGS_PER_COORDINATOR_MAX) return null;
  return fault('INVALID_REQUEST', `too many groups beside ${group} have settings of their own`);
}
