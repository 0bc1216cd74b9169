/**
 * What requests hear that no client sends, by hand: the error codes of Apache Kafka 4.4, which was sent the same bytes.
 * What is named twice has a file of its own.
 */
import test from 'ava';
import { alterClientQuotas } from '../../../src/protocols/kafka/calls/alter-client-quotas.ts';
import { alterConfigs } from '../../../src/protocols/kafka/calls/alter-configs.ts';
import { apiVersions } from '../../../src/protocols/kafka/calls/api-versions.ts';
import { consumerGroupDescribe } from '../../../src/protocols/kafka/calls/consumer-group-describe.ts';
import { consumerGroupHeartbeat } from '../../../src/protocols/kafka/calls/consumer-group-heartbeat.ts';
import { createPartitions } from '../../../src/protocols/kafka/calls/create-partitions.ts';
import { createTopics } from '../../../src/protocols/kafka/calls/create-topics.ts';
import { deleteRecords } from '../../../src/protocols/kafka/calls/delete-records.ts';
import { deleteTopics } from '../../../src/protocols/kafka/calls/delete-topics.ts';
import { describeClientQuotas } from '../../../src/protocols/kafka/calls/describe-client-quotas.ts';
import { describeGroups } from '../../../src/protocols/kafka/calls/describe-groups.ts';
import { describeProducers } from '../../../src/protocols/kafka/calls/describe-producers.ts';
import { describeTopicPartitions } from '../../../src/protocols/kafka/calls/describe-topic-partitions.ts';
import { leaveGroup } from '../../../src/protocols/kafka/calls/leave-group.ts';
import { metadata } from '../../../src/protocols/kafka/calls/metadata.ts';
import { offsetCommit } from '../../../src/protocols/kafka/calls/offset-commit.ts';
import { offsetFetch } from '../../../src/protocols/kafka/calls/offset-fetch.ts';
import { produce } from '../../../src/protocols/kafka/calls/produce.ts';
import { errors } from '../../../src/protocols/kafka/faults.ts';
import { NO_UUID } from '../../../src/protocols/kafka/reading.ts';
import { append, batch, newTopic, produced } from './asking.ts';
import { alter, altered, resources, told } from './config-asking.ts';
import { beating, committing, member, newGroup } from './group-asking.ts';
import { nodeByHand } from './own-node.ts';

const { wire } = nodeByHand({ 'groups.initialRebalanceMs': 0 });
const { TOPIC, GROUP } = resources;
const NO_OPERATIONS = -2_147_483_648;

test('a name that no topic can have is told from one that none has, where Kafka does', async (t) => {
  const client = await wire(t);
  const names = ['no-such-topic', 'a b', '', '..'];
  const expected = [errors.UNKNOWN_TOPIC_OR_PARTITION, ...Array(3).fill(errors.INVALID_TOPIC_EXCEPTION)];
  for (const version of [4, 9, 12, 13]) {
    const topics = names.map((name) => ({ name, topicId: NO_UUID }));
    const answer = await client.ask(metadata, version, { topics, allowAutoTopicCreation: false });
    t.deepEqual(
      answer?.topics.map(({ errorCode }) => errorCode),
      expected,
      `${version}`,
    );
  }
  const topics = names.map((name) => ({ name, partitionIndexes: [0] }));
  const producers = await client.ask(describeProducers, 0, { topics });
  t.deepEqual(
    producers?.topics.map(({ partitions }) => partitions[0]?.errorCode),
    expected,
  );
  for (const [index, name] of names.entries()) {
    if (name === '') continue;
    t.is(await told(client, TOPIC, name), expected[index], name);
    t.is(await alter(client, TOPIC, name, ['retention.ms', 0, '5000']), expected[index], name);
    const page = { topics: [{ name }], responsePartitionLimit: 10, cursor: null };
    t.is((await client.ask(describeTopicPartitions, 0, page))?.topics[0]?.errorCode, expected[index], name);
  }
});

test('who says which node it meant says of which cluster, and is told where it is wrong', async (t) => {
  const client = await wire(t);
  const clusterId = (await client.ask(metadata, 12, { topics: [] }))?.clusterId ?? '';
  const ask = async (asked: { clusterId: string | null; nodeId: number }) =>
    (await client.ask(apiVersions, 5, { clientSoftwareName: 'test', clientSoftwareVersion: '1', ...asked }))?.errorCode;
  t.is(await ask({ clusterId: null, nodeId: -1 }), errors.NONE);
  t.is(await ask({ clusterId, nodeId: 1 }), errors.NONE);
  t.is(await ask({ clusterId: 'other', nodeId: 1 }), errors.REBOOTSTRAP_REQUIRED);
  t.is(await ask({ clusterId, nodeId: 7 }), errors.REBOOTSTRAP_REQUIRED);
  t.is(await ask({ clusterId, nodeId: -1 }), errors.INVALID_REQUEST);
  t.is(await ask({ clusterId: null, nodeId: 1 }), errors.INVALID_REQUEST);
});

