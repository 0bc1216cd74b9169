/** Judges record batches: the layout byte by byte, records there and back, stamps, and runs of batches. */
import { crc32c } from '@node-rs/crc32';
import test from 'ava';
import fc from 'fast-check';
import { type CompressionCodec, compressorFor } from '../../src/edges/client/compression.ts';
import * as batches from '../../src/model/batch.ts';
import { BatchBuilder, type BatchOptions, recordBytesMax } from '../../src/model/batch-builder.ts';
import { checkBatch } from '../../src/model/batch-check.ts';
import { writeInt32 } from '../../src/model/bytes.ts';
import { type Epoch, id, type Offset, type ProducerEpoch, type ProducerId } from '../../src/model/ids.ts';
import { batchOf, bytesOf, recordsOf, smallBatch, someRecords } from './batches.ts';

/** Two records at 1503229838908 ms and 168 ms later, laid out by hand from Kafka's documentation of the format. */
const BY_HAND = [
  '0000000000000000', // base offset
  '0000004c', // length: 49 bytes of header behind it, 14 and 13 of records
  '00000000', // leader epoch
  '02', // magic
  'CCCCCCCC', // CRC-32C
  '0000', // attributes: not compressed, create time
  '00000001', // last offset delta
  '0000015dff7b063c', // base timestamp
  '0000015dff7b06e4', // max timestamp
  'ffffffffffffffff', // producer id
  'ffff', // producer epoch
  'ffffffff', // base sequence
  '00000002', // record count
  '1a', // record 0: length 13
  '00', // attributes
  '00', // timestamp delta 0
  '00', // offset delta 0
  '026b', // key "k"
  '06313233', // value "123"
  '02', // one header
  '0268', // "h"
  '01', // null
  '18', // record 1: length 12
  '00', // attributes
  'd002', // timestamp delta 168
  '02', // offset delta 1
  '01', // no key
  '0a68656c6c6f', // value "hello"
  '00', // no header
].join('');

function byHand(): Uint8Array {
  const bytes = Uint8Array.from(Buffer.from(BY_HAND.replace('CCCCCCCC', '00000000'), 'hex'));
  writeInt32(bytes, 17, crc32c(bytes.subarray(21)));
  return bytes;
}

test('a batch laid out by hand passes the door, is read field by field, and is what the builder writes', (t) => {
  const bytes = byHand();
  t.is(checkBatch(bytes, crc32c), null);
  t.is(batches.readBatchBytes(bytes), 88);
  t.is(batches.readLastOffsetDelta(bytes), 1);
  t.is(batches.readNextOffset(bytes), 2 as Offset);
  t.is(Number(batches.readBaseTimestamp(bytes)), 1503229838908);
  t.is(Number(batches.readMaxTimestamp(bytes)), 1503229839076);
  t.is(Number(batches.readProducerId(bytes)), -1);
  t.is(Number(batches.readProducerEpoch(bytes)), -1);
  t.is(batches.readBaseSequence(bytes), -1);
  t.is(batches.readRecordCount(bytes), 2);
  const records = [
    { timestamp: 1503229838908, key: 'k', value: '123', headers: [{ key: 'h', value: null }] },
    { timestamp: 1503229839076, key: null, value: 'hello', headers: [] },
  ];
  t.deepEqual([...batchOf(records)], [...bytes]);
});

const codecs: readonly batches.Codec[] = batches.CODECS;

function optionsFor(codec: batches.Codec): BatchOptions {
  if (codec === 'none') return {};
  const compressor = compressorFor(codec as CompressionCodec);
  if (!compressor.ok) throw new Error(compressor.fault.message);
  return { compression: { codec, compress: compressor.value } };
}

