/** Record batches that lie: about their length, counts, checksum, version, or that they are the broker's own. */
import { crc32c } from '@node-rs/crc32';
import test from 'ava';
import type { FaultCode } from '../../src/model/faults.ts';
import { KIB, MIB } from '../../src/model/limits.ts';
import { smallBatch } from '../model/batches.ts';
import { type Answer, codeOf, type Fields, Hostile, partsOf } from './hostile.ts';
import { attacks, SMALL, type Target, targetOf } from './target.ts';

const target = targetOf(test);

/** The honest client's topic, so that a batch that were stored would be read there. */
async function honestTopic(hostile: Hostile): Promise<number> {
  const { fields } = await hostile.ask('resolve', { names: ['honest'], create: false });
  const [first] = fields.topics as readonly { readonly topic: { readonly id: number } }[];
  return first?.topic.id ?? -1;
}

function produce(hostile: Hostile, topic: number, batch: Uint8Array, length = batch.length): Promise<Answer> {
  const parts = [{ topic, partition: 0, length }];
  return hostile.ask('produce', { acks: 'all', timeoutMs: 60_000, parts }, batch);
}

/** A batch with some bytes changed, and its checksum made right again. */
function changed(change: (bytes: Buffer) => void, records = 3): Buffer {
  const bytes = Buffer.from(smallBatch(records));
  change(bytes);
  bytes.writeUInt32BE(crc32c(bytes.subarray(21)), 17);
  return bytes;
}

const CORRUPT = /^CORRUPT_BATCH$/;
const UNSUPPORTED = /^UNSUPPORTED_BATCH$/;
/** Where the fields of a batch lie: length 8, magic 16, CRC 17, attributes 21, last offset delta 23, count 57, records 61. */
const lies: readonly (readonly [string, Buffer, RegExp])[] = [
  ['length above what is there', changed((bytes) => bytes.writeInt32BE(bytes.length, 8)), CORRUPT],
  ['length below what is there', changed((bytes) => bytes.writeInt32BE(bytes.length - 13, 8)), CORRUPT],
  ['length of 2^31 - 1', changed((bytes) => bytes.writeInt32BE(0x7fff_ffff, 8)), CORRUPT],
  ['negative length', changed((bytes) => bytes.writeInt32BE(-1, 8)), CORRUPT],
  ['magic 0', changed((bytes) => bytes.writeInt8(0, 16)), UNSUPPORTED],
  ['magic 1', changed((bytes) => bytes.writeInt8(1, 16)), UNSUPPORTED],
  ['magic 3', changed((bytes) => bytes.writeInt8(3, 16)), UNSUPPORTED],
  ['control flag', changed((bytes) => bytes.writeInt16BE(0x20, 21)), UNSUPPORTED],
  ['unknown attributes', changed((bytes) => bytes.writeInt16BE(0x4000, 21)), /^(UNSUPPORTED|CORRUPT)_BATCH$/],
  ['unknown compression', changed((bytes) => bytes.writeInt16BE(7, 21)), /^(UNSUPPORTED|CORRUPT)_BATCH$/],
  ['last offset delta above the count', changed((bytes) => bytes.writeInt32BE(1_000_000, 23)), CORRUPT],
  ['negative last offset delta', changed((bytes) => bytes.writeInt32BE(-1, 23)), CORRUPT],
  ['count of 2^31 - 1', changed((bytes) => bytes.writeInt32BE(0x7fff_ffff, 57)), CORRUPT],
  ['negative count', changed((bytes) => bytes.writeInt32BE(-1, 57)), CORRUPT],
  ['no records', changed((bytes) => bytes.writeInt32BE(0, 57)), CORRUPT],
  ['count and delta agree, records do not', changed((bytes) => agree(bytes, 100)), CORRUPT],
  ['a record longer than the batch', changed((bytes) => bytes.fill(0xfe, 61, 62)), CORRUPT],
  ['a record whose length never ends', changed((bytes) => bytes.fill(0xff, 61, 72)), CORRUPT],
  ['nothing but a header', changed((bytes) => bytes.fill(0, 61)), CORRUPT],
];

