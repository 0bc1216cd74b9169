/** Kafka's port: sizes and counts that lie, batches that lie, names that are objects' own, clients that do not read. */
import { randomBytes } from 'node:crypto';
import { crc32c } from '@node-rs/crc32';
import test, { type ExecutionContext } from 'ava';
import { BatchBuilder } from '../../src/model/batch-builder.ts';
import { FRAME_BYTES_MAX, KIB, MIB } from '../../src/model/limits.ts';
import type { AnyCall } from '../../src/protocols/kafka/call.ts';
import { apiVersions } from '../../src/protocols/kafka/calls/api-versions.ts';
import { createTopics } from '../../src/protocols/kafka/calls/create-topics.ts';
import { deleteTopics } from '../../src/protocols/kafka/calls/delete-topics.ts';
import { describeConfigs } from '../../src/protocols/kafka/calls/describe-configs.ts';
import { fetch } from '../../src/protocols/kafka/calls/fetch.ts';
import { metadata } from '../../src/protocols/kafka/calls/metadata.ts';
import { errors } from '../../src/protocols/kafka/faults.ts';
import { NO_UUID } from '../../src/protocols/kafka/reading.ts';
import { append, fetched, fetching, newTopic } from '../clients/kafka/asking.ts';
import { Wire } from '../clients/kafka/wire.ts';
import { sized } from '../long.ts';
import { smallBatch } from '../model/batches.ts';
import { calls } from '../protocols/kafka/calls.ts';
import { attacks, type Bounds, SMALL, type Target, targetOf } from './target.ts';

const target = targetOf(test);
/** With all its connections gone afterwards. */
function kafkaAttack(
  bounds: Bounds,
  attack: (t: ExecutionContext, open: () => Promise<Wire>, on: Target) => Promise<void>,
): (t: ExecutionContext) => Promise<void> {
  return attacks(target, bounds, async (t, on) => {
    const wires: Wire[] = [];
    const open = async (): Promise<Wire> => {
      const wire = await Wire.connect(on.node.kafkaPort);
      wires.push(wire);
      return wire;
    };
    await attack(t, open, on).finally(() => {
      for (const wire of wires) wire.end();
    });
  });
}

function head(length: number, key = 3, version = 0): Buffer {
  const bytes = Buffer.alloc(12);
  bytes.writeInt32BE(length | 0, 0);
  bytes.writeInt16BE(key, 4);
  bytes.writeInt16BE(version, 6);
  return bytes;
}

/** A frame of a call with any bytes as its body. */
function withBody(call: Pick<AnyCall, 'key' | 'flexible'>, version: number, body: Uint8Array): Buffer {
  const client = Buffer.from([0xff, 0xff, ...(version >= call.flexible ? [0] : [])]);
  return Buffer.concat([head(8 + client.length + body.length, call.key, version), client, body]);
}

const served = async (open: () => Promise<Wire>): Promise<AnyCall[]> => {
  const answer = await (await open()).ask(apiVersions, 0, {});
  return calls.filter(({ key }) => answer?.apiKeys.some(({ apiKey }) => apiKey === key));
};

test.serial(
  'frames that claim more than is allowed, or less than a head, end the connection before memory is taken',
  kafkaAttack(SMALL, async (t, open) => {
    for (const length of [FRAME_BYTES_MAX - 3, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 0, 7]) {
      const wire = await open();
      wire.send(head(length));
      t.is(await wire.answer(), null, `${length}`);
    }
  }),
);

test.serial(
  'frames that claim the most that is allowed and never come take no memory that nobody wrote to',
  kafkaAttack({ peakMib: 96, leftMib: 64 }, async (_t, open, { honest }) => {
    for (let count = sized(100, 1_000); count > 0; count--) (await open()).send(head(FRAME_BYTES_MAX - 4));
    await honest.advance(5);
  }),
);

/** What counts and lengths may be: four bytes, or a varint of one more. */
const lies: readonly Buffer[] = [
  Buffer.from([0x7f, 0xff, 0xff, 0xff]),
  Buffer.from([0xff, 0xff, 0xff, 0xfe]),
  Buffer.from([0x80, 0, 0, 0]),
  Buffer.from([0xff, 0xff, 0xff, 0xff, 0x0f]),
  Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]),
  Buffer.alloc(64, 0xff),
  Buffer.alloc(64, 0x7f),
  Buffer.alloc(0),
];

