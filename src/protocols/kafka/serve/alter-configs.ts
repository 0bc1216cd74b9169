/**
 * AlterConfigs and IncrementalAlterConfigs: settings of topics, of groups, and those of the node that topics have by
 * default, all at once or one by one.
 */
import { type Fault, failed, ok, type Result } from '../../../model/faults.ts';
import type { GroupSettingsChange } from '../../../model/group-settings.ts';
import type { TopicSettings } from '../../../model/topic.ts';
import type { DefaultsChange } from '../../../model/topic-defaults.ts';
import { resultOf, type Serving } from '../asking.ts';
import { alterConfigs } from '../calls/alter-configs.ts';
import { type IncrementalAlterConfigsRequest, incrementalAlterConfigs } from '../calls/incremental-alter-configs.ts';
import { configNames, type Given, settingsOf } from '../configs.ts';
import { askDefaults, type Defaults, defaultsChangeOf, nodeConfigNames, scopeOf } from '../default-configs.ts';
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
/** The one setting that is a list, of topics and of the node. */
const LISTS: readonly string[] = ['cleanup.policy', 'log.cleanup.policy'];
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
    const lists = yield* listsOf(resources, peer);
    const changes = resources.map(({ resourceType, resourceName, configs }): Change => {
      const given: Given[] = [];
      let wrong = checkOnce(configs);
      for (const one of configs) {
        const value = valueGiven(one, lists.get(keyOf({ resourceType, resourceName })) ?? ok([]));
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
  if (resourceType === resourceTypes.node) return nodeConfigNames;
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

type Resource = Pick<Change, 'resourceType' | 'resourceName'>;
const keyOf = ({ resourceType, resourceName }: Resource): string => `${resourceType} ${resourceName}`;

/** Which of several changes of the same resource would come last, nobody could tell. */
function eachOnce(changes: readonly Change[]): readonly Change[] {
  const twice = namedTwice(changes.map(keyOf));
  const given = failed('INVALID_REQUEST', 'a resource stands in a request once');
  return changes.map((change) => (twice.has(keyOf(change)) ? { ...change, given } : change));
}

type List = Result<readonly string[]>;

/** Lists that are to be added to, or taken from, as they are now; none of topics that are not there. */
function* listsOf(
  resources: IncrementalAlterConfigsRequest['resources'],
  peer: Peer,
): Serving<ReadonlyMap<string, List>> {
  const changed = ({ name, configOperation }: Operation): boolean =>
    LISTS.includes(name) && (configOperation === APPEND || configOperation === SUBTRACT);
  const asked = resources.filter(({ configs }) => configs.some(changed));
  const ofTopics = yield* listsOfTopics(asked.filter(({ resourceType }) => resourceType === resourceTypes.topic));
  const ofNode = asked.filter(({ resourceType }) => resourceType === resourceTypes.node);
  if (ofNode.length === 0) return new Map(ofTopics);
  const defaults = yield* askDefaults(peer.broker);
  return new Map([...ofTopics, ...ofNode.map((one) => [keyOf(one), listOfNode(one, defaults)] as const)]);
}

function* listsOfTopics(asked: readonly Resource[]): Serving<(readonly [string, List])[]> {
  if (asked.length === 0) return [];
  const found = yield* lookUp(
    asked.map(({ resourceName }) => resourceName),
    false,
  );
  return asked.flatMap((one, index) => {
    const topic = found[index];
    return topic?.ok === true ? [[keyOf(one), ok(topic.value.settings.cleanup.split(','))] as const] : [];
  });
}

function listOfNode({ resourceName }: Resource, defaults: Result<Defaults>): List {
  if (!defaults.ok) return defaults;
  const { set, altered, inForce } = defaults.value;
  const { cleanup } = resourceName === '' ? { ...set, ...altered.all } : inForce;
  return ok(cleanup.split(','));
}

/** Null: its default. */
function valueGiven({ name, configOperation, value }: Operation, list: List): Result<string | null> {
  if (configOperation === DELETE) return ok(null);
  if (value === null) return failed('INVALID_REQUEST', `${name} has no value`);
  if (configOperation === SET) return ok(value);
  if (configOperation !== APPEND && configOperation !== SUBTRACT)
    return failed('INVALID_REQUEST', `${name}: there is no operation ${configOperation}`);
  if (!LISTS.includes(name)) return failed('INVALID_SETTING', `${name} is no list to add to or to take from`);
  const named = value.split(',').map((one) => one.trim());
  if (!list.ok) return list;
  const left = list.value.filter((one) => !named.includes(one));
  return ok((configOperation === APPEND ? [...left, ...named] : left).join(','));
}

function* alter(changes: readonly Change[], validateOnly: boolean, peer: Peer): Serving<readonly Answer[]> {
  const defaults = changes.some(asksDefaults) ? yield* askDefaults(peer.broker) : null;
  const planned = changes.map((change) => plan(change, defaults, peer));
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

const ALTERABLE: readonly number[] = [resourceTypes.topic, resourceTypes.group, resourceTypes.node];

/** What is deleted of a topic becomes what is the default now. */
const asksDefaults = ({ resourceType, given }: Change): boolean =>
  resourceType === resourceTypes.topic && given.ok && given.value.some(({ value }) => value === null);

function plan(change: Change, defaults: Result<Defaults> | null, { broker }: Peer): Sound | Answer {
  const { resourceType, resourceName, given } = change;
  const refused = ({ code, message }: Fault): Answer => answer(change, errorOf(code), message);
  if (!ALTERABLE.includes(resourceType))
    return answer(change, errors.INVALID_REQUEST, 'topics, groups and the node can be altered');
  if (!given.ok) return refused(given.fault);
  if (resourceType === resourceTypes.topic) {
    if (defaults?.ok === false) return refused(defaults.fault);
    const settings = settingsOf(given.value, defaults?.value.inForce ?? broker.defaults.settings);
    if (!settings.ok) return refused(settings.fault);
    return { call: 'alterTopic', name: resourceName, settings: settings.value };
  }
  if (resourceType === resourceTypes.node) {
    const scope = scopeOf(resourceName, broker);
    const altered = scope.ok ? defaultsChangeOf(given.value, scope.value) : scope;
    return altered.ok ? { call: 'alterDefaults', change: altered.value } : refused(altered.fault);
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
  | { readonly call: 'alterDefaults'; readonly change: DefaultsChange }
  | { readonly call: 'alterGroup'; readonly group: string; readonly change: GroupSettingsChange };

function codeOf(one: Sound, why: Fault): number {
  if (one.call === 'alterGroup') return coordinatorErrorOf(why.code);
  if (one.call === 'alterTopic') return errorOfNamed(why, one.name);
  return why.code === 'INVALID_SETTING' ? errors.INVALID_REQUEST : errorOf(why.code);
}
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
