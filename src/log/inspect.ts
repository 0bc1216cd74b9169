/**
 * What can be said about the bytes of a partition's folder by looking at them: does every batch match its entry, does every
 * entry hold, is what carries nothing zero, do segments and manifest agree. For the inspection tools and for nobody else:
 * reads what it is handed, reports what it finds, repairs nothing. The journal's part is inspect-journal.ts.
 */
import type { Crc32c } from '../model/crc.ts';
import type { Offset, PartitionId } from '../model/ids.ts';
import {
  COMPACTED_FLAG,
  DAMAGED_FLAG,
  ENTRY_BYTES,
  type Entry,
  entryHolds,
  mismatch,
  readEntry,
  SIDECAR_SEED,
} from './entry.ts';
import type { SegmentRecord } from './manifest.ts';

export interface Finding {
  /**
   * `damage`: bytes are not as they were written. `torn`: the end of what was written last, as a crash leaves it; nothing
   * acked is in it. `unclear`: nothing tells which of the two it is; the node takes it for torn when it starts. `note`:
   * nothing is wrong with it, but somebody should know.
   */
  readonly kind: 'damage' | 'torn' | 'unclear' | 'note';
  /** Path below the data folder. */
  readonly file: string;
  /** Byte in the file where the unit that does not match begins. */
  readonly position: number;
  /** Whose records are hit, and which: first offset, and the one behind the last where it is known. */
  readonly partition?: PartitionId;
  readonly offset?: Offset;
  readonly next?: Offset;
  readonly what: string;
}
/** What follows the fault of a finding that is `unclear`. */
export const UNCLEAR = 'cannot tell whether a crash cut it short or it was acknowledged and damaged later';
export type Report = (finding: Finding) => void;

/** A file of one partition, and its checksum function. */
export interface Inspected {
  readonly file: string;
  readonly partition: PartitionId;
  /** Base offset of the segment. */
  readonly base: Offset;
  readonly crc32c: Crc32c;
  readonly report: Report;
}

/** The entries of a sidecar that hold, in order. Those that do not hold are reported and left out. */
export function inspectSidecar(bytes: Uint8Array, sidecar: Inspected): Entry[] {
  const { file, partition, base, report } = sidecar;
  const entries: Entry[] = [];
  const used = usedBytes(bytes);
  let previous: Entry | null = null;
  let lost = false;
  for (let at = 0; at < used; at += ENTRY_BYTES) {
    const expected: Offset = previous?.next ?? base;
    const wrong = entryFault(bytes, at, previous, sidecar);
    if (wrong !== null)
      report({ kind: 'damage', file, position: at, partition, offset: expected, what: `entry: ${wrong}` });
    lost = lost || wrong !== null;
    if (wrong !== null) continue;
    const entry = readEntry(bytes, at);
    // Behind an entry that is lost the offsets may jump: that was reported.
    if (entry.base > expected && !lost && !isCompacted(entry))
      reportGap(expected, entry.base, { ...sidecar, position: at });
    lost = false;
    previous = entry;
    entries.push(entry);
  }
  return entries;
}

/** Compaction may have taken what would lie before it. */
export const isCompacted = (entry: Entry): boolean => (entry.flags & COMPACTED_FLAG) !== 0;

/** Reports offsets that nothing on disk holds, though what lies around them is there. */
export function reportGap(
  offset: Offset,
  next: Offset,
  place: Omit<Inspected, 'base' | 'crc32c'> & { position: number },
): void {
  const { file, partition, position, report } = place;
  report({ kind: 'damage', file, position, partition, offset, next, what: 'no batch holds these offsets' });
}

/** Length up to the last byte that is not zero, in whole entries: a file may be written in blocks. */
function usedBytes(bytes: Uint8Array): number {
  let used = bytes.length;
  while (used > 0 && bytes[used - 1] === 0) used--;
  return Math.ceil(used / ENTRY_BYTES) * ENTRY_BYTES;
}

function entryFault(bytes: Uint8Array, at: number, previous: Entry | null, sidecar: Inspected): string | null {
  if (at + ENTRY_BYTES > bytes.length) return 'it is cut short';
  if (!entryHolds(bytes, at, SIDECAR_SEED, sidecar.crc32c)) return 'its checksum does not hold';
  const entry = readEntry(bytes, at);
  if (entry.partition !== sidecar.partition) return `it belongs to partition ${entry.partition}`;
  if (entry.segment !== sidecar.base) return `it belongs to segment ${entry.segment}`;
  if (entry.base < (previous?.next ?? sidecar.base)) return `its offset ${entry.base} does not follow the one before`;
  const end = previous === null ? 0 : previous.position + previous.length;
  return entry.position < end ? `its position ${entry.position} does not follow the one before` : null;
}

