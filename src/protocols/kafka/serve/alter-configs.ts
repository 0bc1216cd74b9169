/**
 * AlterConfigs and IncrementalAlterConfigs: settings of topics and of groups, all at once or one by one. The
 * node's own are in its file.
 */
import { type Fault, failed, ok, type Result } from '../../../model/faults.ts';
import type { GroupSettingsChange } from '../../../model/group-settings.ts';
import type { TopicSettings } from '../../../model/topic.ts';
import { resultOf, type Serving } from '../asking.ts';
import { alterConfigs } from '../calls/alter-configs.ts';
import { type IncrementalAlterConfigsRequest, incrementalAlterConfigs } from '../calls/incremental-alter-configs.ts';
import { configNames, type Given, settingsOf } from '../configs.ts';
import { coordinatorErrorOf, errorOf, errors } from '../faults.ts';
import { groupChangeOf, groupConfigNames } from '../group-configs.ts';
import { checkGroup } from '../group-names.ts';
import { lookUp } from '../look-up.ts';
import { type Peer, service } from '../service.ts';
import { resourceTypes } from '../standing.ts';
import { errorOfNamed } from '../topic-names.ts';
import { namedTwice } from '../twice.ts';

/** How one value of IncrementalAlterConfigs changes what is there. */
const SET = 0;
const DELETE = 1;
const APPEND = 2;
const SUBTRACT = 3;
/** The one setting that is a list. */
const LIST = 'cleanup.policy';
/** Stays as a topic was created. */
const ENGINE = 'callboard.engine';

interface Change {
  readonly resourceType: number;
  readonly resourceName: string;
  /** A fault: it can't be carried out. */
  readonly given: Result<readonly Given[]>;
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
    const others = namesOf(resourceType).filter((name) => !named.has(name) && name !== ENGINE);
    const given = [...configs, ...others.map((name) => ({ name, value: null }))];
    return { resourceType, resourceName, given: checkOnce(configs) ?? checkValues(configs) ?? ok(given) };
  });
  return { responses: yield* alter(eachOnce(changes), validateOnly, peer) };
});

export const serveIncrementalAlterConfigs = service(
  incrementalAlterConfigs,
  function* ({ resources, validateOnly }, peer) {
    const lists = yield* listsOf(resources);
    const changes = resources.map(({ resourceType, resourceName, configs }): Change => {
      const given: Given[] = [];
      let wrong = checkOnce(configs);
      for (const one of configs) {
        const value = valueGiven(one, lists.get(resourceName) ?? []);
        if (value.ok) given.push({ name: one.name, value: value.value });
        else wrong ??= value;
      }
      return { resourceType, resourceName, given: wrong ?? ok(given) };
    });
    return { responses: yield* alter(eachOnce(changes), validateOnly, peer) };
  },
);

/** What is set back to its default where it is not given. */
function namesOf(resourceType: number): readonly string[] {
  if (resourceType === resourceTypes.topic) return configNames;
  return resourceType === resourceTypes.group ? groupConfigNames : [];
}

type Operation = IncrementalAlterConfigsRequest['resources'][number]['configs'][number];
type Failure = ReturnType<typeof failed>;

function checkOnce(configs: readonly { readonly name: string }[]): Failure | null {
  const isTwice = namedTwice(configs.map(({ name }) => name)).size > 0;
  return isTwice ? failed('INVALID_REQUEST', 'a setting stands in a request once') : null;
}

function checkValues(configs: readonly Given[]): Failure | null {
  const empty = configs.find(({ value }) => value === null);
  return empty === undefined ? null : failed('INVALID_REQUEST', `${empty.name} has no value`);
}

/** Which of several changes of the same resource would come last, nobody could tell. */
function eachOnce(changes: readonly Change[]): readonly Change[] {
  const keyOf = ({ resourceType, resourceName }: Change): string => `${resourceType} ${resourceName}`;
  const twice = namedTwice(changes.map(keyOf));
  const given = failed('INVALID_REQUEST', 'a resource stands in a request once');
  return changes.map((change) => (twice.has(keyOf(change)) ? { ...change, given } : change));
}

