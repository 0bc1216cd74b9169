/** The work of compaction on bytes: the table of keys, a batch written anew, a table that is full. */
import { hash } from 'node:crypto';
import { crc32c } from '@node-rs/crc32';
import test from 'ava';
import * as fc from 'fast-check';
import { compress, decompress } from '../../src/edges/client/compression.ts';
import { type CompactionTools, filterPiece, noteKeys } from '../../src/log/compacting.ts';
import { ENTRY_BYTES, readEntry, SIDECAR_SEED, writeEntry } from '../../src/log/entry.ts';
import { KeyTable, keysMax } from '../../src/log/key-table.ts';
import { OpenBatch, rewriteBatch } from '../../src/log/rewriting.ts';
import {
  CODECS,
  crcHolds,
  DELETE_HORIZON_FLAG,
  LOG_APPEND_TIME_FLAG,
  readAttributes,
  readBaseOffset,
  readBaseTimestamp,
  readBatchBytes,
  readCrc,
  readMaxTimestamp,
  readNextOffset,
  readRecordCount,
  stampBatch,
} from '../../src/model/batch.ts';
import { BatchBuilder } from '../../src/model/batch-builder.ts';
import { id } from '../../src/model/ids.ts';
import { openRecords } from '../../src/model/record.ts';

const tools: CompactionTools = { crc32c, hash: (key) => hash('sha256', key, 'buffer'), compress, decompress };

interface Made {
  readonly key: string;
  readonly value: string | null;
  readonly timestamp: number;
}

function batchOf(records: readonly Made[], base: number, codec = 0): Uint8Array {
  const builder = new BatchBuilder();
  for (const { key, value, timestamp } of records) builder.add(timestamp, key, value, [{ key: 'h', value: null }]);
  const name = CODECS[codec] ?? 'none';
  const options =
    name === 'none' ? {} : { compression: { codec: name, compress: (bytes: Uint8Array) => compress(name, bytes) } };
  const batch = builder.finish(crc32c, options);
  stampBatch(batch, 0, id(base), id(0));
  return batch;
}

function pieceOf(batches: readonly Uint8Array[]): { bytes: Uint8Array; entries: Uint8Array } {
  const entries = new Uint8Array(batches.length * ENTRY_BYTES);
  let position = 0;
  for (const [index, batch] of batches.entries()) {
    const base = readBaseOffset(batch);
    const place = { partition: id(64), base, next: readNextOffset(batch), segment: id(0), position } as never as object;
    const about = { length: batch.length, epoch: 0, maxTimestamp: 0, crc: readCrc(batch), durable: 0, flags: 0 };
    writeEntry(entries, index * ENTRY_BYTES, { ...place, ...about } as never, SIDECAR_SEED, crc32c);
    position += batch.length;
  }
  return { bytes: Uint8Array.from(Buffer.concat(batches)), entries };
}

const made = fc.record({
  key: fc.string({ maxLength: 3 }),
  value: fc.option(fc.string({ maxLength: 40 })),
  timestamp: fc.integer({ min: 0, max: 2 ** 45 }),
});

test('a table knows the newest offset of each key, like a map', (t) => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(40), fc.nat(1_000))), (pairs) => {
      const table = new KeyTable(new Uint8Array(24 * 64));
      const map = new Map<number, number>();
      const hashOf = (key: number): Uint8Array => tools.hash(Uint8Array.of(key));
      for (const [key, offset] of pairs) {
        t.is(table.set(hashOf(key), offset), !map.has(key));
        map.set(key, Math.max(map.get(key) ?? 0, offset));
      }
      for (let key = 0; key <= 41; key++) t.is(table.newest(hashOf(key)), map.get(key) ?? -1);
    }),
  );
});

test('what stays of a batch keeps offset, time, key, value and headers', (t) => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(made, fc.boolean()), { minLength: 1, maxLength: 20 }),
      fc.nat(CODECS.length - 1),
      fc.option(fc.integer({ min: 0, max: 2 ** 45 })),
      (choices, codec, horizon) => {
        const batch = batchOf(
          choices.map(([record]) => record),
          1_000,
          codec,
        );
        const open = OpenBatch.open(batch, tools);
        if (open === null) return t.fail('not opened');
        let index = 0;
        const stays = (): boolean => choices[index++]?.[1] === true;
        const written = rewriteBatch(open, { stays, horizon: horizon ?? -1 }, tools, crc32c);
        t.true(crcHolds(written, 0, crc32c));
        t.is(readNextOffset(written), readNextOffset(batch));
        t.is((readAttributes(written) & DELETE_HORIZON_FLAG) !== 0, horizon !== null);
        if (horizon !== null) t.is(Number(readBaseTimestamp(written)), horizon);
        const records = openRecords(written, decompress, 1_000_000);
        if (!records.ok) return t.fail(records.fault.message);
        const kept = choices.flatMap(([record, isKept], at) => (isKept ? [{ ...record, offset: 1_000 + at }] : []));
        const found: object[] = [];
        while (records.value.next()) {
          const { offset, timestamp, key, value, headers } = records.value;
          t.deepEqual(headers, [{ key: 'h', value: null }]);
          const text = (bytes: Uint8Array | null): string | null =>
            bytes === null ? null : Buffer.from(bytes).toString();
          found.push({ key: text(key), value: text(value), timestamp: Number(timestamp), offset: Number(offset) });
        }
        t.false(records.value.damaged);
        t.deepEqual(found, kept);
        t.is(Number(readMaxTimestamp(written)), Math.max(-1, ...kept.map(({ timestamp }) => timestamp)));
        return undefined;
      },
    ),
    { numRuns: 300 },
  );
});

