/** What a request names twice, by hand: as Apache Kafka 4.4 answers it, no client sends any of these. */
import test from 'ava';
import { alterClientQuotas } from '../../../src/protocols/kafka/calls/alter-client-quotas.ts';
import { alterConfigs } from '../../../src/protocols/kafka/calls/alter-configs.ts';
import { consumerGroupDescribe } from '../../../src/protocols/kafka/calls/consumer-group-describe.ts';
import { createPartitions } from '../../../src/protocols/kafka/calls/create-partitions.ts';
import { createTopics } from '../../../src/protocols/kafka/calls/create-topics.ts';
import { deleteGroups } from '../../../src/protocols/kafka/calls/delete-groups.ts';
import { deleteRecords } from '../../../src/protocols/kafka/calls/delete-records.ts';
import { deleteTopics } from '../../../src/protocols/kafka/calls/delete-topics.ts';
import { describeClientQuotas } from '../../../src/protocols/kafka/calls/describe-client-quotas.ts';
import { describeGroups } from '../../../src/protocols/kafka/calls/describe-groups.ts';
import { incrementalAlterConfigs } from '../../../src/protocols/kafka/calls/incremental-alter-configs.ts';
import { listOffsets } from '../../../src/protocols/kafka/calls/list-offsets.ts';
import { metadata } from '../../../src/protocols/kafka/calls/metadata.ts';
import { offsetCommit } from '../../../src/protocols/kafka/calls/offset-commit.ts';
import { offsetDelete } from '../../../src/protocols/kafka/calls/offset-delete.ts';
import { offsetFetch } from '../../../src/protocols/kafka/calls/offset-fetch.ts';
import { produce } from '../../../src/protocols/kafka/calls/produce.ts';
import { errors } from '../../../src/protocols/kafka/faults.ts';
import { NO_UUID } from '../../../src/protocols/kafka/reading.ts';
import { append, batch, newTopic } from './asking.ts';
import { committing, newGroup } from './group-asking.ts';
import { nodeByHand } from './own-node.ts';
import type { Wire } from './wire.ts';

const { wire } = nodeByHand();
const TOPIC = 2;

async function partitionsOf(by: Wire, name: string): Promise<number | undefined> {
  const told = await by.ask(metadata, 12, { topics: [{ topicId: NO_UUID, name }], allowAutoTopicCreation: false });
  return told?.topics[0]?.errorCode === errors.NONE ? told.topics[0].partitions.length : undefined;
}

test('a partition whose offsets are asked for twice is refused, and answered once; others are told', async (t) => {
  const client = await wire(t);
  const name = await newTopic(client, 2);
  await append(client, name, batch());
  const at = (partitionIndex: number, timestamp: number) => ({ partitionIndex, timestamp });
  const [end, begin] = [-1, -2];
  const asked = async (version: number, topics: { name: string; partitions: ReturnType<typeof at>[] }[]) => {
    const told = await client.ask(listOffsets, version, { replicaId: -1, isolationLevel: 0, topics });
    return told?.topics.map((topic) => [
      topic.name,
      topic.partitions.map((one) => [one.partitionIndex, one.errorCode, one.offset]),
    ]);
  };
  const refused = [0, errors.INVALID_REQUEST, -1];
  const once = [1, errors.NONE, 0];
  for (const version of [1, 5, 11]) {
    const together = [{ name, partitions: [at(0, end), at(0, begin), at(1, end)] }];
    t.deepEqual(await asked(version, together), [[name, [refused, once]]]);
    const apart = [
      { name, partitions: [at(0, end)] },
      { name, partitions: [at(1, end), at(0, end)] },
    ];
    t.deepEqual(await asked(version, apart), [[name, [refused, once]]]);
  }
  const unknown = [{ name: 'nowhere', partitions: [at(0, end), at(0, end), at(1, end)] }];
  const missing = [1, errors.UNKNOWN_TOPIC_OR_PARTITION, -1];
  t.deepEqual(await asked(7, unknown), [['nowhere', [refused, missing]]]);
});

test('a resource that a request alters twice stays as it is; others are altered', async (t) => {
  const client = await wire(t);
  const [twice, once] = [await newTopic(client), await newTopic(client)];
  const names = [twice, once, twice];
  const resources = names.map((resourceName, index) => ({
    ...{ resourceType: TOPIC, resourceName },
    configs: [{ name: 'retention.ms', configOperation: 0, value: `${1_000_000 + index}` }],
  }));
  const expected = [errors.INVALID_REQUEST, errors.NONE, errors.INVALID_REQUEST];
  for (const call of [alterConfigs, incrementalAlterConfigs]) {
    const answer = await client.ask(call, 1, { resources, validateOnly: false });
    t.deepEqual(
      answer?.responses.map(({ errorCode }) => errorCode),
      expected,
      call.name,
    );
  }
});

