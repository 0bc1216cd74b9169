/** The door of the job threads: every CPU-heavy job by its name, with the checksum that src/log may not import. */
import { crc32c } from '@node-rs/crc32';
import { type ScanPiece, scanPiece } from './log/scan.ts';

export function scanSegment(piece: ScanPiece): number[] {
  return scanPiece(piece, crc32c);
}
