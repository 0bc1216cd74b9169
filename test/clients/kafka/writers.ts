/** Clients that write, each in its own way, to partition 0 of a topic: Kafka's and Callboard's. */
import { Producer as PlatformaticProducer } from '@platformatic/kafka';
import kafkajs from 'kafkajs';
import { connect } from '../../../src/edges/client/index.ts';
import type { TestNode } from '../../node/harness.ts';
import { librdkafka, runLibrdkafka } from './librdkafka.ts';
import type { Message } from './message.ts';

export type Codec = 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd';

export interface Writing {
  readonly codec: Codec;
  /** 0, 1, or -1 for all. */
  readonly acks: number;
  readonly idempotent: boolean;
}
export const PLAIN: Writing = { codec: 'none', acks: -1, idempotent: false };

export interface Writer {
  readonly name: string;
  readonly codecs: readonly Codec[];
  /** Writes snappy in blocks, as clients in Java do. */
  readonly framesSnappy?: true;
  write(node: TestNode, topic: string, messages: readonly Message[], how?: Writing): Promise<void>;
}

const ALL: readonly Codec[] = ['none', 'gzip', 'snappy', 'lz4', 'zstd'];

const kafkajsWriter: Writer = {
  name: 'kafkajs',
  codecs: ['none', 'gzip'],
  async write(node, topic, messages, { codec, acks, idempotent } = PLAIN) {
    const kafka = new kafkajs.Kafka({ brokers: [node.kafka], clientId: 'kafkajs', logLevel: kafkajs.logLevel.ERROR });
    const producer = kafka.producer({ idempotent, createPartitioner: kafkajs.Partitioners.DefaultPartitioner });
    await producer.connect();
    await producer.send({
      topic,
      acks,
      compression: kafkajs.CompressionTypes[codec === 'gzip' ? 'GZIP' : 'None'],
      messages: messages.map(({ key, value, headers, timestamp }) => ({
        partition: 0,
        key,
        value,
        headers: Object.fromEntries(headers),
        timestamp: String(timestamp),
      })),
    });
    await producer.disconnect();
  },
};

const buffer = (text: string | null): Buffer | undefined => (text === null ? undefined : Buffer.from(text));

const platformaticWriter: Writer = {
  name: 'platformatic',
  codecs: ALL,
  async write(node, topic, messages, { codec, acks, idempotent } = PLAIN) {
    const producer = new PlatformaticProducer({
      clientId: 'platformatic',
      bootstrapBrokers: [node.kafka],
      autocreateTopics: true,
      idempotent,
      acks,
      compression: codec,
    });
    await producer.send({
      messages: messages.map(({ key, value, headers, timestamp }) => {
        const [keyBytes, valueBytes] = [buffer(key), buffer(value)];
        return {
          topic,
          partition: 0,
          ...(keyBytes === undefined ? {} : { key: keyBytes }),
          ...(valueBytes === undefined ? {} : { value: valueBytes }),
          headers: new Map(headers.map(([name, text]) => [Buffer.from(name), Buffer.from(text)])),
          timestamp: BigInt(timestamp),
        };
      }),
    });
    await producer.close();
  },
};

const callboardWriter: Writer = {
  name: 'the TypeScript client',
  codecs: ALL,
  framesSnappy: true,
  async write(node, topic, messages, { codec } = PLAIN) {
    const client = await connect({ server: node.server });
    const producer = client.producer({ compression: codec });
    await producer.sendBatch(messages.map((message) => ({ ...message, topic, partition: 0 })));
    await client.close();
  },
};

const librdkafkaWriter: Writer = {
  name: `librdkafka ${librdkafka}`,
  codecs: ALL,
  async write(node, topic, messages, how = PLAIN) {
    await runLibrdkafka({ do: 'write', broker: node.kafka, topic, messages, ...how });
  },
};

export const kafkaWriters: readonly Writer[] = [
  kafkajsWriter,
  platformaticWriter,
  ...(librdkafka === undefined ? [] : [librdkafkaWriter]),
];
export const writers: readonly Writer[] = [...kafkaWriters, callboardWriter];
