/**
 * Kafka's port: requests that are well formed but for one count that lies, and those that say what only another broker,
 * another producer or the operator may say.
 */
import { crc32c } from '@node-rs/crc32';
import test from 'ava';
import { compress } from '../../src/edges/client/compression.ts';
import { TRANSACTIONAL_FLAG } from '../../src/model/batch.ts';
import { BatchBuilder } from '../../src/model/batch-builder.ts';
import { writeInt16, writeInt32 } from '../../src/model/bytes.ts';
import { MIB } from '../../src/model/limits.ts';
import { alterConfigs } from '../../src/protocols/kafka/calls/alter-configs.ts';
import { apiVersions } from '../../src/protocols/kafka/calls/api-versions.ts';
import { deleteGroups } from '../../src/protocols/kafka/calls/delete-groups.ts';
import { deleteTopics } from '../../src/protocols/kafka/calls/delete-topics.ts';
import { endTxn } from '../../src/protocols/kafka/calls/end-txn.ts';
import { fetch } from '../../src/protocols/kafka/calls/fetch.ts';
import { incrementalAlterConfigs } from '../../src/protocols/kafka/calls/incremental-alter-configs.ts';
import { initProducerId } from '../../src/protocols/kafka/calls/init-producer-id.ts';
import { listOffsets } from '../../src/protocols/kafka/calls/list-offsets.ts';
import { offsetCommit } from '../../src/protocols/kafka/calls/offset-commit.ts';
import { offsetFetch } from '../../src/protocols/kafka/calls/offset-fetch.ts';
import { produce } from '../../src/protocols/kafka/calls/produce.ts';
import { pushTelemetry } from '../../src/protocols/kafka/calls/push-telemetry.ts';
import { errors } from '../../src/protocols/kafka/faults.ts';
import { NO_UUID } from '../../src/protocols/kafka/reading.ts';
import { append, batch, fetched, fetching, newTopic, produced } from '../clients/kafka/asking.ts';
import { Wire } from '../clients/kafka/wire.ts';
import { sized } from '../long.ts';
import { calls } from '../protocols/kafka/calls.ts';
import { bodiesOf, liesOf } from '../protocols/kafka/lies.ts';
import { attacks, SMALL, type Target, targetOf } from './target.ts';

const target = targetOf(test);

async function withWire(on: Target, run: (wire: Wire) => Promise<void>): Promise<void> {
  const wire = await Wire.connect(on.node.kafkaPort);
  await run(wire).finally(() => wire.end());
}

async function remove(by: Wire, name: string): Promise<number | undefined> {
  const answer = await by.ask(deleteTopics, 6, { topics: [{ name, topicId: NO_UUID }], timeoutMs: 60_000 });
  return answer?.responses[0]?.errorCode;
}

/** Every call is decoded for the first time: its code comes on top. */
const FIRST = { peakMib: 96, leftMib: 96 };

test.serial(
  'a count or a length of any field that the bytes behind it cannot hold ends the connection',
  attacks(target, FIRST, async (t, on) => {
    const asked = await Wire.connect(on.node.kafkaPort);
    const listed = await asked.ask(apiVersions, 0, {});
    asked.end();
    let sent = 0;
    for (const call of calls.filter(({ key }) => listed?.apiKeys.some(({ apiKey }) => apiKey === key))) {
      // The answer to a wrong ApiVersions tells what there is.
      if (call === apiVersions) continue;
      const lies = bodiesOf(call).flatMap(([version, body]) =>
        liesOf(call, version, body).map(({ at, bytes }) => ({ version, at, bytes })),
      );
      const step = Math.ceil(lies.length / sized(40, 1_000));
      for (let index = call.key % step; index < lies.length; index += step) {
        const { version, at, bytes } = lies[index] as (typeof lies)[number];
        const wire = await Wire.connect(on.node.kafkaPort);
        wire.send(Buffer.concat([headOf(call.key, version, version >= call.flexible, bytes.length), bytes]));
        t.is(await wire.answer(), null, `${call.name} ${version}, byte ${at}`);
        wire.end();
        sent++;
      }
    }
    t.true(sent > 1_000, `${sent}`);
  }),
);

function headOf(key: number, version: number, flexible: boolean, bodyBytes: number): Buffer {
  const head = Buffer.from([0, 0, 0, 0, 0, key, 0, version, 0, 0, 0, 9, 0, 1, 0x78, ...(flexible ? [0] : [])]);
  head.writeInt32BE(head.length - 4 + bodyBytes, 0);
  return head;
}

test.serial(
  'telemetry is neither taken nor unpacked, however little it seems to be',
  attacks(target, SMALL, async (t, on) => {
    const metrics = compress('zstd', new Uint8Array(64 * MIB));
    for (const compressionType of [0, 1, 2, 3, 4])
      await withWire(on, async (wire) => {
        const pushed = { subscriptionId: 1, terminating: false, compressionType, metrics };
        const push = async (clientInstanceId: string, more = pushed) =>
          (await wire.ask(pushTelemetry, 0, { ...more, clientInstanceId }))?.errorCode;
        t.is(await push('1'.repeat(32)), errors.UNKNOWN_SUBSCRIPTION_ID);
        t.is(await push(NO_UUID), errors.INVALID_REQUEST);
        t.is(await push('1'.repeat(32), { ...pushed, metrics: Buffer.alloc(2 * MIB) }), errors.TELEMETRY_TOO_LARGE);
      });
  }),
);

