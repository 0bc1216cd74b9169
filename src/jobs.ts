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
import { type Demands, meetDemands } from './model/batch-demands.ts';
import type { Result } from './model/faults.ts';

const tools: CompactionTools = { crc32c, hash: (key) => hash('sha256', key, 'buffer'), compress, decompress };

export function scanSegment(piece: ScanPiece): number[] {
  return scanPiece(piece, crc32c);
}

export function noteSegmentKeys(piece: KeysPiece): KeysNoted {
  return noteKeys(piece, tools);
}

/** A batch on its way in that must be opened, or written with another codec. */
export function prepareBatch({ batch, demands }: { batch: Uint8Array; demands: Demands }): Result<Uint8Array> {
  return meetDemands(batch, demands, tools, crc32c);
}

export function filterSegment(piece: FilterPiece): Filtered {
  return filterPiece(piece, tools);
}
