/**
 * One write of the journal: what arrived from all partitions of a shard while the write before was in flight. Lays a
 * group out and takes it apart; never decides whether a bad one is a torn tail or damage (journal-scan.ts does).
 *
 * ```
 * header 64 | entries, 64 each | bodies of the entries without DIRECT_FLAG, in order | the entries once more | zeros
 * … up to a whole block, whose last 64 bytes are the header once more
 *
 * header: 0 magic "CBJ1" u32 | 4 shard u16 | 6 shards u16 | 8 sequence of the file i64 | 16 group number i64
 *         24 number up to which groups are durable i64 | 32 entries u32 | 36 bytes of bodies u32 | 40 zeros | 60 CRC-32C u32
 * ```
 * Header and entries stand twice, so that one flipped bit never hides whose batch it hit.
 */
import { readInt64, readUint32, writeInt32, writeInt64 } from '../model/bytes.ts';
import { copyBytes } from '../model/copy.ts';
import type { Crc32c } from '../model/crc.ts';
import { BLOCK_BYTES } from '../model/limits.ts';
import { DIRECT_FLAG, ENTRY_BYTES, entryHolds, readEntryFlags, readEntryLength, sealEntry } from './entry.ts';

export const GROUP_MAGIC = 0x43424a31;
export const GROUP_HEADER_BYTES = 64;
const CHECKED_BYTES = 60;

export interface GroupHeader {
  readonly shard: number;
  /** Number of shards of the node that wrote it. */
  readonly shards: number;
  /** Sequence of the journal's file. */
  readonly sequence: number;
  /** Rises by one with every group, across files, for ever. */
  readonly number: number;
  /** Every group up to this one was durable before this one was written. */
  readonly durable: number;
  readonly count: number;
  readonly bodyBytes: number;
}

/** Bytes of a whole group on disk: a multiple of the block. */
export function groupBytes(count: number, bodyBytes: number): number {
  const used = 2 * GROUP_HEADER_BYTES + 2 * count * ENTRY_BYTES + bodyBytes;
  return Math.ceil(used / BLOCK_BYTES) * BLOCK_BYTES;
}

/** What the checksums of a group's entries begin with. */
export function groupSeed(sequence: number, number: number, crc32c: Crc32c): number {
  writeInt64(seedBytes, 0, sequence);
  writeInt64(seedBytes, 8, number);
  return crc32c(seedBytes);
}
/** Used again by each call. */
const seedBytes = new Uint8Array(16);

/** Puts one group together in memory that is used again for every group. */
export class GroupWriter {
  readonly #crc32c: Crc32c;
  readonly #memory: Uint8Array;
  #count = 0;
  #bodies = 0;
  #entriesMax = 0;

  constructor(memory: Uint8Array, crc32c: Crc32c) {
    this.#memory = memory;
    this.#crc32c = crc32c;
  }

  /** The table comes before the bodies, so its size must be known first. `entries` times {@link copyIntoGroup}, then `finish`. */
  begin(entries: number): void {
    this.#entriesMax = entries;
    this.#count = 0;
    this.#bodies = 0;
  }