test.serial(
  'counts and lengths that lie, in every call and version, end the connection or are answered',
  kafkaAttack(SMALL, async (t, open) => {
    for (const call of await served(open))
      for (let version = call.versions[0]; version <= call.versions[1]; version++)
        for (const lie of lies) {
          const before = randomBytes(Math.floor(Math.random() * 12));
          const wire = await open();
          wire.send(withBody(call, version, Buffer.concat([before, lie])));
          wire.send(wire.frame(apiVersions, 0, {}));
          await Promise.race([wire.answer(), wire.closed]);
          wire.end();
        }
    t.pass();
  }),
);

test.serial(
  'tagged fields in floods: as many as claimed are not looked for, and those that are there are stepped over',
  kafkaAttack(SMALL, async (t, open) => {
    const named = Buffer.from([2, 0x61, 2, 0x61]);
    const claimed = await open();
    claimed.send(withBody(apiVersions, 3, Buffer.concat([named, Buffer.from([0xff, 0xff, 0xff, 0xff, 0x0f])])));
    t.is(await claimed.answer(), null);
    // Each tag rises by one, and is empty.
    const tags = Buffer.concat(
      Array.from({ length: 16_000 }, (_none, tag) => Buffer.from([(tag & 0x7f) | 0x80, (tag >> 7) | 0, 0])),
    );
    const there = await open();
    const count = Buffer.from([0x80 | (16_000 & 0x7f), 16_000 >> 7]);
    there.send(withBody(apiVersions, 3, Buffer.concat([named, count, tags])));
    await Promise.race([there.answer(), there.closed]);
  }),
);

/** A batch with some bytes changed, and its checksum made right again. */
function changed(change: (bytes: Buffer) => unknown): Buffer {
  const bytes = Buffer.from(smallBatch(3));
  change(bytes);
  bytes.writeUInt32BE(crc32c(bytes.subarray(21)), 17);
  return bytes;
}
/** Of a producer whose request names no transaction. */
function transactional(bytes: Buffer): void {
  bytes.writeInt16BE(0x10, 21);
  bytes.fill(0, 43, 57);
}
const { CORRUPT_MESSAGE, INVALID_RECORD } = errors;
/** Where the fields of a batch lie: length 8, magic 16, CRC 17, attributes 21, last offset delta 23, base sequence 53, count 57. */
const batches: readonly (readonly [what: string, code: number, records: Uint8Array])[] = [
  ['bad checksum', CORRUPT_MESSAGE, Buffer.from(smallBatch(3)).fill(1, 17, 18)],
  ['length above what is there', CORRUPT_MESSAGE, changed((bytes) => bytes.writeInt32BE(bytes.length, 8))],
  ['length of 2^31 - 1', CORRUPT_MESSAGE, changed((bytes) => bytes.writeInt32BE(0x7fff_ffff, 8))],
  ['negative length', CORRUPT_MESSAGE, changed((bytes) => bytes.writeInt32BE(-1, 8))],
  ['magic 0', INVALID_RECORD, changed((bytes) => bytes.writeInt8(0, 16))],
  ['magic 1', INVALID_RECORD, changed((bytes) => bytes.writeInt8(1, 16))],
  ['control batch', INVALID_RECORD, changed((bytes) => bytes.writeInt16BE(0x20, 21))],
  [
    'transactional batch of no producer',
    errors.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
    changed((bytes) => bytes.writeInt16BE(0x10, 21)),
  ],
  ['transactional batch outside of one', errors.TRANSACTIONAL_ID_AUTHORIZATION_FAILED, changed(transactional)],
  ['last offset delta above the count', CORRUPT_MESSAGE, changed((bytes) => bytes.writeInt32BE(1_000_000, 23))],
  ['negative count', CORRUPT_MESSAGE, changed((bytes) => bytes.writeInt32BE(-5, 57))],
  ['count of 2^31 - 1', CORRUPT_MESSAGE, changed((bytes) => bytes.writeInt32BE(0x7fff_ffff, 57))],
  ['a producer without sequence', CORRUPT_MESSAGE, changed((bytes) => bytes.fill(0, 43, 53))],
  ['two batches', INVALID_RECORD, Buffer.concat([smallBatch(1), smallBatch(1)])],
  [
    'another batch with a sound one in front',
    INVALID_RECORD,
    Buffer.concat([smallBatch(1), changed((bytes) => bytes.writeInt8(1, 16))]),
  ],
];