test.serial(
  'who says that it is a replica gets nothing and moves nothing',
  attacks(target, SMALL, async (t, on) =>
    withWire(on, async (wire) => {
      const name = await newTopic(wire, 1, 'replicated');
      await append(wire, name, batch({ values: ['one', 'two'] }));
      for (const replicaId of [0, 1, 2 ** 31 - 1]) {
        const asked = fetching(name, [{ partition: 0, fetchOffset: 1_000_000 }]);
        const answer = await wire.ask(fetch, 12, { ...asked, replicaId });
        t.is(answer?.errorCode, errors.CLUSTER_AUTHORIZATION_FAILED);
        t.deepEqual(answer?.responses, []);
        const state = await wire.ask(fetch, 15, { ...asked, topics: [], replicaState: { replicaId, replicaEpoch: 1 } });
        t.is(state?.errorCode, errors.CLUSTER_AUTHORIZATION_FAILED);
        const partitions = [{ partitionIndex: 0, timestamp: -1 }];
        const end = await wire.ask(listOffsets, 7, { replicaId, isolationLevel: 0, topics: [{ name, partitions }] });
        t.is(end?.topics[0]?.partitions[0]?.offset, 2, 'no more than is committed');
      }
      t.is((await fetched(wire, name, [{ partition: 0, fetchOffset: 0 }])).parts[0]?.highWatermark, 2);
      t.is(await remove(wire, name), errors.NONE);
    }),
  ),
);

interface Writer {
  readonly producerId: number;
  readonly producerEpoch: number;
}
function ofTransaction({ producerId, producerEpoch }: Writer, baseSequence: number): Uint8Array {
  const bytes = batch({ producer: { producerId, producerEpoch, baseSequence } as never });
  writeInt16(bytes, 21, TRANSACTIONAL_FLAG);
  writeInt32(bytes, 17, crc32c(bytes.subarray(21)));
  return bytes;
}

test.serial(
  'nobody writes into the transaction of another: not with an older epoch, nor with one that was never given, nor as nobody',
  attacks(target, SMALL, async (t, on) =>
    withWire(on, async (wire) => {
      const name = await newTopic(wire, 1, 'hijacked');
      const open = async (id: string): Promise<Writer> => {
        const asked = { transactionalId: id, transactionTimeoutMs: 60_000, producerId: -1, producerEpoch: -1 };
        const { producerId = -1, producerEpoch = -1 } = (await wire.ask(initProducerId, 5, asked)) ?? {};
        return { producerId, producerEpoch };
      };
      const write = async (transactionalId: string | null, who: Writer, sequence: number) => {
        const request = { ...produced(name, ofTransaction(who, sequence)), transactionalId };
        return (await wire.ask(produce, 12, request))?.responses[0]?.partitionResponses[0]?.errorCode;
      };
      const before = await open('owned');
      const owner = await open('owned');
      t.is(await write('owned', owner, 0), errors.NONE);
      const { producerId, producerEpoch } = owner;
      t.not(await write('owned', before, 0), errors.NONE, 'an older epoch');
      t.not(
        await write('owned', { producerId, producerEpoch: producerEpoch + 1 }, 0),
        errors.NONE,
        'one that none has',
      );
      t.not(
        await write('owned', { producerId: producerId + 1_000, producerEpoch: 0 }, 0),
        errors.NONE,
        'somebody else',
      );
      t.not(await write('another', { producerId: producerId + 1_000, producerEpoch: 0 }, 0), errors.NONE, 'of no id');
      t.is(await write(null, owner, 1), errors.TRANSACTIONAL_ID_AUTHORIZATION_FAILED);
      for (const who of [before, { producerId, producerEpoch: producerEpoch + 1 }]) {
        const end = await wire.ask(endTxn, 5, { transactionalId: 'owned', ...who, committed: true });
        t.not(end?.errorCode, errors.NONE);
      }
      t.is(
        (await wire.ask(endTxn, 5, { transactionalId: 'owned', ...owner, committed: true }))?.errorCode,
        errors.NONE,
      );
      // What the owner has written, and the marker of it.
      t.is((await fetched(wire, name, [{ partition: 0, fetchOffset: 0 }])).parts[0]?.highWatermark, 2);
      t.is(await remove(wire, name), errors.NONE);
    }),
  ),
);

