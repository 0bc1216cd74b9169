/**
 * The checksum scan of older bytes, as a job for a thread of its own: which batches of a piece of a segment do not match
 * their entries. Only compares; reads no file.
 */
import type { Crc32c } from '../model/crc.ts';
import { ENTRY_BYTES, mismatch, readEntry } from './entry.ts';

export interface ScanPiece {
  /** Entries whose checksums hold, one behind the other. */
  readonly entries: Uint8Array;
  /** Their batches, without gaps; in shared memory, so that they are not copied. */
  readonly bytes: Uint8Array;
}

/** @returns indexes of the entries whose batches do not match. */
export function scanPiece({ entries, bytes }: ScanPiece, crc32c: Crc32c): number[] {
  const bad: number[] = [];
  let at = 0;
  for (let index = 0; index * ENTRY_BYTES < entries.length; index++) {
    const entry = readEntry(entries, index * ENTRY_BYTES);
    if (mismatch(entry, bytes, at, crc32c) !== null) bad.push(index);
    at += entry.length;
  }
  return bad;
}
