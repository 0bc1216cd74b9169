/**
 * A segment's sidecar in memory: one entry a batch, looked up by offset and by time. Finds entries that do not hold and
 * replaces them, in memory alone, by what their neighbours prove: which offsets are lost. Never reads or writes a file.
 */
import type { Crc32c } from '../model/crc.ts';
import type { Offset, PartitionId } from '../model/ids.ts';
import { findEntry } from './chunk.ts';
import {
  COMPACTED_FLAG,
  DAMAGED_FLAG,
  ENTRY_BYTES,
  type Entry,
  entryHolds,
  readEntry,
  readEntryFlags,
  readEntryMaxTimestamp,
  SIDECAR_SEED,
  writeEntry,
} from './entry.ts';

export interface SidecarPlace {
  readonly partition: PartitionId;
  readonly base: Offset;
  /** Offset behind the segment's last batch, null where only the sidecar could tell. */
  readonly end: Offset | null;
}

export class Sidecar {
  readonly bytes: Uint8Array;
  readonly count: number;
  /** Offsets of batches whose entry is lost or says that the bytes are damaged, ascending. */
  readonly damaged: (readonly [Offset, Offset])[] = [];
  /** Entries before the first one that does not hold. */
  readonly prefix: number;
  /** Entries at the end that do not hold and whose offsets nobody can tell: they are not counted. */
  readonly lostAtEnd: number;

  /** @param bytes of whole entries; changed in place where entries do not hold. */
  constructor(bytes: Uint8Array, place: SidecarPlace, crc32c: Crc32c) {
    this.bytes = bytes;
    const holds = (index: number): Entry | null => {
      const at = index * ENTRY_BYTES;
      if (!entryHolds(bytes, at, SIDECAR_SEED, crc32c)) return null;
      const entry = readEntry(bytes, at);
      return entry.partition === place.partition && entry.segment <= entry.base ? entry : null;
    };
    const whole = Math.floor(bytes.length / ENTRY_BYTES);
    let count = 0;
    let next = place.base;
    let position = 0;
    let prefix = -1;
    for (let index = 0; index < whole; index++) {
      const entry = holds(index);
      // Entries go on where the last ended; whatever is missing between two that hold is damage.
      if (entry === null || entry.base < next || entry.position < position) {
        if (prefix < 0) prefix = index;
        continue;
      }
      const isGap = entry.base > next && (count < index || (entry.flags & COMPACTED_FLAG) === 0);
      if (isGap && prefix < 0) prefix = index;
      if (isGap) this.#fill(count, index, next, entry, crc32c);
      if ((entry.flags & DAMAGED_FLAG) !== 0) this.damaged.push([entry.base, entry.next]);
      count = index + 1;
      next = entry.next;
      position = entry.position + entry.length;
    }
    this.prefix = prefix < 0 ? whole : prefix;
    this.lostAtEnd = whole - count;
    if (place.end !== null && next < place.end) this.damaged.push([next, place.end]);
    this.count = count;
  }

  /** Entries `from` to `to` are lost: each of them stands for the whole range, of no bytes. */
  #fill(from: number, to: number, base: Offset, behind: Entry, crc32c: Crc32c): void {
    this.damaged.push([base, behind.base]);
    for (let index = from; index < to; index++) {
      const lost = { ...behind, base, next: behind.base, length: 0, flags: DAMAGED_FLAG };
      writeEntry(this.bytes, index * ENTRY_BYTES, lost, SIDECAR_SEED, crc32c);
    }
  }

  entry(index: number): Entry {
    return readEntry(this.bytes, index * ENTRY_BYTES);
  }

  isDamaged(index: number): boolean {
    return (readEntryFlags(this.bytes, index * ENTRY_BYTES) & DAMAGED_FLAG) !== 0;
  }

  /** Index of the batch that holds `offset`, or of the first behind it; `count` when there is none. */
  indexOf(offset: number): number {
    return findEntry(this.bytes, this.count, offset);
  }

  /** Index of the first batch from `index` on with a record of `timestamp` or later; `count` when there is none. */
  indexOfTime(timestamp: number, index: number): number {
    return findTime(this.bytes, this.count, timestamp, index);
  }
}

/** Batches are in the order of offsets, not of time: every entry is looked at. */
export function findTime(entries: Uint8Array, count: number, timestamp: number, from: number): number {
  for (let index = from; index < count; index++)
    if (readEntryMaxTimestamp(entries, index * ENTRY_BYTES) >= timestamp) return index;
  return count;
}
