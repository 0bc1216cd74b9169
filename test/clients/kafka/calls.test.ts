/** Kafka's calls by hand, where clients never go: versions, order, sessions, errors, against a node in this process. */
import { gzipSync } from 'node:zlib';
import { crc32c } from '@node-rs/crc32';
import test from 'ava';
import { BATCH_HEADER_BYTES } from '../../../src/model/batch.ts';
import { BatchBuilder } from '../../../src/model/batch-builder.ts';
import { id } from '../../../src/model/ids.ts';
import { apiVersions } from '../../../src/protocols/kafka/calls/api-versions.ts';
import { createTopics } from '../../../src/protocols/kafka/calls/create-topics.ts';
import { deleteRecords } from '../../../src/protocols/kafka/calls/delete-records.ts';
import { deleteTopics } from '../../../src/protocols/kafka/calls/delete-topics.ts';
import { fetch } from '../../../src/protocols/kafka/calls/fetch.ts';
import { initProducerId } from '../../../src/protocols/kafka/calls/init-producer-id.ts';
import { listOffsets } from '../../../src/protocols/kafka/calls/list-offsets.ts';
import { metadata } from '../../../src/protocols/kafka/calls/metadata.ts';
import { offsetForLeaderEpoch } from '../../../src/protocols/kafka/calls/offset-for-leader-epoch.ts';
import { produce } from '../../../src/protocols/kafka/calls/produce.ts';
import { errors } from '../../../src/protocols/kafka/faults.ts';
import { NO_UUID } from '../../../src/protocols/kafka/reading.ts';
import { append, asked, batch, fetched, fetching, newTopic, produced, told } from './asking.ts';
import { nodeByHand } from './own-node.ts';

const { wire } = nodeByHand({ 'limits.frameBytes': 4 * 1024 * 1024 });

test('who asks for versions in a version that there is not learns those that there are', async (t) => {
  const client = await wire(t);
  const tooNew = {
    ...apiVersions,
    request: { at: () => apiVersions.request.at(5) },
    response: { at: () => apiVersions.response.at(0) },
  };
  const answer = await client.ask(tooNew, 99, {});
  t.is(answer?.errorCode, errors.UNSUPPORTED_VERSION);
  t.deepEqual(
    answer?.apiKeys.find(({ apiKey }) => apiKey === apiVersions.key),
    { apiKey: 18, minVersion: 0, maxVersion: 5 },
  );
  const again = await client.ask(apiVersions, 4, { clientSoftwareName: 'wire', clientSoftwareVersion: '1' });
  t.is(again?.errorCode, errors.NONE);
  t.deepEqual(again?.apiKeys, answer?.apiKeys);
});

test('a call that is not served, or not in that version, ends the connection', async (t) => {
  for (const [key, version] of [
    [4, 0],
    [999, 0],
    [-1, 0],
    [0, -1],
    [0, 14],
    [3, 14],
  ] as const) {
    const client = await wire(t);
    const bytes = Buffer.alloc(16);
    bytes.writeInt32BE(12, 0);
    bytes.writeInt16BE(key, 4);
    bytes.writeInt16BE(version, 6);
    client.send(bytes);
    t.is(await client.answer(), null, `${key} ${version}`);
  }
});

test('answers keep the order of their requests, whatever takes long', async (t) => {
  const client = await wire(t);
  const name = await newTopic(client);
  await append(client, name, batch());
  client.answered.length = 0;
  const frames = [
    client.frame(produce, 9, produced(name, batch())),
    client.frame(fetch, 12, fetching(name, [{ partition: 0, fetchOffset: 2 }], { maxWaitMs: 300 })),
    client.frame(metadata, 12, { topics: [{ topicId: NO_UUID, name }] }),
    client.frame(produce, 9, produced(name, batch())),
    client.frame(apiVersions, 0, {}),
  ];
  client.send(Buffer.concat(frames));
  const first = Buffer.from(frames[0] ?? []).readInt32BE(8);
  for (const _frame of frames) t.not(await client.answer(), null);
  t.deepEqual(client.answered, [first, first + 1, first + 2, first + 3, first + 4]);
});

