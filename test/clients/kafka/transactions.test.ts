/**
 * Transactions of real clients against a real node that is killed: what is consumed, transformed and produced in
 * transactions is there exactly once for readers of committed records, with the offsets of what was consumed.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Producer } from '@platformatic/kafka';
import test from 'ava';
import kafkajs from 'kafkajs';
import { connect } from '../../../src/edges/client/index.ts';
import { FIRST_USER_PARTITION } from '../../../src/model/ids.ts';
import { LONG } from '../../long.ts';
import { TestNode } from '../../node/harness.ts';

const MESSAGES = LONG ? 100_000 : 1_500;
const PER_TRANSACTION = LONG ? 100 : 25;
/** The node is killed by what is copied, not by the clock: so it is killed as often on a fast machine, and gets on on a slow one. */
const KILLS = LONG ? 40 : 5;
const PARTITIONS = 2;
/** So often nothing may come while something is missing, half a second each. */
const EMPTY_POLLS_MAX = 120;

const clientOf = (node: TestNode) =>
  new kafkajs.Kafka({
    brokers: [node.kafka],
    clientId: 'copier',
    logLevel: kafkajs.logLevel.NOTHING,
    retry: { initialRetryTime: 50, maxRetryTime: 500, retries: 100 },
  });

async function withTopics(node: TestNode): Promise<void> {
  const client = await connect({ server: node.server });
  for (const name of ['from', 'to']) await client.admin().createTopic(name, { partitions: PARTITIONS });
  const producer = client.producer();
  const messages = Array.from({ length: MESSAGES }, (_, index) => ({ topic: 'from', value: `m ${index}` }));
  for (let at = 0; at < messages.length; at += 1_000) await producer.sendBatch(messages.slice(at, at + 1_000));
  await client.close();
}

/** All that readers of committed records find in `to`, where there should be so many: none may be missing, nor one too many. */
async function readAll(node: TestNode, count: number): Promise<string[]> {
  const client = await connect({ server: node.server });
  const reader = client.reader({ topic: 'to' });
  const found: string[] = [];
  for (let emptyHanded = 0; emptyHanded < (found.length < count ? EMPTY_POLLS_MAX : 1); ) {
    const messages = await reader.poll({ max: 10_000, waitMs: 500 });
    if (messages.length === 0) emptyHanded++;
    found.push(...messages.map(({ value }) => String(value)));
  }
  await client.close();
  return found;
}

type Position = Map<number, number>;
const copied = (at: Position): number => [...at.values()].reduce((sum, offset) => sum + offset, 0);

/** Where the group is in `from`, as its offsets say. */
async function committed(kafka: kafkajs.Kafka): Promise<Position> {
  const admin = kafka.admin();
  await admin.connect();
  try {
    const [topic] = await admin.fetchOffsets({ groupId: 'copiers', topics: ['from'] });
    return new Map(topic?.partitions.map(({ partition, offset }) => [partition, Math.max(0, Number(offset))]));
  } finally {
    await admin.disconnect();
  }
}

interface Progress {
  /** Messages whose transactions are ended. */
  copied: number;
  /** No further than this before the next kill: however fast the machine is, there is work left for all of them. */
  most: number;
  done: boolean;
}

const PART = MESSAGES / (KILLS + 1);

/** Kills the node once at a random moment in each of `KILLS` equal parts of the work; tells how often it did. */
async function killAlong(node: TestNode, progress: Progress): Promise<number> {
  for (let kills = 0; kills < KILLS; kills++) {
    progress.most = PART * (kills + 2);
    const at = PART * (kills + Math.random());
    while (!progress.done && progress.copied < at) await sleep(5);
    await sleep(Math.random() * 20);
    if (progress.done) return kills;
    await node.kill();
    await node.startAgain();
  }
  progress.most = MESSAGES;
  return KILLS;
}

/**
 * Copies, from where the group is, one transaction after the other; each fifth is aborted. Ends with an error when the node
 * goes away, and is begun anew: what it had open is fenced.
 */
async function copy(node: TestNode, progress: Progress): Promise<void> {
  const kafka = clientOf(node);
  const source = await connect({ server: node.server });
  const producer = kafka.producer({ transactionalId: 'copier', maxInFlightRequests: 1, idempotent: true });
  try {
    await producer.connect();
    // Asks for its epoch with the first transaction: before that, what an instance before had open may still be committed.
    await (await producer.transaction()).abort();
    const at = await committed(kafka);
    const from = new Map([...at].map(([partition, offset]) => [partition, { offset }]));
    const reader = source.reader({ topic: 'from', from });
    for (let round = 1; ; round++) {
      const messages = await reader.poll({ max: PER_TRANSACTION, waitMs: 300 });
      if (copied(at) === MESSAGES) return;
      if (messages.length === 0) throw new Error('nothing comes: the node is away');
      const transaction = await producer.transaction();
      const send = () =>
        transaction.send({ topic: 'to', messages: messages.map(({ value }) => ({ value: `copy of ${value}` })) });
      progress.copied = copied(at);
      while (progress.copied >= progress.most) await sleep(5);
      if (round % 5 === 0) {
        await send();
        await transaction.abort();
        const again = await producer.transaction();
        await again.send({ topic: 'to', messages: messages.map(({ value }) => ({ value: `copy of ${value}` })) });
        await finish(again, messages, at);
      } else {
        await send();
        await finish(transaction, messages, at);
      }
    }
  } finally {
    await producer.disconnect().catch(() => undefined);
    await source.close().catch(() => undefined);
  }
}

