/** The calls on transactions by hand: both protocols in every version, what comes late, what readers see, what admins do. */
import { crc32c } from '@node-rs/crc32';
import test from 'ava';
import { connect } from '../../../src/edges/client/index.ts';
import { writeInt16, writeInt32 } from '../../../src/model/bytes.ts';
import { addOffsetsToTxn } from '../../../src/protocols/kafka/calls/add-offsets-to-txn.ts';
import { apiVersions } from '../../../src/protocols/kafka/calls/api-versions.ts';
import { describeProducers } from '../../../src/protocols/kafka/calls/describe-producers.ts';
import { describeTransactions } from '../../../src/protocols/kafka/calls/describe-transactions.ts';
import { fetch } from '../../../src/protocols/kafka/calls/fetch.ts';
import { findCoordinator } from '../../../src/protocols/kafka/calls/find-coordinator.ts';
import { initProducerId } from '../../../src/protocols/kafka/calls/init-producer-id.ts';
import { listOffsets } from '../../../src/protocols/kafka/calls/list-offsets.ts';
import { listTransactions } from '../../../src/protocols/kafka/calls/list-transactions.ts';
import { offsetFetch } from '../../../src/protocols/kafka/calls/offset-fetch.ts';
import { produce } from '../../../src/protocols/kafka/calls/produce.ts';
import { txnOffsetCommit } from '../../../src/protocols/kafka/calls/txn-offset-commit.ts';
import { writeTxnMarkers } from '../../../src/protocols/kafka/calls/write-txn-markers.ts';
import { errors } from '../../../src/protocols/kafka/faults.ts';
import { NO_UUID } from '../../../src/protocols/kafka/reading.ts';
import { batch, fetching, newTopic, produced } from './asking.ts';
import { nodeByHand } from './own-node.ts';
import { finish, join, newId, open, read, records, write } from './transaction-asking.ts';
import type { Wire } from './wire.ts';

const own = nodeByHand();
const { wire } = own;

/** Not in the same millisecond as those before. */
async function laterWire(t: Parameters<typeof wire>[0]): Promise<Wire> {
  await new Promise((resolve) => setTimeout(resolve, 5));
  return wire(t);
}

async function latest(by: Wire, name: string, isolationLevel: number): Promise<number | undefined> {
  const partitions = [{ partitionIndex: 0, timestamp: -1 }];
  const answer = await by.ask(listOffsets, 7, { replicaId: -1, isolationLevel, topics: [{ name, partitions }] });
  return answer?.topics[0]?.partitions[0]?.offset;
}

test('transactions, and groups of KIP-848, are listed among the features; coordinator is this node', async (t) => {
  const client = await wire(t);
  const software = { clientSoftwareName: 'test', clientSoftwareVersion: '1' };
  for (const version of [3, 4]) {
    const answer = await client.ask(apiVersions, version, software);
    t.deepEqual(answer?.finalizedFeatures, [
      { name: 'group.version', maxVersionLevel: 1, minVersionLevel: 1 },
      { name: 'transaction.version', maxVersionLevel: 2, minVersionLevel: 2 },
    ]);
    t.is(answer?.supportedFeatures[0]?.minVersion, version === 3 ? 1 : 0);
  }
  const found = await client.ask(findCoordinator, 4, { keyType: 1, coordinatorKeys: ['any id'] });
  t.like(found?.coordinators[0], { errorCode: errors.NONE, port: own.node.kafka?.port });
});

test('with the first protocol partitions join before they are written to, in every version', async (t) => {
  const client = await wire(t);
  const topic = await newTopic(client);
  let end = 0;
  for (let version = 0; version <= 5; version++) {
    const who = await open(client, newId(), version);
    t.is(
      await write(client, topic, who, 0, ['early'], 11),
      errors.TRANSACTION_ABORTABLE,
      'it is in no transaction of this producer',
    );
    t.is(await write(client, topic, who, 0, ['early'], 9), errors.INVALID_TXN_STATE, 'in words that it knows');
    t.deepEqual(await join(client, topic, who, version), [errors.NONE]);
    t.is(await write(client, topic, who, 0, ['one', 'two'], 11), errors.NONE);
    t.like(await read(client, topic, 1, end), { offsets: [], stable: end });
    const commit = version % 2 === 0;
    t.is((await finish(client, who, commit, Math.min(version, 4)))?.errorCode, errors.NONE);
    t.deepEqual(await read(client, topic, 1, end), {
      offsets: [end, end + 2],
      stable: end + 3,
      end: end + 3,
      aborted: commit ? [] : [[who.producerId, end]],
    });
    end += 3;
  }
});