test('a topic that is named twice gets no partitions and is not deleted, by name, by id or by both', async (t) => {
  const client = await wire(t);
  const [twice, once] = [await newTopic(client, 1), await newTopic(client, 1)];
  const topics = [
    { name: twice, count: 2, assignments: null },
    { name: once, count: 2, assignments: null },
    { name: twice, count: 3, assignments: null },
  ];
  const grown = await client.ask(createPartitions, 3, { topics, timeoutMs: 60_000, validateOnly: false });
  const wrong = [
    [twice, errors.INVALID_REQUEST],
    [once, errors.NONE],
  ];
  t.deepEqual(
    grown?.results.map((one) => [one.name, one.errorCode]),
    wrong,
  );
  t.deepEqual([await partitionsOf(client, twice), await partitionsOf(client, once)], [1, 2]);
  const byName = await client.ask(deleteTopics, 5, { topicNames: [twice, once, twice], timeoutMs: 60_000 });
  t.deepEqual(
    byName?.responses.map((one) => [one.name, one.errorCode]),
    wrong,
  );
  const told = await client.ask(metadata, 12, { topics: [{ topicId: NO_UUID, name: twice }] });
  const byId = { name: null, topicId: told?.topics[0]?.topicId ?? '' };
  for (const asked of [
    [byId, byId],
    [{ name: twice, topicId: NO_UUID }, byId],
  ]) {
    const gone = await client.ask(deleteTopics, 6, { topics: asked, timeoutMs: 60_000 });
    t.deepEqual(
      gone?.responses.map(({ errorCode }) => errorCode),
      [errors.INVALID_REQUEST],
    );
  }
  t.deepEqual([await partitionsOf(client, twice), await partitionsOf(client, once)], [1, undefined]);
});

test('a group that is to be deleted twice is deleted once', async (t) => {
  const client = await wire(t);
  const groupId = newGroup();
  await client.ask(offsetCommit, 9, committing(await newTopic(client, 2), 1, { groupId }));
  const gone = await client.ask(deleteGroups, 2, { groupsNames: [groupId, groupId] });
  t.deepEqual(gone?.results, [{ groupId, errorCode: errors.NONE, errorMessage: null }]);
});

test('of two batches for one partition none is stored, and it is answered once', async (t) => {
  const client = await wire(t);
  const name = await newTopic(client, 2);
  const topicOf = (...indexes: number[]) => ({
    ...{ name, topicId: NO_UUID },
    partitionData: indexes.map((index) => ({ index, records: batch() })),
  });
  for (const topicData of [[topicOf(0, 1, 0)], [topicOf(0), topicOf(1, 0)]]) {
    const told = await client.ask(produce, 9, { transactionalId: null, acks: -1, timeoutMs: 60_000, topicData });
    const parts = told?.responses.flatMap((one) => one.partitionResponses) ?? [];
    t.deepEqual(parts.map(({ index, errorCode }) => [index, errorCode]).sort(), [
      [0, errors.INVALID_REQUEST],
      [1, errors.NONE],
    ]);
  }
  t.like(await append(client, name, batch()), { errorCode: errors.NONE, baseOffset: 0 });
});

test('of what is said twice about where a partition is to begin the last counts, and it is answered once', async (t) => {
  const client = await wire(t);
  const name = await newTopic(client);
  for (let count = 0; count < 5; count++) await append(client, name, batch());
  const cut = async (...offsets: number[][]) => {
    const topics = offsets.map((some) => ({
      name,
      partitions: some.map((offset) => ({ partitionIndex: 0, offset })),
    }));
    const told = await client.ask(deleteRecords, 2, { topics, timeoutMs: 60_000 });
    return told?.topics.flatMap((one) => one.partitions.map((part) => [part.errorCode, part.lowWatermark]));
  };
  t.deepEqual(await cut([3, 1]), [[errors.NONE, 1]]);
  t.deepEqual(await cut([2], [3]), [[errors.NONE, 3]]);
  t.deepEqual(await cut([4, 99]), [[errors.OFFSET_OUT_OF_RANGE, -1]]);
  t.deepEqual(await cut([99, 4]), [[errors.NONE, 4]]);
});

