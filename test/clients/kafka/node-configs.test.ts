/** Defaults of topics as Kafka's settings of a node: altered by hand for all nodes and for this one, told, taken, refused, and kept. */
import test from 'ava';
import { type RunningNode, startNode } from '../../../src/node.ts';
import { alterConfigs } from '../../../src/protocols/kafka/calls/alter-configs.ts';
import { createTopics } from '../../../src/protocols/kafka/calls/create-topics.ts';
import { metadata } from '../../../src/protocols/kafka/calls/metadata.ts';
import { errors } from '../../../src/protocols/kafka/faults.ts';
import { NO_UUID } from '../../../src/protocols/kafka/reading.ts';
import { TestNode } from '../../node/harness.ts';
import { newName, newTopic } from './asking.ts';
import { alter, altered, described, operations, resources, told } from './config-asking.ts';
import { Wire } from './wire.ts';

const { TOPIC, NODE } = resources;
const { SET, DELETE, APPEND, SUBTRACT } = operations;
/** Kafka's numbers for where a value comes from. */
const [OWN, HERE, ALL, OF_NODE, BY_DEFAULT] = [1, 2, 3, 4, 5];

/** Each test alters what others would see: it has a node for itself, whose segments are its own settings' business. */
async function started(t: { teardown(run: () => unknown): void }): Promise<Wire> {
  const node: RunningNode = await startNode({
    engine: 'memory',
    'topics.engine': 'local',
    'topics.segmentBytes': 2_097_152,
  });
  t.teardown(() => node.stop());
  const wire = await Wire.connect(node.kafka?.port ?? 0);
  t.teardown(() => wire.end());
  return wire;
}

async function replace(
  by: Wire,
  resourceName: string,
  settings: Readonly<Record<string, string>>,
  validateOnly = false,
) {
  const configs = Object.entries(settings).map(([name, value]) => ({ name, value }));
  const request = { resources: [{ resourceType: NODE, resourceName, configs }], validateOnly };
  return (await by.ask(alterConfigs, 2, request))?.responses[0]?.errorCode;
}

/** Value, source, and what else it could have been. */
async function sources(by: Wire, resourceType: number, resourceName: string, name: string) {
  const configs = await described(by, resourceType, resourceName, [name]);
  if (typeof configs !== 'object') return configs;
  return configs.map(({ value, configSource, readOnly, synonyms }) => [
    value,
    configSource,
    readOnly,
    ...synonyms.map((one) => `${one.name}=${one.value} ${one.source}`),
  ]);
}

test('the word for this node counts first, then that for all; each is told with where it comes from', async (t) => {
  const client = await started(t);
  const of = (name: string) => sources(client, NODE, name, 'log.retention.ms');
  const byDefault = `log.retention.ms=604800000 ${BY_DEFAULT}`;
  t.deepEqual(await of('1'), [['604800000', BY_DEFAULT, false, byDefault]]);
  t.deepEqual(await of(''), [], 'nothing is altered for all');
  t.is(await alter(client, NODE, '', ['log.retention.ms', SET, '2000']), errors.NONE);
  const forAll = `log.retention.ms=2000 ${ALL}`;
  t.deepEqual(await of('1'), [['2000', ALL, false, forAll, byDefault]]);
  t.is(await alter(client, NODE, '1', ['log.retention.ms', SET, ' 1000 ']), errors.NONE);
  t.deepEqual(await of('1'), [['1000', HERE, false, `log.retention.ms=1000 ${HERE}`, forAll, byDefault]]);
  t.deepEqual(await of(''), [['2000', ALL, false, forAll]]);
  t.is(await alter(client, NODE, '1', ['log.retention.ms', DELETE, null]), errors.NONE);
  t.is(await alter(client, NODE, '1', ['log.retention.ms', DELETE, null]), errors.NONE, 'it is gone already');
  t.deepEqual(await of('1'), [['2000', ALL, false, forAll, byDefault]]);
  const set = [`log.segment.bytes=2097152 ${OF_NODE}`, `log.segment.bytes=268435456 ${BY_DEFAULT}`];
  t.deepEqual(await sources(client, NODE, '1', 'log.segment.bytes'), [['2097152', OF_NODE, false, ...set]]);
  t.like(await sources(client, NODE, '1', 'num.partitions'), [['4', OF_NODE, true]]);
});

