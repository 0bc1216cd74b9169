/**
 * Kafka's clients on topics that are compacted, that take their times from the node, or that have a codec of their own:
 * what is refused, what is left, and that a node that is killed meanwhile leaves what it should.
 */
import { randomBytes } from 'node:crypto';
import { crc32c } from '@node-rs/crc32';
import test from 'ava';
import { compress, decompress } from '../../../src/edges/client/compression.ts';
import type { Client } from '../../../src/edges/client/index.ts';
import { connect } from '../../../src/edges/client/index.ts';
import { batchesIn, CODECS, codecOf, readAttributes } from '../../../src/model/batch.ts';
import { BatchBuilder } from '../../../src/model/batch-builder.ts';
import { openRecords } from '../../../src/model/record.ts';
import { alterConfigs } from '../../../src/protocols/kafka/calls/alter-configs.ts';
import { createTopics } from '../../../src/protocols/kafka/calls/create-topics.ts';
import { describeConfigs } from '../../../src/protocols/kafka/calls/describe-configs.ts';
import { metadata } from '../../../src/protocols/kafka/calls/metadata.ts';
import { produce } from '../../../src/protocols/kafka/calls/produce.ts';
import { errors } from '../../../src/protocols/kafka/faults.ts';
import { NO_UUID } from '../../../src/protocols/kafka/reading.ts';
import { callboard, TestNode } from '../../node/harness.ts';
import { append, fetched, produced } from './asking.ts';
import type { Message, Stored } from './message.ts';
import { readers } from './readers.ts';
import { Wire } from './wire.ts';
import { kafkaWriters } from './writers.ts';

let node: TestNode;
let client: Client;
let wire: Wire;

test.before(async () => {
  node = await TestNode.start({
    shards: 2,
    flags: ['--topics-partitions', '1', '--log-level', 'info', '--log-format', 'json'],
  });
  client = await connect({ server: node.server });
  wire = await Wire.connect(node.kafkaPort);
});
test.after.always(async () => {
  wire?.end();
  await client?.close();
  await node?.dispose();
});

async function makeTopic(name: string, settings: Readonly<Record<string, string>>, by = wire): Promise<number> {
  const configs = Object.entries(settings).map(([key, value]) => ({ name: key, value }));
  const asked = { name, numPartitions: 1, replicationFactor: -1, assignments: [], configs };
  const made = await by.ask(createTopics, 7, { topics: [asked], timeoutMs: 60_000, validateOnly: false });
  return made?.topics[0]?.errorCode ?? -2;
}

/** Compacts as soon as it can. */
const COMPACT = {
  'cleanup.policy': 'compact',
  'segment.ms': '1000',
  'segment.bytes': String(2 ** 20),
  'min.cleanable.dirty.ratio': '0',
};

interface Made {
  readonly key: string | null;
  readonly time?: number;
  readonly codec?: number;
}
function batchOf({ key, time = Date.now(), codec = 0 }: Made): Uint8Array {
  const builder = new BatchBuilder();
  builder.add(time, key, 'value '.repeat(50));
  const name = CODECS[codec] ?? 'none';
  if (name === 'none') return builder.finish(crc32c);
  return builder.finish(crc32c, { compression: { codec: name, compress: (bytes) => compress(name, bytes) } });
}

test('records without a key are refused by a compacted topic, compressed or not', async (t) => {
  t.is(await makeTopic('keyed', COMPACT), 0);
  for (let codec = 0; codec < CODECS.length; codec++) {
    const refused = await append(wire, 'keyed', batchOf({ key: null, codec }));
    t.is(refused?.errorCode, errors.INVALID_RECORD, CODECS[codec]);
    t.is(refused?.recordErrors?.[0]?.batchIndex, 0, CODECS[codec]);
    t.is((await append(wire, 'keyed', batchOf({ key: 'k', codec })))?.errorCode, 0, CODECS[codec]);
  }
});

