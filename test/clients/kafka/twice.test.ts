/** What a request names twice, by hand: as Apache Kafka 4.4 answers it, no client sends any of these. */
import test from 'ava';
import { alterConfigs } from '../../../src/protocols/kafka/calls/alter-configs.ts';
import { createPartitions } from '../../../src/protocols/kafka/calls/create-partitions.ts';
import { deleteGroups } from '../../../src/protocols/kafka/calls/delete-groups.ts';
import { deleteTopics } from '../../../src/protocols/kafka/calls/delete-topics.ts';
import { incrementalAlterConfigs } from '../../../src/protocols/kafka/calls/incremental-alter-configs.ts';
import { listOffsets } from '../../../src/protocols/kafka/calls/list-offsets.ts';
import { metadata } from '../../../src/protocols/kafka/calls/metadata.ts';
import { offsetCommit } from '../../../src/protocols/kafka/calls/offset-commit.ts';
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