test('produces that do not wait for each other are stored in their order; those without acks have no answer', async (t) => {
  const client = await wire(t);
  const name = await newTopic(client);
  const frames = Array.from({ length: 150 }, (_none, index) =>
    client.frame(produce, 9, produced(name, batch({ values: [`${index}`] }), 0, index % 3 === 0 ? 0 : -1)),
  );
  client.send(Buffer.concat(frames));
  for (let index = 0; index < 100; index++) {
    const answer = await client.answer();
    const offset = Buffer.from(answer ?? []).readBigInt64BE(4 + 4 + 1 + 1 + 1 + name.length + 1 + 4 + 2);
    t.is(Number(offset), 3 * Math.floor(index / 2) + 1 + (index % 2));
  }
  const read = await fetched(client, name, [{ partition: 0, fetchOffset: 0 }]);
  t.is(read.parts[0]?.highWatermark, 150);
});

test('what no partition takes is refused with its own code, and stored nowhere', async (t) => {
  const client = await wire(t);
  const name = await newTopic(client);
  const good = batch();
  const changed = (at: number, byte: number): Uint8Array => Uint8Array.from(good).fill(byte, at, at + 1);
  const wrong: readonly (readonly [what: string, code: number, records: Uint8Array | null])[] = [
    ['null', errors.INVALID_RECORD, null],
    ['empty', errors.INVALID_RECORD, new Uint8Array(0)],
    ['two batches', errors.INVALID_RECORD, Buffer.concat([good, good])],
    ['magic 1', errors.INVALID_RECORD, changed(16, 1)],
    ['a flipped bit', errors.CORRUPT_MESSAGE, changed(good.length - 1, 1)],
    ['cut off', errors.CORRUPT_MESSAGE, good.subarray(0, good.length - 1)],
    ['a control batch', errors.CORRUPT_MESSAGE, changed(22, 0x20)],
  ];
  for (const [what, code, records] of wrong) t.is((await append(client, name, records))?.errorCode, code, what);
  const noTopic = await append(client, 'no-such-topic', good);
  t.is(noTopic?.errorCode, errors.UNKNOWN_TOPIC_OR_PARTITION);
  const noPartition = await client.ask(produce, 9, produced(name, good, 7));
  t.is(noPartition?.responses[0]?.partitionResponses[0]?.errorCode, errors.UNKNOWN_TOPIC_OR_PARTITION);
  const acks = await client.ask(produce, 9, produced(name, good, 0, 2));
  t.is(acks?.responses[0]?.partitionResponses[0]?.errorCode, errors.INVALID_REQUIRED_ACKS);
  const byId = await client.ask(produce, 13, {
    ...produced('', good),
    topicData: [{ name: '', topicId: 'f'.repeat(32), partitionData: [{ index: 0, records: good }] }],
  });
  t.is(byId?.responses[0]?.partitionResponses[0]?.errorCode, errors.UNKNOWN_TOPIC_ID);
  t.deepEqual(told((await fetched(client, name, [{ partition: 0, fetchOffset: 0 }])).parts), [[0, 0]]);
});

test('topics are found by their ids: metadata, produce, fetch', async (t) => {
  const client = await wire(t);
  const name = await newTopic(client);
  const named = await client.ask(metadata, 12, { topics: [{ topicId: NO_UUID, name }] });
  const topicId = named?.topics[0]?.topicId ?? '';
  const numbered = await client.ask(metadata, 12, {
    topics: [
      { topicId, name: null },
      { topicId: 'ab'.repeat(16), name: null },
    ],
  });
  t.deepEqual(
    numbered?.topics.map((topic) => [topic.errorCode, topic.name]),
    [
      [errors.NONE, name],
      [errors.UNKNOWN_TOPIC_ID, null],
    ],
  );
  const records = batch();
  const stored = await client.ask(produce, 13, {
    ...produced('', records),
    topicData: [{ name: '', topicId, partitionData: [{ index: 0, records }] }],
  });
  t.like(stored?.responses[0]?.partitionResponses[0], { errorCode: 0, baseOffset: 0 });
  const request = fetching('', [{ partition: 0, fetchOffset: 0 }]);
  const read = await client.ask(fetch, 17, {
    ...request,
    topics: [{ ...asked('', [{ partition: 0, fetchOffset: 0 }]), topicId }],
  });
  t.is(read?.responses[0]?.topicId, topicId);
  t.is(read?.responses[0]?.partitions[0]?.records?.length, records.length);
});