test('with the first protocol what comes late, on a connection given up, joins and ends nothing', async (t) => {
  const old = await wire(t);
  const topic = await newTopic(old, 2);
  const who = await open(old);
  t.deepEqual(await join(old, topic, who), [errors.NONE]);
  t.is(await write(old, topic, who, 0, ['one'], 11), errors.NONE);
  const client = await laterWire(t);
  t.is((await finish(client, who, true, 4))?.errorCode, errors.NONE, 'the client that has a new one is not held up');
  t.deepEqual(await join(old, topic, who, 3, [1]), [errors.CONCURRENT_TRANSACTIONS], 'it would begin the next one');
  t.deepEqual(await join(client, topic, who), [errors.NONE]);
  t.is(await write(client, topic, who, 1, ['two'], 11), errors.NONE);
  const late = await laterWire(t);
  t.deepEqual(await join(late, topic, who, 3, [1]), [errors.NONE], 'a newer one is the client');
  t.is((await finish(client, who, true, 4))?.errorCode, errors.COORDINATOR_LOAD_IN_PROGRESS);
  t.like(await read(late, topic, 1), { offsets: [0, 1], stable: 2 });
  t.is((await finish(client, who, true, 4))?.errorCode, errors.NONE, 'who comes again is alive');
  t.like(await read(client, topic, 1), { offsets: [0, 1, 2, 3], stable: 4 });
  t.deepEqual(await join(late, topic, who), [errors.NONE]);
  t.is((await finish(client, who, false, 4))?.errorCode, errors.NONE, 'and speaks on several');
});

test('with the second protocol partitions join by what is written to them, and each end takes an epoch', async (t) => {
  const client = await wire(t);
  const topic = await newTopic(client);
  const who = await open(client);
  t.is(await write(client, topic, who, 0, ['one']), errors.NONE);
  t.is(await write(client, topic, who, 1, ['two']), errors.NONE);
  const ended = await finish(client, who, true);
  t.like(ended, { errorCode: errors.NONE, producerId: who.producerId, producerEpoch: who.producerEpoch + 1 });
  t.deepEqual(await finish(client, who, true), ended, 'the answer was lost and is asked for again');
  t.is((await finish(client, who, false))?.errorCode, errors.INVALID_TXN_STATE);
  const next = { ...who, producerEpoch: who.producerEpoch + 1 };
  t.is(await write(client, topic, who, 2, ['late']), errors.INVALID_PRODUCER_EPOCH);
  t.deepEqual(await join(client, topic, who), [errors.PRODUCER_FENCED]);
  t.deepEqual(await join(client, topic, who, 1), [errors.INVALID_PRODUCER_EPOCH], 'in words that it knows');
  t.is(await write(client, topic, next, 0, ['three']), errors.NONE);
  t.is(await write(client, topic, who, 2, ['late']), errors.INVALID_PRODUCER_EPOCH, 'also while the next one is open');
  t.is((await finish(client, next, false))?.errorCode, errors.NONE);
  t.deepEqual((await read(client, topic, 1)).aborted, [[who.producerId, 3]]);
});

test('a new instance aborts what the one before had open, and fences it', async (t) => {
  const client = await wire(t);
  const topic = await newTopic(client);
  const before = await open(client);
  await write(client, topic, before, 0, ['lost']);
  const after = await open(client, before.id);
  t.is(after.producerId, before.producerId);
  t.true(after.producerEpoch > before.producerEpoch);
  t.is(await write(client, topic, before, 1, ['zombie']), errors.INVALID_PRODUCER_EPOCH);
  t.is((await finish(client, before, true))?.errorCode, errors.PRODUCER_FENCED);
  t.is((await finish(client, before, true, 1))?.errorCode, errors.INVALID_PRODUCER_EPOCH);
  t.deepEqual((await read(client, topic, 1)).aborted, [[before.producerId, 0]]);
});