test('a topic that is to be deleted has a name or an id', async (t) => {
  const client = await wire(t);
  const gone = await client.ask(deleteTopics, 6, { topics: [{ name: null, topicId: NO_UUID }], timeoutMs: 60_000 });
  t.is(gone?.responses[0]?.errorCode, errors.INVALID_REQUEST);
});

test('a page of partitions begins at one of a topic that was asked for', async (t) => {
  const client = await wire(t);
  const name = await newTopic(client, 2);
  const ask = (topicName: string, partitionIndex: number) =>
    client.ask(describeTopicPartitions, 0, {
      ...{ topics: [{ name }], responsePartitionLimit: 10 },
      cursor: { topicName, partitionIndex },
    });
  t.is((await ask(name, 1))?.topics[0]?.partitions.length, 1);
  t.is((await ask('a topic behind', 0))?.topics[0]?.errorCode, errors.INVALID_REQUEST);
  const page = await ask(name, -1);
  t.deepEqual(
    page?.topics.map(({ errorCode, partitions }) => [errorCode, partitions.length]),
    [[errors.INVALID_REQUEST, 0]],
  );
});

test('a setting has a value; a number may have blanks around it, and the largest one means no bound', async (t) => {
  const client = await wire(t);
  const create = async (value: string | null) => {
    const configs = [{ name: 'retention.ms', value }];
    const wanted = { name: 'settings', numPartitions: 1, replicationFactor: 1, assignments: [], configs };
    const answer = await client.ask(createTopics, 7, { topics: [wanted], timeoutMs: 60_000, validateOnly: true });
    return answer?.topics[0]?.errorCode;
  };
  t.is(await create(null), errors.INVALID_CONFIG);
  t.is(await create('5e3'), errors.INVALID_CONFIG);
  t.is(await create('9223372036854775808'), errors.INVALID_CONFIG);
  const topic = await newTopic(client);
  const nothing = { resourceType: TOPIC, resourceName: topic, configs: [{ name: 'retention.ms', value: null }] };
  const altered = await client.ask(alterConfigs, 2, { resources: [nothing], validateOnly: false });
  t.is(altered?.responses[0]?.errorCode, errors.INVALID_REQUEST);
  for (const [value, shown] of [
    [' 5000 ', '5000'],
    ['+6000', '6000'],
    ['9223372036854775807', '-1'],
  ] as const) {
    t.is(await alter(client, TOPIC, topic, ['retention.ms', 0, value]), errors.NONE);
    t.deepEqual(await told(client, TOPIC, topic, ['retention.ms']), { 'retention.ms': shown });
  }
});

test('what is only to be validated is decided as if it were to be done, and changes nothing', async (t) => {
  const client = await wire(t);
  const create = async (name: string, configs: [string, string][], validateOnly: boolean) => {
    const named = configs.map(([config, value]) => ({ name: config, value }));
    const wanted = { name, numPartitions: 3, replicationFactor: 1, assignments: [], configs: named };
    const answer = await client.ask(createTopics, 7, { topics: [wanted], timeoutMs: 60_000, validateOnly });
    return answer?.topics[0];
  };
  const compacted: [string, string][] = [['cleanup.policy', 'compact']];
  for (const validateOnly of [true, false]) {
    t.is((await create('__reserved', [], validateOnly))?.errorCode, errors.INVALID_TOPIC_EXCEPTION);
    // The node of this file keeps topics in memory, where nothing is compacted.
    t.is((await create('in-memory', compacted, validateOnly))?.errorCode, errors.INVALID_CONFIG);
  }
  t.like(await create('imagined', [], true), { errorCode: errors.NONE, topicId: NO_UUID, numPartitions: 3 });
  const found = await client.ask(metadata, 12, {
    topics: [{ topicId: NO_UUID, name: 'imagined' }],
    allowAutoTopicCreation: false,
  });
  t.is(found?.topics[0]?.errorCode, errors.UNKNOWN_TOPIC_OR_PARTITION);
  const topic = await newTopic(client, 2);
  t.is((await create(topic, [], true))?.errorCode, errors.TOPIC_ALREADY_EXISTS);
  const alterOnly = async (name: string, value: string) =>
    (await altered(client, TOPIC, topic, [[name, 0, value]], true))?.errorCode;
  t.is(await alterOnly('cleanup.policy', 'compact'), errors.INVALID_CONFIG);
  t.is(await alterOnly('callboard.engine', 'local'), errors.INVALID_CONFIG);
  t.is(await alterOnly('retention.ms', '5000'), errors.NONE);
  t.deepEqual(await told(client, TOPIC, topic, ['retention.ms']), { 'retention.ms': '604800000' });
  const grow = async (count: number) => {
    const topics = [{ name: topic, count, assignments: null }];
    const grown = await client.ask(createPartitions, 3, { topics, timeoutMs: 60_000, validateOnly: true });
    return grown?.results[0]?.errorCode;
  };
  t.is(await grow(3), errors.NONE);
  t.is(await grow(2), errors.INVALID_PARTITIONS);
  const still = await client.ask(metadata, 12, { topics: [{ topicId: NO_UUID, name: topic }] });
  t.is(still?.topics[0]?.partitions.length, 2);
});