test('a topic that was deleted and made anew is another one, also for a connection that knows its name', async (t) => {
  const client = await wire(t);
  const name = await newTopic(client);
  await append(client, name, batch());
  const again = await wire(t);
  await again.ask(deleteTopics, 6, { topics: [{ name, topicId: NO_UUID }], timeoutMs: 60_000 });
  const asked = { name, numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] };
  await again.ask(createTopics, 7, { topics: [asked], timeoutMs: 60_000, validateOnly: false });
  // The first may hear that the topic is gone; clients try that again.
  const first = await append(client, name, batch());
  const second = first?.errorCode === errors.NONE ? first : await append(client, name, batch());
  t.like(second, { errorCode: 0, baseOffset: 0 });
});

test('offsets are found at the begin, the end, and by time', async (t) => {
  const client = await wire(t);
  const name = await newTopic(client);
  const now = Date.now();
  for (const age of [3_000, 2_000, 1_000]) await append(client, name, batch({ values: ['a', 'b'], time: now - age }));
  const at = async (timestamp: number, version = 9) => {
    const partitions = [{ partitionIndex: 0, timestamp }];
    const answer = await client.ask(listOffsets, version, {
      replicaId: -1,
      isolationLevel: 0,
      topics: [{ name, partitions }],
    });
    const { errorCode, offset, timestamp: found } = answer?.topics[0]?.partitions[0] ?? {};
    return [errorCode, offset, found];
  };
  t.deepEqual(await at(-1), [0, 6, -1]);
  t.deepEqual(await at(-2), [0, 0, -1]);
  t.deepEqual(await at(-4), [0, 0, -1]);
  t.deepEqual(await at(-3), [0, 4, now - 1_000]);
  t.deepEqual(await at(-5), [0, -1, -1]);
  t.deepEqual(await at(-6, 11), [0, -1, -1]);
  t.deepEqual(await at(-6, 10), [errors.UNSUPPORTED_VERSION, -1, -1]);
  t.deepEqual(await at(now - 2_500), [0, 2, now - 2_000]);
  const builder = new BatchBuilder();
  for (const age of [900, 950, 500]) builder.add(now - age, null, 'packed');
  await append(client, name, builder.finish(crc32c, { compression: { codec: 'gzip', compress: gzipSync } }));
  t.deepEqual(await at(now - 600), [0, 8, now - 500]);
  t.deepEqual(await at(-3), [0, 8, now - 500]);
  t.deepEqual(await at(now), [0, -1, -1]);
  t.deepEqual(await at(-4, 7), [errors.UNSUPPORTED_VERSION, -1, -1]);
  t.deepEqual(await at(-99), [errors.UNSUPPORTED_VERSION, -1, -1]);
  const partitions = [{ partition: 0, currentLeaderEpoch: -1, leaderEpoch: 0 }];
  const epoch = await client.ask(offsetForLeaderEpoch, 4, { replicaId: -1, topics: [{ topic: name, partitions }] });
  t.like(epoch?.topics[0]?.partitions[0], { errorCode: 0, leaderEpoch: 0, endOffset: 9 });
});

