/** Kafka's calls by hand, where clients never go: versions, order, sessions, errors, against a node in this process. */
import { crc32c } from '@node-rs/crc32';
import test from 'ava';
import type { BatchProducer } from '../../../src/model/batch.ts';
import { BatchBuilder } from '../../../src/model/batch-builder.ts';
import { id } from '../../../src/model/ids.ts';
import { type RunningNode, startNode } from '../../../src/node.ts';
import { apiVersions } from '../../../src/protocols/kafka/calls/api-versions.ts';
import { createTopics } from '../../../src/protocols/kafka/calls/create-topics.ts';
import { deleteTopics } from '../../../src/protocols/kafka/calls/delete-topics.ts';
import { fetch } from '../../../src/protocols/kafka/calls/fetch.ts';
import { initProducerId } from '../../../src/protocols/kafka/calls/init-producer-id.ts';
import { listOffsets } from '../../../src/protocols/kafka/calls/list-offsets.ts';
import { metadata } from '../../../src/protocols/kafka/calls/metadata.ts';
import { offsetForLeaderEpoch } from '../../../src/protocols/kafka/calls/offset-for-leader-epoch.ts';
import { produce } from '../../../src/protocols/kafka/calls/produce.ts';
import { errors } from '../../../src/protocols/kafka/faults.ts';
import { NO_UUID } from '../../../src/protocols/kafka/reading.ts';
import { Wire } from './wire.ts';

let node: RunningNode;
test.before(async () => {
  node = await startNode({ engine: 'memory', 'topics.partitions': 2, 'limits.frameBytes': 4 * 1024 * 1024 });
});
test.after.always(() => node.stop());

async function wire(t: { teardown(run: () => void): void }): Promise<Wire> {
  const opened = await Wire.connect(node.kafka?.port ?? 0);
  t.teardown(() => opened.end());
  return opened;
}

interface Batch {
  readonly values?: readonly string[];
  readonly time?: number;
  readonly producer?: BatchProducer;
}
function batch({ values = ['value'], time = Date.now(), producer }: Batch = {}): Uint8Array {
  const builder = new BatchBuilder();
  for (const value of values) builder.add(time, null, value);
  return builder.finish(crc32c, producer === undefined ? {} : { producer });
}

const produced = (name: string, records: Uint8Array | null, index = 0, acks = -1) => ({
  transactionalId: null,
  acks,
  timeoutMs: 10_000,
  topicData: [{ name, topicId: NO_UUID, partitionData: [{ index, records }] }],
});

/** Appends to partition 0 and answers what came of it. */
async function append(to: Wire, name: string, records: Uint8Array | null, version = 9) {
  const answer = await to.ask(produce, version, produced(name, records));
  return answer?.responses[0]?.partitionResponses[0];
}

let topics = 0;
const newName = (): string => `topic-${++topics}`;
async function newTopic(by: Wire, numPartitions = 1, name = newName()): Promise<string> {
  const asked = { name, numPartitions, replicationFactor: -1, assignments: [], configs: [] };
  const made = await by.ask(createTopics, 7, { topics: [asked], timeoutMs: 1_000, validateOnly: false });
  if (made?.topics[0]?.errorCode !== 0) throw new Error(`${name} was not made`);
  return name;
}

