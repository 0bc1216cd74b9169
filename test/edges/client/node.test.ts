/** Judges the client on real nodes: one embedded, over loopback, and one in its own process that is killed while messages flow. */
import test from 'ava';
import { CallboardError } from '../../../src/edges/client/errors.ts';
import { type Client, connect } from '../../../src/edges/client/index.ts';
import { startNode } from '../../../src/node.ts';
import { TestNode } from '../../node/harness.ts';

/** 10 ms apart. */
const LOOKS_MAX = 6_000;

type Teardown = { teardown(run: () => Promise<void>): void };

/** A node in memory and a client on it, both gone after the test. */
async function embedded(t: Teardown): Promise<Client> {
  const node = await startNode({ engine: 'memory' });
  const client = await connect({ server: node.native });
  t.teardown(async () => {
    await client.close();
    await node.stop();
  });
  return client;
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

for (const compression of ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const) {
  test.serial(`what is produced with compression ${compression} is read as it was sent`, async (t) => {
    const client = await embedded(t);
    await using producer = client.producer({ compression });
    // Not too old for the topic's retention.
    const timestamp = Date.now() - 60_000;
    const value = Uint8Array.from({ length: 300 }, (_, index) => index);
    const sent = await producer.send({
      topic: 'things',
      key: 'key',
      value,
      headers: [
        ['twice', 'ä'],
        ['twice', null],
      ],
      timestamp,
    });
    await producer.send({ topic: 'things', key: 'key', value: null });
    await using reader = client.reader({ topic: 'things', partitions: [sent.partition] });
    const [first, second] = [...(await reader.poll({ max: 1 })), ...(await reader.poll({ max: 1 }))];
    t.deepEqual(first && { ...first, value: Uint8Array.from(first.value ?? []) }, {
      topic: 'things',
      partition: sent.partition,
      offset: 0,
      timestamp,
      key: Buffer.from('key'),
      value,
      headers: [
        { key: 'twice', value: Buffer.from('ä') },
        { key: 'twice', value: null },
      ],
    });
    t.is(second?.value, null);
  });
}

test.serial('two members of a group share a topic, a third takes over, and every message is processed', async (t) => {
  const client = await embedded(t);
  await client.admin().createTopic('jobs', { partitions: 6 });
  const producer = client.producer();
  const seen: number[] = [];
  const consume = (group: string): ReturnType<Client['consumer']> => {
    const consumer = client.consumer({ group, topics: 'jobs', from: 'begin', autoCommitMs: 50 });
    void consumer.run((message) => void seen.push(Number(message.value?.toString())));
    return consumer;
  };
  const members = [consume('g'), consume('g')];
  await producer.sendBatch(upTo(3_000).map((value) => ({ topic: 'jobs', key: `${value}`, value: `${value}` })));
  await until(() => members.every((member) => member.assignment().length === 3));
  const third = consume('g');
  await until(() => third.assignment().length === 2);
  await members[0]?.close();
  await producer.sendBatch(upTo(3_000).map((value) => ({ topic: 'jobs', key: `${value}`, value: `${3_000 + value}` })));
  await until(() => new Set(seen).size === 6_000);
  t.deepEqual(
    [...new Set(seen)].sort((a, b) => a - b),
    upTo(6_000),
  );
  const described = await client.admin().describeGroup('g');
  t.is(described.members.length, 2);
  await Promise.all([members[1]?.close(), third.close()]);
  const { partitions } = await client.admin().describeGroup('g');
  t.is(
    partitions.reduce((sum, { committed }) => sum + committed, 0),
    6_000,
  );
  for (const { lag } of partitions) t.deepEqual(lag, { messages: 0, bytes: 0, seconds: 0 });
  await client.admin().deleteGroup('g');
  t.deepEqual(await client.admin().listGroups(), []);
});

test.serial('offsets are found by time; a group is reset; topics are altered and deleted', async (t) => {
  const client = await embedded(t);
  const admin = client.admin();
  await admin.createTopic('times', { partitions: 1, settings: { retentionMs: -1 } });
  await using producer = client.producer({ batchBytes: 200 });
  for (const n of upTo(20)) await producer.send({ topic: 'times', value: `${n}`, timestamp: 1_000 * n });
  t.is((await admin.offsets('times', { timestamp: 7_500 }))[0]?.offset, 8);
  await using reader = client.reader({ topic: 'times', from: { timestamp: 12_000 } });
  t.is((await reader.poll({ max: 1 }))[0]?.value?.toString(), '12');
  const consumer = client.consumer({ group: 'g', topics: ['times'], from: 'begin' });
  for await (const message of consumer) {
    if (message.offset < 19) continue;
    consumer.markProcessed(message);
    break;
  }
  const refused = await t.throwsAsync(admin.resetGroup('g', 'times', 'begin'), { instanceOf: CallboardError });
  t.is(refused?.code, 'GROUP_NOT_EMPTY');
  await consumer.close();
  t.like((await admin.resetGroup('g', 'times', { offset: 5 }, { dryRun: true }))[0], { from: 20, to: 5 });
  t.like((await admin.resetGroup('g', 'times', { offset: 5 }))[0], { from: 20, to: 5 });
  t.is((await admin.describeGroup('g')).partitions[0]?.committed, 5);
  t.is((await admin.alterTopic('times', { partitions: 3 })).partitions.length, 3);
  await admin.deleteTopic('times');
  t.false((await admin.listTopics()).some(({ name }) => name === 'times'));
  const gone = await t.throwsAsync(admin.describeTopic('times'), { instanceOf: CallboardError });
  t.is(gone?.code, 'UNKNOWN_TOPIC');
});

test.serial('a producer goes on over kills of the node: acknowledged means stored, once and in order', async (t) => {
  const node = await TestNode.start({ shards: 2 });
  t.teardown(() => node.dispose());
  const client = await connect({ server: node.server });
  const producer = client.producer({ lingerMs: 1 });
  const offsets: number[] = [];
  let stopped = false;
  const sending = (async () => {
    for (let value = 0; !stopped; value++) {
      const { offset } = await producer.send({ topic: 'kept', partition: 0, value: `${value}` });
      offsets.push(offset);
    }
  })();
  for (let kill = 0; kill < 3; kill++) {
    const before = offsets.length;
    await until(() => offsets.length > before + 50);
    await node.kill();
    await node.startAgain();
  }
  stopped = true;
  await sending;
  t.deepEqual(offsets, upTo(offsets.length));
  await using reader = client.reader({ topic: 'kept', partitions: [0] });
  const values: number[] = [];
  while (values.length < offsets.length)
    values.push(...(await reader.poll()).map((message) => Number(message.value?.toString())));
  t.deepEqual(values, upTo(offsets.length));
  await client.close();
});

test.serial(
  'a consumer goes on over kills of the node: nothing is skipped, and what was committed does not come again',
  async (t) => {
    const node = await TestNode.start({ shards: 2 });
    t.teardown(() => node.dispose());
    const client = await connect({ server: node.server });
    const total = 3_000;
    await using producer = client.producer();
    await producer.sendBatch(upTo(total).map((value) => ({ topic: 'kept', partition: value % 4, value: `${value}` })));
    const seen: number[] = [];
    const consumer = client.consumer({ group: 'g', topics: 'kept', from: 'begin', autoCommitMs: 20 });
    const running = consumer.run(async (message) => {
      seen.push(Number(message.value?.toString()));
      if (seen.length % 20 === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    });
    for (const mark of [500, 1_500]) {
      await until(() => seen.length >= mark);
      await node.kill();
      await node.startAgain();
    }
    await until(() => new Set(seen).size === total);
    await consumer.close();
    await running;
    for (const partition of upTo(4)) {
      const mine = [...new Set(seen.filter((value) => value % 4 === partition))];
      t.deepEqual(
        mine,
        [...mine].sort((a, b) => a - b),
      );
    }
    const { partitions } = await client.admin().describeGroup('g');
    t.is(
      partitions.reduce((sum, { committed }) => sum + committed, 0),
      total,
    );
    await client.close();
  },
);

async function until(done: () => boolean): Promise<void> {
  // Looks are counted, not time: a machine that stands still meanwhile is nobody's fault.
  for (let looks = 0; !done(); looks++) {
    if (looks > LOOKS_MAX) throw new Error(`not so: ${done}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
