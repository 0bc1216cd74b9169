/** Clients that read partition 0 of a topic from an offset to its end, without a group: Kafka's and Callboard's. */
import { Consumer } from '@platformatic/kafka';
import { connect } from '../../../src/edges/client/index.ts';
import { callboard, type TestNode } from '../../node/harness.ts';
import { librdkafka, runLibrdkafka } from './librdkafka.ts';
import type { Stored } from './message.ts';

export interface Reader {
  readonly name: string;
  /** Knows snappy in one piece alone, as no client in Java writes it. */
  readonly rawSnappyOnly?: true;
  /** @param count of messages that there are; who can tell the end by itself does not look at it. */
  read(node: TestNode, topic: string, from: number, count: number): Promise<Stored[]>;
}

const text = (bytes: Uint8Array | null | undefined): string | null =>
  bytes === null || bytes === undefined ? null : Buffer.from(bytes).toString();

const platformaticReader: Reader = {
  name: 'platformatic',
  rawSnappyOnly: true,
  async read(node, topic, from, count) {
    const consumer = new Consumer({ groupId: 'readers', clientId: 'platformatic', bootstrapBrokers: [node.kafka] });
    const metadata = await consumer.metadata({ topics: [topic] });
    const topicId = metadata.topics.get(topic)?.id ?? '';
    const read: Stored[] = [];
    while (read.length < count) {
      const place = {
        partition: 0,
        currentLeaderEpoch: -1,
        fetchOffset: BigInt(from + read.length),
        lastFetchedEpoch: -1,
        partitionMaxBytes: 1_000,
      };
      const fetched = await consumer.fetch({
        node: 1,
        maxWaitTime: 5_000,
        minBytes: 1,
        maxBytes: 1_000_000,
        topics: [{ topicId, partitions: [place] }],
      });
      const batches = fetched.responses[0]?.partitions[0]?.records ?? [];
      const records = batches.flatMap(({ firstOffset, firstTimestamp, records: inside }) =>
        inside.map(
          ({ offsetDelta, timestampDelta, key, value, headers }): Stored => ({
            offset: Number(firstOffset) + offsetDelta,
            timestamp: Number(firstTimestamp + timestampDelta),
            key: text(key),
            value: text(value),
            headers: headers.map(([name, inner]) => [text(name) ?? '', text(inner) ?? '']),
          }),
        ),
      );
      read.push(...records.filter(({ offset }) => offset >= from + read.length));
    }
    await consumer.close();
    return read;
  },
};

const callboardReader: Reader = {
  name: 'the TypeScript client',
  async read(node, topic, from, count) {
    const client = await connect({ server: node.server });
    const reader = client.reader({ topic, partitions: [0], from: { offset: from } });
    const read: Stored[] = [];
    while (read.length < count)
      for (const { offset, timestamp, key, value, headers } of await reader.poll({ max: count - read.length }))
        read.push({
          offset,
          timestamp,
          key: text(key),
          value: text(value),
          headers: headers.map((header) => [header.key, text(header.value) ?? '']),
        });
    await client.close();
    return read;
  },
};

interface Line extends Omit<Stored, 'timestamp' | 'headers'> {
  readonly timestamp: number;
  readonly headers: readonly { readonly key: string; readonly value: string }[];
}

const subReader: Reader = {
  name: 'callboard sub',
  async read(node, topic, from, count) {
    const args = ['sub', topic, '--json', '--partition', '0', '--from', String(from), '--count', String(count)];
    const { code, stdout, stderr } = await callboard(args, { server: node.server });
    if (code !== 0) throw new Error(stderr);
    return stdout
      .trimEnd()
      .split('\n')
      .map((line) => {
        const { key, value, headers, timestamp, offset } = JSON.parse(line) as Line;
        return { offset, timestamp, key, value, headers: headers.map((one) => [one.key, one.value]) };
      });
  },
};

const librdkafkaReader: Reader = {
  name: `librdkafka ${librdkafka}`,
  async read(node, topic, offset) {
    return (await runLibrdkafka({ do: 'read', broker: node.kafka, topic, offset })) as Stored[];
  },
};

export const readers: readonly Reader[] = [
  platformaticReader,
  callboardReader,
  subReader,
  ...(librdkafka === undefined ? [] : [librdkafkaReader]),
];