test('what a client says it has of an epoch that never was is out of range', async (t) => {
  const client = await wire(t);
  const name = await newTopic(client);
  await append(client, name, batch());
  const at = async (lastFetchedEpoch: number, fetchOffset = 1) => {
    const [topic] = fetching(name, [{ partition: 0, fetchOffset }]).topics;
    const partitions = (topic?.partitions ?? []).map((one) => ({ ...one, lastFetchedEpoch }));
    const answer = await client.ask(fetch, 12, {
      ...fetching(name, []),
      topics: [{ topic: name, topicId: NO_UUID, partitions }],
    });
    const { errorCode, divergingEpoch, highWatermark } = answer?.responses[0]?.partitions[0] ?? {};
    return [errorCode, divergingEpoch?.epoch, divergingEpoch?.endOffset, highWatermark];
  };
  t.deepEqual(await at(0), [errors.NONE, -1, -1, 1]);
  t.deepEqual(await at(1), [errors.OFFSET_OUT_OF_RANGE, -1, -1, -1]);
  t.deepEqual(await at(-1, 9), [errors.OFFSET_OUT_OF_RANGE, -1, -1, -1]);
  t.deepEqual(await at(0, 9), [errors.NONE, 0, 1, 1], 'another log had such a record');
});

test('a batch without acks that is refused ends the connection, a good one is stored in silence', async (t) => {
  const client = await wire(t);
  const name = await newTopic(client);
  const corrupt = batch();
  corrupt[corrupt.length - 1] = (corrupt.at(-1) ?? 0) ^ 1;
  client.send(client.frame(produce, 9, produced(name, batch(), 0, 0)));
  t.like(await append(client, name, batch()), { errorCode: 0, baseOffset: 1 });
  const init = await client.ask(initProducerId, 5, { transactionalId: null, transactionTimeoutMs: 0 });
  const of = (baseSequence: number, producerEpoch: number, values?: string[]) => {
    const producer = { producerId: init?.producerId ?? -1, producerEpoch, baseSequence } as never;
    return batch(values === undefined ? { producer } : { producer, values });
  };
  t.like(await append(client, name, of(0, 1)), { errorCode: 0, baseOffset: 2 });
  client.send(client.frame(produce, 9, produced(name, of(0, 1), 0, 0)));
  t.like(await append(client, name, of(1, 1)), { errorCode: 0, baseOffset: 3 }, 'one that is there is no error');
  for (const request of [
    produced(name, of(5, 1), 0, 0),
    produced(name, of(2, 0), 0, 0),
    produced(name, batch({ values: ['x'.repeat(1_100_000)] }), 0, 0),
    produced(name, corrupt, 0, 0),
    produced(name, batch(), 7, 0),
    produced('__internal', batch(), 0, 0),
    { ...produced(name, batch(), 0, 0), transactionalId: 'mine' },
  ]) {
    const one = await wire(t);
    one.send(one.frame(produce, 9, request));
    t.is(await one.answer(), null);
  }
  t.like(await append(client, name, batch()), { errorCode: 0, baseOffset: 4 });
});

test('a record that is wrong is named, and no client tries it again', async (t) => {
  const client = await wire(t);
  const name = await newTopic(client);
  const wrong = batch({ values: ['a', 'b', 'c'] });
  // The body of a record: length, attributes, time, offset delta; the second has another offset than its place.
  const second = BATCH_HEADER_BYTES + 1 + (wrong[BATCH_HEADER_BYTES] ?? 0) / 2;
  wrong[second + 3] = 20;
  new DataView(wrong.buffer, wrong.byteOffset).setUint32(17, crc32c(wrong.subarray(21)));
  const answer = await append(client, name, wrong);
  t.is(answer?.errorCode, errors.INVALID_RECORD);
  t.is(answer?.recordErrors[0]?.batchIndex, 1);
  t.regex(answer?.recordErrors[0]?.batchIndexErrorMessage ?? '', /record 1: its offset delta/);
  t.deepEqual((await append(client, name, wrong, 7))?.recordErrors, []);
});

