/**
 * Batches of less than a megabyte that become gigabytes once they are opened, or say that they would, in every codec and
 * wherever a node opens batches: at the door of topics that look inside, where a codec is changed, by compaction, and
 * where a time is looked for. None is opened as a whole, and at the door each gets the protocol's own error.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { crc32c } from '@node-rs/crc32';
import test from 'ava';
import { type CompressionCodec, compress } from '../../src/edges/client/compression.ts';
import { batchesIn, readNextOffset } from '../../src/model/batch.ts';
import { BatchBuilder } from '../../src/model/batch-builder.ts';
import { MIB } from '../../src/model/limits.ts';
import { alterConfigs } from '../../src/protocols/kafka/calls/alter-configs.ts';
import { createTopics } from '../../src/protocols/kafka/calls/create-topics.ts';
import { deleteTopics } from '../../src/protocols/kafka/calls/delete-topics.ts';
import { listOffsets } from '../../src/protocols/kafka/calls/list-offsets.ts';
import { errors } from '../../src/protocols/kafka/faults.ts';
import { NO_UUID } from '../../src/protocols/kafka/reading.ts';
import { append, fetched } from '../clients/kafka/asking.ts';
import { Wire } from '../clients/kafka/wire.ts';
import { attacks, type Target, targetOf } from './target.ts';

const target = targetOf(test);
/** What opening a batch may take, whatever it would become; and the first use of each codec. */
const BOUNDS = { peakMib: 192, leftMib: 192 };

interface Bomb {
  readonly what: string;
  readonly codec: CompressionCodec;
  readonly body: Uint8Array;
}

const repeated = (piece: Uint8Array, times: number): Buffer =>
  Buffer.concat(Array.from({ length: times }, () => piece));

/** Members of a stream follow each other: 960 MiB of zeros. */
const gzip = (): Buffer => repeated(gzipSync(Buffer.alloc(64 * MIB)), 15);
/** One frame of blocks that are each 128 KiB of the same byte: 30 GiB (RFC 8878, 3.1.1). */
function zstd(): Buffer {
  const block = Buffer.alloc(4);
  block.writeUIntLE((1 << 1) | ((128 * 1024) << 3), 0, 3);
  return Buffer.concat([Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x38]), repeated(block, 250_000)]);
}
const XERIAL = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0, 0, 0, 0, 1, 0, 0, 0, 1]);
/** Raw snappy that says how long it becomes, and is not. */
const claiming = (length: number): Buffer => {
  const said: number[] = [];
  for (let left = length; left > 0 || said.length === 0; left = Math.floor(left / 128))
    said.push((left % 128) | (left >= 128 ? 0x80 : 0));
  return Buffer.from([...said, 0xfe, 1, 0]);
};
const framed = (block: Buffer, times: number): Buffer => {
  const length = Buffer.alloc(4);
  length.writeInt32BE(block.length);
  return Buffer.concat([XERIAL, repeated(Buffer.concat([length, block]), times)]);
};

/** What becomes too much. */
const bombs: readonly Bomb[] = [
  { what: 'gzip', codec: 'gzip', body: gzip() },
  { what: 'zstd', codec: 'zstd', body: zstd() },
  { what: 'lz4', codec: 'lz4', body: compress('lz4', Buffer.alloc(240 * MIB)) },
  { what: 'snappy that says 4 GiB', codec: 'snappy', body: claiming(2 ** 32 - 1) },
  { what: 'snappy that says 1 TiB', codec: 'snappy', body: claiming(2 ** 40) },
  { what: 'snappy, in blocks that say 60 GiB', codec: 'snappy', body: framed(claiming(MIB), 60_000) },
];
/** What says that it becomes as much as may be, and holds nothing. */
const lies: readonly Bomb[] = [
  { what: 'snappy that says 7 MiB', codec: 'snappy', body: claiming(7 * MIB) },
  { what: 'snappy, in blocks that say 7 MiB', codec: 'snappy', body: framed(claiming(MIB), 7) },
];
/** What may just be opened: how much memory it takes has to be bounded too. */
const large: readonly Bomb[] = (['gzip', 'zstd', 'lz4'] as const).map((codec) => ({
  what: `${codec} of 7 MiB`,
  codec,
  body: compress(codec, recordOf(7 * MIB)),
}));

/** In half an hour: however long all this takes, nothing is too old for a topic that bounds its times, or for its retention. */
const LATER = Date.now() + 1_800_000;

/** One record of zeros, with a key. */
function recordOf(bytes: number): Uint8Array {
  const builder = new BatchBuilder(bytes + 100);
  builder.add(1, 'key', new Uint8Array(bytes));
  return builder.finish(crc32c).slice(61);
}

/** In front there is all that a batch of one record has. */
function batchOf({ codec, body }: Bomb): Uint8Array {
  const builder = new BatchBuilder();
  builder.add(LATER, 'key', 'value');
  const batch = builder.finish(crc32c, { compression: { codec, compress: () => body } });
  if (batch.length > MIB) throw new Error(`${codec}: ${batch.length} bytes are more than a topic takes`);
  return batch;
}

async function makeTopic(by: Wire, name: string, settings: Readonly<Record<string, string>>): Promise<void> {
  const configs = Object.entries(settings).map(([key, value]) => ({ name: key, value }));
  const asked = { name, numPartitions: 1, replicationFactor: -1, assignments: [], configs };
  const made = await by.ask(createTopics, 7, { topics: [asked], timeoutMs: 60_000, validateOnly: false });
  if (made?.topics[0]?.errorCode !== errors.NONE) throw new Error(`${name}: ${made?.topics[0]?.errorMessage}`);
}