interface Position {
  readonly partition: number;
  readonly fetchOffset: number;
  readonly partitionMaxBytes?: number;
}
const asked = (topic: string, positions: readonly Position[]) => ({
  topic,
  topicId: NO_UUID,
  partitions: positions.map(({ partition, fetchOffset, partitionMaxBytes = 1_000_000 }) => ({
    partition,
    fetchOffset,
    partitionMaxBytes,
  })),
});
interface Fetching {
  readonly sessionId?: number;
  readonly sessionEpoch?: number;
  readonly maxWaitMs?: number;
  readonly minBytes?: number;
  readonly maxBytes?: number;
  readonly forget?: readonly number[];
}
const fetching = (topic: string, positions: readonly Position[], how: Fetching = {}) => ({
  maxWaitMs: how.maxWaitMs ?? 0,
  minBytes: how.minBytes ?? 1,
  maxBytes: how.maxBytes ?? 10_000_000,
  isolationLevel: 0,
  sessionId: how.sessionId ?? 0,
  sessionEpoch: how.sessionEpoch ?? -1,
  topics: positions.length === 0 ? [] : [asked(topic, positions)],
  forgottenTopicsData: how.forget === undefined ? [] : [{ topic, topicId: NO_UUID, partitions: how.forget }],
});
/** Of version 12, the last that names topics. */
async function fetched(by: Wire, ...request: Parameters<typeof fetching>) {
  const answer = await by.ask(fetch, 12, fetching(...request));
  const parts = (answer?.responses ?? []).flatMap(({ partitions }) => partitions);
  return { errorCode: answer?.errorCode, sessionId: answer?.sessionId ?? -1, parts };
}
const told = (parts: readonly { readonly partitionIndex: number; readonly records: Uint8Array | null }[]) =>
  parts.map(({ partitionIndex, records }) => [partitionIndex, records?.length ?? -1]);

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
    [0, 2],
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
    ['magic 1', errors.UNSUPPORTED_FOR_MESSAGE_FORMAT, changed(16, 1)],
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
  await again.ask(deleteTopics, 6, { topics: [{ name, topicId: NO_UUID }], timeoutMs: 1_000 });
  const asked = { name, numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] };
  await again.ask(createTopics, 7, { topics: [asked], timeoutMs: 1_000, validateOnly: false });
  // The first may hear that the topic is gone; clients try that again.
  const first = await append(client, name, batch());
  const second = first?.errorCode === errors.NONE ? first : await append(client, name, batch());
  t.like(second, { errorCode: 0, baseOffset: 0 });
});

test('a session tells once what there is, then only what is new', async (t) => {
  const client = await wire(t);
  const name = await newTopic(client, 3);
  await append(client, name, batch());
  const start = [0, 1, 2].map((partition) => ({ partition, fetchOffset: 0 }));
  const opened = await fetched(client, name, start, { sessionEpoch: 0 });
  const { sessionId } = opened;
  t.true(sessionId > 0);
  t.is(opened.parts.length, 3);
  t.deepEqual(opened.parts.map((part) => [part.partitionIndex, part.highWatermark]).sort(), [
    [0, 1],
    [1, 0],
    [2, 0],
  ]);
  const size = batch().length;
  const moved = await fetched(client, name, [{ partition: 0, fetchOffset: 1 }], { sessionId, sessionEpoch: 1 });
  t.deepEqual(moved.parts, []);
  await client.ask(produce, 9, produced(name, batch(), 2));
  t.deepEqual(told((await fetched(client, name, [], { sessionId, sessionEpoch: 2 })).parts), [[2, size]]);
  const repeated = await fetched(client, name, [], { sessionId, sessionEpoch: 3 });
  t.deepEqual(told(repeated.parts), [[2, size]], 'who does not go on is given the same again');
  const forgotten = await fetched(client, name, [], { sessionId, sessionEpoch: 4, forget: [2] });
  t.deepEqual(forgotten.parts, []);
  t.is((await fetched(client, name, [], { sessionId, sessionEpoch: 9 })).errorCode, errors.INVALID_FETCH_SESSION_EPOCH);
  t.is(
    (await fetched(client, name, [], { sessionId: sessionId + 1, sessionEpoch: 5 })).errorCode,
    errors.FETCH_SESSION_ID_NOT_FOUND,
  );
  const other = await wire(t);
  t.is((await fetched(other, name, [], { sessionId, sessionEpoch: 5 })).errorCode, errors.FETCH_SESSION_ID_NOT_FOUND);
  const back = await fetched(client, name, [{ partition: 2, fetchOffset: 0 }], { sessionId, sessionEpoch: 5 });
  t.deepEqual(told(back.parts), [[2, size]]);
  const closed = await fetched(client, name, [{ partition: 0, fetchOffset: 0 }], { sessionId, sessionEpoch: -1 });
  t.is(closed.sessionId, 0);
  t.deepEqual(told(closed.parts), [[0, size]]);
  t.is((await fetched(client, name, [], { sessionId, sessionEpoch: 6 })).errorCode, errors.FETCH_SESSION_ID_NOT_FOUND);
});

test('a fetch gives the first batch however long it is, and stops behind what was asked for', async (t) => {
  const client = await wire(t);
  const name = await newTopic(client, 2);
  const long = batch({ values: ['x'.repeat(50_000)] });
  for (let count = 0; count < 3; count++) await append(client, name, long);
  const one = await fetched(client, name, [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1 }]);
  t.deepEqual(told(one.parts), [[0, long.length]]);
  const bounded = await fetched(client, name, [{ partition: 0, fetchOffset: 1 }], { maxBytes: 1 });
  t.deepEqual(told(bounded.parts), [[0, long.length]]);
  const all = await fetched(client, name, [{ partition: 0, fetchOffset: 0 }]);
  t.deepEqual(told(all.parts), [[0, 3 * long.length]]);
});

