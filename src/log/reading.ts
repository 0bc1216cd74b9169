/**
 * Where an offset lies: in a chunk, in a segment on disk, or nowhere. Decides which batches a reader gets: whole ones,
 * below the committed offset, never one that is damaged. Reads nothing itself.
 */
import { failed, ok, type Result } from '../model/faults.ts';
import type { Offset } from '../model/ids.ts';
import type { Chunk } from './chunk.ts';
import { COMPACTED_FLAG, ENTRY_BYTES, type Entry, mismatch, readEntryMaxTimestamp } from './entry.ts';
import type { PartitionLog } from './partition-log.ts';
import type { Segment } from './segment.ts';
import { findTime, type Sidecar } from './sidecar.ts';

export type Located =
  | { readonly kind: 'end' }
  /** The batches `from` to `to` (exclusive) of the chunk. */
  | { readonly kind: 'chunk'; readonly chunk: Chunk; readonly from: number; readonly to: number }
  /** To be read from disk, by the segment's sidecar. */
  | { readonly kind: 'segment'; readonly segment: Segment };

/** Step one of a read: what is to be given to a reader that asks for `offset` and sees what lies below `upTo`. */
export function locate(
  log: PartitionLog,
  offset: Offset,
  bytesMax: number,
  upTo: Offset = log.committed,
): Result<Located> {
  if (offset < log.begin || offset > log.end)
    return failed('OFFSET_OUT_OF_RANGE', `offset ${offset} is not between ${log.begin} and ${log.end}`);
  if (offset >= upTo) return ok({ kind: 'end' });
  const damage = damageAt(log, offset);
  if (damage !== null) return damagedFault(damage[0], damage[1]);
  const first = log.chunks[0];
  if (first !== undefined && offset >= first.first) {
    const chunk = chunkOf(log, offset);
    return ok(chunk === null ? { kind: 'end' } : choose(log, chunk, offset, bytesMax, upTo));
  }
  const segment = segmentOf(log, offset);
  return segment === null ? damagedFault(offset, nextBase(log, offset)) : ok({ kind: 'segment', segment });
}

/** Nothing has the offset: that must not be, and readers are told, because they would ask for it for ever. */
function nextBase(log: PartitionLog, offset: Offset): Offset {
  return log.segments.find(({ base }) => base > offset)?.base ?? log.end;
}

function damagedFault(first: Offset, behind: Offset): Result<never> {
  return failed('DATA_DAMAGED', `offsets ${first} to ${behind - 1} do not match their checksums`);
}

function chunkOf(log: PartitionLog, offset: Offset): Chunk | null {
  for (let index = log.chunks.length - 1; index >= 0; index--) {
    const chunk = log.chunks[index];
    if (chunk !== undefined && chunk.first <= offset && offset < chunk.next) return chunk;
  }
  return null;
}

export function segmentOf(log: PartitionLog, offset: Offset): Segment | null {
  return log.segments.find((segment) => segment.base <= offset && offset < segment.end) ?? null;
}

function choose(log: PartitionLog, chunk: Chunk, offset: Offset, bytesMax: number, upTo: Offset): Located {
  const limit = Math.min(upTo, nextDamage(log, offset));
  const from = chunk.indexOf(offset);
  const begins = from < chunk.count ? chunk.endAt(from) - chunk.batchAt(from).length : 0;
  let to = from;
  while (to < chunk.count && chunk.nextAt(to) <= limit && (to === from || chunk.endAt(to) - begins <= bytesMax)) to++;
  return to === from ? { kind: 'end' } : { kind: 'chunk', chunk, from, to };
}

export function damageAt(log: PartitionLog, offset: Offset): readonly [Offset, Offset] | null {
  return log.damaged.find(([first, behind]) => first <= offset && offset < behind) ?? null;
}

function nextDamage(log: PartitionLog, offset: Offset): number {
  return log.damaged.find(([first]) => first > offset)?.[0] ?? Number.POSITIVE_INFINITY;
}

/** Notes a range that must not be served; ranges stay ascending and do not overlap. */
export function noteDamage(log: PartitionLog, first: Offset, behind: Offset): void {
  if (first >= behind || log.damaged.some((range) => range[0] <= first && behind <= range[1])) return;
  log.damaged = [...log.damaged.filter((range) => range[1] <= first || range[0] >= behind), [first, behind] as const];
  log.damaged.sort((a, b) => a[0] - b[0]);
}