test('topics are described and deleted by id', async (t) => {
  const client = await wire(t);
  const name = await newTopic(client);
  const described = await client.ask(metadata, 12, { topics: [{ topicId: NO_UUID, name }] });
  const topicId = described?.topics[0]?.topicId ?? '';
  const stranger = 'f'.repeat(32);
  const never = `${topicId.slice(0, -6)}ffffff`;
  const byId = await client.ask(metadata, 12, {
    topics: [topicId, stranger, never].map((one) => ({ topicId: one, name: null })),
  });
  t.deepEqual(
    byId?.topics.map((one) => [one.errorCode, one.name, one.topicId]),
    [
      [errors.NONE, name, topicId],
      [errors.UNKNOWN_TOPIC_ID, null, stranger],
      [errors.UNKNOWN_TOPIC_ID, null, never],
    ],
  );
  const asked = [never, topicId, stranger].map((one) => ({ topicId: one, name: null }));
  const gone = await client.ask(deleteTopics, 6, { topics: asked, timeoutMs: 60_000 });
  t.deepEqual(
    gone?.responses.map((one) => [one.errorCode, one.name]),
    [
      [errors.UNKNOWN_TOPIC_ID, null],
      [errors.NONE, name],
      [errors.UNKNOWN_TOPIC_ID, null],
    ],
  );
});

test('records before an offset are deleted, never those that are not there yet', async (t) => {
  const client = await wire(t);
  const name = await newTopic(client);
  for (let count = 0; count < 3; count++) await append(client, name, batch({ values: ['a', 'b'] }));
  const upTo = async (offset: number, partitionIndex = 0) => {
    const topics = [{ name, partitions: [{ partitionIndex, offset }] }];
    const answer = await client.ask(deleteRecords, 2, { topics, timeoutMs: 60_000 });
    const { errorCode, lowWatermark } = answer?.topics[0]?.partitions[0] ?? {};
    return [errorCode, lowWatermark];
  };
  t.deepEqual(await upTo(3), [errors.NONE, 3]);
  t.is(
    (await fetched(client, name, [{ partition: 0, fetchOffset: 2 }])).parts[0]?.errorCode,
    errors.OFFSET_OUT_OF_RANGE,
  );
  t.like((await fetched(client, name, [{ partition: 0, fetchOffset: 3 }])).parts[0], {
    errorCode: 0,
    logStartOffset: 3,
  });
  t.deepEqual(await upTo(1), [errors.NONE, 3], 'never back');
  t.deepEqual(await upTo(7), [errors.OFFSET_OUT_OF_RANGE, -1]);
  t.deepEqual(await upTo(-2), [errors.OFFSET_OUT_OF_RANGE, -1]);
  t.deepEqual(await upTo(0, 9), [errors.UNKNOWN_TOPIC_OR_PARTITION, -1]);
  t.deepEqual(await upTo(-1), [errors.NONE, 6]);
});

test('what an idempotent producer sends again is answered with its place and stored once', async (t) => {
  const client = await wire(t);
  const name = await newTopic(client);
  const init = { transactionalId: null, transactionTimeoutMs: 0 };
  const first = await client.ask(initProducerId, 5, init);
  const second = await client.ask(initProducerId, 5, init);
  t.true((second?.producerId ?? 0) > (first?.producerId ?? 0));
  const producerId = id<never>(first?.producerId ?? 0);
  const of = (baseSequence: number, producerEpoch = 0) =>
    batch({ producer: { producerId, producerEpoch: id<never>(producerEpoch), baseSequence } });
  t.like(await append(client, name, of(0)), { errorCode: 0, baseOffset: 0 });
  t.like(await append(client, name, of(1)), { errorCode: 0, baseOffset: 1 });
  t.like(await append(client, name, of(0)), { errorCode: 0, baseOffset: 0 });
  t.like(await append(client, name, of(5)), { errorCode: errors.OUT_OF_ORDER_SEQUENCE_NUMBER });
  t.like(
    await append(client, name, of(0, 1)),
    { errorCode: 0, baseOffset: 2 },
    'a producer raises its epoch by itself',
  );
  t.like(await append(client, name, of(2)), { errorCode: errors.INVALID_PRODUCER_EPOCH });
});
