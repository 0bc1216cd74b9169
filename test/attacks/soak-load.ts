/**
 * A mixed load that could go on for ever: producers of all sizes and promises, a group whose members come and go, a slow
 * reader, topics that are made and deleted, connections that come and go, and bytes that no client should send. What it
 * counts is for people.
 */
import { randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { type Client, connect } from '../../src/edges/client/index.ts';
import { KIB, MIB } from '../../src/model/limits.ts';
import { Hostile } from './hostile.ts';
import { SoakRounds } from './soak-rounds.ts';

const VALUE_BYTES = [20, KIB, 8 * KIB, 100 * KIB] as const;
const TOPICS = ['mixed', 'mixed-interval', 'mixed-memory'] as const;
const MEMBERS = 3;
/** A member stays for so many messages, then leaves and comes back. */
const STAY = 2_000;

export class SoakLoad {
  readonly counts = { sent: 0, read: 0, topics: 0, connections: 0, hostile: 0 };
  readonly rounds = new SoakRounds();
  readonly #server: string;
  readonly #port: number;
  #client: Client | null = null;

  constructor(port: number) {
    this.#server = `127.0.0.1:${port}`;
    this.#port = port;
  }

  async begin(): Promise<void> {
    const client = await connect({ server: this.#server, clientId: 'load' });
    const kept = { retentionBytes: 16 * MIB, segmentBytes: 4 * MIB };
    const admin = client.admin();
    await admin.createTopic('mixed', { partitions: 4, settings: kept });
    await admin.createTopic('mixed-interval', { partitions: 4, settings: { ...kept, durability: 'interval' } });
    await admin.createTopic('mixed-memory', { partitions: 2, settings: { engine: 'memory', retentionBytes: 4 * MIB } });
    for (const topic of TOPICS) this.rounds.again(20, () => this.#produce(client, topic));
    for (let member = 0; member < MEMBERS; member++) this.rounds.again(100, () => this.#consume(client));
    this.rounds.again(50, () => this.#readSlowly(client));
    this.rounds.again(1_000, () => this.#makeAndDelete(client));
    this.rounds.again(200, () => this.#comeAndGo());
    this.rounds.again(200, () => this.#attack());
    this.#client = client;
  }

  async stop(): Promise<void> {
    await this.rounds.stop();
    await this.#client?.close();
  }

  async #produce(client: Client, topic: string): Promise<void> {
    const producer = client.producer({ lingerMs: 1 });
    const bursts = 200;
    for (let burst = 0; burst < bursts && !this.rounds.stopping; burst++) {
      const sends = Array.from({ length: 10 }, async () => {
        // Mostly small ones: each size brings about as many bytes as the others.
        const size = VALUE_BYTES[Math.floor(4 * Math.random() ** 3)] ?? 20;
        await producer.send({ topic, key: String(Math.random()), value: randomBytes(size) });
        this.counts.sent++;
      });
      await Promise.all(sends);
      await pause(10);
    }
    await producer.close();
  }

  async #consume(client: Client): Promise<void> {
    const consumer = client.consumer({ group: 'soak', topics: [...TOPICS], from: 'end' });
    let left = STAY;
    for await (const _message of consumer) {
      this.counts.read++;
      left -= 1;
      if (left <= 0 || this.rounds.stopping) break;
    }
    await consumer.close();
  }

  async #readSlowly(client: Client): Promise<void> {
    const reader = client.reader({ topic: 'mixed', from: 'begin' });
    for (let polls = 0; polls < 100 && !this.rounds.stopping; polls++) {
      this.counts.read += (await reader.poll({ max: 20, waitMs: 500 })).length;
      await pause(100);
    }
    await reader.close();
  }

  async #makeAndDelete(client: Client): Promise<void> {
    const name = `passing-${this.counts.topics++}`;
    await client.admin().createTopic(name, { partitions: 8 });
    const producer = client.producer();
    await producer.send({ topic: name, value: 'a message that goes with its topic' });
    await producer.close();
    await client.admin().deleteTopic(name);
  }

  async #comeAndGo(): Promise<void> {
    const some = Array.from({ length: 5 }, async (_, number) => {
      const one = await Hostile.greeted(this.#port, `passer-by ${number}`);
      await one.ask('topics', {});
      if (number % 2 === 0) one.socket.resetAndDestroy();
      await one.close();
      this.counts.connections++;
    });
    await Promise.all(some);
  }

  async #attack(): Promise<void> {
    const one = Math.random() < 0.5 ? await Hostile.silent(this.#port) : await Hostile.greeted(this.#port);
    const head = Buffer.from([0, Math.floor(Math.random() * 32), 0, 100, 1, 1, 0, 0]);
    one.send(Math.random() < 0.5 ? randomBytes(500) : head);
    await pause(500 * Math.random());
    await one.close();
    this.counts.hostile++;
  }
}