test('a transaction that is open for longer than it may be is aborted by its coordinator, and its writer fenced', async (t) => {
  const client = await wire(t);
  const topic = await newTopic(client);
  const asked = { transactionalId: newId(), transactionTimeoutMs: 200, producerId: -1, producerEpoch: -1 };
  const { producerId = -1, producerEpoch = -1 } = (await client.ask(initProducerId, 5, asked)) ?? {};
  const who = { id: asked.transactionalId, producerId, producerEpoch };
  t.is(await write(client, topic, who, 0, ['slow']), errors.NONE);
  // Looks are counted, not time.
  for (let look = 0; look < 400 && (await read(client, topic, 1)).stable === 0; look++)
    await new Promise((resolve) => setTimeout(resolve, 25));
  t.deepEqual(await read(client, topic, 1), { offsets: [0, 1], stable: 2, end: 2, aborted: [[producerId, 0]] });
  t.is(await write(client, topic, who, 1, ['too slow']), errors.INVALID_PRODUCER_EPOCH);
  t.is((await finish(client, who, true, 4))?.errorCode, errors.PRODUCER_FENCED);
  t.is(
    (await finish(client, who, true))?.errorCode,
    errors.INVALID_TXN_STATE,
    'with the second protocol it may ask for its end',
  );
  t.is((await finish(client, who, false))?.errorCode, errors.NONE);
});

test('readers of committed records see none that are open or taken back, with Kafka and without', async (t) => {
  const client = await wire(t);
  const topic = await newTopic(client);
  const [kept, undone, hanging] = [await open(client), await open(client), await open(client)];
  await write(client, topic, kept, 0, ['kept 0']);
  await write(client, topic, undone, 0, ['undone 1']);
  await write(client, topic, kept, 1, ['kept 2']);
  await finish(client, undone, false);
  await finish(client, kept, true);
  await client.ask(produce, 9, produced(topic, batch({ values: ['plain 5'] })));
  await write(client, topic, hanging, 0, ['open 6']);
  await client.ask(produce, 9, produced(topic, batch({ values: ['plain 7'] })));
  t.deepEqual(await read(client, topic, 1), {
    offsets: [0, 1, 2, 3, 4, 5],
    stable: 6,
    end: 8,
    aborted: [[undone.producerId, 1]],
  });
  t.deepEqual(await read(client, topic, 0), { offsets: [0, 1, 2, 3, 4, 5, 6, 7], stable: 6, end: 8, aborted: null });
  t.deepEqual([await latest(client, topic, 0), await latest(client, topic, 1)], [8, 6]);
  const native = await connect({ server: own.node.native });
  const reader = native.reader({ topic });
  const messages = await reader.poll({ waitMs: 1_000 });
  t.deepEqual(
    messages.map(({ offset, value }) => `${offset} ${value}`),
    ['0 kept 0', '2 kept 2', '5 plain 5'],
  );
  t.is((await reader.ends()).get(0), 6);
  await finish(client, hanging, true);
  const more = await reader.poll({ waitMs: 1_000 });
  t.deepEqual(
    more.map(({ value }) => `${value}`),
    ['open 6', 'plain 7'],
  );
  await native.close();
});

test('a fetch that waits for committed records is answered when their transaction ends', async (t) => {
  const [client, reader] = [await wire(t), await wire(t)];
  const topic = await newTopic(client);
  const who = await open(client);
  await write(client, topic, who, 0, ['one']);
  const request = { ...fetching(topic, [{ partition: 0, fetchOffset: 0 }], { maxWaitMs: 10_000 }), isolationLevel: 1 };
  const waiting = reader.ask(fetch, 12, request);
  await finish(client, who, true);
  t.is((await waiting)?.responses[0]?.partitions[0]?.lastStableOffset, 2);
});

const place = (name: string, committedOffset: number) => [
  { name, topicId: NO_UUID, partitions: [{ partitionIndex: 0, committedOffset, committedMetadata: '' }] },
];
async function committed(by: Wire, groupId: string, topic: string, requireStable: boolean) {
  const topics = [{ name: topic, topicId: NO_UUID, partitionIndexes: [0] }];
  const groups = [{ groupId, memberId: null, memberEpoch: -1, topics }];
  const part = (await by.ask(offsetFetch, 9, { groups, requireStable }))?.groups[0]?.topics[0]?.partitions[0];
  return part?.errorCode === errors.NONE ? part.committedOffset : part?.errorCode;
}

