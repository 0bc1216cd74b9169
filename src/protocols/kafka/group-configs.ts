/**
 * Kafka's settings of one consumer group ↔ Callboard's, one table. They are the group's own where it was given some, else
 * the node's. Those of groups that there are not (share, streams) are refused, because nobody should believe that they work.
 */
import { failed, ok, type Result } from '../../model/faults.ts';
import {
  checkChange,
  GROUP_BOUNDS,
  GROUP_TIMES,
  type GroupBounds,
  type GroupSettingsChange,
  type GroupTime,
} from '../../model/group-settings.ts';
import type { GroupSettingsReply } from '../groups.ts';
import { configSources, configTypes, type Given, type ShownConfig } from './configs.ts';

/** Kafka's names, of a group and of the node for all groups. */
const names = {
  sessionMs: 'consumer.session.timeout.ms',
  heartbeatMs: 'consumer.heartbeat.interval.ms',
} as const satisfies Record<GroupTime, string>;
const about: Readonly<Record<GroupTime, string>> = {
  sessionMs: 'A member that is silent for so long is out.',
  heartbeatMs: 'So often a member is to be heard of.',
};
const times = new Map<string, GroupTime>(GROUP_TIMES.map((time) => [names[time], time]));

export const groupConfigNames: readonly string[] = [...times.keys()];

export function showGroupConfigs(
  { inForce, own }: Pick<GroupSettingsReply, 'inForce' | 'own'>,
  bounds: GroupBounds,
): ShownConfig[] {
  return [...times].map(([name, time]) => {
    const ofNode = synonymsOf(time, bounds);
    const value = `${inForce[time]}`;
    const synonyms = own.includes(time) ? [{ name, value, source: configSources.group }, ...ofNode] : ofNode;
    const source = synonyms[0]?.source ?? configSources.byDefault;
    return { name, value, source, synonyms, type: configTypes.int, about: about[time] };
  });
}

/** Of the node, for all groups, as it is set and as it comes. */
function synonymsOf(time: GroupTime, bounds: GroupBounds): NonNullable<ShownConfig['synonyms']>[number][] {
  const name = `group.${names[time]}`;
  const [set, byDefault] = [bounds[time].default, GROUP_BOUNDS[time].default];
  const asItComes = { name, value: `${byDefault}`, source: configSources.byDefault };
  return set === byDefault ? [asItComes] : [{ name, value: `${set}`, source: configSources.node }, asItComes];
}

/** The same settings of the node, with their bounds, by Kafka's names. */
export function showGroupBounds(bounds: GroupBounds): (readonly [name: string, value: number, about: string])[] {
  return [...times].flatMap(([name, time]) => {
    const { least, most, default: byDefault } = bounds[time];
    const bounded = (word: string): string => `group.${name.replace('.', `.${word}.`)}`;
    return [
      [`group.${name}`, byDefault, about[time]] as const,
      [bounded('min'), least, 'Least that a group may be given of its own.'] as const,
      [bounded('max'), most, 'Most that a group may be given of its own.'] as const,
    ];
  });
}

export function groupChangeOf(given: readonly Given[], bounds: GroupBounds): Result<GroupSettingsChange> {
  let change: GroupSettingsChange = {};
  for (const { name, value } of given) {
    const time = times.get(name);
    if (time === undefined)
      return failed('INVALID_SETTING', `unknown setting of groups; known are ${groupConfigNames.join(', ')}`);
    const text = value?.trim() ?? null;
    if (text !== null && !/^\d{1,10}$/.test(text)) return failed('INVALID_SETTING', `${name} must be a whole number`);
    change = { ...change, [time]: text === null ? null : Number(text) };
  }
  const wrong = checkChange(change, bounds, names);
  return wrong === null ? ok(change) : { ok: false, fault: wrong };
}