test('topics take the defaults of when they are made, and say whose their values are', async (t) => {
  const client = await started(t);
  const before = await newTopic(client);
  t.is(await alter(client, NODE, '', ['log.retention.ms', SET, '2000'], ['log.roll.ms', SET, '70000']), errors.NONE);
  t.is(await alter(client, NODE, '1', ['message.max.bytes', SET, '5000']), errors.NONE);
  const after = await newTopic(client);
  const used = newName();
  const first = { topics: [{ topicId: NO_UUID, name: used }], allowAutoTopicCreation: true };
  t.is((await client.ask(metadata, 12, first))?.topics[0]?.errorCode, errors.NONE);
  const names = ['retention.ms', 'segment.ms', 'max.message.bytes'];
  const taken = { 'retention.ms': '2000', 'segment.ms': '70000', 'max.message.bytes': '5000' };
  t.deepEqual(await told(client, TOPIC, after, names), taken);
  t.deepEqual(await told(client, TOPIC, used, names), taken, 'created when it was first used');
  const chain = [`log.retention.ms=2000 ${ALL}`, `log.retention.ms=604800000 ${BY_DEFAULT}`];
  t.deepEqual(await sources(client, TOPIC, after, 'retention.ms'), [['2000', ALL, false, ...chain]]);
  t.like(await sources(client, TOPIC, after, 'max.message.bytes'), [['5000', HERE, false]]);
  const own = [`retention.ms=604800000 ${OWN}`, ...chain];
  t.deepEqual(
    await sources(client, TOPIC, before, 'retention.ms'),
    [['604800000', OWN, false, ...own]],
    'it has kept it',
  );
  t.is(await alter(client, TOPIC, before, ['retention.ms', DELETE, null]), errors.NONE);
  t.deepEqual(await sources(client, TOPIC, before, 'retention.ms'), [['2000', ALL, false, ...chain]], 'now it has not');
});

test('who creates a topic is told what it has taken', async (t) => {
  const client = await started(t);
  t.is(await alter(client, NODE, '1', ['compression.type', SET, 'lz4']), errors.NONE);
  const wanted = { name: 'told', numPartitions: 1, replicationFactor: -1, assignments: [], configs: [] };
  for (const validateOnly of [true, false]) {
    const made = await client.ask(createTopics, 7, { topics: [wanted], timeoutMs: 1_000, validateOnly });
    const found = made?.topics[0]?.configs?.find(({ name }) => name === 'compression.type');
    t.like(found, { value: 'lz4', configSource: HERE });
  }
});

test('AlterConfigs replaces all; what is only to be validated changes nothing', async (t) => {
  const client = await started(t);
  t.is(await replace(client, '', { 'log.roll.ms': '70000', 'log.retention.ms': '2000' }), errors.NONE);
  t.is(await replace(client, '1', { 'log.roll.ms': '80000' }), errors.NONE, 'of the other name nothing goes');
  t.is(await replace(client, '', { 'log.retention.bytes': '7' }, true), errors.NONE);
  t.is(await replace(client, '', { 'log.retention.bytes': '-7' }, true), errors.INVALID_REQUEST);
  const only = await altered(client, NODE, '', [['log.roll.ms', DELETE, null]], true);
  t.is(only?.errorCode, errors.NONE);
  t.deepEqual(await told(client, NODE, ''), { 'log.roll.ms': '70000', 'log.retention.ms': '2000' });
  t.is(await replace(client, '', { 'log.retention.bytes': '7' }), errors.NONE);
  t.deepEqual(await told(client, NODE, ''), { 'log.retention.bytes': '7' });
  t.like(await told(client, NODE, '1'), { 'log.roll.ms': '80000', 'log.retention.bytes': '7' });
  t.is(await replace(client, '', {}), errors.NONE);
  t.deepEqual(await told(client, NODE, ''), {});
});

test('the policy of cleaning up is a list that is added to and taken from', async (t) => {
  const client = await started(t);
  const policy = (name: string) => told(client, NODE, name, ['log.cleanup.policy']);
  t.is(await alter(client, NODE, '1', ['log.cleanup.policy', APPEND, 'compact']), errors.NONE);
  t.deepEqual(await policy('1'), { 'log.cleanup.policy': 'compact,delete' });
  t.is(await alter(client, NODE, '', ['log.cleanup.policy', APPEND, 'delete']), errors.NONE);
  t.deepEqual(await policy(''), { 'log.cleanup.policy': 'delete' }, 'this node is not all');
  t.is(await alter(client, NODE, '1', ['log.cleanup.policy', SUBTRACT, 'delete']), errors.NONE);
  t.deepEqual(await policy('1'), { 'log.cleanup.policy': 'compact' });
  t.is(await alter(client, NODE, '1', ['log.cleanup.policy', SUBTRACT, 'compact']), errors.INVALID_REQUEST);
  t.is(await alter(client, NODE, '1', ['log.retention.ms', APPEND, '5']), errors.INVALID_CONFIG);
  t.deepEqual(await policy('1'), { 'log.cleanup.policy': 'compact' });
});

