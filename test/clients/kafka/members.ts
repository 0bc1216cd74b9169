/** Members of consumer groups by clients of Kafka, each in its own way: what they were given, what they have read, how they go. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Consumer, stringDeserializers } from '@platformatic/kafka';
import kafkajs from 'kafkajs';
import { librdkafka } from './librdkafka.ts';

export interface GroupMember {
  /** Partitions that it has now. */
  readonly partitions: readonly number[];
  /** Values, in the order in which they came. */
  readonly read: readonly string[];
  /** Commits and says goodbye. */
  leave(): Promise<void>;
}
export interface MemberKind {
  readonly name: string;
  join(broker: string, group: string, topic: string, instance?: string): Promise<GroupMember>;
  /** Takes the name of an instance, and comes back under it. */
  readonly static?: true;
  /** Its streams end with an error when the node goes away. */
  readonly givesUp?: true;
}

const TIMES = { sessionTimeout: 6_000, heartbeatInterval: 300, rebalanceTimeout: 10_000 };

const kafkajsMember: MemberKind = {
  name: 'kafkajs',
  async join(broker, groupId, topic) {
    const kafka = new kafkajs.Kafka({ brokers: [broker], clientId: 'kafkajs', logLevel: kafkajs.logLevel.NOTHING });
    const consumer = kafka.consumer({ groupId, ...TIMES, maxWaitTimeInMs: 200 });
    const state = { partitions: [] as readonly number[], read: [] as string[] };
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
      state.partitions = payload.memberAssignment[topic] ?? [];
    });
    await consumer.connect();
    await consumer.subscribe({ topics: [topic], fromBeginning: true });
    await consumer.run({
      autoCommitInterval: 100,
      eachMessage: async ({ message }) => {
        state.read.push(String(message.value));
      },
    });
    return Object.assign(state, { leave: () => consumer.disconnect() });
  },
};

const platformaticMember = (groupProtocol: 'classic' | 'consumer'): MemberKind => ({
  name: `platformatic, ${groupProtocol}`,
  givesUp: true,
  async join(broker, groupId, topic) {
    const consumer = new Consumer({
      ...{ groupId, groupProtocol, clientId: 'platformatic', bootstrapBrokers: [broker] },
      ...{ deserializers: stringDeserializers, ...TIMES, maxWaitTime: 200 },
    });
    const read: string[] = [];
    const stream = await consumer.consume({
      topics: [topic],
      mode: 'committed',
      fallbackMode: 'earliest',
      autocommit: true,
    });
    stream.on('data', ({ value }) => read.push(value));
    return {
      read,
      get partitions() {
        return consumer.assignments?.flatMap(({ partitions }) => partitions) ?? [];
      },
      async leave() {
        await stream.close();
        await consumer.close();
      },
    };
  },
});

// ---- librdkafka, in a process of its own

const SCRIPT = fileURLToPath(new URL('./librdkafka.py', import.meta.url));
type Said = { readonly assigned: readonly number[] } | { readonly value: string };

export class LibrdkafkaMember implements GroupMember {
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;
  partitions: readonly number[] = [];
  readonly read: string[] = [];

  constructor(job: object) {
    this.#child = spawn('python3', [SCRIPT], { stdio: ['pipe', 'pipe', 'inherit'], timeout: 600_000 });
    this.#child.stdin?.write(`${JSON.stringify({ do: 'member', ...job })}\n`);
    this.#ended = new Promise((resolve) => this.#child.on('close', () => resolve()));
    if (this.#child.stdout !== null)
      createInterface(this.#child.stdout).on('line', (line) => {
        const said = JSON.parse(line) as Said;
        if ('assigned' in said) this.partitions = said.assigned;
        else this.read.push(said.value);
      });
  }

  async leave(): Promise<void> {
    this.#child.stdin?.end();
    await this.#ended;
  }

  /** Without a goodbye. */
  async crash(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#ended;
  }
}

const librdkafkaMember = (what: string, settings: Readonly<Record<string, unknown>>): MemberKind => ({
  name: `librdkafka ${librdkafka}, ${what}`,
  static: true,
  async join(broker, group, topic, instance) {
    const settled = instance === undefined ? settings : { ...settings, 'group.instance.id': instance };
    return new LibrdkafkaMember({ broker, group, topic, settings: settled });
  },
});
const CLASSIC = { 'session.timeout.ms': 6_000, 'heartbeat.interval.ms': 300 };

export const memberKinds: readonly MemberKind[] = [
  kafkajsMember,
  platformaticMember('classic'),
  platformaticMember('consumer'),
  ...(librdkafka === undefined
    ? []
    : [
        librdkafkaMember('range', { ...CLASSIC, 'partition.assignment.strategy': 'range' }),
        librdkafkaMember('cooperative-sticky', { ...CLASSIC, 'partition.assignment.strategy': 'cooperative-sticky' }),
        librdkafkaMember('consumer', { 'group.protocol': 'consumer' }),
      ]),
];