test('settings of share and streams groups are refused as any that is not known', async (t) => {
  const client = await wire(t);
  for (const name of ['share.session.timeout.ms', 'streams.session.timeout.ms', 'share.record.lock.duration.ms'])
    t.is(await alter(client, GROUP, 'shared', [name, 0, '50000']), errors.INVALID_CONFIG, name);
});

test('quotas are for those who have a name, and filters name what they look for', async (t) => {
  const client = await wire(t);
  const entity = [{ entityType: 'client-id', entityName: '' }];
  const ops = [{ key: 'producer_byte_rate', value: 1_000, remove: false }];
  const altered = await client.ask(alterClientQuotas, 1, { entries: [{ entity, ops }], validateOnly: true });
  t.is(altered?.entries[0]?.errorCode, errors.INVALID_REQUEST);
  const filter = async (...types: string[]) => {
    const components = types.map((entityType) => ({ entityType, matchType: 0, match: 'x' }));
    return (await client.ask(describeClientQuotas, 1, { components, strict: false }))?.errorCode;
  };
  t.is(await filter(''), errors.INVALID_REQUEST);
  t.is(await filter('ip', 'user'), errors.INVALID_REQUEST);
  t.is(await filter('nonsense'), errors.UNSUPPORTED_VERSION);
  t.is(await filter('user', 'client-id'), errors.NONE);
});

test('what is allowed is told of groups that are there', async (t) => {
  const client = await wire(t);
  const { groupId } = await member(client, newGroup(), await newTopic(client));
  const groups = [groupId, 'nobody'];
  const classic = await client.ask(describeGroups, 6, { groups, includeAuthorizedOperations: true });
  // READ, DELETE, DESCRIBE, DESCRIBE_CONFIGS, ALTER_CONFIGS
  t.deepEqual(
    classic?.groups.map(({ authorizedOperations }) => authorizedOperations),
    [3_400, NO_OPERATIONS],
  );
  const asked = { groupIds: ['', 'nobody'], includeAuthorizedOperations: true };
  const consumer = await client.ask(consumerGroupDescribe, 1, asked);
  t.deepEqual(
    consumer?.groups.map((one) => [one.errorCode, one.authorizedOperations]),
    [
      [errors.INVALID_GROUP_ID, NO_OPERATIONS],
      [errors.GROUP_ID_NOT_FOUND, NO_OPERATIONS],
    ],
  );
});

test('who leaves a group that is not there is no member of it', async (t) => {
  const client = await wire(t);
  const members = [{ memberId: 'a' }, { memberId: '', groupInstanceId: 'b' }];
  const several = await client.ask(leaveGroup, 5, { groupId: newGroup(), members });
  t.is(several?.errorCode, errors.NONE);
  t.deepEqual(
    several?.members.map((one) => [one.memberId, one.groupInstanceId, one.errorCode]),
    [
      ['a', null, errors.UNKNOWN_MEMBER_ID],
      ['', 'b', errors.UNKNOWN_MEMBER_ID],
    ],
  );
  const one = await client.ask(leaveGroup, 2, { groupId: newGroup(), memberId: 'a' });
  t.is(one?.errorCode, errors.UNKNOWN_MEMBER_ID);
});

