/** AlterConfigs and IncrementalAlterConfigs: settings of topics, all at once or one by one. The node's own are in its file. */
import type { Fault, Result } from '../../../model/faults.ts';
import type { TopicSettings } from '../../../model/topic.ts';
import { resultOf, type Serving } from '../asking.ts';
import { alterConfigs } from '../calls/alter-configs.ts';
import { incrementalAlterConfigs } from '../calls/incremental-alter-configs.ts';
import { configNames, type Given, settingsOf } from '../configs.ts';
import { errorOf, errors } from '../faults.ts';
import { lookUp } from '../look-up.ts';
import { type Peer, service } from '../service.ts';
import { resourceTypes } from '../standing.ts';

/** How one value of IncrementalAlterConfigs changes what is there. */
const SET = 0;
const DELETE = 1;
/** Stays as a topic was created. */
const ENGINE = 'callboard.engine';

interface Change {
  readonly resourceType: number;
  readonly resourceName: string;
  /** A message: it can't be carried out. */
  readonly given: readonly Given[] | string;
}
interface Answer {
  readonly resourceType: number;
  readonly resourceName: string;
  readonly errorCode: number;
  readonly errorMessage: string | null;
}

export const serveAlterConfigs = service(alterConfigs, function* ({ resources, validateOnly }, peer) {
  const changes = resources.map(({ resourceType, resourceName, configs }) => {
    const named = new Set(configs.map(({ name }) => name));
    const others = configNames.filter((name) => !named.has(name) && name !== ENGINE);
    return { resourceType, resourceName, given: [...configs, ...others.map((name) => ({ name, value: null }))] };
  });
  return { responses: yield* alter(changes, validateOnly, peer) };
});

export const serveIncrementalAlterConfigs = service(
  incrementalAlterConfigs,
  function* ({ resources, validateOnly }, peer) {
    const changes = resources.map(({ resourceType, resourceName, configs }): Change => {
      const list = configs.find(({ configOperation }) => configOperation !== SET && configOperation !== DELETE);
      const given = configs.map(({ name, configOperation, value }) => ({
        name,
        value: configOperation === DELETE ? null : (value ?? ''),
      }));
      return { resourceType, resourceName, given: list === undefined ? given : `${list.name} is no list to add to` };
    });
    return { responses: yield* alter(changes, validateOnly, peer) };
  },
);

function* alter(changes: readonly Change[], validateOnly: boolean, peer: Peer): Serving<readonly Answer[]> {
  const planned = changes.map((change) => plan(change, peer));
  const sound = changes.flatMap(({ resourceName: name }, index) => {
    const settings = planned[index];
    return settings === undefined || 'errorCode' in settings ? [] : [{ name, settings }];
  });
  const outcomes = validateOnly ? yield* exist(sound) : yield* carryOut(sound);
  let next = 0;
  return changes.map((change, index) => {
    const settings = planned[index];
    if (settings !== undefined && 'errorCode' in settings) return settings;
    const fault = outcomes[next++];
    return answer(change, fault === undefined ? errors.NONE : errorOf(fault.code), fault?.message ?? null);
  });
}

function plan(change: Change, { broker }: Peer): Partial<TopicSettings> | Answer {
  if (change.resourceType !== resourceTypes.topic)
    return answer(
      change,
      errors.INVALID_REQUEST,
      'only topics can be altered; settings of the node are in its own file',
    );
  if (typeof change.given === 'string') return answer(change, errors.INVALID_CONFIG, change.given);
  const settings = settingsOf(change.given, broker.defaults.settings);
  return settings.ok ? settings.value : answer(change, errors.INVALID_CONFIG, settings.fault.message);
}

interface Sound {
  readonly name: string;
  readonly settings: Partial<TopicSettings>;
}
const faultOf = (result: Result<unknown>): Fault | undefined => (result.ok ? undefined : result.fault);

function* carryOut(sound: readonly Sound[]): Serving<readonly (Fault | undefined)[]> {
  const replies = yield sound.map((one) => ({ call: 'alterTopic', ...one }));
  return sound.map((_one, index) => faultOf(resultOf<'alterTopic'>('alterTopic', replies[index])));
}

/** All that can still be wrong is that there is no such topic. */
function* exist(sound: readonly Sound[]): Serving<readonly (Fault | undefined)[]> {
  const found = yield* lookUp(
    sound.map(({ name }) => name),
    false,
  );
  return found.map(faultOf);
}

function answer({ resourceType, resourceName }: Change, errorCode: number, errorMessage: string | null): Answer {
  return { resourceType, resourceName, errorCode, errorMessage };
}