test('all records that are wrong are named, in the words of a Kafka broker', async (t) => {
  t.is(await makeTopic('named', { ...COMPACT, 'message.timestamp.before.max.ms': '60000' }), 0);
  const now = Date.now();
  const builder = new BatchBuilder();
  for (const key of ['k', null, 'k', null, null, null]) builder.add(now, key, 'value');
  const keyless = 'Compacted topic cannot accept message without key in topic partition named-0';
  const shown = [1, 3, 4].map((index) => `RecordError(batchIndex=${index}, message='${keyless}')`).join(', ');
  const refused = await append(wire, 'named', builder.finish(crc32c));
  t.like(refused, {
    errorCode: errors.INVALID_RECORD,
    errorMessage: `One or more records have been rejected due to 4 record errors in total, and only showing the first three errors at most: [${shown}]`,
    recordErrors: [1, 3, 4, 5].map((batchIndex) => ({ batchIndex, batchIndexErrorMessage: keyless })),
  });
  for (const [index, key] of ['k', null, 'k'].entries()) builder.add(now - (index === 2 ? 100_000 : 0), key, 'value');
  const topicId = (await wire.ask(metadata, 12, { topics: [{ topicId: NO_UUID, name: 'named' }] }))?.topics[0]?.topicId;
  const request = produced('', builder.finish(crc32c));
  const topicData = request.topicData.map((one) => ({ ...one, topicId: topicId ?? '' }));
  const byId = await wire.ask(produce, 13, { ...request, topicData });
  const part = byId?.responses[0]?.partitionResponses[0];
  t.is(part?.errorCode, errors.INVALID_TIMESTAMP);
  t.is(part?.errorMessage, 'One or more records have been rejected due to invalid timestamp');
  t.deepEqual(part?.recordErrors[0], { batchIndex: 1, batchIndexErrorMessage: keyless });
  const words = new RegExp(
    `^Timestamp ${now - 100_000} of message with offset 2 is out of range. The timestamp should be within \\[\\d+, 9223372036854775807\\]$`,
  );
  t.regex(part?.recordErrors[1]?.batchIndexErrorMessage ?? '', words);
});

test('times too far from those of the node are refused', async (t) => {
  const bounds = { 'message.timestamp.before.max.ms': '60000', 'message.timestamp.after.max.ms': '1000' };
  t.is(await makeTopic('near', bounds), 0);
  for (let codec = 0; codec < CODECS.length; codec++) {
    const code = async (ago: number): Promise<number | undefined> => {
      const answer = await append(wire, 'near', batchOf({ key: 'k', codec, time: Date.now() - ago }));
      const isRefused = answer?.errorCode !== 0;
      t.deepEqual(
        answer?.recordErrors?.map(({ batchIndex }) => batchIndex),
        isRefused ? [0] : [],
      );
      return answer?.errorCode;
    };
    t.is(await code(120_000), errors.INVALID_TIMESTAMP, CODECS[codec]);
    t.is(await code(-20_000), errors.INVALID_TIMESTAMP, CODECS[codec]);
    t.is(await code(30_000), 0, CODECS[codec]);
  }
});

test('a topic may want the time of the node', async (t) => {
  t.is(await makeTopic('stamped', { 'message.timestamp.type': 'LogAppendTime' }), 0);
  const before = Date.now();
  const stored = await append(wire, 'stamped', batchOf({ key: 'k', time: 1 }));
  t.is(stored?.errorCode, 0);
  t.true((stored?.logAppendTimeMs ?? -1) >= before);
  for (const reader of readers) {
    const [read] = await reader.read(node, 'stamped', 0, 1);
    // This one gives the batch's first timestamp with every record, whoever has set it.
    if (reader.name !== 'platformatic') t.is(read?.timestamp, Number(stored?.logAppendTimeMs), reader.name);
  }
});

for (const codec of CODECS)
  test(`a topic may store its batches as ${codec}`, async (t) => {
    const topic = `stored-${codec}`;
    t.is(await makeTopic(topic, { 'compression.type': codec === 'none' ? 'uncompressed' : codec }), 0);
    for (let sent = 0; sent < CODECS.length; sent++)
      t.is((await append(wire, topic, batchOf({ key: `k${sent}`, codec: sent })))?.baseOffset, sent);
    const { parts } = await fetched(wire, topic, [{ partition: 0, fetchOffset: 0 }]);
    const batches = [...batchesIn(parts[0]?.records ?? new Uint8Array(0))];
    t.deepEqual(
      batches.map((batch) => codecOf(readAttributes(batch))),
      CODECS.map(() => codec),
    );
    const [, reader] = readers;
    const read = (await reader?.read(node, topic, 0, CODECS.length)) ?? [];
    t.deepEqual(
      read.map(({ key }) => key),
      CODECS.map((_codec, index) => `k${index}`),
    );
  });