for (const codec of codecs) {
  test(`records come back as they were given, ${codec === 'none' ? 'uncompressed' : codec}`, (t) => {
    fc.assert(
      fc.property(someRecords, fc.maxSafeNat(), fc.nat(), (records, base, epoch) => {
        const batch = batchOf(records, optionsFor(codec));
        const baseOffset = Math.min(base, Number.MAX_SAFE_INTEGER - records.length);
        batches.stampBatch(batch, 0, id<Offset>(baseOffset), id<Epoch>(epoch));
        t.is(checkBatch(batch, crc32c), null);
        t.is(batches.codecOf(batches.readAttributes(batch)), codec);
        t.is(Number(batches.readBaseOffset(batch)), baseOffset);
        t.is(Number(batches.readEpoch(batch)), epoch);
        t.is(Number(batches.readMaxTimestamp(batch)), Math.max(...records.map((record) => record.timestamp)));
        const expected = records.map((record, index) => ({
          offset: baseOffset + index,
          timestamp: record.timestamp,
          key: bytesOf(record.key),
          value: bytesOf(record.value),
          headers: record.headers.map((header) => ({ ...header, key: header.key.toWellFormed() })),
        }));
        t.deepEqual(recordsOf(batch), expected);
      }),
      { numRuns: 100 },
    );
  });
}

test('a producer is written by the builder and stamped later, with a checksum that holds', (t) => {
  const producer = {
    producerId: id<ProducerId>(2 ** 40),
    producerEpoch: id<ProducerEpoch>(7),
    baseSequence: 2 ** 31 - 1,
  };
  const built = smallBatch(3, { producer });
  const stamped = smallBatch(3);
  batches.stampProducer(stamped, producer, crc32c);
  t.deepEqual(stamped, built);
  t.is(checkBatch(stamped, crc32c), null);
  t.is(Number(batches.readProducerId(stamped)), 2 ** 40);
  t.is(Number(batches.readProducerEpoch(stamped)), 7);
  t.is(batches.readBaseSequence(stamped), 2 ** 31 - 1);
  t.is(batches.lastSequence(2 ** 31 - 1, 2), 1);
});

test('the builder is used again, and no record takes more than was foretold', (t) => {
  fc.assert(
    fc.property(fc.array(someRecords, { minLength: 1, maxLength: 3 }), (runs) => {
      const builder = new BatchBuilder();
      for (const records of runs) {
        for (const { timestamp, key, value, headers } of records) {
          const before = builder.bytes;
          builder.add(timestamp, key, value, headers);
          if (builder.bytes - before > recordBytesMax(key, value, headers)) return false;
        }
        const foretold = builder.bytes;
        const batch = builder.finish(crc32c);
        if (batch.length !== foretold || builder.count !== 0) return false;
        if (Buffer.compare(batch, batchOf(records)) !== 0) return false;
      }
      return true;
    }),
    { numRuns: 100 },
  );
  t.pass();
});

test('a run of batches is walked; what is cut short at its end is left out', (t) => {
  const run = Buffer.concat([smallBatch(1), smallBatch(2), smallBatch(3)]);
  t.deepEqual(
    Array.from(batches.batchesIn(run), (batch) => batches.readRecordCount(batch)),
    [1, 2, 3],
  );
  t.deepEqual(
    Array.from(batches.batchesIn(run.subarray(0, -1)), (batch) => batches.readRecordCount(batch)),
    [1, 2],
  );
  t.is(batches.batchEnd(run, run.length), -1);
  t.deepEqual([...batches.batchesIn(new Uint8Array(200))], []);
});

test('records of a compressed batch that lies about its content are damaged, not delivered beyond the batch', (t) => {
  const offsetBeyond = batchOf([{ timestamp: 1, key: null, value: 'x', headers: [] }], optionsFor('gzip'));
  for (const [name, records] of [
    ['a record less', Buffer.from('0e000000010278', 'hex')],
    ['an offset beyond the batch', Buffer.from('0e00000401027800', 'hex')],
    ['bytes behind the last', Buffer.from('0e0000000102780000', 'hex')],
    ['a length beyond the end', Buffer.from('7e00000001027800', 'hex')],
  ] as const) {
    const body = (optionsFor('gzip').compression as { compress(bytes: Uint8Array): Uint8Array }).compress(records);
    const batch = Buffer.concat([offsetBeyond.subarray(0, 61), body]);
    t.is(recordsOf(batch), 'damaged', name);
  }
});

test('decompressed records are bounded', (t) => {
  const batch = batchOf([{ timestamp: 1, key: null, value: new Uint8Array(100_000), headers: [] }], optionsFor('zstd'));
  t.is(recordsOf(batch, 10_000), 'BATCH_TOO_LARGE');
});