function agree(bytes: Buffer, count: number): void {
  bytes.writeInt32BE(count - 1, 23);
  bytes.writeInt32BE(count, 57);
}

const ends = async (on: Target): Promise<unknown> => {
  const hostile = await Hostile.greeted(on.port);
  const described = await hostile.ask('describeTopic', { name: 'victim' });
  await hostile.close();
  return (described.fields.partitions as readonly Fields[])[0]?.appended;
};

test.serial(
  'batches that lie are refused by name, and none is stored',
  attacks(target, SMALL, async (t, on) => {
    const hostile = await Hostile.greeted(on.port);
    const made = await hostile.ask('createTopic', { name: 'victim', partitions: 1, settings: {} });
    const { id } = made.fields.topic as { readonly id: number };
    t.is(codeOf(partsOf(await produce(hostile, id, smallBatch(2)))[0]), '', 'an honest one is taken');
    for (const [what, batch, code] of lies) {
      const answer = await produce(hostile, id, batch);
      t.regex(codeOf(partsOf(answer)[0]), code, what);
    }
    for (let at = 8; at < smallBatch(3).length; at++) {
      // The leader epoch is the broker's to write.
      if (at >= 12 && at < 16) continue;
      const batch = Buffer.from(smallBatch(3));
      batch[at] = (batch[at] ?? 0) ^ 1;
      t.regex(codeOf(partsOf(await produce(hostile, id, batch))[0]), /^(CORRUPT|UNSUPPORTED)_BATCH$/, `bit ${8 * at}`);
    }
    t.is(await ends(on), 2, 'nothing but the honest one is stored');
    await hostile.ask('deleteTopic', { name: 'victim' });
    await hostile.close();
  }),
);

test.serial(
  'lengths of parts that do not match the raw bytes refuse the whole request',
  attacks(target, SMALL, async (t, { port }) => {
    const hostile = await Hostile.greeted(port);
    const topic = await honestTopic(hostile);
    const batch = smallBatch(1);
    for (const length of [1, batch.length - 1, batch.length + 1, 16 * MIB]) {
      const code = codeOf(await produce(hostile, topic, batch, length));
      t.is(code, 'INVALID_REQUEST', `${length} for ${batch.length}`);
    }
    for (const length of [0, -1, 2 ** 31, 2 ** 53, '1', null])
      t.is(codeOf(await hostile.ask('produce', one(topic, length), batch)), 'INVALID_REQUEST', String(length));
    const twice = { ...one(topic, batch.length), parts: [part(topic, batch.length), part(topic, batch.length)] };
    const both = Buffer.concat([batch, batch]);
    t.is(codeOf(await hostile.ask('produce', twice, both)), 'INVALID_REQUEST', 'a partition twice');
    await hostile.close();
  }),
);

const part = (topic: number, length: unknown): Fields => ({ topic, partition: 0, length });
const one = (topic: number, length: unknown): Fields => ({
  acks: 'all',
  timeoutMs: 60_000,
  parts: [part(topic, length)],
});

test.serial(
  'a batch above the limit of its topic is refused, and ten thousand parts are answered one by one',
  attacks(target, { peakMib: 96, leftMib: 96 }, async (t, { port }) => {
    const hostile = await Hostile.greeted(port);
    const topic = await honestTopic(hostile);
    const large = changed(() => undefined, 40_000);
    t.true(large.length > MIB);
    const refused = await produce(hostile, topic, large);
    t.is(codeOf(partsOf(refused)[0]), 'BATCH_TOO_LARGE');
    const batch = smallBatch(1);
    const parts = Array.from({ length: 9_000 }, (_, partition) => ({
      topic: topic + 1_000,
      partition,
      length: batch.length,
    }));
    const raw = Buffer.concat(parts.map(() => batch));
    const many = await hostile.ask('produce', { acks: 'all', timeoutMs: 60_000, parts }, raw);
    const codes = new Set<FaultCode | ''>(partsOf(many).map(codeOf));
    t.deepEqual([partsOf(many).length, ...codes], [9_000, 'UNKNOWN_TOPIC']);
    await hostile.close();
    t.true(large.length < 16 * MIB && raw.length > 100 * KIB);
  }),
);
