/**
 * Kafka's settings of one group: what the node does for every group. They are
 * told; each takes exactly the value that it has, because nobody should believe that another one works.
 */
import { failed, ok, type Result } from '../../model/faults.ts';
import { configSources, configTypes, type Given, type ShownConfig } from './configs.ts';

/** Of members to which the node assigns, ms. */
export const HEARTBEAT_MS = 5_000;
export const SESSION_MS = 45_000;

const table: ReadonlyMap<string, { readonly value: string; readonly about: string }> = new Map([
  ['consumer.session.timeout.ms', { value: `${SESSION_MS}`, about: 'A member that is silent for so long is out.' }],
  ['consumer.heartbeat.interval.ms', { value: `${HEARTBEAT_MS}`, about: 'So often a member is to be heard of.' }],
]);

export function showGroupConfigs(): ShownConfig[] {
  const { int: type } = configTypes;
  return [...table].map(([name, { value, about }]) => ({ name, value, source: configSources.byDefault, type, about }));
}

/** Changes nothing, where nothing is wrong. */
export function judgeGroupConfigs(given: readonly Given[]): Result<null> {
  for (const { name, value } of given) {
    const config = table.get(name);
    if (config === undefined)
      return failed('INVALID_SETTING', `unknown setting of groups; known are ${[...table.keys()].join(', ')}`);
    if (value !== null && value !== config.value)
      return failed('INVALID_SETTING', `${name} is ${config.value} for every group`);
  }
  return ok(null);
}