test.serial('batches of one connection keep their order, whichever of them are written anew', async (t) => {
  t.is(await makeTopic('in-order', { 'compression.type': 'gzip' }), 0);
  const count = 40;
  for (let sent = 0; sent < count; sent++) {
    const records = batchOf({ key: `k${sent}`, codec: sent % CODECS.length });
    wire.send(wire.frame(produce, 9, produced('in-order', records)));
  }
  for (let sent = 0; sent < count; sent++) t.not(await wire.answer(), null);
  const { parts } = await fetched(wire, 'in-order', [{ partition: 0, fetchOffset: 0 }]);
  const keys = [...batchesIn(parts[0]?.records ?? new Uint8Array(0))].map((batch) => {
    const records = openRecords(batch, decompress, 10_000);
    return records.ok && records.value.next() ? Buffer.from(records.value.key ?? []).toString() : null;
  });
  t.deepEqual(
    keys,
    Array.from({ length: count }, (_none, index) => `k${index}`),
  );
});

test.serial('large batches that are opened, or written anew, arrive as they were sent', async (t) => {
  for (const settings of [COMPACT, { 'compression.type': 'uncompressed' }, { 'compression.type': 'zstd' }]) {
    const topic = `large-${Object.values(settings)[0]}`;
    t.is(await makeTopic(topic, settings), 0);
    const values = Array.from({ length: 12 }, (_none, index) => randomBytes(index % 2 === 0 ? 700_000 : 90_000));
    for (const [index, value] of values.entries()) {
      const builder = new BatchBuilder(1_000_000);
      builder.add(Date.now(), `key ${index}`, value);
      const compression = { codec: 'gzip', compress: (bytes: Uint8Array) => compress('gzip', bytes) } as const;
      wire.send(wire.frame(produce, 9, produced(topic, builder.finish(crc32c, { compression }))));
    }
    for (const _value of values) t.not(await wire.answer(), null);
    for (const [fetchOffset, value] of values.entries()) {
      const { parts } = await fetched(wire, topic, [{ partition: 0, fetchOffset }]);
      const [batch] = [...batchesIn(parts[0]?.records ?? new Uint8Array(0))];
      const records = openRecords(batch ?? new Uint8Array(0), decompress, 1_000_000);
      t.true(records.ok && records.value.next() && value.equals(records.value.value ?? new Uint8Array(0)), topic);
    }
  }
});

test('settings are told by their names, and what is wrong is refused', async (t) => {
  const given = {
    'cleanup.policy': 'delete, compact',
    'delete.retention.ms': '1234',
    'min.compaction.lag.ms': '77',
    'max.compaction.lag.ms': '5000',
    'min.cleanable.dirty.ratio': '0.25',
    'compression.type': 'zstd',
    'message.timestamp.type': 'LogAppendTime',
    'message.timestamp.after.max.ms': '3600000',
  };
  t.is(await makeTopic('told', given), 0);
  const resource = { resourceType: 2, resourceName: 'told' };
  const asked = {
    resources: [{ ...resource, configurationKeys: null }],
    includeSynonyms: false,
    includeDocumentation: false,
  };
  const told = await wire.ask(describeConfigs, 4, asked);
  const shown = new Map(told?.results[0]?.configs.map(({ name, value }) => [name, value]));
  for (const [name, value] of Object.entries(given))
    t.is(shown.get(name), name === 'cleanup.policy' ? 'compact,delete' : value, name);
  t.is(shown.get('message.timestamp.before.max.ms'), '9223372036854775807');
  const contradiction = { 'min.compaction.lag.ms': '60000', 'max.compaction.lag.ms': '5000' };
  t.is(await makeTopic('never', contradiction), errors.INVALID_CONFIG);
  for (const [name, value] of [
    ['cleanup.policy', 'compact,never'],
    ['cleanup.policy', ''],
    ['max.compaction.lag.ms', '0'],
    ['max.compaction.lag.ms', '-1'],
    ['min.cleanable.dirty.ratio', '1.5'],
    ['message.timestamp.type', 'append'],
    ['compression.type', 'none'],
  ] as const) {
    t.is(await makeTopic('never', { [name]: value }), errors.INVALID_CONFIG, `${name}=${value}`);
    const altered = { ...resource, configs: [{ name, value }] };
    const answer = await wire.ask(alterConfigs, 2, { resources: [altered], validateOnly: false });
    t.is(answer?.responses[0]?.errorCode, errors.INVALID_CONFIG);
  }
  t.is(await makeTopic('never', { 'callboard.engine': 'memory', 'cleanup.policy': 'compact' }), errors.INVALID_CONFIG);
});

