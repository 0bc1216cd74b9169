/** Administration by a client that is not ours, as it comes: topics, partitions, settings, offsets by time, deleted records. */
import test from 'ava';
import kafkajs from 'kafkajs';
import { type RunningNode, startNode } from '../../../src/node.ts';

let node: RunningNode;
let kafka: kafkajs.Kafka;
let admin: kafkajs.Admin;
test.before(async () => {
  node = await startNode({ engine: 'memory', 'topics.partitions': 1 });
  const brokers = [`127.0.0.1:${node.kafka?.port ?? 0}`];
  kafka = new kafkajs.Kafka({ brokers, clientId: 'admin', logLevel: kafkajs.logLevel.NOTHING });
  admin = kafka.admin();
  await admin.connect();
});
test.after.always(async () => {
  await admin?.disconnect();
  await node?.stop();
});

test.serial('a topic is created, told, grown, altered and deleted', async (t) => {
  const topic = 'orders';
  const configEntries = [{ name: 'retention.ms', value: '60000' }];
  t.true(await admin.createTopics({ topics: [{ topic, numPartitions: 2, configEntries }] }));
  t.false(await admin.createTopics({ topics: [{ topic }] }), 'it is there');
  t.true((await admin.listTopics()).includes(topic));
  await admin.createPartitions({ topicPartitions: [{ topic, count: 3 }] });
  const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
  t.is(topics[0]?.partitions.length, 3);
  const resource = { type: kafkajs.ConfigResourceTypes.TOPIC, name: topic };
  const retention = async (): Promise<string | undefined> => {
    const told = await admin.describeConfigs({
      resources: [{ ...resource, configNames: ['retention.ms'] }],
      includeSynonyms: false,
    });
    return told.resources[0]?.configEntries[0]?.configValue;
  };
  t.is(await retention(), '60000');
  await admin.alterConfigs({
    validateOnly: false,
    resources: [{ ...resource, configEntries: [{ name: 'retention.ms', value: '70000' }] }],
  });
  t.is(await retention(), '70000');
  const cluster = await admin.describeCluster();
  t.is(cluster.brokers.length, 1);
  t.is(cluster.controller, cluster.brokers[0]?.nodeId ?? null);
  await admin.deleteTopics({ topics: [topic] });
  t.false((await admin.listTopics()).includes(topic));
});

test.serial('offsets are told by time and at the end, and records are deleted before one', async (t) => {
  const topic = 'times';
  await admin.createTopics({ topics: [{ topic, numPartitions: 1 }] });
  const producer = kafka.producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner });
  await producer.connect();
  const now = Date.now();
  for (const age of [3_000, 2_000, 1_000])
    await producer.send({ topic, messages: [{ value: String(age), timestamp: String(now - age) }] });
  await producer.disconnect();
  const at = async (time: number): Promise<string | undefined> =>
    (await admin.fetchTopicOffsetsByTimestamp(topic, time))[0]?.offset;
  t.is(await at(now - 2_500), '1');
  t.is(await at(now - 2_000), '1');
  t.is(await at(now), '3', 'the end, where nothing is that young');
  await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '2' }] });
  t.like((await admin.fetchTopicOffsets(topic))[0], { low: '2', high: '3' });
});

test.serial('groups are listed, their offsets set, told and deleted', async (t) => {
  const [topic, groupId] = ['grouped', 'a group'];
  await admin.createTopics({ topics: [{ topic, numPartitions: 2 }] });
  await admin.setOffsets({ groupId, topic, partitions: [{ partition: 1, offset: '0' }] });
  t.deepEqual(
    (await admin.listGroups()).groups.map((one) => one.groupId),
    [groupId],
  );
  const [told] = await admin.fetchOffsets({ groupId, topics: [topic] });
  t.deepEqual(told?.partitions.map(({ partition, offset }) => [partition, offset]).sort(), [
    [0, '-1'],
    [1, '0'],
  ]);
  await admin.deleteGroups([groupId]);
  t.deepEqual((await admin.listGroups()).groups, []);
});