async function remove(by: Wire, name: string): Promise<number | undefined> {
  const answer = await by.ask(deleteTopics, 6, { topics: [{ name, topicId: NO_UUID }], timeoutMs: 60_000 });
  return answer?.responses[0]?.errorCode;
}

const endOf = async (by: Wire, name: string): Promise<number | undefined> =>
  (await fetched(by, name, [{ partition: 0, fetchOffset: 0 }], { maxBytes: 1 })).parts[0]?.highWatermark;

async function withWire(on: Target, run: (wire: Wire) => Promise<void>): Promise<void> {
  const wire = await Wire.connect(on.node.kafkaPort);
  await run(wire).finally(() => wire.end());
}

/** As soon as it can be. */
const COMPACT = { 'cleanup.policy': 'compact', 'segment.ms': '1000', 'min.cleanable.dirty.ratio': '0' };

/** Topics that open what comes. */
const opening: readonly (readonly [name: string, settings: Readonly<Record<string, string>>])[] = [
  ['compacted', { 'cleanup.policy': 'compact' }],
  ['bounded', { 'message.timestamp.before.max.ms': '60000' }],
  ['other-codec', { 'compression.type': 'uncompressed' }],
];

test.serial(
  'what would become gigabytes is refused where batches are opened, and never stored',
  attacks(target, BOUNDS, async (t, on) =>
    withWire(on, async (wire) => {
      for (const [name, settings] of opening) {
        await makeTopic(wire, name, settings);
        for (const bomb of bombs)
          t.is((await append(wire, name, batchOf(bomb)))?.errorCode, errors.MESSAGE_TOO_LARGE, `${name}: ${bomb.what}`);
        for (const lie of lies)
          t.is((await append(wire, name, batchOf(lie)))?.errorCode, errors.CORRUPT_MESSAGE, `${name}: ${lie.what}`);
        t.is(await endOf(wire, name), 0, name);
        t.is(await remove(wire, name), errors.NONE);
      }
    }),
  ),
);

test.serial(
  'what may just be opened takes no more than a few times of what it becomes',
  attacks(target, BOUNDS, async (t, on) =>
    withWire(on, async (wire) => {
      for (const [name, settings] of opening) {
        await makeTopic(wire, name, settings);
        const wanted = name === 'other-codec' ? errors.MESSAGE_TOO_LARGE : errors.NONE;
        for (const bomb of large)
          t.is((await append(wire, name, batchOf(bomb)))?.errorCode, wanted, `${name}: ${bomb.what}`);
        t.is(await remove(wire, name), errors.NONE);
      }
    }),
  ),
);

/** The bytes of all batches from `offset` on that a reader gets. */
async function stored(by: Wire, name: string): Promise<Buffer[]> {
  const batches: Buffer[] = [];
  for (let fetchOffset = 0; ; ) {
    const { parts } = await fetched(by, name, [{ partition: 0, fetchOffset }]);
    const given = [...batchesIn(parts[0]?.records ?? new Uint8Array(0))];
    if (given.length === 0) return batches;
    for (const batch of given) {
      batches.push(Buffer.from(batch));
      fetchOffset = readNextOffset(batch);
    }
  }
}

/** Base offset and epoch are the node's. */
const asSent = (batch: Uint8Array): string => Buffer.from(batch.subarray(16)).toString('base64');

test.serial(
  'compaction leaves what is too large to be opened as it is, and does the rest',
  attacks(target, BOUNDS, async (t, on) =>
    withWire(on, async (wire) => {
      // Whose time is so short is looked at often.
      await makeTopic(wire, 'mined', { 'segment.ms': '1000', 'retention.ms': '20000' });
      const mines = [...bombs, ...lies].map(batchOf);
      const others = Array.from({ length: 20 }, () => large.map(batchOf)).flat();
      const small = { what: 'small', codec: 'gzip', body: gzipSync(recordOf(10)) } as const;
      for (const batch of [...mines, batchOf(small), ...others, batchOf(small)])
        t.is((await append(wire, 'mined', batch))?.errorCode, errors.NONE);
      const at = async (timestamp: number): Promise<unknown> => {
        const topics = [{ name: 'mined', partitions: [{ partitionIndex: 0, timestamp }] }];
        const told = await wire.ask(listOffsets, 9, { replicaId: -1, isolationLevel: 0, topics });
        return told?.topics[0]?.partitions[0]?.offset;
      };
      // The first batch is a mine: it is told as a whole.
      for (let times = 0; times < 20; times++) t.deepEqual([await at(0), await at(-3)], [0, 0]);
      const configs = Object.entries(COMPACT).map(([name, value]) => ({ name, value }));
      const altered = [{ resourceType: 2, resourceName: 'mined', configs }];
      const answer = await wire.ask(alterConfigs, 2, { resources: altered, validateOnly: false });
      t.is(answer?.responses[0]?.errorCode, errors.NONE);
      let left = await stored(wire, 'mined');
      // All that can be opened have the same key, of which the newest stays.
      for (let looks = 0; left.length > mines.length + 1 && looks < 600; looks++) {
        await pause(200);
        left = await stored(wire, 'mined');
      }
      t.is(left.length, mines.length + 1);
      t.deepEqual(new Set(left.map(asSent)), new Set([...mines, batchOf(small)].map(asSent)));
      t.is(await remove(wire, 'mined'), errors.NONE);
    }),
  ),
);