test('offsets are committed with their transaction, or not at all', async (t) => {
  const client = await wire(t);
  const topic = await newTopic(client);
  const groupId = 'billing';
  const who = await open(client);
  const { id: transactionalId, producerId, producerEpoch } = who;
  const asked = { transactionalId, groupId, producerId, topics: place(topic, 5) };
  const commit = async (epoch: number, version: number) => {
    const answer = await client.ask(txnOffsetCommit, version, { ...asked, producerEpoch: epoch });
    return answer?.topics[0]?.partitions[0]?.errorCode;
  };
  t.is(await commit(producerEpoch, 4), errors.TRANSACTION_ABORTABLE, 'the group is in no transaction');
  t.is(await commit(producerEpoch, 3), errors.INVALID_TXN_STATE, 'in words that it knows');
  const joined = await client.ask(addOffsetsToTxn, 3, { transactionalId, producerId, producerEpoch, groupId });
  t.is(joined?.errorCode, errors.NONE);
  t.is(await commit(producerEpoch, 3), errors.NONE);
  t.is(await committed(client, groupId, topic, false), -1);
  t.is(await committed(client, groupId, topic, true), errors.UNSTABLE_OFFSET_COMMIT);
  await finish(client, who, false);
  t.is(await committed(client, groupId, topic, true), -1);
  t.is(await commit(producerEpoch, 5), errors.INVALID_PRODUCER_EPOCH, 'its epoch is over');
  t.is(await commit(producerEpoch + 1, 5), errors.NONE, 'the group joins by it');
  t.is(await committed(client, groupId, topic, true), errors.UNSTABLE_OFFSET_COMMIT);
  await finish(client, { ...who, producerEpoch: producerEpoch + 1 }, true);
  t.is(await committed(client, groupId, topic, true), 5);
});

test("with the first protocol offsets that come late, on a connection given up, are not the next transaction's", async (t) => {
  const old = await wire(t);
  const topic = await newTopic(old);
  const groupId = 'late';
  const who = await open(old);
  const { id: transactionalId, producerId, producerEpoch } = who;
  const commit = async (by: Wire, offset: number) => {
    const asked = { transactionalId, groupId, producerId, producerEpoch, topics: place(topic, offset) };
    return (await by.ask(txnOffsetCommit, 3, asked))?.topics[0]?.partitions[0]?.errorCode;
  };
  const joinGroup = async (by: Wire) =>
    (await by.ask(addOffsetsToTxn, 3, { transactionalId, producerId, producerEpoch, groupId }))?.errorCode;
  t.is(await joinGroup(old), errors.NONE);
  const client = await laterWire(t);
  t.is(await commit(client, 5), errors.NONE, 'what was lost on the old one is sent again');
  t.is((await finish(client, who, true, 4))?.errorCode, errors.NONE);
  t.is(await joinGroup(client), errors.NONE);
  t.is(await commit(old, 4), errors.COORDINATOR_LOAD_IN_PROGRESS, 'before those of the next one');
  t.is(await commit(client, 6), errors.NONE);
  const late = await laterWire(t);
  t.is(await commit(late, 7), errors.NONE, 'a newer one is the client');
  t.is(await commit(client, 6), errors.COORDINATOR_LOAD_IN_PROGRESS, 'behind those of the next one');
  t.is((await finish(late, who, true, 4))?.errorCode, errors.NONE);
  t.is(await committed(client, groupId, topic, true), 7);
  t.is(await joinGroup(late), errors.NONE);
  t.is(await commit(client, 8), errors.NONE, 'who comes again is alive');
});

