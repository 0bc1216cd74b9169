/**
 * The part of the mixed load that speaks Kafka's protocol: compressed batches, a compacted topic, transactions under ids that
 * come back, groups of both kinds whose members come and go, topics and groups that are made and deleted, and bytes that no
 * client should send.
 */
import { randomBytes } from 'node:crypto';
import { connect as connectSocket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { Consumer, stringDeserializers } from '@platformatic/kafka';
import kafkajs from 'kafkajs';
import { KIB } from '../../src/model/limits.ts';
import { SoakRounds } from './soak-rounds.ts';

/** Transactional ids, and keys of the compacted topic: each comes back again and again. */
const IDS = 20;
const KEYS = 500;
/** A member stays for so long, then leaves and comes back, ms. */
const STAY_MS = 15_000;
const PARTITIONS = 4;

export class KafkaSoak {
  readonly counts = { written: 0, ended: 0, read: 0, groups: 0, hostile: 0 };
  readonly rounds = new SoakRounds();
  readonly #port: number;
  readonly #kafka: kafkajs.Kafka;

  constructor(port: number) {
    this.#port = port;
    this.#kafka = new kafkajs.Kafka({
      brokers: [`127.0.0.1:${port}`],
      clientId: 'soak',
      logLevel: kafkajs.logLevel.NOTHING,
    });
  }

  async begin(): Promise<void> {
    const kept = [
      { name: 'retention.bytes', value: String(16 * KIB * KIB) },
      { name: 'segment.bytes', value: String(4 * KIB * KIB) },
    ];
    const compact = [
      { name: 'cleanup.policy', value: 'compact' },
      { name: 'segment.bytes', value: String(KIB * KIB) },
      { name: 'min.cleanable.dirty.ratio', value: '0.3' },
    ];
    const admin = this.#kafka.admin();
    await admin.connect();
    await admin.createTopics({
      topics: [
        { topic: 'kafka', numPartitions: PARTITIONS, configEntries: kept },
        { topic: 'kafka-moved', numPartitions: PARTITIONS, configEntries: kept },
        { topic: 'kafka-compact', numPartitions: PARTITIONS, configEntries: compact },
      ],
    });
    await admin.disconnect();
    this.rounds.again(100, () => this.#produce());
    this.rounds.again(100, () => this.#move());
    for (let member = 0; member < 2; member++) {
      this.rounds.again(500, () => this.#consumeClassic());
      this.rounds.again(500, () => this.#consume848());
    }
    this.rounds.again(2_000, () => this.#makeAndDelete());
    this.rounds.again(200, () => this.#attack());
  }

  /** An idempotent producer of its own, as long as it lasts. */
  async #produce(): Promise<void> {
    const producer = this.#kafka.producer({ idempotent: true });
    await producer.connect();
    for (let burst = 0; burst < 200 && !this.rounds.stopping; burst++) {
      const messages = Array.from({ length: 10 }, () => ({
        key: `key ${Math.floor(Math.random() * KEYS)}`,
        value: Math.random() < 0.05 ? null : randomBytes(Math.floor(2 * KIB * Math.random() ** 3)),
      }));
      const topic = burst % 3 === 0 ? 'kafka-compact' : 'kafka';
      await producer.send({
        topic,
        messages,
        compression: kafkajs.CompressionTypes[burst % 2 === 0 ? 'GZIP' : 'None'],
      });
      this.counts.written += messages.length;
      await pause(20);
    }
    await producer.disconnect();
  }

  /** A transaction each: most are committed, some aborted, some left behind for the next one to fence. */
  async #move(): Promise<void> {
    const producer = this.#kafka.producer({
      transactionalId: `mover ${Math.floor(Math.random() * IDS)}`,
      maxInFlightRequests: 1,
    });
    await producer.connect();
    const transaction = await producer.transaction();
    const messages = Array.from({ length: 10 }, () => ({ value: randomBytes(KIB) }));
    await transaction.send({ topic: 'kafka-moved', messages });
    const offset = String(this.counts.ended);
    await transaction.sendOffsets({
      consumerGroupId: 'movers',
      topics: [{ topic: 'kafka', partitions: [{ partition: 0, offset }] }],
    });
    const chance = Math.random();
    if (chance < 0.7) await transaction.commit();
    else if (chance < 0.9) await transaction.abort();
    await producer.disconnect();
    this.counts.ended++;
  }

  async #consumeClassic(): Promise<void> {
    const consumer = this.#kafka.consumer({ groupId: 'classic', sessionTimeout: 10_000, rebalanceTimeout: 10_000 });
    await consumer.connect();
    await consumer.subscribe({ topics: ['kafka', 'kafka-moved'] });
    await consumer.run({
      eachBatch: async ({ batch }) => {
        this.counts.read += batch.messages.length;
      },
    });
    await this.#stay();
    await consumer.disconnect();
  }

  async #consume848(): Promise<void> {
    const consumer = new Consumer({
      bootstrapBrokers: [`127.0.0.1:${this.#port}`],
      clientId: 'soak 848',
      groupId: 'new',
      groupProtocol: 'consumer',
      deserializers: stringDeserializers,
      retries: false,
    });
    try {
      const stream = await consumer.consume({ topics: ['kafka', 'kafka-compact'], mode: 'committed' });
      stream.on('data', () => {
        this.counts.read++;
      });
      stream.on('error', (error) => this.rounds.refuse(error));
      await this.#stay();
    } finally {
      await consumer.close(true);
    }
  }

  async #stay(): Promise<void> {
    const until = performance.now() + STAY_MS * (0.5 + Math.random());
    while (performance.now() < until && !this.rounds.stopping) await pause(100);
  }

  /** A topic and a group that nobody hears of again. */
  async #makeAndDelete(): Promise<void> {
    const admin = this.#kafka.admin();
    await admin.connect();
    const name = `kafka-passing-${this.counts.groups++}`;
    try {
      await admin.createTopics({ topics: [{ topic: name, numPartitions: PARTITIONS }] });
      await admin.setOffsets({ groupId: name, topic: name, partitions: [{ partition: 0, offset: '0' }] });
      await admin.deleteGroups([name]);
      await admin.deleteTopics({ topics: [name] });
    } finally {
      await admin.disconnect();
    }
  }

  /** A request of any key and version with anything behind, or a few bytes without sense; and gone. */
  async #attack(): Promise<void> {
    const socket = connectSocket(this.#port, '127.0.0.1');
    socket.on('error', () => {});
    const head = Buffer.alloc(12);
    head.writeInt32BE(200, 0);
    head.writeInt16BE(Math.floor(Math.random() * 90), 4);
    head.writeInt16BE(Math.floor(Math.random() * 14), 6);
    socket.write(Math.random() < 0.5 ? randomBytes(500) : Buffer.concat([head, randomBytes(192)]));
    await pause(300 * Math.random());
    socket.destroy();
    this.counts.hostile++;
  }
}
