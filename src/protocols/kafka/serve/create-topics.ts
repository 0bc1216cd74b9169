/** CreateTopics: new topics, or with validateOnly what would become of them. */
import { type Fault, fault, ok, type Result } from '../../../model/faults.ts';
import { PARTITIONS_PER_TOPIC_MAX } from '../../../model/limits.ts';
import { checkName, type Topic } from '../../../model/topic.ts';
import type { CreateTopicRequest } from '../../request.ts';
import { resultOf, type Serving } from '../asking.ts';
import { type CreateTopicsRequest, type CreateTopicsResponse, createTopics } from '../calls/create-topics.ts';
import { settingsOf } from '../configs.ts';
import { askDefaults, type Defaults, showConfigs } from '../default-configs.ts';
import { type ErrorName, errorOf, errors } from '../faults.ts';
import { NO_UUID } from '../reading.ts';
import { type Peer, service } from '../service.ts';
import { firsts, namedTwice } from '../twice.ts';

type Asked = CreateTopicsRequest['topics'][number];
type Answer = CreateTopicsResponse['topics'][number];

/** Where Kafka has a code that the common faults do not tell apart. */
class Refusal {
  readonly code: number;
  readonly message: string;
  constructor(code: number, message: string) {
    this.code = code;
    this.message = message;
  }
}
const refusal = (name: ErrorName, message: string): Refusal => new Refusal(errors[name], message);
const ofFault = ({ code, message }: Fault): Refusal => new Refusal(errorOf(code), message);

export const serveCreateTopics = service(createTopics, function* ({ topics: asked, validateOnly }, peer) {
  const twice = namedTwice(asked.map(({ name }) => name));
  const topics = firsts(asked, ({ name }) => name);
  const plans = topics.map((one) =>
    twice.has(one.name) ? refusal('INVALID_REQUEST', 'the request names this topic twice') : plan(one, peer),
  );
  const defaults = yield* askDefaults(peer.broker);
  const made = defaults.ok ? yield* create(plans, validateOnly) : plans.map(() => defaults);
  let next = 0;
  const answers = topics.map(({ name }, index): Answer => {
    const plan = plans[index];
    if (plan === undefined || plan instanceof Refusal) return refused(name, plan);
    const topic = made[next++];
    if (topic?.ok === true && defaults.ok) return created(topic.value, validateOnly, defaults.value, peer);
    return refused(name, topic?.ok === false ? ofFault(topic.fault) : undefined);
  });
  return { topics: answers };
});

function plan(asked: Asked, { broker }: Peer): CreateTopicRequest | Refusal {
  const { name, numPartitions, replicationFactor, assignments, configs } = asked;
  const named = checkName('topic', name);
  if (!named.ok) return ofFault(named.fault);
  const count = assignments.length > 0 ? assigned(asked, broker.node) : counted(numPartitions, replicationFactor);
  if (count instanceof Refusal) return count;
  const empty = configs.find(({ value }) => value === null);
  if (empty !== undefined) return refusal('INVALID_CONFIG', `${empty.name} has no value`);
  const settings = settingsOf(configs, broker.defaults.settings);
  if (!settings.ok) return ofFault(settings.fault);
  return { call: 'createTopic', name, settings: settings.value, ...(count === undefined ? {} : { partitions: count }) };
}

/** -1: as the node has it. */
function counted(numPartitions: number, replicationFactor: number): number | undefined | Refusal {
  if (replicationFactor !== -1 && replicationFactor !== 1)
    return refusal(
      'INVALID_REPLICATION_FACTOR',
      `there is one node, so that replication factor ${replicationFactor} can't be had`,
    );
  if (numPartitions === -1) return undefined;
  if (numPartitions < 1 || numPartitions > PARTITIONS_PER_TOPIC_MAX)
    return refusal('INVALID_PARTITIONS', `a topic has 1 to ${PARTITIONS_PER_TOPIC_MAX} partitions`);
  return numPartitions;
}

/** Who assigns replicas by hand can only give all of them to this node. */
function assigned({ assignments, numPartitions, replicationFactor }: Asked, node: number): number | Refusal {
  if (numPartitions !== -1 || replicationFactor !== -1)
    return refusal('INVALID_REQUEST', 'with assignments, number of partitions and replication factor must be -1');
  const numbers = assignments.map(({ partitionIndex }) => partitionIndex).sort((one, other) => one - other);
  const dense = numbers.every((number, index) => number === index);
  const here = assignments.every(({ brokerIds }) => brokerIds.length === 1 && brokerIds[0] === node);
  if (!dense || !here)
    return refusal('INVALID_REPLICA_ASSIGNMENT', `partitions count from 0, each on node ${node} alone`);
  return numbers.length;
}

function* create(
  plans: readonly (CreateTopicRequest | Refusal)[],
  validateOnly: boolean,
): Serving<readonly Result<Topic>[]> {
  const requests = plans.flatMap((plan) => (plan instanceof Refusal ? [] : [{ ...plan, validateOnly }]));
  const replies = requests.length === 0 ? [] : yield requests;
  return requests.map((_request, index) => {
    const made = resultOf<'createTopic'>('createTopic', replies[index]);
    return made.ok ? ok(made.value.topic) : made;
  });
}

function refused(name: string, why: Refusal | undefined): Answer {
  const { code, message } = why ?? ofFault(fault('INTERNAL', 'a topic was not answered'));
  return { name, topicId: NO_UUID, errorCode: code, errorMessage: message };
}

function created(
  { id, name, partitions, settings }: Topic,
  validateOnly: boolean,
  defaults: Defaults,
  { topics }: Peer,
): Answer {
  return {
    name,
    topicId: validateOnly ? NO_UUID : topics.ids.digitsOf(id),
    errorCode: errors.NONE,
    numPartitions: partitions.length,
    replicationFactor: 1,
    configs: showConfigs(settings, defaults).map(({ name: config, value, source }) => ({
      name: config,
      value,
      readOnly: false,
      configSource: source,
      isSensitive: false,
    })),
  };
}