  /** One of the named copies of payload: chunk → journal. `body` is null for an entry with DIRECT_FLAG. */
  copyIntoGroup(entry: Uint8Array, body: Uint8Array | null): void {
    this.#memory.set(entry, GROUP_HEADER_BYTES + this.#count * ENTRY_BYTES);
    this.#count++;
    if (body === null) return;
    copyBytes(this.#memory, GROUP_HEADER_BYTES + this.#entriesMax * ENTRY_BYTES + this.#bodies, body);
    this.#bodies += body.length;
  }

  /** Seals the group. @returns the bytes to write, a whole number of blocks; valid until the next `begin`. */
  finish(place: Omit<GroupHeader, 'count' | 'bodyBytes'>): Uint8Array {
    const memory = this.#memory;
    const seed = groupSeed(place.sequence, place.number, this.#crc32c);
    for (let i = 0; i < this.#count; i++) sealEntry(memory, GROUP_HEADER_BYTES + i * ENTRY_BYTES, seed, this.#crc32c);
    const tableEnd = GROUP_HEADER_BYTES + this.#count * ENTRY_BYTES;
    const mirror = tableEnd + this.#bodies;
    memory.copyWithin(mirror, GROUP_HEADER_BYTES, tableEnd);
    const total = groupBytes(this.#count, this.#bodies);
    memory.fill(0, mirror + tableEnd - GROUP_HEADER_BYTES, total);
    writeHeader(memory, { ...place, count: this.#count, bodyBytes: this.#bodies }, this.#crc32c);
    memory.copyWithin(total - GROUP_HEADER_BYTES, 0, GROUP_HEADER_BYTES);
    return memory.subarray(0, total);
  }
}

function writeHeader(into: Uint8Array, header: GroupHeader, crc32c: Crc32c): void {
  into.fill(0, 0, GROUP_HEADER_BYTES);
  writeInt32(into, 0, GROUP_MAGIC);
  writeInt32(into, 4, (header.shard << 16) | header.shards);
  writeInt64(into, 8, header.sequence);
  writeInt64(into, 16, header.number);
  writeInt64(into, 24, header.durable);
  writeInt32(into, 32, header.count);
  writeInt32(into, 36, header.bodyBytes);
  writeInt32(into, CHECKED_BYTES, crc32c(into.subarray(0, CHECKED_BYTES)));
}

/** The header at `at`, or null when there is none that holds. */
export function readHeader(bytes: Uint8Array, at: number, crc32c: Crc32c): GroupHeader | null {
  if (at < 0 || bytes.length - at < GROUP_HEADER_BYTES || readUint32(bytes, at) !== GROUP_MAGIC) return null;
  if (crc32c(bytes.subarray(at, at + CHECKED_BYTES)) !== readUint32(bytes, at + CHECKED_BYTES)) return null;
  const shards = readUint32(bytes, at + 4);
  return {
    shard: shards >>> 16,
    shards: shards & 0xffff,
    sequence: readInt64(bytes, at + 8),
    number: readInt64(bytes, at + 16),
    durable: readInt64(bytes, at + 24),
    count: readUint32(bytes, at + 32),
    bodyBytes: readUint32(bytes, at + 36),
  };
}

/** Where the parts of one entry lie in a group. */
export interface GroupEntry {
  /** Position of the entry's better copy in the bytes given; -1 when both are bad. */
  readonly entryAt: number;
  /** Position of the body; -1 for entries with DIRECT_FLAG, and where it cannot be known. */
  readonly bodyAt: number;
  /** Both copies of the entry hold and are the same. */
  readonly clean: boolean;
}

/** Takes the group at `at` apart, whose `header` was found to hold and whose bytes are all there. Judges no bodies. */
export function readEntries(bytes: Uint8Array, at: number, header: GroupHeader, crc32c: Crc32c): GroupEntry[] {
  const seed = groupSeed(header.sequence, header.number, crc32c);
  const table = at + GROUP_HEADER_BYTES;
  const bodies = table + header.count * ENTRY_BYTES;
  const mirror = bodies + header.bodyBytes;
  const found: GroupEntry[] = [];
  let bodyAt = bodies;
  for (let i = 0; i < header.count; i++) {
    const first = entryHolds(bytes, table + i * ENTRY_BYTES, seed, crc32c);
    const second = entryHolds(bytes, mirror + i * ENTRY_BYTES, seed, crc32c);
    const entryAt = first ? table + i * ENTRY_BYTES : second ? mirror + i * ENTRY_BYTES : -1;
    const journaled = entryAt >= 0 && (readEntryFlags(bytes, entryAt) & DIRECT_FLAG) === 0;
    found.push({ entryAt, bodyAt: journaled && bodyAt >= 0 ? bodyAt : -1, clean: first && second });
    // Behind an entry that is lost in both copies nobody knows where the bodies go on.
    if (entryAt < 0) bodyAt = -1;
    else if (journaled && bodyAt >= 0) bodyAt += readEntryLength(bytes, entryAt);
  }
  return found;
}

/** Are the bytes between the mirrored entries and the mirrored header all zero? They carry nothing, but no bit may hide. */
export function paddingIsZero(bytes: Uint8Array, at: number, header: GroupHeader): boolean {
  const from = at + GROUP_HEADER_BYTES + 2 * header.count * ENTRY_BYTES + header.bodyBytes;
  const to = at + groupBytes(header.count, header.bodyBytes) - GROUP_HEADER_BYTES;
  for (let i = from; i < to; i++) if (bytes[i] !== 0) return false;
  return true;
}

/** Do the two copies of the group's header agree, bit for bit? */
export function headersAgree(bytes: Uint8Array, at: number, header: GroupHeader): boolean {
  const second = at + groupBytes(header.count, header.bodyBytes) - GROUP_HEADER_BYTES;
  for (let i = 0; i < GROUP_HEADER_BYTES; i++) if (bytes[at + i] !== bytes[second + i]) return false;
  return true;
}
