/**
 * Times of a consumer group's members that leave them to their group: what the node allows, what a group was given of its
 * own, and what follows from both. Members that say their own times are bound by none of this. Knows no clock.
 */
import { type Fault, fault } from './faults.ts';

/** `sessionMs`: a member that is silent for so long is out. `heartbeatMs`: so often it is to be heard of. */
export const GROUP_TIMES = ['sessionMs', 'heartbeatMs'] as const;
export type GroupTime = (typeof GROUP_TIMES)[number];

export interface TimeBounds {
  readonly least: number;
  readonly most: number;
  readonly default: number;
}
/** What the node allows, and what groups have that were given nothing of their own. */
export type GroupBounds = { readonly [K in GroupTime]: TimeBounds };

/** Of its own; absent: the node's. */
export type GroupSettings = { readonly [K in GroupTime]?: number };
/** Null: the node's again; absent: as it was. */
export type GroupSettingsChange = { readonly [K in GroupTime]?: number | null };
/** In force. */
export type GroupTimes = { readonly [K in GroupTime]: number };

export const GROUP_BOUNDS: GroupBounds = {
  sessionMs: { least: 45_000, most: 60_000, default: 45_000 },
  heartbeatMs: { least: 5_000, most: 15_000, default: 5_000 },
};

/** What a group was given counts as far as the node allows it today: bounds may have changed since. */
export function timesInForce(settings: GroupSettings, bounds: GroupBounds): GroupTimes {
  return { sessionMs: inForce('sessionMs', settings, bounds), heartbeatMs: inForce('heartbeatMs', settings, bounds) };
}

function inForce(name: GroupTime, settings: GroupSettings, bounds: GroupBounds): number {
  const { least, most, default: byDefault } = bounds[name];
  const own = settings[name];
  return own === undefined ? byDefault : Math.min(most, Math.max(least, own));
}

/** @returns what the group has of its own afterwards. */
export function changed(settings: GroupSettings, change: GroupSettingsChange): GroupSettings {
  const after: { -readonly [K in GroupTime]?: number } = {};
  for (const name of GROUP_TIMES) {
    const value = change[name] === undefined ? settings[name] : change[name];
    if (typeof value === 'number') after[name] = value;
  }
  return after;
}

/** @param shown what the two are called where they were given. */
export function checkChange(
  change: GroupSettingsChange,
  bounds: GroupBounds,
  shown: Readonly<Record<GroupTime, string>> = { sessionMs: 'sessionMs', heartbeatMs: 'heartbeatMs' },
): Fault | null {
  for (const name of GROUP_TIMES) {
    const { least, most } = bounds[name];
    const value = change[name] ?? least;
    if (Number.isSafeInteger(value) && value >= least && value <= most) continue;
    return fault('INVALID_SETTING', `${shown[name]} must be a whole number from ${least} to ${most}; it is ${value}`);
  }
  return null;
}