/** Where the last batch that was compared ended; no offset where its bytes were lost: what follows them is not known either. */
export interface Reached {
  readonly position: number;
  readonly offset: Offset | null;
}

/**
 * Compares the batches of `entries` with `bytes`, which lie in the segment's file from `from.position` on and reach to the
 * end of the last one. Holes between batches are to be zero.
 */
export function inspectBatches(entries: readonly Entry[], bytes: Uint8Array, from: Reached, segment: Inspected): void {
  let reached = from;
  for (const entry of entries) {
    const at = entry.position - from.position;
    // Where an entry is lost its batch lies in between, and nothing can be said about its bytes.
    if (entry.base === reached.offset || (reached.offset !== null && isCompacted(entry)))
      inspectZeros(bytes.subarray(reached.position - from.position, at), reached.position, segment, entry.base);
    const wrong = mismatch(entry, bytes, at, segment.crc32c);
    const flagged = (entry.flags & DAMAGED_FLAG) !== 0;
    if (wrong !== null || flagged) reportBatch(entry, wrong ?? 'was damaged when it came from the journal', segment);
    reached = reachedBehind(entry);
  }
}

export function reachedBehind(entry: Entry): Reached {
  const flagged = (entry.flags & DAMAGED_FLAG) !== 0;
  return { position: entry.position + entry.length, offset: flagged ? null : entry.next };
}

/** Reports the batch that does not match its entry. */
export function reportBatch(entry: Entry, wrong: string, segment: Inspected): void {
  segment.report({
    kind: 'damage',
    file: segment.file,
    position: entry.position,
    partition: entry.partition,
    offset: entry.base,
    next: entry.next,
    what: `batch of ${entry.length} bytes: ${wrong}`,
  });
}

/** Reports the first byte that was written as zero and is not. `start`: where `bytes` lie in the file; `offset`: what follows them. */
export function inspectZeros(bytes: Uint8Array, start: number, place: Inspected, offset: Offset): void {
  const at = firstNonZero(bytes);
  if (at < 0) return;
  const { file, partition, report } = place;
  report({ kind: 'damage', file, position: start + at, partition, offset, what: 'padding is not zero' });
}

/** Index of the first byte that is not zero, -1 when there is none. */
export function firstNonZero(bytes: Uint8Array): number {
  for (let at = 0; at < bytes.length; at++) if (bytes[at] !== 0) return at;
  return -1;
}

/**
 * Compares a segment's record in the manifest with the entries that were found. The record of an open segment says what
 * its sidecar named when it was written: there may be more by now, and its bytes run ahead of the sidecar.
 */
export function inspectRecord(record: SegmentRecord, entries: readonly Entry[], sidecar: Inspected): void {
  const end = entries.at(-1)?.next ?? record.base;
  const last = entries.at(-1);
  const bytes = last === undefined ? 0 : last.position + last.length;
  const { file, partition, report } = sidecar;
  const position = entries.length * ENTRY_BYTES;
  const missing = entries.length < record.entries || end < record.end || (record.sealed && bytes < record.bytes);
  const extra = record.sealed && (entries.length > record.entries || end > record.end || bytes > record.bytes);
  if (!missing && !extra) return;
  const told = `${record.entries} batches up to offset ${record.end} in ${record.bytes} bytes`;
  const found = `${entries.length} up to ${end} in ${bytes}`;
  report({
    kind: 'damage',
    file,
    position,
    partition,
    offset: end,
    what: `the manifest tells ${told}, found ${found}`,
  });
}

/** Offsets that follow each other: [first, behind the last). */
export type Range = readonly [Offset, Offset];

/** What lies between `begin` and the end of the last range, in none of them. */
export function gapsIn(ranges: readonly Range[], begin: Offset): Range[] {
  const gaps: Range[] = [];
  let reached = begin;
  for (const [from, to] of ranges.toSorted((one, other) => one[0] - other[0])) {
    if (from > reached) gaps.push([reached, from]);
    if (to > reached) reached = to;
  }
  return gaps;
}