test.serial(
  'sequences wrap where they end and nowhere else, and offsets that a client gives count for nothing',
  attacks(target, SMALL, async (t, on) =>
    withWire(on, async (wire) => {
      const name = await newTopic(wire, 1, 'numbered');
      const { producerId = -1 } =
        (await wire.ask(initProducerId, 5, { transactionalId: null, transactionTimeoutMs: 0 })) ?? {};
      const code = async (baseSequence: number, values: readonly string[], producerEpoch = 0): Promise<unknown> => {
        const records = batch({ values, producer: { producerId, producerEpoch, baseSequence } as never });
        return (await append(wire, name, records))?.errorCode;
      };
      t.is(await code(2 ** 31 - 2, ['a']), errors.NONE, 'the first of one that is not known');
      t.is(await code(2 ** 31 - 1, ['b', 'c']), errors.NONE, 'over the end');
      t.is(await code(2 ** 31 - 1, ['b', 'c']), errors.NONE, 'once more');
      t.is(await code(0, ['d']), errors.OUT_OF_ORDER_SEQUENCE_NUMBER, 'c had it');
      t.is(await code(1, ['d']), errors.NONE);
      t.is(await code(-2, ['e']), errors.CORRUPT_MESSAGE);
      t.is(await code(2, ['e'], -1), errors.CORRUPT_MESSAGE);
      for (const [at, given] of [
        [0, 2n ** 63n - 1n],
        [0, -1n],
        [0, 2n ** 53n],
      ] as const) {
        const bytes = Buffer.from(batch({ values: ['f'] }));
        bytes.writeBigInt64BE(given, at);
        t.is((await append(wire, name, bytes))?.errorCode, errors.NONE, 'a base offset is outside of the checksum');
      }
      for (const timestamp of [2n ** 63n - 1n, -(2n ** 63n)]) {
        const bytes = Buffer.from(batch({ values: ['g'] }));
        bytes.writeBigInt64BE(timestamp, 27);
        bytes.writeUInt32BE(crc32c(bytes.subarray(21)), 17);
        t.is((await append(wire, name, bytes))?.errorCode, errors.CORRUPT_MESSAGE, `${timestamp}`);
      }
      t.is((await fetched(wire, name, [{ partition: 0, fetchOffset: 0 }])).parts[0]?.highWatermark, 7);
      t.is(await remove(wire, name), errors.NONE);
    }),
  ),
);

test.serial(
  'no setting takes a path, an address or the name of a class, for a topic, the node or a group',
  attacks(target, SMALL, async (t, on) =>
    withWire(on, async (wire) => {
      const names = [
        'log.dirs',
        'sasl.jaas.config',
        'metric.reporters',
        'ssl.keystore.location',
        '__proto__',
        'constructor',
      ];
      const values = [
        'file:///etc/passwd',
        'ldap://127.0.0.1:1/x',
        '../../x',
        'com.sun.security.auth.module.JndiLoginModule',
      ];
      for (const [resourceType, resourceName] of [
        [2, 'honest'],
        [4, '1'],
        [4, ''],
        [32, 'some-group'],
      ] as const)
        for (const name of names)
          for (const value of values) {
            const resource = { resourceType, resourceName };
            const whole = [{ ...resource, configs: [{ name, value }] }];
            const altered = await wire.ask(alterConfigs, 2, { resources: whole, validateOnly: false });
            t.not(altered?.responses[0]?.errorCode, errors.NONE, `${resourceType} ${name}`);
            const one = [{ ...resource, configs: [{ name, configOperation: 0, value }] }];
            const incremental = await wire.ask(incrementalAlterConfigs, 1, { resources: one, validateOnly: false });
            t.not(incremental?.responses[0]?.errorCode, errors.NONE, `${resourceType} ${name}`);
          }
    }),
  ),
);

test.serial(
  'names that every object has are names like others: of groups, transactions, headers and clients',
  attacks(target, SMALL, async (t, on) =>
    withWire(on, async (wire) => {
      for (const name of ['__proto__', 'constructor', 'toString', 'hasOwnProperty']) {
        const asked = { transactionalId: name, transactionTimeoutMs: 1_000, producerId: -1, producerEpoch: -1 };
        t.is((await wire.ask(initProducerId, 5, asked))?.errorCode, errors.NONE, name);
        const partitions = [{ partitionIndex: 0, committedOffset: 7, committedMetadata: name }];
        const commit = { generationIdOrMemberEpoch: -1, memberId: '', groupInstanceId: null };
        const topics = [{ name: 'honest', topicId: NO_UUID, partitions }];
        const committed = await wire.ask(offsetCommit, 8, { groupId: name, ...commit, topics });
        t.is(committed?.topics[0]?.partitions[0]?.errorCode, errors.NONE, name);
        const groups = [{ groupId: name, memberId: null, memberEpoch: -1, topics: null }];
        const told = await wire.ask(offsetFetch, 8, { groups, requireStable: false });
        t.like(told?.groups[0]?.topics[0]?.partitions[0], { committedOffset: 7, metadata: name });
        t.is((await wire.ask(deleteGroups, 2, { groupsNames: [name] }))?.results[0]?.errorCode, errors.NONE, name);
        const builder = new BatchBuilder();
        builder.add(1, name, name, [{ key: name, value: new Uint8Array(1) }]);
        const topic = await newTopic(wire, 1, `with-headers-${name.length}`);
        t.is((await append(wire, topic, builder.finish(crc32c)))?.errorCode, errors.NONE, name);
        t.is(await remove(wire, topic), errors.NONE);
      }
    }),
  ),
);