/** Values of lists that are to be added to, or taken from, as they are now. */
function* listsOf(
  resources: IncrementalAlterConfigsRequest['resources'],
): Serving<ReadonlyMap<string, readonly string[]>> {
  const changed = ({ name, configOperation }: Operation): boolean =>
    name === LIST && (configOperation === APPEND || configOperation === SUBTRACT);
  const names = resources.flatMap(({ resourceName, configs }) => (configs.some(changed) ? [resourceName] : []));
  const found = names.length === 0 ? [] : yield* lookUp(names, false);
  return new Map(
    found.flatMap((topic) => (topic.ok ? [[topic.value.name, topic.value.settings.cleanup.split(',')]] : [])),
  );
}

/** Null: its default. */
function valueGiven({ name, configOperation, value }: Operation, list: readonly string[]): Result<string | null> {
  if (configOperation === DELETE) return ok(null);
  if (value === null) return failed('INVALID_REQUEST', `${name} has no value`);
  if (configOperation === SET) return ok(value);
  if (configOperation !== APPEND && configOperation !== SUBTRACT)
    return failed('INVALID_REQUEST', `${name}: there is no operation ${configOperation}`);
  if (name !== LIST) return failed('INVALID_SETTING', `${name} is no list to add to or to take from`);
  const named = value.split(',').map((one) => one.trim());
  const left = list.filter((one) => !named.includes(one));
  return ok((configOperation === APPEND ? [...left, ...named] : left).join(','));
}

function* alter(changes: readonly Change[], validateOnly: boolean, peer: Peer): Serving<readonly Answer[]> {
  const planned = changes.map((change) => plan(change, peer));
  const sound = planned.filter((one): one is Sound => 'call' in one);
  const outcomes = new Map<Sound, Fault | undefined>();
  yield* carryOut(sound, validateOnly, outcomes);
  return changes.map((change, index) => {
    const one = planned[index];
    if (one === undefined || !('call' in one)) return one ?? answer(change, errors.UNKNOWN_SERVER_ERROR, null);
    const fault = outcomes.get(one);
    const code = fault === undefined ? errors.NONE : codeOf(one, fault);
    return answer(change, code, fault?.message ?? null);
  });
}

function plan(change: Change, { broker }: Peer): Sound | Answer {
  const { resourceType, resourceName, given } = change;
  const refused = ({ code, message }: Fault): Answer => answer(change, errorOf(code), message);
  if (resourceType !== resourceTypes.topic && resourceType !== resourceTypes.group)
    return answer(
      change,
      errors.INVALID_REQUEST,
      'topics and groups can be altered; settings of the node are in its own file',
    );
  if (!given.ok) return refused(given.fault);
  if (resourceType === resourceTypes.topic) {
    const settings = settingsOf(given.value, broker.defaults.settings);
    if (!settings.ok) return refused(settings.fault);
    return { call: 'alterTopic', name: resourceName, settings: settings.value };
  }
  const wrong = checkGroup(resourceName);
  if (wrong !== null) return answer(change, errors.INVALID_REQUEST, wrong.message);
  const altered = groupChangeOf(given.value, broker.groupBounds);
  if (!altered.ok) return refused(altered.fault);
  return { call: 'alterGroup', group: resourceName, change: altered.value };
}

/** What the node is asked for. */
type Sound =
  | { readonly call: 'alterTopic'; readonly name: string; readonly settings: Partial<TopicSettings> }
  | { readonly call: 'alterGroup'; readonly group: string; readonly change: GroupSettingsChange };

const codeOf = (one: Sound, why: Fault): number =>
  one.call === 'alterGroup' ? coordinatorErrorOf(why.code) : errorOfNamed(why, one.name);
const faultOf = (result: Result<unknown>): Fault | undefined => (result.ok ? undefined : result.fault);

function* carryOut(
  sound: readonly Sound[],
  validateOnly: boolean,
  outcomes: Map<Sound, Fault | undefined>,
): Serving<void> {
  if (sound.length === 0) return;
  const replies = yield sound.map((one) => ({ ...one, validateOnly }));
  sound.forEach((one, index) => {
    outcomes.set(one, faultOf(resultOf(one.call, replies[index])));
  });
}

function answer({ resourceType, resourceName }: Change, errorCode: number, errorMessage: string | null): Answer {
  return { resourceType, resourceName, errorCode, errorMessage };
}
