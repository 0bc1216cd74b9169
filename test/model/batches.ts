/** What the tests of batches share: generated records, batches of them, and the records of a batch as plain values. */
import { crc32c } from '@node-rs/crc32';
import fc from 'fast-check';
import { decompress } from '../../src/edges/client/compression.ts';
import { BatchBuilder, type BatchOptions, type Content } from '../../src/model/batch-builder.ts';
import { openRecords } from '../../src/model/record.ts';

export interface PlainRecord {
  readonly timestamp: number;
  readonly key: Content;
  readonly value: Content;
  readonly headers: readonly { readonly key: string; readonly value: Uint8Array | null }[];
}

const long = fc.string({ unit: 'binary', minLength: 33, maxLength: 300 });
const content = fc.oneof(fc.uint8Array({ maxLength: 40 }), fc.string(), long, fc.constant(null));
const record: fc.Arbitrary<PlainRecord> = fc.record({
  timestamp: fc.oneof(fc.integer({ min: 1.7e12, max: 1.8e12 }), fc.maxSafeNat()),
  key: content,
  value: content,
  headers: fc.array(fc.record({ key: fc.string(), value: fc.option(fc.uint8Array({ maxLength: 20 })) }), {
    maxLength: 4,
  }),
});
export const someRecords = fc.array(record, { minLength: 1, maxLength: 20 });

export function batchOf(records: readonly PlainRecord[], options?: BatchOptions): Uint8Array {
  const builder = new BatchBuilder();
  for (const each of records) builder.add(each.timestamp, each.key, each.value, each.headers);
  return builder.finish(crc32c, options);
}

/** A batch of `count` small records at time 1. */
export function smallBatch(count: number, options?: BatchOptions): Uint8Array {
  const records = Array.from({ length: count }, (_, index) => ({
    timestamp: 1,
    key: `key ${index}`,
    value: `value ${index}`,
    headers: [{ key: 'h', value: null }],
  }));
  return batchOf(records, options);
}

export const bytesOf = (from: Content): Uint8Array | null =>
  from === null ? null : Uint8Array.from(typeof from === 'string' ? new TextEncoder().encode(from) : from);

/** The records of a batch, or the code of the fault, or `damaged`. */
export function recordsOf(batch: Uint8Array, bytesMax = 1 << 20): readonly unknown[] | string {
  const opened = openRecords(batch, decompress, bytesMax);
  if (!opened.ok) return opened.fault.code;
  const cursor = opened.value;
  const records: unknown[] = [];
  while (cursor.next()) {
    const headers = cursor.headers.map((header) => ({ key: header.key, value: bytesOf(header.value) }));
    const { offset, timestamp } = cursor;
    records.push({ offset, timestamp, key: bytesOf(cursor.key), value: bytesOf(cursor.value), headers });
  }
  return cursor.damaged ? 'damaged' : records;
}
