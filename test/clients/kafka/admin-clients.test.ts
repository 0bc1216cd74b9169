/** Administration by @platformatic/kafka and by librdkafka, as they come: topics, settings, groups, offsets, records, quotas. */
import {
  Admin,
  ClientQuotaEntityTypes,
  ClientQuotaMatchTypes,
  ConfigResourceTypes,
  IncrementalAlterConfigOperationTypes,
  Producer,
  stringSerializers,
} from '@platformatic/kafka';
import test from 'ava';
import { type RunningNode, startNode } from '../../../src/node.ts';
import { LIBRDKAFKA_MISSING, librdkafka, runLibrdkafka } from './librdkafka.ts';

const { TOPIC } = ConfigResourceTypes;

let node: RunningNode;
let bootstrapBrokers: string[];
let admin: Admin;
test.before(async () => {
  node = await startNode({ engine: 'memory', 'topics.partitions': 1 });
  bootstrapBrokers = [`127.0.0.1:${node.kafka?.port ?? 0}`];
  admin = new Admin({ clientId: 'admin', bootstrapBrokers });
});
test.after.always(async () => {
  await admin?.close();
  await node?.stop();
});

async function retentionOf(topic: string): Promise<string | null | undefined> {
  const resources = [{ resourceType: TOPIC, resourceName: topic, configurationKeys: ['retention.ms'] }];
  const [told] = await admin.describeConfigs({ resources });
  return told?.configs[0]?.value;
}

test.serial('platformatic: a topic is created, told, grown, altered and deleted', async (t) => {
  const topic = 'orders';
  const configs = [{ name: 'retention.ms', value: '60000' }];
  const [created] = await admin.createTopics({ topics: [topic], partitions: 2, replicas: 1, configs });
  t.like(created, { name: topic, partitions: 2 });
  await t.throwsAsync(admin.createTopics({ topics: [topic], partitions: 2, replicas: 1 }), undefined, 'it is there');
  t.true((await admin.listTopics()).includes(topic));
  await admin.createPartitions({ topics: [{ name: topic, count: 3 }] });
  t.is((await admin.metadata({ topics: [topic] })).topics.get(topic)?.partitionsCount, 3);
  t.is(await retentionOf(topic), '60000');
  const resource = { resourceType: TOPIC, resourceName: topic };
  const changed = [{ name: 'retention.ms', configOperation: IncrementalAlterConfigOperationTypes.SET, value: '70000' }];
  await admin.incrementalAlterConfigs({ resources: [{ ...resource, configs: changed }] });
  t.is(await retentionOf(topic), '70000');
  await admin.alterConfigs({ resources: [{ ...resource, configs: [{ name: 'retention.ms', value: '80000' }] }] });
  t.is(await retentionOf(topic), '80000');
  await admin.deleteTopics({ topics: [topic] });
  t.false((await admin.listTopics()).includes(topic));
});

test.serial('platformatic: offsets are told, and records deleted before one', async (t) => {
  const topic = 'numbers';
  await admin.createTopics({ topics: [topic], partitions: 1, replicas: 1 });
  const producer = new Producer({ clientId: 'writer', bootstrapBrokers, serializers: stringSerializers });
  await producer.send({ messages: Array.from({ length: 5 }, (_, n) => ({ topic, value: String(n), partition: 0 })) });
  await producer.close();
  const at = async (timestamp: bigint): Promise<bigint | undefined> => {
    const [told] = await admin.listOffsets({
      topics: [{ name: topic, partitions: [{ partitionIndex: 0, timestamp }] }],
    });
    return told?.partitions[0]?.offset;
  };
  t.is(await at(-1n), 5n);
  const [deleted] = await admin.deleteRecords({
    topics: [{ name: topic, partitions: [{ partition: 0, offset: 2n }] }],
  });
  t.is(deleted?.partitions[0]?.lowWatermark, 2n);
  t.is(await at(-2n), 2n);
  const [dirs] = await admin.describeLogDirs({ topics: [{ name: topic, partitions: [0] }] });
  t.true((dirs?.results.length ?? 0) > 0);
});

test.serial(
  'platformatic: groups are listed, described and deleted, their offsets set, told and forgotten',
  async (t) => {
    const [topic, groupId] = ['grouped', 'a group'];
    await admin.createTopics({ topics: [topic], partitions: 2, replicas: 1 });
    const partitionOffsets = [0, 1].map((partition) => ({ partition, offset: 0n }));
    await admin.alterConsumerGroupOffsets({ groupId, topics: [{ name: topic, partitionOffsets }] });
    t.true((await admin.listGroups()).has(groupId));
    t.is((await admin.describeGroups({ groups: [groupId] })).get(groupId)?.members.size, 0);
    const committed = async (): Promise<number[]> => {
      const [told] = await admin.listConsumerGroupOffsets({ groups: [groupId] });
      return (
        told?.topics.flatMap(({ partitions }) => partitions.map(({ partitionIndex }) => partitionIndex)).sort() ?? []
      );
    };
    t.deepEqual(await committed(), [0, 1]);
    await admin.deleteConsumerGroupOffsets({ groupId, topics: [{ name: topic, partitionIndexes: [0] }] });
    t.deepEqual(await committed(), [1]);
    await admin.deleteGroups({ groups: [groupId] });
    t.false((await admin.listGroups()).has(groupId));
  },
);

test.serial('platformatic: quotas are set, told and taken away', async (t) => {
  const entityType = ClientQuotaEntityTypes.CLIENT_ID;
  const entities = [{ entityType, entityName: 'heavy' }];
  const told = async (): Promise<unknown> => {
    const components = [{ entityType, matchType: ClientQuotaMatchTypes.EXACT, match: 'heavy' }];
    return (await admin.describeClientQuotas({ components }))[0]?.values;
  };
  const ops = [
    { key: 'producer_byte_rate', value: 1_000_000 },
    { key: 'request_percentage', value: 12.5 },
  ] as const;
  await admin.alterClientQuotas({ entries: [{ entities, ops: ops.map((op) => ({ ...op, remove: false })) }] });
  t.deepEqual(await told(), [...ops]);
  await admin.alterClientQuotas({ entries: [{ entities, ops: ops.map((op) => ({ ...op, remove: true })) }] });
  t.is(await told(), undefined);
});

const withLibrdkafka = librdkafka === undefined ? test.serial.skip : test.serial;
withLibrdkafka('librdkafka: topics, settings, records, groups and their offsets', async (t) => {
  const job = { do: 'admin', broker: bootstrapBrokers[0], topic: 'librdkafka', group: 'of librdkafka' };
  t.deepEqual(await runLibrdkafka(job), [
    { 'created again': 'TOPIC_ALREADY_EXISTS' },
    { partitions: 3 },
    { retention: '60000' },
    { altered: '70000' },
    { offsets: '10080' },
    { end: 5 },
    { 'kept from': 2 },
    { begin: 2 },
    { groups: [job.group] },
    { state: 'EMPTY' },
    { committed: [[0, 3]] },
    { groups: [] },
    { nodes: 1 },
    { topics: [] },
  ]);
});

test.serial('which clients there are', (t) => {
  t.log(librdkafka === undefined ? LIBRDKAFKA_MISSING : `librdkafka ${librdkafka}`);
  t.pass();
});
