/**
 * What is checked of a batch at the door: one whole batch of version 2, checksum, counts, flags, and the records where
 * they are not compressed. Compressed records are never opened. Linear in the bytes; allocates per batch, not per record.
 */
import {
  BATCH_HEADER_BYTES,
  BATCH_MAGIC,
  CODEC_MASK,
  CONTROL_FLAG,
  codecOf,
  crcHolds,
  DELETE_HORIZON_FLAG,
  LOG_APPEND_TIME_FLAG,
  NO_PRODUCER,
  readAttributes,
  readBaseSequence,
  readBaseTimestamp,
  readBatchBytes,
  readLastOffsetDelta,
  readMagic,
  readMaxTimestamp,
  readProducerEpoch,
  readProducerId,
  readRecordCount,
  TRANSACTIONAL_FLAG,
} from './batch.ts';
import type { Crc32c } from './crc.ts';
import { type Fault, fault } from './faults.ts';
import { skipNullable } from './record.ts';
import { VarintReader } from './varint.ts';

/** Judges a batch from a client. `bytes` is to hold exactly one. */
export function checkBatch(bytes: Uint8Array, crc32c: Crc32c): Fault | null {
  return (
    checkFrame(bytes) ??
    (crcHolds(bytes, 0, crc32c) ? null : corrupt('the checksum does not hold')) ??
    checkAttributes(readAttributes(bytes)) ??
    checkCounts(bytes) ??
    checkTimes(bytes) ??
    checkProducer(bytes) ??
    checkBody(bytes)
  );
}

function corrupt(message: string): Fault {
  return fault('CORRUPT_BATCH', `record batch: ${message}`);
}

function unsupported(message: string): Fault {
  return fault('UNSUPPORTED_BATCH', `record batch: ${message}`);
}

function checkFrame(bytes: Uint8Array): Fault | null {
  // Message sets of versions 0 and 1 have their magic at the same place and may be shorter than a header of version 2.
  if (bytes.length > 16 && readMagic(bytes) !== BATCH_MAGIC) return unsupported(`magic is ${readMagic(bytes)}, not 2`);
  if (bytes.length < BATCH_HEADER_BYTES) return corrupt(`${bytes.length} bytes are less than a header`);
  const length = readBatchBytes(bytes);
  if (length !== bytes.length) return corrupt(`its length says ${length} bytes, there are ${bytes.length}`);
  return null;
}

/** Flags that only a node sets. */
const NODE_FLAGS: readonly (readonly [flag: number, name: string])[] = [
  [LOG_APPEND_TIME_FLAG, 'log append time'],
  [CONTROL_FLAG, 'control'],
  [DELETE_HORIZON_FLAG, 'delete horizon'],
];

function checkAttributes(attributes: number): Fault | null {
  const codec = codecOf(attributes);
  if (codec === undefined) return unsupported(`compression ${attributes & CODEC_MASK} is not known`);
  if ((attributes & ~(CODEC_MASK | TRANSACTIONAL_FLAG)) === 0) return null;
  for (const [flag, name] of NODE_FLAGS) {
    if ((attributes & flag) !== 0) return unsupported(`the ${name} flag may not be set by a client`);
  }
  return unsupported(`attributes 0x${(attributes & 0xffff).toString(16)} are not known`);
}

function checkCounts(bytes: Uint8Array): Fault | null {
  const count = readRecordCount(bytes);
  if (count < 1) return corrupt(`its record count is ${count}`);
  const delta = readLastOffsetDelta(bytes);
  return delta === count - 1 ? null : corrupt(`its record count is ${count}, its last offset delta ${delta}`);
}

/** -1 is a time that was not given; compressed batches are believed beyond that. */
function checkTimes(bytes: Uint8Array): Fault | null {
  const base = readBaseTimestamp(bytes);
  const max = readMaxTimestamp(bytes);
  if (!Number.isSafeInteger(base) || base < -1) return corrupt('its base timestamp is out of range');
  if (!Number.isSafeInteger(max) || max < -1) return corrupt('its max timestamp is out of range');
  return null;
}

/** All three or none: a producer id without epoch or sequence could not be told from a duplicate. */
function checkProducer(bytes: Uint8Array): Fault | null {
  const id = readProducerId(bytes);
  if (id === NO_PRODUCER) {
    const transactional = (readAttributes(bytes) & TRANSACTIONAL_FLAG) !== 0;
    return transactional ? corrupt('it is transactional and has no producer') : null;
  }
  if (!Number.isSafeInteger(id) || id < 0) return corrupt('its producer id is out of range');
  if (readProducerEpoch(bytes) < 0) return corrupt(`its producer epoch is ${readProducerEpoch(bytes)}`);
  if (readBaseSequence(bytes) < 0) return corrupt(`its base sequence is ${readBaseSequence(bytes)}`);
  return null;
}

function checkBody(bytes: Uint8Array): Fault | null {
  if (bytes.length === BATCH_HEADER_BYTES) return corrupt('it has no records');
  return codecOf(readAttributes(bytes)) === 'none' ? checkRecords(bytes) : null;
}

/** Kept between calls: a walk runs to its end before anything else does. */
const reader = new VarintReader();

function checkRecords(bytes: Uint8Array): Fault | null {
  const count = readRecordCount(bytes);
  const times = timesOf(bytes);
  reader.over(bytes, BATCH_HEADER_BYTES, bytes.length);
  // The count may lie up to 2^31; the walk ends with the bytes, because every record takes some.
  for (let index = 0; index < count; index++) {
    const length = reader.varint();
    const start = reader.skip(length);
    if (reader.failed) return badRecord(index, 'its length is wrong');
    reader.position = start;
    reader.end = start + length;
    const wrong = checkRecord(index, times);
    if (wrong !== null) return badRecord(index, wrong);
    reader.end = bytes.length;
  }
  return reader.position === bytes.length ? null : corrupt('there are bytes behind its last record');
}

function badRecord(index: number, what: string): Fault {
  return { ...corrupt(`record ${index}: ${what}`), records: { count: 1, named: [{ at: index, why: 'unsound' }] } };
}

/** Timestamps of records are told as distances from the base; compared so, because a timestamp itself is allocated. */
interface Times {
  readonly base: number;
  readonly max: number;
  readonly least: number;
  readonly most: number;
}

function timesOf(bytes: Uint8Array): Times {
  const base = readBaseTimestamp(bytes);
  const max = readMaxTimestamp(bytes);
  return { base, max, least: -1 - base, most: max - base };
}

/** Walks one record, which ends at the reader's end. */
function checkRecord(index: number, times: Times): string | null {
  reader.byte();
  const sinceBase = reader.varlong();
  const delta = reader.varint();
  skipNullable(reader, reader.varint());
  skipNullable(reader, reader.varint());
  const headers = reader.varint();
  if (headers < 0) return `its header count is ${headers}`;
  for (let left = headers; left > 0 && !reader.failed; left--) {
    reader.skip(reader.varint());
    skipNullable(reader, reader.varint());
  }
  if (reader.failed || reader.position !== reader.end) return 'its fields do not fill its length';
  if (delta !== index) return `its offset delta is ${delta}`;
  if (sinceBase < times.least) return 'its timestamp is out of range';
  if (sinceBase <= times.most) return null;
  return `its timestamp ${times.base + sinceBase} is beyond the max timestamp ${times.max} of the batch`;
}
