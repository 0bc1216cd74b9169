/**
 * What a partition's folder holds, as one small file that is replaced whole: which segments there are and where the log
 * starts. It is never the authority on the end of the log: sidecars and the journal are.
 */
import type { Crc32c } from '../model/crc.ts';
import type { Offset, PartitionId } from '../model/ids.ts';
import { decodeChecked, encodeChecked } from './checked.ts';

export const MANIFEST_VERSION = 2;

export interface SegmentRecord {
  readonly base: Offset;
  /** How often compaction has written it anew; its files are named by it. */
  readonly generation: number;
  /** Of a sealed segment: the offset behind it, its bytes and entries. Of the last one: what was flushed when this was written. */
  readonly end: Offset;
  readonly bytes: number;
  readonly entries: number;
  readonly maxTimestamp: number;
  /** When its first batch came, ms since 1970. */
  readonly openedAt: number;
  /** Nothing is appended to it any more. */
  readonly sealed: boolean;
  /** When the first of its tombstones may go, ms since 1970; -1: none was given its time yet. */
  readonly tombstonesUntil: number;
}

export interface Manifest {
  readonly partition: PartitionId;
  /** First offset kept; what lies before may be in the files still. */
  readonly begin: Offset;
  /** Written by a clean stop: nothing of the partition is in a journal. The first flush afterwards takes it back. */
  readonly clean: boolean;
  /** Compaction has seen all keys below. */
  readonly cleanedTo: Offset;
  /** There is a file of the producers' state. */
  readonly producers: boolean;
  /** Ascending and without gaps; only the last one may be open. */
  readonly segments: readonly SegmentRecord[];
}

export function encodeManifest(manifest: Manifest, crc32c: Crc32c): Uint8Array {
  return encodeChecked({ version: MANIFEST_VERSION, ...manifest }, crc32c);
}

/** @returns the manifest, or in words why the bytes are none. */
export function decodeManifest(bytes: Uint8Array, crc32c: Crc32c): Manifest | string {
  const decoded = decodeChecked(bytes, crc32c);
  if (typeof decoded === 'string') return decoded;
  // What the checksum covers was written by encodeManifest.
  const { version, partition, begin, clean, cleanedTo, producers, segments } = decoded.value as Manifest & {
    readonly version: number;
  };
  if (version !== MANIFEST_VERSION) return `it has version ${version}, this node knows ${MANIFEST_VERSION}`;
  return { partition, begin, clean, cleanedTo, producers, segments };
}