test.serial(
  'batches that lie are refused and never stored',
  kafkaAttack(SMALL, async (t, open) => {
    const wire = await open();
    const end = async (): Promise<number | undefined> =>
      (await fetched(wire, 'honest', [{ partition: 0, fetchOffset: 0 }], { maxBytes: 1 })).parts[0]?.highWatermark;
    for (const [what, code, records] of batches) t.is((await append(wire, 'honest', records))?.errorCode, code, what);
    // The honest client stores one record a round, and reads back nothing but its own.
    t.true(((await end()) ?? 0) > 0);
  }),
);

test.serial(
  'names that every object has are names like others, and paths and bad characters are none',
  kafkaAttack(SMALL, async (t, open) => {
    const wire = await open();
    for (const name of ['constructor', 'toString', 'hasOwnProperty', 'CON']) {
      await newTopic(wire, 1, name);
      t.is((await append(wire, name, smallBatch(1)))?.errorCode, errors.NONE, name);
      const deleted = await wire.ask(deleteTopics, 6, { topics: [{ name, topicId: NO_UUID }], timeoutMs: 60_000 });
      t.is(deleted?.responses[0]?.errorCode, errors.NONE, name);
    }
    for (const name of ['', '.', '..', '../../x', 'a/b', 'a\0b', '__proto__', 'ä', 'x'.repeat(10_000)]) {
      const answer = await wire.ask(metadata, 12, { topics: [{ topicId: NO_UUID, name }] });
      t.is(answer?.topics[0]?.errorCode, errors.INVALID_TOPIC_EXCEPTION, name.slice(0, 20));
    }
    for (const config of ['__proto__', 'constructor', 'toString', 'log.dirs', 'sasl.jaas.config']) {
      const configs = [{ name: config, value: 'file:///etc/passwd' }];
      const topic = { name: 'made', numPartitions: -1, replicationFactor: -1, assignments: [], configs };
      const made = await wire.ask(createTopics, 7, { topics: [topic], timeoutMs: 60_000, validateOnly: false });
      t.is(made?.topics[0]?.errorCode, errors.INVALID_CONFIG, config);
      const resources = [{ resourceType: 2, resourceName: 'honest', configurationKeys: [config] }];
      const described = await wire.ask(describeConfigs, 4, { resources, includeSynonyms: true });
      t.deepEqual(described?.results[0]?.configs, [], config);
    }
  }),
);

test.serial(
  'a client that asks and never reads holds no more than its share',
  kafkaAttack({ peakMib: 160, leftMib: 128 }, async (t, open, { honest }) => {
    const writer = await open();
    const name = await newTopic(writer);
    const value = 'x'.repeat(900 * KIB);
    for (let count = 0; count < 16; count++) {
      const builder = new BatchBuilder(MIB);
      builder.add(Date.now(), null, value);
      await append(writer, name, builder.finish(crc32c));
    }
    for (let client = 0; client < 4; client++) {
      const deaf = await open();
      deaf.deafen();
      for (let count = 0; count < 200; count++)
        deaf.send(
          deaf.frame(fetch, 12, fetching(name, [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 16 * MIB }])),
        );
    }
    await honest.advance(20);
    const topics = [{ name, topicId: NO_UUID }];
    t.is((await writer.ask(deleteTopics, 6, { topics, timeoutMs: 60_000 }))?.responses[0]?.errorCode, errors.NONE);
  }),
);

test.serial(
  'requests in floods, and one that asks for very many topics, are answered in their order',
  kafkaAttack({ peakMib: 96, leftMib: 96 }, async (t, open) => {
    const flood = await open();
    const frames = Array.from({ length: 20_000 }, () => flood.frame(apiVersions, 0, {}));
    flood.send(Buffer.concat(frames));
    for (const _frame of frames) await flood.answer();
    t.true(
      flood.answered.every((correlation, index) => index === 0 || correlation === (flood.answered[index - 1] ?? 0) + 1),
    );
    const many = await open();
    const names = Array.from({ length: 20_000 }, (_none, index) => ({ topicId: NO_UUID, name: `none-${index}` }));
    const answer = await many.ask(metadata, 12, { topics: names, allowAutoTopicCreation: false });
    t.is(answer?.topics.length, names.length);
  }),
);
