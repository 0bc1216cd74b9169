/** What admins ask of topics by hand: replicas by hand, pages of partitions, the space that each takes. */
import test from 'ava';
import { createPartitions } from '../../../src/protocols/kafka/calls/create-partitions.ts';
import { createTopics } from '../../../src/protocols/kafka/calls/create-topics.ts';
import { describeLogDirs } from '../../../src/protocols/kafka/calls/describe-log-dirs.ts';
import { describeTopicPartitions } from '../../../src/protocols/kafka/calls/describe-topic-partitions.ts';
import { errors } from '../../../src/protocols/kafka/faults.ts';
import { append, batch, newTopic } from './asking.ts';
import { nodeByHand } from './own-node.ts';

const { wire } = nodeByHand({ 'topics.engine': 'local' });

type Assignment = readonly [partition: number, brokers: readonly number[]];

test('replicas are assigned by hand to this node alone, of partitions that count from 0', async (t) => {
  const client = await wire(t);
  let topics = 0;
  const create = async (assigned: readonly Assignment[], numPartitions = -1, replicationFactor = -1) => {
    const assignments = assigned.map(([partitionIndex, brokerIds]) => ({ partitionIndex, brokerIds: [...brokerIds] }));
    const wanted = { name: `by-hand-${++topics}`, numPartitions, replicationFactor, assignments, configs: [] };
    const answer = await client.ask(createTopics, 7, { topics: [wanted], timeoutMs: 60_000, validateOnly: false });
    return [answer?.topics[0]?.errorCode, answer?.topics[0]?.numPartitions];
  };
  const zero: Assignment = [0, [1]];
  t.deepEqual(await create([zero, [1, [1]]]), [errors.NONE, 2]);
  t.deepEqual(await create([[1, [1]], zero]), [errors.NONE, 2]);
  t.deepEqual(await create([zero], 1), [errors.INVALID_REQUEST, -1]);
  t.deepEqual(await create([zero], -1, 1), [errors.INVALID_REQUEST, -1]);
  const wrong: readonly (readonly Assignment[])[] = [
    [zero, [2, [1]]],
    [zero, zero],
    [[0, [1, 1]]],
    [[0, [7]]],
    [[0, []]],
    [[-1, [1]]],
    [zero, [1, [1, 2]]],
  ];
  for (const assigned of wrong)
    t.deepEqual(await create(assigned), [errors.INVALID_REPLICA_ASSIGNMENT, -1], JSON.stringify(assigned));
  const name = await newTopic(client, 1);
  const grow = async (...brokers: number[][]) => {
    const asked = [{ name, count: 3, assignments: brokers.map((brokerIds) => ({ brokerIds })) }];
    const grown = await client.ask(createPartitions, 3, { topics: asked, timeoutMs: 60_000, validateOnly: false });
    return grown?.results[0]?.errorCode;
  };
  t.is(await grow([1]), errors.INVALID_REPLICA_ASSIGNMENT);
  t.is(await grow([1], [7]), errors.INVALID_REPLICA_ASSIGNMENT);
  t.is(await grow([1], [1]), errors.NONE);
});

test('partitions are told in pages, each of which says where the next one begins', async (t) => {
  const client = await wire(t);
  const [one, two] = [await newTopic(client, 3, 'page-a'), await newTopic(client, 2, 'page-b')];
  const page = async (cursor: { topicName: string; partitionIndex: number } | null) => {
    const topics = [two, one].map((name) => ({ name }));
    const answer = await client.ask(describeTopicPartitions, 0, { topics, responsePartitionLimit: 2, cursor });
    const told = answer?.topics.map(({ name, partitions }) => [name, partitions.map((each) => each.partitionIndex)]);
    return [told, answer?.nextCursor ?? null] as const;
  };
  const first = await page(null);
  t.deepEqual(first, [[[one, [0, 1]]], { topicName: one, partitionIndex: 2 }]);
  const second = await page(first[1]);
  t.deepEqual(second, [
    [
      [one, [2]],
      [two, [0]],
    ],
    { topicName: two, partitionIndex: 1 },
  ]);
  t.deepEqual(await page(second[1]), [[[two, [1]]], null]);
});

test('the space that partitions take is told, in every version, of those that are there', async (t) => {
  const client = await wire(t);
  const name = await newTopic(client, 2);
  await append(client, name, batch({ values: ['x'.repeat(10_000)] }));
  for (let version = 1; version <= 5; version++) {
    const asked = [
      { topic: name, partitions: [0, 1, 9] },
      { topic: 'nowhere', partitions: [0] },
    ];
    const answer = await client.ask(describeLogDirs, version, { topics: asked });
    const [folder, ...others] = answer?.results ?? [];
    t.deepEqual([folder?.errorCode, others.length], [errors.NONE, 0]);
    t.true((folder?.totalBytes ?? 0) > 0 === version >= 4);
    t.deepEqual(
      folder?.topics.map((each) => [each.name, each.partitions.map((part) => part.partitionIndex)]),
      [[name, [0, 1]]],
    );
    const [full, empty] = folder?.topics[0]?.partitions ?? [];
    t.true((full?.partitionSize ?? 0) >= 10_000);
    t.is(empty?.partitionSize, 0);
    t.like(full, { offsetLag: 0, isFutureKey: false });
    const all = await client.ask(describeLogDirs, version, { topics: null });
    t.true(all?.results[0]?.topics.some((each) => each.name === name));
  }
});
