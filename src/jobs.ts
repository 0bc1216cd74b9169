/** The door of the job threads: every CPU-heavy job by its name, with the checksum, the hash and the codecs that src/log may not import. */
import { hash } from 'node:crypto';
import { crc32c } from '@node-rs/crc32';
import { compress, decompress } from './edges/client/compression.ts';
import {
  type CompactionTools,
  type Filtered,
  type FilterPiece,
  filterPiece,
  type KeysNoted,
  type KeysPiece,
  noteKeys,
} from './log/compacting.ts';
import { type ScanPiece, scanPiece } from './log/scan.ts';

const tools: CompactionTools = { crc32c, hash: (key) => hash('sha256', key, 'buffer'), compress, decompress };

export function scanSegment(piece: ScanPiece): number[] {
  return scanPiece(piece, crc32c);
}

export function noteSegmentKeys(piece: KeysPiece): KeysNoted {
  return noteKeys(piece, tools);
}

export function filterSegment(piece: FilterPiece): Filtered {
  return filterPiece(piece, tools);
}
