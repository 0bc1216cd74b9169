/** Settings by hand, where clients seldom go: lists that are added to, what stands twice, the wrong endpoint, and telemetry. */
import test from 'ava';
import { createTopics } from '../../../src/protocols/kafka/calls/create-topics.ts';
import { describeCluster } from '../../../src/protocols/kafka/calls/describe-cluster.ts';
import { getTelemetrySubscriptions } from '../../../src/protocols/kafka/calls/get-telemetry-subscriptions.ts';
import { errors } from '../../../src/protocols/kafka/faults.ts';
import { NO_UUID } from '../../../src/protocols/kafka/reading.ts';
import { newTopic } from './asking.ts';
import { alter, operations, resources, told } from './config-asking.ts';
import { nodeByHand } from './own-node.ts';

const { wire } = nodeByHand();
const { TOPIC } = resources;
const { SET, DELETE, APPEND, SUBTRACT } = operations;

test('cleanup.policy is a list that is added to and taken from; nothing else is', async (t) => {
  const client = await wire(t);
  const topic = 'listed';
  const local = [{ name: 'callboard.engine', value: 'local' }];
  const wanted = { name: topic, numPartitions: 1, replicationFactor: -1, assignments: [], configs: local };
  const made = await client.ask(createTopics, 7, { topics: [wanted], timeoutMs: 1_000, validateOnly: false });
  t.is(made?.topics[0]?.errorCode, errors.NONE);
  const policy = () => told(client, TOPIC, topic, ['cleanup.policy']);
  t.is(await alter(client, TOPIC, topic, ['cleanup.policy', APPEND, 'compact']), errors.NONE);
  t.deepEqual(await policy(), { 'cleanup.policy': 'compact,delete' });
  t.is(await alter(client, TOPIC, topic, ['cleanup.policy', APPEND, 'compact']), errors.NONE, 'it is there already');
  t.is(await alter(client, TOPIC, topic, ['cleanup.policy', SUBTRACT, 'delete']), errors.NONE);
  t.deepEqual(await policy(), { 'cleanup.policy': 'compact' });
  t.is(
    await alter(client, TOPIC, topic, ['cleanup.policy', SUBTRACT, 'compact']),
    errors.INVALID_CONFIG,
    'none is left',
  );
  t.is(await alter(client, TOPIC, topic, ['cleanup.policy', APPEND, 'other']), errors.INVALID_CONFIG);
  t.is(await alter(client, TOPIC, topic, ['retention.ms', APPEND, '5']), errors.INVALID_CONFIG);
  t.is(await alter(client, TOPIC, 'nowhere', ['cleanup.policy', APPEND, 'compact']), errors.UNKNOWN_TOPIC_OR_PARTITION);
  t.is(await alter(client, TOPIC, topic, ['cleanup.policy', DELETE, null]), errors.NONE);
  t.deepEqual(await policy(), { 'cleanup.policy': 'delete' });
});

test('a setting stands in a request once, and has a value', async (t) => {
  const client = await wire(t);
  const topic = await newTopic(client);
  const twice = [
    ['retention.ms', SET, '60000'],
    ['retention.ms', SET, '70000'],
  ] as const;
  t.is(await alter(client, TOPIC, topic, ...twice), errors.INVALID_REQUEST);
  t.is(await alter(client, TOPIC, topic, ['retention.ms', SET, null]), errors.INVALID_REQUEST);
  t.is(await alter(client, TOPIC, topic, ['retention.ms', 9, '1']), errors.INVALID_REQUEST);
  t.deepEqual(await told(client, TOPIC, topic, ['retention.ms']), { 'retention.ms': '604800000' });
});

test('who asks a broker for controllers hears what is wrong', async (t) => {
  const client = await wire(t);
  const code = async (version: number, endpointType: number): Promise<number | undefined> => {
    const asked = { includeClusterAuthorizedOperations: false, endpointType, includeFencedBrokers: false };
    return (await client.ask(describeCluster, version, asked))?.errorCode;
  };
  t.is(await code(1, 1), errors.NONE);
  t.is(await code(1, 2), errors.MISMATCHED_ENDPOINT_TYPE);
  t.is(await code(2, 7), errors.UNSUPPORTED_ENDPOINT_TYPE);
});

test('metrics of clients are not asked for, but each client gets an id of its own', async (t) => {
  const client = await wire(t);
  const subscriptions = (clientInstanceId: string) => client.ask(getTelemetrySubscriptions, 0, { clientInstanceId });
  const [first, second] = [await subscriptions(NO_UUID), await subscriptions(NO_UUID)];
  t.like(first, { errorCode: errors.NONE, requestedMetrics: [] });
  t.regex(first?.clientInstanceId ?? '', /^[0-9a-f]{32}$/);
  t.false([NO_UUID, second?.clientInstanceId].includes(first?.clientInstanceId));
  t.deepEqual(await subscriptions(first?.clientInstanceId ?? ''), first);
});