test('a batch that the node has stamped keeps its time', (t) => {
  const batch = batchOf(
    [
      { key: 'a', value: '1', timestamp: 5 },
      { key: 'b', value: '2', timestamp: 9 },
    ],
    0,
  );
  batch[22] = (batch[22] ?? 0) | LOG_APPEND_TIME_FLAG;
  const open = OpenBatch.open(batch, tools);
  if (open === null) return t.fail('not opened');
  const written = rewriteBatch(open, { stays: ({ offsetDelta }) => offsetDelta === 0, horizon: -1 }, tools, crc32c);
  t.is(Number(readMaxTimestamp(written)), 9);
  return undefined;
});

test('a table that is full ends the run where its keys end; what follows is not taken for old', (t) => {
  const table = new Uint8Array(24 * 8);
  const batches = Array.from({ length: 5 }, (_, index) =>
    batchOf(
      [
        { key: `${index}`, value: 'x', timestamp: 1 },
        { key: `${index}b`, value: null, timestamp: 1 },
      ],
      2 * index,
    ),
  );
  const piece = pieceOf(batches);
  const noted = noteKeys({ ...piece, table, count: 0, from: id(0), aborted: [] }, tools);
  t.is(keysMax(table.length), 6);
  t.deepEqual(noted, { bad: [], count: 6, to: id(6) });
  const filter = { ...piece, table, aborted: [], partition: id(64), segment: id(0), position: 0, end: id(10) };
  const filtered = filterPiece(
    { ...filter, now: 50, tombstoneRetentionMs: 10, tombstonesMayGo: true, open: [], last: [] } as never,
    tools,
  );
  t.is(filtered.removed, 0);
  t.is(filtered.tombstonesUntil, 60);
  const horizons: boolean[] = [];
  for (let at = 0; at < filtered.bytes.length; at += readBatchBytes(filtered.bytes, at))
    horizons.push((readAttributes(filtered.bytes, at) & DELETE_HORIZON_FLAG) !== 0);
  t.deepEqual(horizons, [true, true, true, false, false], 'a tombstone got its time before it was noted');
});

test('records of an aborted transaction are neither noted nor kept', (t) => {
  const producer = { producerId: id<never>(7), producerEpoch: id<never>(0), baseSequence: 0 };
  const builder = new BatchBuilder();
  builder.add(1, 'a', 'aborted');
  const aborted = builder.finish(crc32c, { producer });
  aborted[22] = (aborted[22] ?? 0) | 0x10;
  stampBatch(aborted, 0, id(1), id(0));
  new DataView(aborted.buffer).setUint32(17, crc32c(aborted.subarray(21)));
  const piece = pieceOf([batchOf([{ key: 'a', value: 'good', timestamp: 1 }], 0), aborted]);
  const table = new Uint8Array(24 * 64);
  const ranges = [[7, 1, 1]] as const;
  t.is(noteKeys({ ...piece, table, count: 0, from: id(0), aborted: ranges }, tools).count, 1);
  const filter = { ...piece, table, aborted: ranges, partition: id(64), segment: id(0), position: 0, end: id(3) };
  const filtered = filterPiece(
    { ...filter, now: 0, tombstoneRetentionMs: 0, tombstonesMayGo: true, open: [], last: [] } as never,
    tools,
  );
  t.is(filtered.removed, 1);
  t.is(filtered.entries.length, ENTRY_BYTES);
  t.is(Number(readEntry(filtered.entries, 0).base), 0);
});

test('a piece with damage is told, and nothing is made of it', (t) => {
  const piece = pieceOf([batchOf([{ key: 'a', value: '1', timestamp: 1 }], 0)]);
  piece.bytes[70] = (piece.bytes[70] ?? 0) ^ 1;
  const table = new Uint8Array(24 * 64);
  t.deepEqual(noteKeys({ ...piece, table, count: 0, from: id(0), aborted: [] }, tools).bad, [0]);
  const filter = { ...piece, table, aborted: [], partition: id(64), segment: id(0), position: 0, end: id(1) };
  const filtered = filterPiece(
    { ...filter, now: 0, tombstoneRetentionMs: 0, tombstonesMayGo: true, open: [], last: [] } as never,
    tools,
  );
  t.deepEqual(filtered.bad, [0]);
  t.is(filtered.bytes.length, 0);
});

test('a batch without a record left stays only where its segment ends', (t) => {
  const old = batchOf([{ key: 'a', value: '1', timestamp: 1 }], 0);
  const table = new Uint8Array(24 * 64);
  new KeyTable(table).set(tools.hash(Buffer.from('a')), 9);
  const filter = { ...pieceOf([old]), table, aborted: [], partition: id(64), segment: id(0), position: 0 };
  const times = { now: 0, tombstoneRetentionMs: 0, tombstonesMayGo: true, open: [], last: [] };
  t.is(filterPiece({ ...filter, ...times, end: id(5) } as never, tools).bytes.length, 0);
  const last = filterPiece({ ...filter, ...times, end: id(1) } as never, tools).bytes;
  t.is(readRecordCount(last), 0);
  t.is(Number(readNextOffset(last)), 1);
  t.true(crcHolds(last, 0, crc32c));
});