async function finish(
  transaction: kafkajs.Transaction,
  messages: readonly { readonly partition: number; readonly offset: number }[],
  at: Position,
): Promise<void> {
  for (const { partition, offset } of messages) at.set(partition, offset + 1);
  const partitions = [...at].map(([partition, offset]) => ({ partition, offset: String(offset) }));
  await transaction.sendOffsets({ consumerGroupId: 'copiers', topics: [{ topic: 'from', partitions }] });
  await transaction.commit();
}

const expected = (): string[] => Array.from({ length: MESSAGES }, (_, index) => `copy of m ${index}`).sort();

test('kafkajs copies in transactions while the node is killed again and again: each message is there exactly once', async (t) => {
  const node = await TestNode.start({ flags: ['--log-level', 'warn'] });
  t.teardown(() => node.dispose());
  await withTopics(node);
  const progress: Progress = { copied: 0, most: PART, done: false };
  const killing = killAlong(node, progress);
  for (let attempts = 0; !progress.done && attempts < 1_000; attempts++)
    await copy(node, progress).then(
      () => {
        progress.done = true;
      },
      () => sleep(100),
    );
  t.true(progress.done);
  t.is(await killing, KILLS);
  const found = (await readAll(node, MESSAGES)).sort();
  t.is(found.length, MESSAGES);
  t.deepEqual(found, expected());
});

test('platformatic writes transactions, which readers of committed records see as a whole or not at all', async (t) => {
  const node = await TestNode.start({ flags: ['--log-level', 'warn'] });
  t.teardown(() => node.dispose());
  const producer = new Producer({
    clientId: 'platformatic',
    bootstrapBrokers: [node.kafka],
    autocreateTopics: true,
    idempotent: true,
    transactionalId: 'pay',
  });
  const write = async (values: readonly string[], commit: boolean): Promise<void> => {
    const transaction = await producer.beginTransaction();
    const messages = values.map((value) => ({ topic: 'to', partition: 0, value: Buffer.from(value) }));
    await transaction.send({ messages });
    await (commit ? transaction.commit() : transaction.abort());
  };
  await write(['a', 'b'], true);
  await write(['lost'], false);
  await write(['c'], true);
  await producer.close();
  t.deepEqual(await readAll(node, 3), ['a', 'b', 'c']);
  const consumer = clientOf(node).consumer({ groupId: 'readers', readUncommitted: false });
  t.teardown(() => consumer.disconnect());
  await consumer.connect();
  await consumer.subscribe({ topic: 'to', fromBeginning: true });
  const found: string[] = [];
  await new Promise<void>((resolve, reject) => {
    const eachMessage = async ({ message }: kafkajs.EachMessagePayload): Promise<void> => {
      found.push(String(message.value));
      if (String(message.value) === 'c') resolve();
    };
    consumer.run({ eachMessage }).catch(reject);
  });
  t.deepEqual(found, ['a', 'b', 'c']);
});

/** The values that kafkajs gives to an application, of committed records alone. */
async function consumed(node: TestNode, topic: string, group: string, count: number): Promise<string[]> {
  const consumer = clientOf(node).consumer({ groupId: group });
  const found: string[] = [];
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await consumer.run({ eachMessage: async ({ message }) => void found.push(String(message.value)) });
  for (let left = 600; found.length < count && left > 0; left--) await sleep(100);
  // Whatever else would come.
  await sleep(500);
  await consumer.disconnect();
  return found;
}

test.serial('what was taken back stays so where the state of producers is damaged', async (t) => {
  const node = await TestNode.start({ flags: ['--topics-partitions', '1', '--log-level', 'error'] });
  try {
    const client = await connect({ server: node.server });
    await client.admin().createTopic('taken-back', { partitions: 1 });
    await client.close();
    const kafka = clientOf(node);
    const producer = kafka.producer({ transactionalId: 'damaged', maxInFlightRequests: 1, idempotent: true });
    await producer.connect();
    for (let round = 0; round < 6; round++) {
      const transaction = await producer.transaction();
      await transaction.send({ topic: 'taken-back', messages: [{ value: `${round}` }] });
      if (round % 2 === 0) await transaction.commit();
      else await transaction.abort();
    }
    await producer.disconnect();
    t.deepEqual(await consumed(node, 'taken-back', 'before', 3), ['0', '2', '4']);
    await node.stop();
    const files = readdirSync(join(node.data, 'partitions'))
      .filter((name) => Number(name) >= FIRST_USER_PARTITION)
      .map((name) => join(node.data, 'partitions', name, 'producers'));
    for (const file of files) {
      const bytes = readFileSync(file);
      // Of two slots, each of which begins with what it holds.
      for (const at of [20, bytes.length / 2 + 20]) bytes[at] = (bytes[at] ?? 0) ^ 4;
      writeFileSync(file, bytes);
    }
    t.is(files.length, 1);
    await node.startAgain();
    t.deepEqual(await consumed(node, 'taken-back', 'after', 3), ['0', '2', '4']);
    t.regex(node.output, /read from the log anew/);
  } finally {
    await node.dispose();
  }
});
