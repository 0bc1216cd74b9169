/**
 * Which segments of a partition are to be compacted, and which of them become one. Only what is sealed on disk and
 * committed to its end; never what is written, what is too young, or what has damage: its bytes stay for those who look
 * into them. Decides only; the bytes are compacting.ts's affair.
 *
 * Order is the invariant: the new segment is fsynced, then its sidecar put into place whole, then the manifest names it
 * in place of the old ones, and only then these are removed. Groups are replaced from the oldest to the newest, so that a
 * tombstone never goes before what it takes out.
 */
import type { Offset } from '../model/ids.ts';
import { isCompacted } from '../model/topic.ts';
import { type PartitionLog, SEGMENT_ENTRIES_MAX } from './partition-log.ts';
import { fromRecord, isSealed, type Segment } from './segment.ts';

export interface CompactionPlan {
  /** The newest offset of each key is looked for from here on. */
  readonly from: Offset;
  /** All that may be written anew, from the oldest on. */
  readonly segments: readonly Segment[];
}

/** @param stable offset below which nothing belongs to an open transaction. Null: nothing is to be done now. */
export function planCompaction(log: PartitionLog, stable: Offset, now: number): CompactionPlan | null {
  if (log.inMemory || !isCompacted(log.settings)) return null;
  const segments = compactable(log, stable, now);
  const { compactionLagMsMax: lagMax } = log.settings;
  let clean = 0;
  let dirty = 0;
  let isDue = false;
  let isSound = true;
  for (const segment of segments) {
    const { end, bytes, openedAt, tombstonesUntil } = segment;
    if (end <= log.cleanedTo) clean += bytes;
    else dirty += bytes;
    isDue ||= end > log.cleanedTo && lagMax >= 0 && openedAt <= now - lagMax && !hasDamage(log, segment);
    isSound &&= !hasDamage(log, segment);
    isDue ||= isSound && tombstonesUntil >= 0 && tombstonesUntil <= now;
  }
  const isDirty = dirty > 0 && dirty / (clean + dirty) >= log.settings.dirtyRatioMin;
  return isDirty || isDue ? { from: Math.max(log.cleanedTo, log.begin) as Offset, segments } : null;
}

function compactable(log: PartitionLog, stable: Offset, now: number): Segment[] {
  const segments: Segment[] = [];
  const { compactionLagMsMin } = log.settings;
  for (const segment of log.segments) {
    const newest = segment.maxTimestamp >= 0 ? segment.maxTimestamp : segment.openedAt;
    const isYoung = compactionLagMsMin > 0 && newest > now - compactionLagMsMin;
    if (!isSealed(segment) || segment.end > stable || isYoung) break;
    segments.push(segment);
  }
  return segments;
}

export function hasDamage(log: PartitionLog, segment: Segment): boolean {
  return log.damaged.some(([first, behind]) => first < segment.end && segment.base < behind);
}

/** An older record of a key may lie in a segment that is not written anew: its tombstone must stay. */
export function hasDamageBefore(log: PartitionLog, offset: Offset): boolean {
  return log.damaged.some(([first]) => first < offset);
}

/** Neighbours that fit into one segment, even if nothing goes. Those that have damage are in no group. */
export function groupsOf(log: PartitionLog, segments: readonly Segment[], to: Offset): Segment[][] {
  const groups: Segment[][] = [];
  let bytes = 0;
  let entries = 0;
  let open = false;
  for (const segment of segments) {
    if (segment.base >= to) break;
    const isSound = !hasDamage(log, segment);
    bytes += segment.bytes;
    entries += segment.entries;
    if (!isSound) open = false;
    else if (open && bytes <= log.settings.segmentBytes && entries <= SEGMENT_ENTRIES_MAX) groups.at(-1)?.push(segment);
    else {
      groups.push([segment]);
      ({ bytes, entries } = segment);
      open = true;
    }
  }
  return groups;
}

/** What was written in place of a group. */
export interface Compacted {
  readonly generation: number;
  readonly bytes: number;
  readonly entries: number;
  readonly maxTimestamp: number;
  readonly tombstonesUntil: number;
}

/** Of the segment that takes the place of `group`: none of these names a file that is there already. */
export function generationOf(group: readonly Segment[]): number {
  return 1 + Math.max(...group.map(({ generation }) => generation));
}

/** Is every segment of the group still there? Retention may have taken some meanwhile. */
export function stillThere(log: PartitionLog, group: readonly Segment[]): boolean {
  return group.every((segment) => log.segments.includes(segment) && !hasDamage(log, segment));
}

/** The compacted segment is on disk: readers find it from now on. */
export function replaceGroup(log: PartitionLog, group: readonly Segment[], compacted: Compacted): void {
  const [first, last] = [group[0] as Segment, group.at(-1) as Segment];
  const { base, openedAt } = first;
  const segment = fromRecord({ base, openedAt, end: last.end, sealed: true, ...compacted });
  log.segments.splice(log.segments.indexOf(first), group.length, segment);
  // What is kept for readers near the tail is the old bytes.
  while (log.chunks[0] !== undefined && log.chunks[0].segment.base <= last.base) log.dropFirstChunk();
}