/** Batches of one segment to be read from disk: entries `from` to `to` (exclusive) of its sidecar. */
export interface ReadPlan {
  readonly from: number;
  readonly to: number;
  readonly position: number;
  readonly length: number;
}

/** Step two of a read from disk, when the sidecar is there. */
export function planRead(
  log: PartitionLog,
  sidecar: Sidecar,
  offset: Offset,
  bytesMax: number,
  upTo: Offset = log.committed,
): Result<ReadPlan | null> {
  const from = sidecar.indexOf(offset);
  const damage = damageAt(log, offset);
  if (damage !== null && from >= sidecar.count) return damagedFault(offset, damage[1]);
  if (from >= sidecar.count) return ok(null);
  const first = sidecar.entry(from);
  if (sidecar.isDamaged(from) || (first.base > offset && (first.flags & COMPACTED_FLAG) === 0)) {
    return damagedFault(offset, first.next);
  }
  const limit = Math.min(upTo, nextDamage(log, offset));
  let to = from + 1;
  let end = first.position + first.length;
  for (; to < sidecar.count && !sidecar.isDamaged(to); to++) {
    const entry = sidecar.entry(to);
    if (entry.next > limit || entry.position !== end || entry.position + entry.length - first.position > bytesMax)
      break;
    end = entry.position + entry.length;
  }
  return ok({ from, to, position: first.position, length: end - first.position });
}

/**
 * Step three: are the bytes what the entries say? `bytes` are those of the plan.
 * @returns how many bytes may be served, the offset behind them, and the first batch that does not hold.
 */
export function checkRead(
  log: PartitionLog,
  sidecar: Sidecar,
  plan: ReadPlan,
  bytes: Uint8Array,
): { readonly length: number; readonly next: Offset; readonly wrong: Entry | null } {
  let length = 0;
  let next = sidecar.entry(plan.from).base;
  for (let index = plan.from; index < plan.to; index++) {
    const entry = sidecar.entry(index);
    if (mismatch(entry, bytes, length, log.tools.crc32c) !== null) return { length, next, wrong: entry };
    length += entry.length;
    next = entry.next;
  }
  return { length, next, wrong: null };
}

/** The first segment that has a record of `timestamp` or later; null when none has. */
export function segmentOfTime(log: PartitionLog, timestamp: number): Segment | null {
  return log.segments.find((segment) => segment.end > log.begin && segment.maxTimestamp >= timestamp) ?? null;
}

/** Base offset of the first batch in memory, of `segment` and committed, with a record of `timestamp` or later. */
export function timeInChunks(log: PartitionLog, segment: Segment, timestamp: number): Offset | null {
  for (const chunk of log.chunks) {
    if (chunk.segment !== segment) continue;
    const index = findTime(chunk.entries, chunk.count, timestamp, chunk.indexOf(log.begin));
    if (index < chunk.count) return chunk.nextAt(index) <= log.committed ? chunk.baseAt(index) : null;
  }
  return null;
}

/**
 * The latest timestamp that readers may see; -1 where there is none. A segment that is not committed to its end counts
 * as far as it is in memory.
 */
export function newestTime(log: PartitionLog): number {
  let newest = -1;
  for (const segment of log.segments)
    if (segment.end > log.begin && segment.end <= log.committed) newest = Math.max(newest, segment.maxTimestamp);
  for (const chunk of log.chunks)
    for (let index = chunk.indexOf(log.begin); index < chunk.count && chunk.nextAt(index) <= log.committed; index++)
      newest = Math.max(newest, readEntryMaxTimestamp(chunk.entries, index * ENTRY_BYTES));
  return newest;
}

/** Bytes of the batches from `offset` to the committed end, as far as memory tells; segments count in proportion. */
export function bytesFrom(log: PartitionLog, offset: Offset): number {
  let bytes = 0;
  for (const segment of log.segments) {
    if (segment.end <= offset || segment.end === segment.base) continue;
    if (segment.base >= offset) bytes += segment.bytes;
    else bytes += segment.bytes - positionOf(log, segment, offset);
  }
  return bytes;
}

function positionOf(log: PartitionLog, segment: Segment, offset: Offset): number {
  for (const chunk of log.chunks) {
    if (chunk.segment !== segment || offset < chunk.first || offset >= chunk.next) continue;
    const index = chunk.indexOf(offset);
    return chunk.endAt(index) - chunk.batchAt(index).length;
  }
  return Math.floor((segment.bytes * (offset - segment.base)) / (segment.end - segment.base));
}