test('admins see transactions and their producers, and end one that hangs', async (t) => {
  const client = await wire(t);
  const topic = await newTopic(client);
  const who = await open(client);
  const { producerId, producerEpoch } = who;
  await write(client, topic, who, 0, ['one', 'two']);
  const described = await client.ask(describeTransactions, 0, { transactionalIds: [who.id, 'nobody'] });
  t.like(described?.transactionStates[0], {
    errorCode: errors.NONE,
    transactionState: 'Ongoing',
    transactionTimeoutMs: 60_000,
    producerId,
    topics: [{ topic, partitions: [0] }],
  });
  t.is(described?.transactionStates[1]?.errorCode, errors.TRANSACTIONAL_ID_NOT_FOUND);
  const list = async (filters: object) => {
    const all = { stateFilters: [], producerIdFilters: [producerId], durationFilter: -1, transactionalIdPattern: null };
    return client.ask(listTransactions, 2, { ...all, ...filters });
  };
  const mine = { transactionalId: who.id, producerId, transactionState: 'Ongoing' };
  t.deepEqual((await list({}))?.transactionStates, [mine]);
  t.deepEqual((await list({ stateFilters: ['Empty'] }))?.transactionStates, []);
  t.deepEqual((await list({ stateFilters: ['Strange'] }))?.unknownStateFilters, ['Strange']);
  t.deepEqual((await list({ durationFilter: 3_600_000 }))?.transactionStates, []);
  t.deepEqual((await list({ transactionalIdPattern: 'tx \\d+' }))?.transactionStates, [mine]);
  t.deepEqual((await list({ transactionalIdPattern: 'x' }))?.transactionStates, []);
  t.is((await list({ transactionalIdPattern: '(?=x)' }))?.errorCode, errors.INVALID_REGULAR_EXPRESSION);
  const producers = await client.ask(describeProducers, 0, { topics: [{ name: topic, partitionIndexes: [0, 9] }] });
  const told = producers?.topics[0]?.partitions[0]?.activeProducers[0];
  t.true(Math.abs(Number(told?.lastTimestamp) - Date.now()) < 60_000);
  t.like(told, {
    ...{ producerId, producerEpoch, lastSequence: 1, currentTxnStartOffset: 0 },
  });
  t.is(producers?.topics[0]?.partitions[1]?.errorCode, errors.UNKNOWN_TOPIC_OR_PARTITION);
  const marker = {
    producerId,
    transactionResult: false,
    coordinatorEpoch: 0,
    topics: [{ name: topic, partitionIndexes: [0] }],
  };
  const end = async (epoch: number) => {
    const answer = await client.ask(writeTxnMarkers, 1, { markers: [{ ...marker, producerEpoch: epoch }] });
    return answer?.markers[0]?.topics[0]?.partitions[0]?.errorCode;
  };
  t.is(await end(producerEpoch), errors.NONE);
  t.is((await read(client, topic, 1)).stable, 3);
});

test('a time-out beyond the bound, an id that is none and a control batch are refused', async (t) => {
  const client = await wire(t);
  const topic = await newTopic(client);
  const asked = { producerId: -1, producerEpoch: -1 };
  const init = async (transactionalId: string, transactionTimeoutMs: number) =>
    (await client.ask(initProducerId, 5, { ...asked, transactionalId, transactionTimeoutMs }))?.errorCode;
  t.is(await init('a', 900_001), errors.INVALID_TRANSACTION_TIMEOUT);
  t.is(await init('a', 0), errors.INVALID_TRANSACTION_TIMEOUT);
  t.is(await init('', 1_000), errors.INVALID_REQUEST);
  t.is(await init('a'.repeat(1_001), 1_000), errors.INVALID_REQUEST);
  const who = await open(client);
  t.is((await finish(client, { ...who, id: '' }, true))?.errorCode, errors.INVALID_REQUEST);
  t.deepEqual(await join(client, topic, { ...who, id: '' }), [errors.INVALID_REQUEST]);
  const nameless = await client.ask(describeTransactions, 0, { transactionalIds: [''] });
  t.is(nameless?.transactionStates[0]?.errorCode, errors.INVALID_REQUEST);
  t.is((await finish(client, { ...who, id: 'nobody' }, true))?.errorCode, errors.INVALID_PRODUCER_ID_MAPPING);
  t.is(
    (await finish(client, { ...who, producerId: who.producerId + 1 }, true))?.errorCode,
    errors.INVALID_PRODUCER_ID_MAPPING,
  );
  const bytes = records(who, 0, ['forged']);
  writeInt16(bytes, 21, 0x30);
  writeInt32(bytes, 17, crc32c(bytes.subarray(21)));
  const forged = await client.ask(produce, 12, { ...produced(topic, bytes), transactionalId: who.id });
  t.is(forged?.responses[0]?.partitionResponses[0]?.errorCode, errors.INVALID_RECORD);
  const plain = await client.ask(produce, 12, produced(topic, records(who, 0, ['no id'])));
  t.is(plain?.responses[0]?.partitionResponses[0]?.errorCode, errors.TRANSACTIONAL_ID_AUTHORIZATION_FAILED);
  const wrong = [errors.OPERATION_NOT_ATTEMPTED, errors.UNKNOWN_TOPIC_OR_PARTITION];
  t.deepEqual(await join(client, topic, who, 3, [0, 9]), wrong);
  t.deepEqual(await join(client, topic, who, 4, [0], true), [errors.TRANSACTION_ABORTABLE], 'nothing has joined');
});
