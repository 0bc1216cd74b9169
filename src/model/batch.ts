/**
 * Record batch, version 2: the layout of its header, read and stamped in place. What clients send, what lies on disk and
 * what consumers get are these bytes. Never opens the records (record.ts) and never judges them (batch-check.ts).
 *
 * ```
 * 0  base offset i64 | 8 length i32 (of what follows it) | 12 leader epoch i32 | 16 magic i8 = 2 | 17 CRC-32C u32
 * 21 attributes i16 | 23 last offset delta i32 | 27 base timestamp i64 | 35 max timestamp i64
 * 43 producer id i64 | 51 producer epoch i16 | 53 base sequence i32 | 57 record count i32 | 61 records
 * ```
 * The checksum covers everything from the attributes to the end: neither base offset nor leader epoch, which the node
 * writes. The readers trust that a whole header is there and, for their types, that `checkBatch` passed.
 */
import { readInt16, readInt32, readInt64, readUint32, writeInt16, writeInt32, writeInt64 } from './bytes.ts';
import type { Crc32c } from './crc.ts';
import type { Epoch, Offset, ProducerEpoch, ProducerId, Timestamp } from './ids.ts';

export const BATCH_HEADER_BYTES = 61;
export const BATCH_MAGIC = 2;
/** What the length field does not count: the base offset and itself. */
const UNCOUNTED_BYTES = 12;
/** The checksum covers the batch from here. */
export const BATCH_CHECKED_FROM = 21;

/** The attributes' bits 0 to 2. */
export const CODECS = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const;
export type Codec = (typeof CODECS)[number];

/** Bits of the attributes beside the codec. */
export const CODEC_MASK = 0x07;
export const LOG_APPEND_TIME_FLAG = 0x08;
export const TRANSACTIONAL_FLAG = 0x10;
export const CONTROL_FLAG = 0x20;
export const DELETE_HORIZON_FLAG = 0x40;

/** Field of a producer without id, epoch or sequence. */
export const NO_PRODUCER = -1;
export const SEQUENCE_MAX = 0x7fff_ffff;

export const readBaseOffset = (bytes: Uint8Array, at = 0): Offset => readInt64(bytes, at) as Offset;
/** Bytes of the whole batch, by its length field. */
export const readBatchBytes = (bytes: Uint8Array, at = 0): number => UNCOUNTED_BYTES + readInt32(bytes, at + 8);
export const readEpoch = (bytes: Uint8Array, at = 0): Epoch => readInt32(bytes, at + 12) as Epoch;
export const readMagic = (bytes: Uint8Array, at = 0): number => bytes[at + 16] ?? 0;
export const readCrc = (bytes: Uint8Array, at = 0): number => readUint32(bytes, at + 17);
export const readAttributes = (bytes: Uint8Array, at = 0): number => readInt16(bytes, at + 21);
export const readLastOffsetDelta = (bytes: Uint8Array, at = 0): number => readInt32(bytes, at + 23);
/** -1 where the producer gave none. */
export const readBaseTimestamp = (bytes: Uint8Array, at = 0): Timestamp => readInt64(bytes, at + 27) as Timestamp;
export const readMaxTimestamp = (bytes: Uint8Array, at = 0): Timestamp => readInt64(bytes, at + 35) as Timestamp;
/** {@link NO_PRODUCER} where the producer is not idempotent. */
export const readProducerId = (bytes: Uint8Array, at = 0): ProducerId => readInt64(bytes, at + 43) as ProducerId;
export const readProducerEpoch = (bytes: Uint8Array, at = 0): ProducerEpoch =>
  readInt16(bytes, at + 51) as ProducerEpoch;
export const readBaseSequence = (bytes: Uint8Array, at = 0): number => readInt32(bytes, at + 53);
export const readRecordCount = (bytes: Uint8Array, at = 0): number => readInt32(bytes, at + 57);
/** Offset that follows the batch. */
export const readNextOffset = (bytes: Uint8Array, at = 0): Offset =>
  (readInt64(bytes, at) + readLastOffsetDelta(bytes, at) + 1) as Offset;

/** Name of the codec in `attributes`, `undefined` for the three numbers that mean none. */
export function codecOf(attributes: number): Codec | undefined {
  return CODECS[attributes & CODEC_MASK];
}

/** Sequence of a batch's last record: they go from 2^31 - 1 on to 0. */
export function lastSequence(baseSequence: number, lastOffsetDelta: number): number {
  return (baseSequence + lastOffsetDelta) % (SEQUENCE_MAX + 1);
}

/** The node's own two fields; the checksum stays right. */
export function stampBatch(bytes: Uint8Array, at: number, baseOffset: Offset, epoch: Epoch): void {
  writeInt64(bytes, at, baseOffset);
  writeInt32(bytes, at + 12, epoch);
}

/** Gives a batch at the beginning of `bytes` to a producer, and a new checksum. */
export function stampProducer(bytes: Uint8Array, producer: BatchProducer, crc32c: Crc32c): void {
  writeInt64(bytes, 43, producer.producerId);
  writeInt16(bytes, 51, producer.producerEpoch);
  writeInt32(bytes, 53, producer.baseSequence);
  writeInt32(bytes, 17, crc32c(bytes.subarray(BATCH_CHECKED_FROM, readBatchBytes(bytes))));
}

/** Who sent a batch, and the sequence of its first record. */
export interface BatchProducer {
  readonly producerId: ProducerId;
  readonly producerEpoch: ProducerEpoch;
  readonly baseSequence: number;
}

/** Does the batch's checksum hold? `bytes` begins with the batch and its length field was checked. */
export function crcHolds(bytes: Uint8Array, at: number, crc32c: Crc32c): boolean {
  return crc32c(bytes.subarray(at + BATCH_CHECKED_FROM, at + readBatchBytes(bytes, at))) === readCrc(bytes, at);
}

/** Where the batch that begins at `at` ends, or -1 when it is not whole: bytes are missing or its length is no length. */
export function batchEnd(bytes: Uint8Array, at: number): number {
  if (bytes.length - at < BATCH_HEADER_BYTES) return -1;
  const length = readBatchBytes(bytes, at);
  return length < BATCH_HEADER_BYTES || length > bytes.length - at ? -1 : at + length;
}

/** The whole batches of `bytes`, one view each; what is behind the last whole one is left out. */
export function* batchesIn(bytes: Uint8Array): Generator<Uint8Array, void, undefined> {
  for (let at = 0, end = batchEnd(bytes, 0); end > 0; at = end, end = batchEnd(bytes, at))
    yield bytes.subarray(at, end);
}
