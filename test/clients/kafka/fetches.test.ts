/** Fetches by hand: sessions, bounds and waits, against a node in this process. */
import test from 'ava';
import { fetch } from '../../../src/protocols/kafka/calls/fetch.ts';
import { produce } from '../../../src/protocols/kafka/calls/produce.ts';
import { errors } from '../../../src/protocols/kafka/faults.ts';
import { append, batch, fetched, fetching, newName, newTopic, produced, told } from './asking.ts';
import { nodeByHand } from './own-node.ts';

const { wire } = nodeByHand({ 'limits.frameBytes': 4 * 1024 * 1024 });

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

test('a session that is opened evicts the one before of its connection, and none of another one', async (t) => {
  const [client, other] = [await wire(t), await wire(t)];
  const name = await newTopic(client);
  await append(client, name, batch());
  const start = [{ partition: 0, fetchOffset: 0 }];
  const [first, apart] = [
    await fetched(client, name, start, { sessionEpoch: 0 }),
    await fetched(other, name, start, { sessionEpoch: 0 }),
  ];
  const second = await fetched(client, name, start, { sessionEpoch: 0 });
  t.not(second.sessionId, first.sessionId);
  const goesOn = async (by: typeof client, { sessionId }: typeof first) =>
    (await fetched(by, name, [], { sessionId, sessionEpoch: 1 })).errorCode;
  t.is(await goesOn(client, first), errors.FETCH_SESSION_ID_NOT_FOUND);
  t.is(await goesOn(client, second), errors.NONE);
  t.is(await goesOn(other, apart), errors.NONE);
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
  const waiting = fetched(client, name, [{ partition: 0, fetchOffset: 0 }], { maxWaitMs: 60_000, minBytes: 2 * size });
  await append(other, name, batch());
  await append(other, name, batch());
  t.deepEqual(told((await waiting).parts), [[0, 2 * size]]);
  t.true(Date.now() - begin < 55_000, 'woken');
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

test('a fetch of more partitions than there may be is refused, however often, and the next one is served', async (t) => {
  const client = await wire(t);
  const name = await newTopic(client);
  await append(client, name, batch());
  const start = [{ partition: 0, fetchOffset: 0 }];
  const tooMany = Array.from({ length: 10_001 }, (_none, partition) => ({ partition, fetchOffset: 0 }));
  for (let count = 0; count < 20; count++) {
    t.is((await fetched(client, name, tooMany)).errorCode, errors.INVALID_REQUEST);
    t.deepEqual(told((await fetched(client, name, start)).parts), [[0, batch().length]]);
  }
});

test('who says that it is a replica is refused', async (t) => {
  const client = await wire(t);
  const name = await newTopic(client);
  const request = fetching(name, [{ partition: 0, fetchOffset: 0 }]);
  t.is((await client.ask(fetch, 12, { ...request, replicaId: 1 }))?.errorCode, errors.CLUSTER_AUTHORIZATION_FAILED);
  const state = { ...request, topics: [], replicaState: { replicaId: 2, replicaEpoch: 1 } };
  t.is((await client.ask(fetch, 15, state))?.errorCode, errors.CLUSTER_AUTHORIZATION_FAILED);
  for (const version of [4, 6]) {
    const answer = await client.ask(fetch, version, { ...request, replicaId: 1 });
    const told = answer?.responses.map((each) => [each.topic, each.partitions.map((one) => one.errorCode)]);
    t.deepEqual(told, [[name, [errors.CLUSTER_AUTHORIZATION_FAILED]]], 'there was no error for the whole');
  }
});
