/** One segment of a partition, as it is known in memory: how far it was filled, written, fsynced, and named by its sidecar. Decides nothing. */
import type { Offset } from '../model/ids.ts';
import type { SegmentRecord } from './manifest.ts';

export interface Segment {
  readonly base: Offset;
  /** How often compaction has written it anew: then there may be gaps between its offsets. */
  readonly generation: number;
  /** When its first batch came, ms since 1970. */
  readonly openedAt: number;

  // filled: in memory at least
  /** Offset behind the last batch placed in it. */
  end: Offset;
  bytes: number;
  entries: number;
  /** Newest timestamp of its records; -1 when none has one. */
  maxTimestamp: number;
  /** Nothing is placed in it any more. */
  rolled: boolean;
  /** When the first of its tombstones may go, ms since 1970; -1: none was given its time yet. */
  readonly tombstonesUntil: number;

  // on disk
  /** Both files are there and so are their names. */
  created: boolean;
  /** Bytes from its beginning that the operating system has of the segment file. */
  written: number;
  /** Bytes from its beginning that are fsynced there. */
  synced: number;
  /** Offset up to which the fsynced sidecar names its batches, and how many these are. Such batches are not needed elsewhere. */
  listedTo: Offset;
  listed: number;
}

export function openSegment(base: Offset, now: number): Segment {
  return {
    base,
    generation: 0,
    tombstonesUntil: -1,
    openedAt: now,
    end: base,
    bytes: 0,
    entries: 0,
    maxTimestamp: -1,
    rolled: false,
    created: false,
    written: 0,
    synced: 0,
    listedTo: base,
    listed: 0,
  };
}

/** Full and wholly on disk: only reads and retention touch it. */
export function isSealed(segment: Segment): boolean {
  return segment.rolled && segment.listedTo === segment.end;
}

export function fromRecord(record: SegmentRecord): Segment {
  return {
    base: record.base,
    generation: record.generation,
    tombstonesUntil: record.tombstonesUntil,
    openedAt: record.openedAt,
    end: record.end,
    bytes: record.bytes,
    entries: record.entries,
    maxTimestamp: record.maxTimestamp,
    rolled: record.sealed,
    created: true,
    written: record.bytes,
    synced: record.bytes,
    listedTo: record.end,
    listed: record.entries,
  };
}

export function toRecord(segment: Segment): SegmentRecord {
  const { base, generation, end, bytes, entries, maxTimestamp, openedAt, tombstonesUntil } = segment;
  const sealed = isSealed(segment);
  return { base, generation, end, bytes, entries, maxTimestamp, openedAt, sealed, tombstonesUntil };
}