test('a fetch waits for as many bytes as it wants, and no longer than it says', async (t) => {
  const [client, other] = [await wire(t), await wire(t)];
  const name = await newTopic(client);
  const begin = Date.now();
  const empty = await fetched(client, name, [{ partition: 0, fetchOffset: 0 }], { maxWaitMs: 300 });
  t.true(Date.now() - begin >= 290);
  t.deepEqual(told(empty.parts), [[0, 0]]);
  const size = batch().length;
  const waiting = fetched(client, name, [{ partition: 0, fetchOffset: 0 }], { maxWaitMs: 15_000, minBytes: 2 * size });
  await append(other, name, batch());
  await append(other, name, batch());
  t.deepEqual(told((await waiting).parts), [[0, 2 * size]]);
  t.true(Date.now() - begin < 10_000);
});

test('a fetch from where nothing is says so', async (t) => {
  const client = await wire(t);
  const name = await newTopic(client);
  const codeAt = async (fetchOffset: number, partition = 0): Promise<number | undefined> =>
    (await fetched(client, name, [{ partition, fetchOffset }])).parts[0]?.errorCode;
  t.is(await codeAt(0), errors.NONE);
  t.is(await codeAt(1), errors.OFFSET_OUT_OF_RANGE);
  t.is(await codeAt(-1), errors.OFFSET_OUT_OF_RANGE);
  t.is(await codeAt(0, 5), errors.UNKNOWN_TOPIC_OR_PARTITION);
  t.is(await codeAt(0, -5), errors.UNKNOWN_TOPIC_OR_PARTITION);
  const nowhere = await fetched(client, 'no-such-topic', [{ partition: 0, fetchOffset: 0 }]);
  t.is(nowhere.parts[0]?.errorCode, errors.UNKNOWN_TOPIC_OR_PARTITION);
});

test('a topic that is made after a session asked for it is found by the session', async (t) => {
  const client = await wire(t);
  const name = newName();
  const opened = await fetched(client, name, [{ partition: 0, fetchOffset: 0 }], { sessionEpoch: 0 });
  t.is(opened.parts[0]?.errorCode, errors.UNKNOWN_TOPIC_OR_PARTITION);
  const other = await wire(t);
  await newTopic(other, 1, name);
  await append(other, name, batch());
  const { sessionId } = opened;
  t.deepEqual(told((await fetched(client, name, [], { sessionId, sessionEpoch: 1 })).parts), [[0, batch().length]]);
});

test('who says that it is a replica is refused', async (t) => {
  const client = await wire(t);
  const name = await newTopic(client);
  const request = fetching(name, [{ partition: 0, fetchOffset: 0 }]);
  t.is((await client.ask(fetch, 12, { ...request, replicaId: 1 }))?.errorCode, errors.CLUSTER_AUTHORIZATION_FAILED);
  const state = { ...request, topics: [], replicaState: { replicaId: 2, replicaEpoch: 1 } };
  t.is((await client.ask(fetch, 15, state))?.errorCode, errors.CLUSTER_AUTHORIZATION_FAILED);
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
  t.deepEqual(await at(-5), [0, -1, -1]);
  t.deepEqual(await at(now - 2_500), [0, 2, now - 2_000]);
  t.deepEqual(await at(now), [0, -1, -1]);
  t.deepEqual(await at(-4, 7), [errors.UNSUPPORTED_VERSION, -1, -1]);
  t.deepEqual(await at(-99), [errors.UNSUPPORTED_VERSION, -1, -1]);
  const partitions = [{ partition: 0, currentLeaderEpoch: -1, leaderEpoch: 0 }];
  const epoch = await client.ask(offsetForLeaderEpoch, 4, { replicaId: -1, topics: [{ topic: name, partitions }] });
  t.like(epoch?.topics[0]?.partitions[0], { errorCode: 0, leaderEpoch: 0, endOffset: 6 });
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
  t.like(await client.ask(initProducerId, 5, { ...init, transactionalId: 'mine' }), {
    errorCode: errors.INVALID_REQUEST,
  });
});