test('another node, another setting, another value: refused, and nothing is changed', async (t) => {
  const client = await started(t);
  const all = () => told(client, NODE, '1');
  const before = await all();
  for (const name of ['2', 'x', '-1', ' 1', '1'.repeat(30_000)]) {
    t.is(await alter(client, NODE, name, ['log.retention.ms', SET, '1000']), errors.INVALID_REQUEST);
    t.is(await replace(client, name, { 'log.retention.ms': '1000' }), errors.INVALID_REQUEST);
    t.is(await told(client, NODE, name), errors.INVALID_REQUEST);
  }
  const wrong = [
    ...[
      'num.partitions',
      'node.id',
      'auto.create.topics.enable',
      'offsets.retention.minutes',
      'default.replication.factor',
    ],
    ...['group.consumer.session.timeout.ms', 'min.insync.replicas', 'retention.ms', 'callboard.engine', 'nothing', ''],
    ...['constructor', 'toString', '__proto__', 'x'.repeat(30_000)],
  ].map((name) => [name, '1'] as const);
  const values = [
    ...['x', '', '-2', '1e3', '1.5', '9'.repeat(30_000)].map((value) => ['log.retention.ms', value] as const),
    ['log.roll.ms', '0'],
    ['message.max.bytes', '99999999999'],
    ['log.cleanup.policy', 'other'],
    ['compression.type', 'lz'],
    ['log.message.timestamp.type', 'Never'],
    ['log.flush.interval.messages', '2'],
  ] as const;
  for (const name of ['', '1'])
    for (const [setting, value] of [...wrong, ...values]) {
      const changes = [['log.roll.ms', SET, '70000'] as const, [setting, SET, value] as const];
      const answer = await altered(client, NODE, name, setting === 'log.roll.ms' ? changes.slice(1) : changes);
      t.is(answer?.errorCode, errors.INVALID_REQUEST, setting.slice(0, 50));
      t.true((answer?.errorMessage?.length ?? 0) <= 1_000);
      t.is(await replace(client, name, { [setting]: value }), errors.INVALID_REQUEST, setting.slice(0, 50));
    }
  t.is(await alter(client, NODE, '1', ['num.partitions', DELETE, null]), errors.INVALID_REQUEST);
  t.is(await alter(client, NODE, '1', ['log.retention.ms', SET, null]), errors.INVALID_REQUEST);
  const twice = ['log.retention.ms', SET, '5'] as const;
  t.is(await alter(client, NODE, '1', twice, twice), errors.INVALID_REQUEST);
  const many = Array.from({ length: 5_000 }, (_, index) => [`log.${index}`, SET, '1'] as const);
  t.is(await alter(client, NODE, '1', ...many), errors.INVALID_REQUEST);
  const lags = [['log.cleaner.min.compaction.lag.ms', SET, '20000'] as const];
  t.is(await alter(client, NODE, '', ['log.cleaner.max.compaction.lag.ms', SET, '10000']), errors.NONE);
  t.is(await alter(client, NODE, '1', ...lags), errors.INVALID_REQUEST, 'no topic could have both');
  t.is(await replace(client, '', {}), errors.NONE);
  t.deepEqual(await all(), before);
});

test('what was altered outlives a node that is killed, on every shard', async (t) => {
  const node = await TestNode.start({ shards: 2, flags: ['--log-level', 'warn'] });
  t.teardown(() => node.dispose());
  let client = await Wire.connect(node.kafkaPort);
  t.is(await alter(client, NODE, '', ['log.retention.ms', SET, '2000000'], ['log.roll.ms', SET, '70000']), errors.NONE);
  t.is(await alter(client, NODE, '1', ['log.retention.ms', SET, '1000000']), errors.NONE);
  t.is(await alter(client, NODE, '', ['log.roll.ms', DELETE, null]), errors.NONE);
  client.end();
  await node.kill();
  await node.startAgain();
  // Connections are spread over the shards.
  for (let round = 0; round < 8; round++) {
    client = await Wire.connect(node.kafkaPort);
    t.deepEqual(await told(client, NODE, ''), { 'log.retention.ms': '2000000' });
    t.like(await told(client, NODE, '1'), { 'log.retention.ms': '1000000', 'log.roll.ms': '604800000' });
    const topic = await newTopic(client);
    t.like(await sources(client, TOPIC, topic, 'retention.ms'), [['1000000', HERE, false]]);
    client.end();
  }
});
