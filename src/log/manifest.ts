/**
 * What a partition's folder holds, as one small file that is replaced whole: which segments there are and where the log
 * starts. It is never the authority on the end of the log: sidecars and the journal are.
 *
 * One line of JSON (for people with nothing but `cat`), then one line with its CRC-32C in eight hexadecimal digits.
 */
import type { Crc32c } from '../model/crc.ts';
import type { Offset, PartitionId } from '../model/ids.ts';

export const MANIFEST_VERSION = 1;

export interface SegmentRecord {
  readonly base: Offset;
  /** Of a sealed segment: the offset behind it, its bytes and entries. Of the last one: what was flushed when this was written. */
  readonly end: Offset;
  readonly bytes: number;
  readonly entries: number;
  readonly maxTimestamp: number;
  /** When its first batch came, ms since 1970. */
  readonly openedAt: number;
  /** Nothing is appended to it any more. */
  readonly sealed: boolean;
}

export interface Manifest {
  readonly partition: PartitionId;
  /** First offset kept; what lies before may be in the files still. */
  readonly begin: Offset;
  /** Written by a clean stop: nothing of the partition is in a journal. The first flush afterwards takes it back. */
  readonly clean: boolean;
  /** Ascending and without gaps; only the last one may be open. */
  readonly segments: readonly SegmentRecord[];
}

export function encodeManifest(manifest: Manifest, crc32c: Crc32c): Uint8Array {
  const line = new TextEncoder().encode(`${JSON.stringify({ version: MANIFEST_VERSION, ...manifest })}\n`);
  const check = new TextEncoder().encode(`${crc32c(line).toString(16).padStart(8, '0')}\n`);
  const bytes = new Uint8Array(line.length + check.length);
  bytes.set(line);
  bytes.set(check, line.length);
  return bytes;
}

/** @returns the manifest, or in words why the bytes are none. */
export function decodeManifest(bytes: Uint8Array, crc32c: Crc32c): Manifest | string {
  const lineEnd = bytes.length - 9;
  if (lineEnd <= 0 || bytes[lineEnd - 1] !== 0x0a || bytes[bytes.length - 1] !== 0x0a) return 'it is not whole';
  const check = new TextDecoder().decode(bytes.subarray(lineEnd, lineEnd + 8));
  if (check !== crc32c(bytes.subarray(0, lineEnd)).toString(16).padStart(8, '0')) return 'its checksum does not hold';
  const value: Manifest & { readonly version: number } = JSON.parse(
    new TextDecoder().decode(bytes.subarray(0, lineEnd)),
  );
  if (value.version !== MANIFEST_VERSION) return `it has version ${value.version}, this node knows ${MANIFEST_VERSION}`;
  return {
    partition: value.partition,
    begin: value.begin,
    clean: value.clean,
    segments: value.segments,
  };
}