test('a heartbeat that is refused tells no member and no epoch', async (t) => {
  const client = await wire(t);
  const groupId = newGroup();
  const topics = { memberId: 'm', subscribedTopicNames: [await newTopic(client)] };
  const nothing = { memberId: null, memberEpoch: 0, assignment: null };
  const ask = (more: object) => client.ask(consumerGroupHeartbeat, 1, beating(groupId, { ...topics, ...more }));
  t.like(await ask({ rackId: '' }), { ...nothing, errorCode: errors.INVALID_REQUEST });
  t.like(await ask({ memberId: '' }), { ...nothing, errorCode: errors.INVALID_REQUEST });
  t.like(await ask({ memberEpoch: -2 }), { ...nothing, errorCode: errors.INVALID_REQUEST });
  t.like(await ask({ memberEpoch: -3 }), { ...nothing, errorCode: errors.INVALID_REQUEST });
  t.like(await ask({ memberEpoch: 5 }), { ...nothing, errorCode: errors.UNKNOWN_MEMBER_ID });
});

test('a generation of a group that is not there is none, in words that the client knows', async (t) => {
  const client = await wire(t);
  const topic = await newTopic(client, 2);
  const commit = async (version: number) => {
    const asked = committing(topic, 1, { groupId: newGroup(), memberId: 'm', generationIdOrMemberEpoch: 1 });
    return (await client.ask(offsetCommit, version, asked))?.topics[0]?.partitions[0]?.errorCode;
  };
  t.is(await commit(8), errors.ILLEGAL_GENERATION);
  t.is(await commit(9), errors.GROUP_ID_NOT_FOUND);
});

test('a member that asks for offsets tells its epoch, and partitions that cannot be have none', async (t) => {
  const client = await wire(t);
  const name = await newTopic(client);
  const groupId = newGroup();
  const joining = beating(groupId, { memberId: 'm', subscribedTopicNames: [name] });
  t.is((await client.ask(consumerGroupHeartbeat, 1, joining))?.errorCode, errors.NONE);
  const described = await client.ask(metadata, 12, { topics: [{ topicId: NO_UUID, name }] });
  const topicId = described?.topics[0]?.topicId ?? '';
  const ask = async (memberId: string | null, memberEpoch: number) => {
    const topics = [{ name, topicId, partitionIndexes: [-1, 7] }];
    const answer = await client.ask(offsetFetch, 10, { groups: [{ groupId, memberId, memberEpoch, topics }] });
    const { errorCode, topics: parts } = answer?.groups[0] ?? {};
    return [errorCode, parts?.[0]?.partitions.map((one) => [one.errorCode, one.committedOffset])];
  };
  const nothing = Array(2).fill([errors.NONE, -1]);
  t.deepEqual(await ask(null, -1), [errors.NONE, nothing]);
  t.deepEqual(await ask('m', 1), [errors.NONE, nothing]);
  t.deepEqual(await ask('m', -1), [errors.STALE_MEMBER_EPOCH, undefined]);
});

test('records go from no topic that is only compacted', async (t) => {
  const client = await wire(t);
  const configs = [
    { name: 'cleanup.policy', value: 'compact' },
    { name: 'callboard.engine', value: 'local' },
  ];
  const wanted = { name: 'compacted', numPartitions: 1, replicationFactor: 1, assignments: [], configs };
  await client.ask(createTopics, 7, { topics: [wanted], timeoutMs: 60_000, validateOnly: false });
  const topics = [{ name: 'compacted', partitions: [{ partitionIndex: 0, offset: 0 }] }];
  const gone = await client.ask(deleteRecords, 2, { topics, timeoutMs: 60_000 });
  t.like(gone?.topics[0]?.partitions[0], { errorCode: errors.POLICY_VIOLATION, lowWatermark: -1 });
});

test('a client that has no time waits for the disk as long as it takes', async (t) => {
  const client = await wire(t);
  const configs = [{ name: 'callboard.engine', value: 'local' }];
  const wanted = { name: 'on-disk', numPartitions: 1, replicationFactor: 1, assignments: [], configs };
  await client.ask(createTopics, 7, { topics: [wanted], timeoutMs: 60_000, validateOnly: false });
  for (const timeoutMs of [-1, 0, 1]) {
    const answer = await client.ask(produce, 9, { ...produced('on-disk', batch()), timeoutMs });
    t.is(answer?.responses[0]?.partitionResponses[0]?.errorCode, errors.NONE, `${timeoutMs}`);
  }
  t.like(await append(client, 'on-disk', batch()), { baseOffset: 3 });
});
