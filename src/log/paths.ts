/** Names of everything the log keeps in the data folder, and back. The only file that knows them; part of the folder's format. */
import { id, type Offset, type PartitionId } from '../model/ids.ts';

export const JOURNAL_FOLDER = 'journal';
export const PARTITIONS_FOLDER = 'partitions';

/** Digits of a base offset in a file's name: file lists sort by offset. */
const OFFSET_DIGITS = 20;

export const partitionFolder = (partition: PartitionId): string => `${PARTITIONS_FOLDER}/${partition}`;
export const manifestPath = (partition: PartitionId): string => `${partitionFolder(partition)}/manifest`;
/** State of idempotent producers, as of an offset that it names. */
export const producersPath = (partition: PartitionId): string => `${partitionFolder(partition)}/producers`;
export const segmentPath = (partition: PartitionId, base: Offset, generation = 0): string =>
  `${partitionFolder(partition)}/${stem(base, generation)}.log`;
export const sidecarPath = (partition: PartitionId, base: Offset, generation = 0): string =>
  `${partitionFolder(partition)}/${stem(base, generation)}.entries`;
/** A file of a shard's journal; `sequence` rises over all shards' files of the folder from start to start. */
export const journalPath = (shard: number, sequence: number): string => `${JOURNAL_FOLDER}/${shard}-${sequence}`;
/** Journal files with damaged groups are set aside under this name, untouched, once all else of them is in the segments. */
export const damagedJournalPath = (shard: number, sequence: number): string =>
  `${journalPath(shard, sequence)}.damaged`;

/** `generation`: how often compaction has written the segment anew; 0 as it was appended. */
function stem(base: Offset, generation: number): string {
  const digits = String(base).padStart(OFFSET_DIGITS, '0');
  return generation === 0 ? digits : `${digits}-${generation}`;
}

export interface JournalName {
  readonly shard: number;
  readonly sequence: number;
}

/** What a name in the journal's folder means; null for files that are none of ours. */
export function parseJournalName(name: string): JournalName | null {
  const [, shard, sequence] = /^(0|[1-9]\d{0,4})-(0|[1-9]\d{0,14})$/.exec(name) ?? [];
  return shard === undefined || sequence === undefined ? null : { shard: Number(shard), sequence: Number(sequence) };
}

/** The partition that a folder's name means, null for other names. */
export function parsePartitionName(name: string): PartitionId | null {
  return /^(0|[1-9]\d{0,14})$/.test(name) ? id(Number(name)) : null;
}

/** A file of a segment. */
export interface SegmentName {
  readonly base: Offset;
  readonly generation: number;
  readonly kind: 'log' | 'entries';
}

/**
 * Of each segment the newest generation, ascending: the sidecar of a compacted one is put into place whole, once all else
 * of it is on disk.
 */
export function newestSegments(names: readonly SegmentName[]): SegmentName[] {
  const newest = new Map<Offset, SegmentName>();
  for (const name of names)
    if (name.generation >= (newest.get(name.base)?.generation ?? 0)) newest.set(name.base, name);
  return [...newest.values()].sort((a, b) => a.base - b.base);
}

/** What a name in a partition's folder means, null for the manifest and others. */
export function parseSegmentName(name: string): SegmentName | null {
  const [, base, generation = '0', kind] = /^(\d{20})(?:-([1-9]\d{0,14}))?\.(log|entries)$/.exec(name) ?? [];
  const value = Number(base);
  if (base === undefined || !Number.isSafeInteger(value)) return null;
  return { base: id(value), generation: Number(generation), kind: kind === 'log' ? 'log' : 'entries' };
}
