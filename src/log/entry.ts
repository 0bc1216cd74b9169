/**
 * The entry of a batch: 64 bytes that bind it to its place. A batch's own checksum covers neither its offset nor its
 * partition, so a misdirected write or a recycled file would pass without it. Entries stand in the journal's groups first
 * and in one sidecar a segment later. This file lays them out; it never judges whether a batch matches (see {@link mismatch}
 * for the one comparison) and never decides what a bad one means.
 *
 * ```
 * 0  partition i64 | 8 base offset i64 | 16 segment's base offset i64 | 24 max timestamp i64
 * 32 durable offset of the partition when the entry was made i64 | 40 position in the segment u32
 * 44 flags u8 | 45 batch bytes u24 | 48 last offset delta u32 | 52 leader epoch u32 | 56 the batch's CRC-32C u32
 * 60 CRC-32C u32 over bytes 0 to 59, begun with the seed of the place
 * ```
 * The seed is {@link SIDECAR_SEED} in a sidecar; in the journal it comes from the file's sequence and the group's number,
 * so that an entry left over in a recycled file never passes.
 */
import {
  BATCH_MAGIC,
  crcHolds,
  readBaseOffset,
  readBatchBytes,
  readCrc,
  readEpoch,
  readLastOffsetDelta,
  readMagic,
} from '../model/batch.ts';
import { readInt32, readInt64, readUint32, writeInt32, writeInt64 } from '../model/bytes.ts';
import type { Crc32c } from '../model/crc.ts';
import type { Epoch, Offset, PartitionId } from '../model/ids.ts';

export const ENTRY_BYTES = 64;
const CHECKED_BYTES = 60;
export const SIDECAR_SEED = 0;

/** The batch lies in its segment already and not in the journal. */
export const DIRECT_FLAG = 1;
/** The bytes did not match when they were moved: kept as they were found, never served. */
export const DAMAGED_FLAG = 2;
/** Compaction wrote it: offsets that are missing before it, up to the batch before or the segment's begin, are gone on purpose. */
export const COMPACTED_FLAG = 4;

export interface Entry {
  readonly partition: PartitionId;
  readonly base: Offset;
  /** Offset behind the batch. */
  readonly next: Offset;
  /** Base offset of the segment that the batch belongs to. */
  readonly segment: Offset;
  /** Byte position in the segment. */
  readonly position: number;
  /** Bytes of the batch. */
  readonly length: number;
  readonly epoch: Epoch;
  /** Milliseconds since 1970; -1 where the producer gave none. */
  readonly maxTimestamp: number;
  readonly crc: number;
  /** Everything of the partition below this was durable when the entry was made. */
  readonly durable: Offset;
  readonly flags: number;
}

/** Writes `entry` at `at`, sealed with `seed`. */
export function writeEntry(into: Uint8Array, at: number, entry: Entry, seed: number, crc32c: Crc32c): void {
  writeInt64(into, at, entry.partition);
  writeInt64(into, at + 8, entry.base);
  writeInt64(into, at + 16, entry.segment);
  writeInt64(into, at + 24, entry.maxTimestamp);
  writeInt64(into, at + 32, entry.durable);
  writeInt32(into, at + 40, entry.position);
  writeInt32(into, at + 44, (entry.flags << 24) | entry.length);
  writeInt32(into, at + 48, entry.next - entry.base - 1);
  writeInt32(into, at + 52, entry.epoch);
  writeInt32(into, at + 56, entry.crc);
  sealEntry(into, at, seed, crc32c);
}

/** Gives the entry at `at` the checksum of another place: sidecar entries become journal entries and back. */
export function sealEntry(bytes: Uint8Array, at: number, seed: number, crc32c: Crc32c): void {
  writeInt32(bytes, at + CHECKED_BYTES, crc32c(bytes.subarray(at, at + CHECKED_BYTES), seed));
}

/** Does the checksum of the entry at `at` hold? */
export function entryHolds(bytes: Uint8Array, at: number, seed: number, crc32c: Crc32c): boolean {
  return crc32c(bytes.subarray(at, at + CHECKED_BYTES), seed) === readUint32(bytes, at + CHECKED_BYTES);
}

export const readEntryPartition = (bytes: Uint8Array, at: number): PartitionId => readInt64(bytes, at) as PartitionId;
export const readEntryBase = (bytes: Uint8Array, at: number): Offset => readInt64(bytes, at + 8) as Offset;
export const readEntryNext = (bytes: Uint8Array, at: number): Offset =>
  (readInt64(bytes, at + 8) + readUint32(bytes, at + 48) + 1) as Offset;
export const readEntryMaxTimestamp = (bytes: Uint8Array, at: number): number => readInt64(bytes, at + 24);
export const readEntryDurable = (bytes: Uint8Array, at: number): Offset => readInt64(bytes, at + 32) as Offset;
export const readEntryPosition = (bytes: Uint8Array, at: number): number => readUint32(bytes, at + 40);
export const readEntryLength = (bytes: Uint8Array, at: number): number => readInt32(bytes, at + 44) & 0xff_ffff;
export const readEntryFlags = (bytes: Uint8Array, at: number): number => bytes[at + 44] ?? 0;

/** All fields of the entry at `at`, whose checksum was found to hold. */
export function readEntry(bytes: Uint8Array, at: number): Entry {
  return {
    partition: readEntryPartition(bytes, at),
    base: readEntryBase(bytes, at),
    next: readEntryNext(bytes, at),
    segment: readInt64(bytes, at + 16) as Offset,
    maxTimestamp: readEntryMaxTimestamp(bytes, at),
    durable: readEntryDurable(bytes, at),
    position: readEntryPosition(bytes, at),
    length: readEntryLength(bytes, at),
    flags: readEntryFlags(bytes, at),
    epoch: readUint32(bytes, at + 52) as Epoch,
    crc: readUint32(bytes, at + 56),
  };
}

/** What of the batch at `at` contradicts its entry, in words; null when all of its bytes are as they were written. */
export function mismatch(entry: Entry, bytes: Uint8Array, at: number, crc32c: Crc32c): string | null {
  if (bytes.length - at < entry.length) return 'bytes are missing';
  if (readBatchBytes(bytes, at) !== entry.length) return 'length';
  if (readMagic(bytes, at) !== BATCH_MAGIC) return 'magic';
  if (readBaseOffset(bytes, at) !== entry.base) return 'base offset';
  if (readEpoch(bytes, at) !== entry.epoch) return 'leader epoch';
  if (readLastOffsetDelta(bytes, at) !== entry.next - entry.base - 1) return 'last offset delta';
  if (readCrc(bytes, at) !== entry.crc) return 'checksum field';
  return crcHolds(bytes, at, crc32c) ? null : 'checksum';
}
