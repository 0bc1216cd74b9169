/** DescribeConfigs: settings of topics, of groups and of the node, by Kafka's names. */

import type { Result } from '../../../model/faults.ts';
import { resultOf, type Serving } from '../asking.ts';
import {
  type DescribeConfigsRequest,
  type DescribeConfigsResponse,
  describeConfigs,
} from '../calls/describe-configs.ts';
import { configSources, configTypes, type ShownConfig } from '../configs.ts';
import {
  askDefaults,
  type Defaults,
  scopeOf,
  showAlteredForAll,
  showConfigs,
  showDefaults,
} from '../default-configs.ts';
import { coordinatorErrorOf, errorOf, errors } from '../faults.ts';
import { showGroupBounds, showGroupConfigs } from '../group-configs.ts';
import { checkGroup } from '../group-names.ts';
import { lookUp } from '../look-up.ts';
import { type Broker, type Peer, service } from '../service.ts';
import { resourceTypes } from '../standing.ts';
import { errorOfNamed } from '../topic-names.ts';

type Asked = DescribeConfigsRequest['resources'][number];
type Answer = DescribeConfigsResponse['results'][number];

export const serveDescribeConfigs = service(describeConfigs, function* (request, peer) {
  const ofTopics = request.resources.filter(({ resourceType }) => resourceType === resourceTypes.topic);
  const ofNode = request.resources.filter(({ resourceType }) => resourceType === resourceTypes.node);
  const defaults = ofTopics.length + ofNode.length > 0 ? yield* askDefaults(peer.broker) : null;
  const topics = defaults === null ? null : yield* describeTopics(ofTopics, defaults);
  const groups = yield* describeGroups(request.resources, peer);
  const results = request.resources.map((asked) => {
    const answer = topics?.get(asked) ?? groups.get(asked) ?? describeOther(asked, defaults, peer.broker);
    return show(answer, asked, request);
  });
  return { results };
});

interface Described {
  readonly errorCode: number;
  readonly errorMessage: string | null;
  readonly configs: readonly ShownConfig[];
}

function refused(errorCode: number, errorMessage: string): Described {
  return { errorCode, errorMessage, configs: [] };
}

function* describeTopics(asked: readonly Asked[], defaults: Result<Defaults>): Serving<ReadonlyMap<Asked, Described>> {
  const described = new Map<Asked, Described>();
  if (asked.length === 0) return described;
  const names = asked.map(({ resourceName }) => resourceName);
  const found = yield* lookUp(names, false);
  asked.forEach((one, index) => {
    const topic = found[index];
    if (topic?.ok === true) {
      described.set(
        one,
        known(defaults, (inForce) => showConfigs(topic.value.settings, inForce)),
      );
    } else if (topic !== undefined) {
      const { fault } = topic;
      described.set(one, refused(errorOfNamed(fault, one.resourceName), fault.message));
    }
  });
  return described;
}

function known(defaults: Result<Defaults>, show: (defaults: Defaults) => readonly ShownConfig[]): Described {
  if (!defaults.ok) return refused(errorOf(defaults.fault.code), defaults.fault.message);
  return { errorCode: errors.NONE, errorMessage: null, configs: show(defaults.value) };
}

/** A group has settings before anybody has heard of it. */
function* describeGroups(asked: readonly Asked[], { broker }: Peer): Serving<ReadonlyMap<Asked, Described>> {
  const described = new Map<Asked, Described>();
  const sound = asked.filter((one) => {
    if (one.resourceType !== resourceTypes.group) return false;
    const wrong = checkGroup(one.resourceName);
    if (wrong !== null) described.set(one, refused(errors.INVALID_REQUEST, wrong.message));
    return wrong === null;
  });
  if (sound.length === 0) return described;
  const replies = yield sound.map(({ resourceName: group }) => ({ call: 'groupSettings', group }));
  sound.forEach((one, index) => {
    const found = resultOf<'groupSettings'>('groupSettings', replies[index]);
    if (!found.ok) described.set(one, refused(coordinatorErrorOf(found.fault.code), found.fault.message));
    else {
      const configs = showGroupConfigs(found.value, broker.groupBounds);
      described.set(one, { errorCode: errors.NONE, errorMessage: null, configs });
    }
  });
  return described;
}

function describeOther(
  { resourceType, resourceName }: Asked,
  defaults: Result<Defaults> | null,
  broker: Broker,
): Described {
  if (resourceType !== resourceTypes.node || defaults === null)
    return refused(errors.INVALID_REQUEST, `resources of type ${resourceType} have no settings here`);
  const scope = scopeOf(resourceName, broker);
  if (!scope.ok) return refused(errorOf(scope.fault.code), scope.fault.message);
  if (scope.value === 'all') return known(defaults, showAlteredForAll);
  return known(defaults, (inForce) => [...nodeConfigs(broker), ...showDefaults(inForce)]);
}

/** What clients and tools ask of a broker; set in the node's own file. */
function nodeConfigs({ node, defaults, autoCreate, offsetRetentionMs, migration, groupBounds }: Broker): ShownConfig[] {
  const { partitions } = defaults;
  const { int, boolean, string } = configTypes;
  const config = (name: string, value: unknown, type: number, about: string): ShownConfig => ({
    name,
    value: String(value),
    source: configSources.node,
    type,
    about,
    readOnly: true,
  });
  return [
    config('node.id', node, int, 'Number of the node.'),
    config('broker.id', node, int, 'Number of the node.'),
    config('num.partitions', partitions, int, 'Partitions of a topic that is created without a number.'),
    config('default.replication.factor', 1, int, 'There is one node.'),
    config('min.insync.replicas', 1, int, 'There is one node.'),
    config('auto.create.topics.enable', autoCreate, boolean, 'Create a topic when it is first used.'),
    config('offsets.retention.minutes', Math.ceil(offsetRetentionMs / 60_000), int, 'How long offsets are kept.'),
    config('group.consumer.migration.policy', migration, string, 'Which way groups may change while they run.'),
    ...showGroupBounds(groupBounds).map(([name, value, what]) => config(name, value, int, what)),
  ];
}

function show(
  { errorCode, errorMessage, configs }: Described,
  { resourceType, resourceName, configurationKeys }: Asked,
  { includeSynonyms, includeDocumentation }: DescribeConfigsRequest,
): Answer {
  const wanted = configurationKeys === null || configurationKeys.length === 0 ? null : new Set(configurationKeys);
  return {
    errorCode,
    errorMessage,
    resourceType,
    resourceName,
    configs: configs
      .filter(({ name }) => wanted?.has(name) !== false)
      .map(({ name, value, source, type, about, readOnly = false, synonyms = [{ name, value, source }] }) => ({
        name,
        value,
        readOnly,
        configSource: source,
        isSensitive: false,
        synonyms: includeSynonyms ? synonyms : [],
        configType: type,
        documentation: includeDocumentation ? about : null,
      })),
  };
}
