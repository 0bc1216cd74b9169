/**
 * What of a partition may go: whole segments from its beginning, by age and by size, and what its owner trimmed. Decides
 * only; never the segment that is written, and never what is not sealed on disk (or, for the memory engine, rolled).
 */
import type { Offset } from '../model/ids.ts';
import { mayExpire, segmentMsOf } from '../model/topic.ts';
import type { PartitionLog } from './partition-log.ts';
import { isSealed, type Segment } from './segment.ts';

/** Takes segments off the log whose time is over or that are too many. @returns those whose files are to go. */
export function retain(log: PartitionLog, now: number): readonly Segment[] {
  closeOld(log, now);
  if (!mayExpire(log.settings)) return [];
  const { retentionMs, retentionBytes } = log.settings;
  const gone: Segment[] = [];
  let bytes = log.sizeBytes;
  for (const segment of log.segments) {
    const tooOld = retentionMs >= 0 && newest(segment) < now - retentionMs;
    const tooMuch = retentionBytes >= 0 && bytes - segment.bytes >= retentionBytes;
    if (!mayGo(log, segment) || !(tooOld || tooMuch)) break;
    bytes -= segment.bytes;
    gone.push(segment);
  }
  return take(log, gone);
}

/** Forgets what lies before the batch that holds `offset`. @returns segments whose files are to go. */
export function trim(log: PartitionLog, offset: Offset): readonly Segment[] {
  const to = Math.min(offset, log.committed) as Offset;
  const gone: Segment[] = [];
  for (const segment of log.segments) {
    if (segment.end > to || !mayGo(log, segment)) break;
    gone.push(segment);
  }
  if (to > log.begin) log.begin = to;
  return take(log, gone);
}

/** A segment that is full of age ends here, so that it can be sealed and go later. */
function closeOld(log: PartitionLog, now: number): void {
  const active = log.active;
  if (active === undefined || active.entries === 0 || active.rolled) return;
  const { retentionMs } = log.settings;
  const outlived = mayExpire(log.settings) && retentionMs >= 0 && newest(active) < now - retentionMs;
  if (outlived || now - active.openedAt >= segmentMsOf(log.settings)) log.roll(log.end, now);
}

/** Newest timestamp of the segment's records; when it was opened where they have none. */
function newest(segment: Segment): number {
  return segment.maxTimestamp >= 0 ? segment.maxTimestamp : segment.openedAt;
}

function mayGo(log: PartitionLog, segment: Segment): boolean {
  if (segment === log.active || segment.end > log.committed) return false;
  return log.inMemory ? segment.rolled : isSealed(segment);
}

function take(log: PartitionLog, gone: readonly Segment[]): readonly Segment[] {
  const last = gone.at(-1);
  if (last === undefined) return gone;
  log.segments.splice(0, gone.length);
  if (last.end > log.begin) log.begin = last.end;
  while (log.chunks[0] !== undefined && gone.includes(log.chunks[0].segment)) log.dropFirstChunk();
  log.damaged = log.damaged.filter((range) => range[1] > log.begin);
  return gone;
}
