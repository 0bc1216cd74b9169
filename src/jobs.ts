/** The door of the job threads: every CPU-heavy job by its name, with the checksum, the hash and the codecs that src/log may not import. */
import { hash } from 'node:crypto';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { crc32c } from '@node-rs/crc32';
import { compress, decompress } from './edges/client/compression.ts';
import { openLz4Frame } from './edges/client/lz4-frame.ts';
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
import { firstOfTime, type TimeFound, type TimePiece } from './log/time-in-batch.ts';
import { type Demands, type Met, meetDemands } from './model/batch-demands.ts';
import type { Result } from './model/faults.ts';
import { MIB } from './model/limits.ts';

/** Bytes that codecs have brought and a thread may leave lying until it collects them: its collector does not count them. */
const BROUGHT_BYTES_KEPT = 8 * MIB;
let broughtBytes = 0;
let collect: (() => void) | null = null;

/** Batches that have become large must not stay in memory, neither beside the next one nor behind the job. */
function tidy(): void {
  if (broughtBytes < BROUGHT_BYTES_KEPT) return;
  broughtBytes = 0;
  if (collect === null) {
    setFlagsFromString('--expose-gc');
    collect = runInNewContext('gc') as () => void;
  }
  collect();
}

function tidied<T>(result: T): T {
  tidy();
  return result;
}

const tools: CompactionTools = {
  crc32c,
  hash: (key) => hash('sha256', key, 'buffer'),
  compress: (codec, bytes) => {
    const closed = compress(codec, bytes);
    broughtBytes += closed.length;
    return closed;
  },
  decompress: (codec, bytes, bytesMax) => {
    if (codec === 'none') return decompress(codec, bytes, bytesMax);
    tidy();
    const opened = codec === 'lz4' ? openLz4Frame(bytes, bytesMax) : decompress(codec, bytes, bytesMax);
    broughtBytes += opened.ok ? opened.value.length : bytesMax;
    return opened;
  },
};

export function scanSegment(piece: ScanPiece): number[] {
  return scanPiece(piece, crc32c);
}

export function noteSegmentKeys(piece: KeysPiece): KeysNoted {
  return tidied(noteKeys(piece, tools));
}

/** A batch on its way in that must be opened, or written with another codec. */
export function prepareBatch({ batch, demands }: { batch: Uint8Array; demands: Demands }): Result<Met> {
  return tidied(meetDemands(batch, demands, tools, crc32c));
}

/** A record by its time, in a batch that is compressed. */
export function findTime(piece: TimePiece): TimeFound {
  return tidied(firstOfTime(piece, tools));
}

export function filterSegment(piece: FilterPiece): Filtered {
  return tidied(filterPiece(piece, tools));
}
