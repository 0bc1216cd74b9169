/**
 * The driver of @confluentinc/kafka-javascript, by its promises: one JSON object a line says what to do, one a line answers.
 * Decides nothing itself. Runs on the Node.js that the client was built for; its folder is the first argument.
 */
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

const [folder, BROKER] = process.argv.slice(2);
const { Kafka, logLevel } = createRequire(`${folder}/`)('@confluentinc/kafka-javascript').KafkaJS;
const kafka = new Kafka({ kafkaJS: { brokers: [BROKER], logLevel: logLevel.NOTHING } });
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const textOf = (bytes) => (bytes === null || bytes === undefined ? null : bytes.toString());

class Unsupported extends Error {}

const messageOf = (job, { key, value, headers, timestamp }) => ({
  ...{ key, value, partition: job.partition, timestamp: String(timestamp) },
  headers: Object.fromEntries(headers),
});

async function produce(job) {
  const settings = {
    acks: job.acks,
    idempotent: job.idempotent,
    ...(job.codec === 'none' ? {} : { compression: job.codec }),
  };
  const producer = kafka.producer({
    kafkaJS: settings,
    'linger.ms': 20,
    'message.timeout.ms': 60_000,
    'socket.timeout.ms': 5_000,
  });
  await producer.connect();
  const sent = [];
  for (const message of job.messages) {
    sent.push(producer.send({ topic: job.topic, messages: [messageOf(job, message)] }));
    if (job.pauseMs > 0) await pause(job.pauseMs);
  }
  await Promise.all(sent);
  await producer.disconnect();
}

const transactional = (id) =>
  kafka.producer({ kafkaJS: { transactionalId: id, transactionTimeout: 30_000 }, 'message.timeout.ms': 25_000 });

async function transact(job) {
  const producer = transactional(job.id);
  await producer.connect();
  const transaction = await producer.transaction();
  await transaction.send({ topic: job.topic, messages: job.messages.map((message) => messageOf(job, message)) });
  await (job.commit ? transaction.commit() : transaction.abort());
  await producer.disconnect();
}

/** Consume, transform, produce: until nothing has come for a while. A failure ends both clients, and new ones go on. */
async function move(job) {
  const heard = { some: false };
  let [lives, quiet, begun] = [0, 0, false];
  while (quiet < job.quietLooks) {
    lives++;
    const producer = transactional(job.id);
    const consumer = kafka.consumer({
      kafkaJS: {
        groupId: job.group,
        fromBeginning: true,
        autoCommit: false,
        readUncommitted: false,
        sessionTimeout: 6_000,
      },
    });
    const failed = { error: null };
    await Promise.all([producer.connect(), consumer.connect()]);
    await consumer.subscribe({ topics: [job.source] });
    await consumer.run({
      eachBatchAutoResolve: false,
      eachBatch: async ({ batch, resolveOffset }) => {
        if (failed.error !== null) return;
        heard.some = true;
        try {
          await moveOne(batch, producer, consumer, job.to);
          resolveOffset(batch.lastOffset());
        } catch (error) {
          failed.error = error;
        }
      },
    });
    while (failed.error === null && quiet < job.quietLooks) {
      await pause(500);
      begun ||= heard.some;
      quiet = begun && !heard.some ? quiet + 1 : 0;
      heard.some = false;
    }
    if (failed.error !== null) quiet = 0;
    await consumer.disconnect();
    await producer.disconnect();
  }
  return { lives };
}

async function moveOne({ topic, partition, messages, lastOffset }, producer, consumer, to) {
  const transaction = await producer.transaction();
  await transaction.send({
    topic: to,
    messages: messages.map(({ value }) => ({ partition: 0, value: `moved ${value}` })),
  });
  const offset = String(Number(lastOffset()) + 1);
  await transaction.sendOffsets({ consumer, topics: [{ topic, partitions: [{ partition, offset }] }] });
  await transaction.commit();
}

async function read(job) {
  const settings = {
    groupId: `reads-${process.pid}-${Date.now()}`,
    fromBeginning: true,
    autoCommit: false,
    readUncommitted: job.committed !== true,
  };
  const consumer = kafka.consumer({ kafkaJS: settings });
  const found = [];
  await consumer.connect();
  await consumer.subscribe({ topics: [job.topic] });
  await consumer.run({
    eachMessage: async ({ partition, message }) => {
      if (partition !== job.partition || Number(message.offset) < job.from) return;
      const headers = Object.entries(message.headers ?? {}).map(([name, value]) => [name, textOf(value)]);
      const { key, value, timestamp, offset } = message;
      found.push({
        key: textOf(key),
        value: textOf(value),
        headers,
        timestamp: Number(timestamp),
        offset: Number(offset),
      });
    },
  });
  for (const deadline = Date.now() + 20_000; found.length < job.count && Date.now() < deadline; ) await pause(20);
  await consumer.disconnect();
  return found;
}

const member = { consumer: null, values: [], next: new Map(), topic: '' };

async function join(job) {
  const kind =
    job.kind === 'consumer'
      ? { 'group.protocol': 'consumer' }
      : {
          'session.timeout.ms': 6_000,
          'heartbeat.interval.ms': 500,
          'partition.assignment.strategy': job.kind === 'cooperative' ? 'cooperative-sticky' : 'range',
        };
  const instance = job.instance === null ? {} : { 'group.instance.id': job.instance };
  member.topic = job.topic;
  member.consumer = kafka.consumer({
    kafkaJS: { groupId: job.group, fromBeginning: true, autoCommit: false },
    ...kind,
    ...instance,
  });
  await member.consumer.connect();
  await member.consumer.subscribe({ topics: [job.topic] });
  await member.consumer.run({
    eachMessage: async ({ partition, message }) => {
      member.values.push(textOf(message.value));
      member.next.set(partition, String(Number(message.offset) + 1));
    },
  });
}

function seen() {
  const assigned = member.consumer.assignment().map(({ partition }) => partition);
  return { assigned: assigned.sort((a, b) => a - b), values: member.values };
}

async function commit() {
  const held = new Set(seen().assigned);
  const offsets = [...member.next]
    .filter(([partition]) => held.has(partition))
    .map(([partition, offset]) => ({ topic: member.topic, partition, offset }));
  if (offsets.length > 0) await member.consumer.commitOffsets(offsets);
}

async function admin(job) {
  const client = kafka.admin();
  await client.connect();
  try {
    const { topic } = job;
    const configEntries = [{ name: 'retention.ms', value: '3600000' }];
    if (job.do === 'createTopic')
      await client.createTopics({
        topics: [{ topic, numPartitions: job.partitions, replicationFactor: 1, configEntries }],
      });
    else if (job.do === 'deleteTopic') await client.deleteTopics({ topics: [topic] });
    else if (job.do === 'groups') return (await client.listGroups()).groups.map(({ groupId }) => groupId);
    else throw new Unsupported('it has no calls for settings, nor for more partitions');
    return null;
  } finally {
    await client.disconnect();
  }
}

const jobs = { produce, transact, move, read, join, seen, commit, leave: () => member.consumer.disconnect() };

for await (const line of createInterface(process.stdin)) {
  let answer;
  try {
    const job = JSON.parse(line);
    answer = { done: (await (jobs[job.do] ?? admin)(job)) ?? null };
  } catch (error) {
    answer = error instanceof Unsupported ? { unsupported: error.message } : { error: String(error) };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
process.exit(0);
