/**
 * A piece of a partition's newest bytes in memory: batches one behind the other, as they will lie (or lie) in the segment,
 * with their entries. It starts on a block of the file and repeats what the block held before its first batch, so that
 * whole blocks can be written directly. A batch never spans two chunks. Never decides when it is written or let go.
 */
import { assert } from '../model/assert.ts';
import { stampBatch } from '../model/batch.ts';
import { copyBytes } from '../model/copy.ts';
import type { Crc32c } from '../model/crc.ts';
import type { Offset } from '../model/ids.ts';
import { BLOCK_BYTES } from '../model/limits.ts';
import {
  DAMAGED_FLAG,
  ENTRY_BYTES,
  type Entry,
  readEntryBase,
  readEntryLength,
  readEntryNext,
  readEntryPosition,
  SIDECAR_SEED,
  writeEntry,
} from './entry.ts';
import type { Segment } from './segment.ts';

/** Page-aligned memory with counted holds, as arenas lease it. */
export interface Memory {
  readonly bytes: Uint8Array;
  retain(): Memory;
  release(): void;
}
/** Of a chunk without bytes. */
export const NO_MEMORY: Memory = { bytes: new Uint8Array(0), retain: () => NO_MEMORY, release: () => {} };
/** `null` when there is no room now. */
export type LeaseMemory = (length: number) => Memory | null;

export const floorBlock = (position: number): number => position - (position % BLOCK_BYTES);
export const ceilBlock = (position: number): number => floorBlock(position + BLOCK_BYTES - 1);

/** Entries that a fresh chunk has room for; the table doubles when it is full. */
const ENTRIES_FIRST = 4;

export class Chunk {
  readonly segment: Segment;
  readonly memory: Memory;
  /** File position of the memory's first byte: on a block. */
  readonly start: number;
  /** File position where its batches begin. */
  readonly #from: number;
  /** File position behind the last batch. */
  used: number;
  /** Offset of the first batch, and the one behind the last. */
  readonly first: Offset;
  next: Offset;
  count = 0;
  /** Something was cut off: the disk may still read what stood there, so nothing takes its place in this memory. */
  #isClosed = false;
  entries = new Uint8Array(ENTRIES_FIRST * ENTRY_BYTES);

  /**
   * @param memory whole blocks: one more than the batches need, see {@link copyOfLastBlock}.
   * @param prefix what the block at the end of the segment holds so far; shorter than a block. None without memory.
   */
  constructor(segment: Segment, memory: Memory, first: Offset, prefix: Uint8Array) {
    this.segment = segment;
    this.memory = memory;
    this.start = floorBlock(segment.bytes);
    this.#from = segment.bytes;
    this.used = segment.bytes;
    this.first = first;
    this.next = first;
    memory.bytes.set(prefix);
  }

  /** Only entries: the batches lie in the segment and were not read into memory. */
  get bare(): boolean {
    return this.memory.bytes.length === 0;
  }

  /** The memory's last block is kept for {@link copyOfLastBlock}. */
  get room(): number {
    return this.#isClosed ? 0 : this.start + this.memory.bytes.length - BLOCK_BYTES - this.used;
  }

  /** What the last, partial block holds: the next chunk begins with it. */
  get lastBlock(): Uint8Array {
    return this.memory.bytes.subarray(floorBlock(this.used) - this.start, this.used - this.start);
  }

  /**
   * The last, partial block as a whole one, of zeros behind the last batch: in the block that the memory has to spare, since
   * batches go on in the other one while the disk reads this. For one write at a time.
   */
  copyOfLastBlock(): Uint8Array {
    const spare = this.memory.bytes.subarray(this.memory.bytes.length - BLOCK_BYTES);
    const { lastBlock } = this;
    spare.set(lastBlock);
    return spare.fill(0, lastBlock.length);
  }

  /**
   * One of the named copies of payload: frame (or journal) → chunk. Gives the batch its offset and epoch.
   * `entry.position` is at or behind `used`: what lies between is a hole, of zeros.
   */
  copyIntoChunk(batch: Uint8Array, entry: Entry, crc32c: Crc32c): void {
    const bytes = this.memory.bytes;
    const at = entry.position - this.start;
    assert(entry.position >= this.used && at + batch.length <= bytes.length, 'no room in the chunk');
    if (entry.position > this.used) bytes.fill(0, this.used - this.start, at);
    copyBytes(bytes, at, batch);
    if ((entry.flags & DAMAGED_FLAG) === 0) stampBatch(bytes, at, entry.base, entry.epoch);
    this.note(entry, crc32c);
  }

  /** The entry of a batch whose bytes are in place. */
  note(entry: Entry, crc32c: Crc32c): void {
    if (this.entries.length === this.count * ENTRY_BYTES) {
      const larger = new Uint8Array(2 * this.entries.length);
      larger.set(this.entries);
      this.entries = larger;
    }
    writeEntry(this.entries, this.count * ENTRY_BYTES, entry, SIDECAR_SEED, crc32c);
    this.count++;
    this.used = entry.position + entry.length;
    this.next = entry.next;
  }

  entryBytes(index: number): Uint8Array {
    return this.entries.subarray(index * ENTRY_BYTES, (index + 1) * ENTRY_BYTES);
  }

  baseAt(index: number): Offset {
    return readEntryBase(this.entries, index * ENTRY_BYTES);
  }

  nextAt(index: number): Offset {
    return readEntryNext(this.entries, index * ENTRY_BYTES);
  }

  /** File position of the batch. */
  positionAt(index: number): number {
    return readEntryPosition(this.entries, index * ENTRY_BYTES);
  }

  /** File position behind the batch. */
  endAt(index: number): number {
    const at = index * ENTRY_BYTES;
    return readEntryPosition(this.entries, at) + readEntryLength(this.entries, at);
  }

  batchAt(index: number): Uint8Array {
    const at = readEntryPosition(this.entries, index * ENTRY_BYTES) - this.start;
    return this.memory.bytes.subarray(at, at + readEntryLength(this.entries, index * ENTRY_BYTES));
  }

  /** Index of the first entry that ends behind `offset`; `count` when there is none. */
  indexOf(offset: number): number {
    return findEntry(this.entries, this.count, offset);
  }

  /** Puts the batches it has into `bytes`, a piece of the segment's file from position `at`. */
  copyInto(bytes: Uint8Array, at: number): void {
    if (this.bare || this.count === 0) return;
    const from = Math.max(at, this.positionAt(0));
    const to = Math.min(at + bytes.length, this.used);
    if (from < to) bytes.set(this.memory.bytes.subarray(from - this.start, to - this.start), from - at);
  }

  /** Forgets the batches from `offset` on, and any gap before them. */
  cut(offset: Offset): void {
    while (this.count > 0 && this.baseAt(this.count - 1) >= offset) this.count--;
    this.used = this.count === 0 ? this.#from : this.endAt(this.count - 1);
    this.next = this.count === 0 ? this.first : this.nextAt(this.count - 1);
    this.#isClosed = true;
  }
}

/** Index of the first of `count` ascending entries that ends behind `offset`; `count` when there is none. */
export function findEntry(entries: Uint8Array, count: number, offset: number): number {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (readEntryNext(entries, middle * ENTRY_BYTES) > offset) high = middle;
    else low = middle + 1;
  }
  return low;
}