test('a topic that is to be made twice is not made, and answered once', async (t) => {
  const client = await wire(t);
  const topic = { name: 'made-twice', numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] };
  const told = await client.ask(createTopics, 7, { topics: [topic, topic], timeoutMs: 60_000, validateOnly: false });
  t.deepEqual(
    told?.topics.map((one) => [one.name, one.errorCode]),
    [['made-twice', errors.INVALID_REQUEST]],
  );
  t.is(await partitionsOf(client, 'made-twice'), undefined);
});

test('an entity whose quota is altered twice keeps what it has', async (t) => {
  const client = await wire(t);
  const entry = (value: number) => ({
    entity: [{ entityType: 'client-id', entityName: 'quota-twice' }],
    ops: [{ key: 'producer_byte_rate', value, remove: false }],
  });
  const told = await client.ask(alterClientQuotas, 1, { entries: [entry(1_000), entry(2_000)], validateOnly: false });
  t.deepEqual(
    told?.entries.map(({ errorCode }) => errorCode),
    [errors.INVALID_REQUEST],
  );
  const components = [{ entityType: 'client-id', matchType: 0, match: 'quota-twice' }];
  t.deepEqual((await client.ask(describeClientQuotas, 1, { components, strict: true }))?.entries, []);
});

test('of offsets that are committed twice the last counts; each is answered, as is each that is asked for or forgotten', async (t) => {
  const client = await wire(t);
  const groupId = newGroup();
  const name = await newTopic(client, 2);
  const at = (partitionIndex: number, committedOffset: number, committedMetadata = '') => ({
    ...{ partitionIndex, committedOffset, committedMetadata },
  });
  const commit = async (...topics: ReturnType<typeof at>[][]) => {
    const asked = topics.map((partitions) => ({ name, topicId: NO_UUID, partitions }));
    const outside = { groupId, generationIdOrMemberEpoch: -1, memberId: '' };
    const told = await client.ask(offsetCommit, 8, { ...outside, topics: asked });
    return told?.topics.map((one) => one.partitions.map(({ errorCode }) => errorCode));
  };
  const committed = async () => {
    const topics = [0, 1].map((first) => ({ name, topicId: NO_UUID, partitionIndexes: [first, 0] }));
    const told = await client.ask(offsetFetch, 9, { groups: [{ groupId, topics }] });
    return told?.groups[0]?.topics.map((one) => one.partitions.map(({ committedOffset }) => committedOffset));
  };
  t.deepEqual(await commit([at(0, 1), at(0, 2), at(1, 3)]), [[0, 0, 0]]);
  t.deepEqual(await committed(), [
    [2, 2],
    [3, 2],
  ]);
  t.deepEqual(await commit([at(0, 5)], [at(0, 4), at(1, 6)]), [[0], [0, 0]]);
  t.deepEqual(await commit([at(0, 7), at(0, 8, 'x'.repeat(5_000))]), [[0, errors.OFFSET_METADATA_TOO_LARGE]]);
  t.deepEqual(await committed(), [
    [7, 7],
    [6, 7],
  ]);
  const partitions = [0, 0, 9].map((partitionIndex) => ({ partitionIndex }));
  const dropped = await client.ask(offsetDelete, 0, { groupId, topics: [{ name, partitions }] });
  t.deepEqual(
    dropped?.topics[0]?.partitions.map(({ errorCode }) => errorCode),
    [errors.NONE, errors.NONE, errors.UNKNOWN_TOPIC_OR_PARTITION],
  );
  t.deepEqual(await committed(), [
    [-1, -1],
    [6, -1],
  ]);
});

test('who asks for a group twice is told of it twice', async (t) => {
  const client = await wire(t);
  const told = await client.ask(describeGroups, 6, { groups: ['nobody', 'nobody'] });
  t.deepEqual(
    told?.groups.map((one) => [one.groupId, one.errorCode]),
    Array(2).fill(['nobody', errors.GROUP_ID_NOT_FOUND]),
  );
  const asked = { groupIds: ['nobody', 'nobody'], includeAuthorizedOperations: true };
  const consumers = await client.ask(consumerGroupDescribe, 1, asked);
  t.deepEqual(
    consumers?.groups.map((one) => [one.groupId, one.errorCode]),
    Array(2).fill(['nobody', errors.GROUP_ID_NOT_FOUND]),
  );
});
