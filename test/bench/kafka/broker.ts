/** Callboard or Apache Kafka, as they come; what it is told about topics it is told in Kafka's protocol, whichever it is. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createTopics } from '../../../src/protocols/kafka/calls/create-topics.ts';
import { deleteTopics } from '../../../src/protocols/kafka/calls/delete-topics.ts';
import { metadata } from '../../../src/protocols/kafka/calls/metadata.ts';
import { NO_UUID } from '../../../src/protocols/kafka/reading.ts';
import { Wire } from '../../clients/kafka/wire.ts';
import { BIN, freePort } from '../../node/harness.ts';
import { Measured } from '../measured.ts';
import { run, type Tools } from './tools.ts';

export type BrokerName = 'callboard' | 'kafka';

const POLL_MS = 5;
/** A broker that has not answered by then is taken for dead: the comparison goes on with what can be measured. */
const ANSWER_MS_MAX = 60_000;
/** What Kafka's own kafka-run-class.sh and kafka-server-start.sh give. */
const JAVA_FLAGS = [
  '-Xms1G',
  '-Xmx1G',
  '-server',
  '-XX:+UseG1GC',
  '-XX:MaxGCPauseMillis=20',
  '-XX:InitiatingHeapOccupancyPercent=35',
  '-XX:+ExplicitGCInvokesConcurrent',
  '-Djava.awt.headless=true',
];

export interface BrokerOptions {
  /** Where folders are made. */
  readonly below: string;
  readonly tools: Tools;
  /** Options of Node itself, such as --cpu-prof. */
  readonly nodeFlags: readonly string[];
}

export class Broker extends Measured<BrokerName> {
  readonly #options: BrokerOptions;

  constructor(name: BrokerName, options: BrokerOptions) {
    super(name, options.below);
    this.#options = options;
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  /**
   * @param topic whose partitions must all have a leader; none: the broker lists itself.
   * @returns ms from exec to the first such answer to Metadata.
   */
  async start(topic?: string): Promise<number> {
    const [program, args] = this.name === 'kafka' ? await this.#kafka() : await this.#callboard();
    const answers = (): Promise<boolean> => hasLeaders(this.port, topic);
    return await this.run({ program, args, cwd: this.folder, answers, pollMs: POLL_MS });
  }

  async #callboard(): Promise<[string, string[]]> {
    if (this.port === 0) this.port = await freePort();
    const ports = ['--kafka-port', String(this.port), '--native-port', '0', '--admin-port', '0'];
    const args = [BIN, 'start', '--data', join(this.folder, 'data'), ...ports, '--log-level', 'warn'];
    return [process.execPath, [...this.#options.nodeFlags, ...args]];
  }

  /** Formats its folder before the first start, as its quick start does. */
  async #kafka(): Promise<[string, string[]]> {
    const { tools } = this.#options;
    const java = [`-Dlog4j2.configurationFile=${tools.logging}`, '-cp', tools.broker];
    const file = join(this.folder, 'server.properties');
    if (this.port === 0) {
      this.port = await freePort();
      mkdirSync(this.folder, { recursive: true });
      writeFileSync(file, kafkaProperties(this.folder, this.port, await freePort()));
      const format = ['kafka.tools.StorageTool', 'format', '--standalone', '-t', 'MkU3OEVBNTcwNTJENDM2Qk', '-c', file];
      run('java', ['-Xmx256m', ...java, ...format]);
    }
    return ['java', [...JAVA_FLAGS, ...java, 'kafka.Kafka', file]];
  }

  /** Waits until every partition has a leader. */
  async createTopic(name: string, partitions: number, settings: Readonly<Record<string, string>>): Promise<void> {
    const configs = Object.entries(settings).map(([key, value]) => ({ name: key, value }));
    const topic = { name, numPartitions: partitions, replicationFactor: 1, assignments: [], configs };
    const wire = await Wire.connect(this.port);
    const asked = wire.ask(createTopics, 7, { topics: [topic], timeoutMs: 30_000, validateOnly: false });
    const answer = await inTime(wire, asked);
    const [made] = answer?.topics ?? [];
    if (made?.errorCode !== 0) throw new Error(`${this.name}: ${name} was not made: ${made?.errorMessage}`);
    const deadline = performance.now() + ANSWER_MS_MAX;
    while (!(await hasLeaders(this.port, name))) {
      if (performance.now() > deadline) throw new Error(`${this.name}: ${name} got no leaders`);
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  async deleteTopic(name: string): Promise<void> {
    const wire = await Wire.connect(this.port);
    await inTime(wire, wire.ask(deleteTopics, 1, { topicNames: [name], timeoutMs: 30_000 }));
  }
}

/** The answer, or null when none has come in time; the connection ends. */
async function inTime<Answer>(wire: Wire, answer: Promise<Answer | null>): Promise<Answer | null> {
  let late: NodeJS.Timeout | undefined;
  const tooLate = new Promise<null>((resolve) => {
    late = setTimeout(() => resolve(null), ANSWER_MS_MAX);
  });
  const first = await Promise.race([answer, tooLate]);
  clearTimeout(late);
  wire.end();
  return first;
}

/** Whether Metadata is answered with a broker, and every partition of the topic has a leader. */
async function hasLeaders(port: number, topic: string | undefined): Promise<boolean> {
  const wire = await Wire.connect(port).catch(() => null);
  if (wire === null) return false;
  const asked = wire.ask(metadata, 1, { topics: topic === undefined ? [] : [{ name: topic, topicId: NO_UUID }] });
  const answer = await inTime(wire, asked);
  if (answer === null || answer.brokers.length === 0) return false;
  return answer.topics.every(
    (one) =>
      one.errorCode === 0 && one.partitions.length > 0 && one.partitions.every(({ leaderId: leader }) => leader >= 0),
  );
}

/** The settings of config/server.properties; a group's first member does not wait for others. */
const kafkaProperties = (
  folder: string,
  port: number,
  controllerPort: number,
): string => `process.roles=broker,controller
node.id=1
listeners=PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}
advertised.listeners=PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}
controller.quorum.bootstrap.servers=127.0.0.1:${controllerPort}
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
log.dirs=${join(folder, 'log')}
num.network.threads=3
num.io.threads=8
socket.send.buffer.bytes=102400
socket.receive.buffer.bytes=102400
socket.request.max.bytes=104857600
num.partitions=1
num.recovery.threads.per.data.dir=2
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
`;