const messages = (round: number, count: number): Message[] =>
  Array.from({ length: count }, (_none, index) => ({
    key: `key ${index % 7}`,
    value: index % 7 === 3 && round > 0 ? null : `${round} ${index} ${'some words '.repeat(20)}`,
    headers: [],
    timestamp: Date.now(),
  }));

/** By key, with those that are gone left out. */
function newestOf(all: readonly Pick<Message, 'key' | 'value'>[]): Map<string | null, string | null> {
  const newest = new Map<string | null, string | null>();
  for (const { key, value } of all) newest.set(key, value);
  return new Map([...newest].filter(([, value]) => value !== null).sort());
}

async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  for (let looks = 0; !(await isSo()); looks++) {
    if (looks > 1_000) throw new Error(`${what}: it never came`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

test('all clients read what compaction leaves, also after a node that was killed meanwhile', async (t) => {
  const own = await TestNode.start({ shards: 2, flags: ['--log-level', 'info', '--log-format', 'json'] });
  try {
    let by = await Wire.connect(own.kafkaPort);
    t.is(await makeTopic('cities', COMPACT, by), 0);
    const all: Message[] = [];
    for (let round = 0; round < 3; round++) {
      for (const writer of kafkaWriters) {
        const some = messages(round, 40);
        await writer.write(own, 'cities', some);
        all.push(...some);
      }
      // While it compacts, or before, or after.
      await new Promise((resolve) => setTimeout(resolve, 1_500 + 700 * round));
      await own.kill();
      await own.startAgain();
    }
    by.end();
    by = await Wire.connect(own.kafkaPort);
    const count = async (): Promise<number> => {
      let found = 0;
      for (let offset = 0; ; ) {
        const { parts } = await fetched(by, 'cities', [{ partition: 0, fetchOffset: offset }]);
        const batches = [...batchesIn(parts[0]?.records ?? new Uint8Array(0))];
        if (batches.length === 0) return found;
        for (const batch of batches) {
          const view = new DataView(batch.buffer, batch.byteOffset);
          found += view.getInt32(57);
          offset = Number(view.getBigInt64(0)) + view.getInt32(23) + 1;
        }
      }
    };
    await until('it is compacted', async () => (await count()) <= 14);
    const left = await count();
    const reads: Stored[][] = [];
    for (const reader of readers) {
      if (reader.name === 'platformatic') continue;
      const read = await reader.read(own, 'cities', 0, left);
      t.deepEqual(newestOf(read), newestOf(all), reader.name);
      reads.push(read);
    }
    for (const read of reads) t.deepEqual(read, reads[0]);
    const [first] = reads[0] ?? [];
    t.true((first?.offset ?? 0) > 0);
    by.end();
    await own.stop();
    const verified = await callboard(['log', 'verify', own.data, '--json']);
    t.is(verified.code, 0, verified.stdout + verified.stderr);
    const dumped = await callboard(['log', 'dump', own.data, '--json', '--records']);
    t.is(dumped.code, 0, dumped.stderr);
    t.regex(dumped.stdout, /-\d+\.log/);
  } finally {
    await own.dispose();
  }
});
