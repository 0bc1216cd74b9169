/**
 * Compaction's work on the bytes, as jobs for a thread of its own: notes the newest offset of each key of a piece of a
 * segment, and writes a piece anew without what newer records have replaced. Reads and writes no file; which pieces, and
 * what becomes of the results, compaction.ts and actors/partition/compaction.ts decide.
 *
 * A tombstone (a record without value) goes once nothing older of its key is left and readers had their time: the batch
 * is given that time when it is first written anew with all its tombstones noted, and they go when it has passed.
 * Batches that cannot be opened stay as they are, and so do control batches until nothing is left of their transaction.
 */
import {
  CONTROL_FLAG,
  DELETE_HORIZON_FLAG,
  readAttributes,
  readBaseOffset,
  readBaseTimestamp,
  readBatchBytes,
  readCrc,
  readEpoch,
  readMaxTimestamp,
  readNextOffset,
  readProducerId,
  TRANSACTIONAL_FLAG,
} from '../model/batch.ts';
import type { Codecs } from '../model/batch-demands.ts';
import { isTransactional, readMarker } from '../model/control.ts';
import type { Crc32c } from '../model/crc.ts';
import type { Offset, PartitionId } from '../model/ids.ts';
import { COMPACTED_FLAG, ENTRY_BYTES, SIDECAR_SEED, writeEntry } from './entry.ts';
import { type HashKey, KeyTable, keysMax } from './key-table.ts';
import { OpenBatch, type RawRecord, rewriteBatch } from './rewriting.ts';
import { type ScanPiece, scanPiece } from './scan.ts';

/** What a job thread brings along. */
export interface CompactionTools extends Codecs {
  readonly crc32c: Crc32c;
  readonly hash: HashKey;
}

/** Offsets of a producer whose transaction was aborted: [first, last]. Its records are no records. */
export type AbortedRange = readonly [producer: number, first: number, last: number];

export interface KeysPiece extends ScanPiece {
  /** A {@link KeyTable}, in shared memory. */
  readonly table: Uint8Array;
  /** Keys in it. */
  readonly count: number;
  /** Only records from here on. */
  readonly from: Offset;
  readonly aborted: readonly AbortedRange[];
}
export interface KeysNoted {
  /** Indexes of batches that do not match their entries: then nothing was noted. */
  readonly bad: readonly number[];
  readonly count: number;
  /** Behind the last batch whose keys are all in the table: it is full where that is not the end of the piece. */
  readonly to: Offset;
}

export function noteKeys(piece: KeysPiece, tools: CompactionTools): KeysNoted {
  const bad = scanPiece(piece, tools.crc32c);
  if (bad.length > 0) return { bad, count: piece.count, to: piece.from };
  const table = new KeyTable(piece.table);
  const max = keysMax(piece.table.length);
  let { count } = piece;
  let to = piece.from;
  for (const batch of batchesOf(piece.bytes)) {
    const open = isPlain(batch) && !isAborted(batch, piece.aborted) ? OpenBatch.open(batch, tools) : null;
    const hashes = open === null ? [] : hashesOf(open, piece.from, tools.hash);
    // A batch that no table of this size could take is passed over: what it would replace stays, and its tombstones too.
    const fits = count + hashes.length <= max;
    if (!fits && count > 0) return { bad, count, to };
    if (fits) for (const { hash, offset } of hashes) if (table.set(hash, offset)) count++;
    to = readNextOffset(batch);
  }
  return { bad, count, to };
}

function hashesOf(
  batch: OpenBatch,
  from: Offset,
  hash: HashKey,
): { readonly hash: Uint8Array; readonly offset: number }[] {
  const hashes: { hash: Uint8Array; offset: number }[] = [];
  const base = readBaseOffset(batch.header);
  batch.each(({ key, offsetDelta }) => {
    if (key !== null && base + offsetDelta >= from) hashes.push({ hash: hash(key), offset: base + offsetDelta });
  });
  return hashes;
}

export interface FilterPiece extends ScanPiece {
  readonly table: Uint8Array;
  readonly aborted: readonly AbortedRange[];
  readonly partition: PartitionId;
  /** Base offset of the segment that is written, and the position in it where this piece begins. */
  readonly segment: Offset;
  readonly position: number;
  /** Offset behind the segment: its last batch stays, so that the range is known from the bytes alone. */
  readonly end: Offset;
  /** Ms since 1970. */
  readonly now: number;
  readonly tombstoneRetentionMs: number;
  /** False: what they take out may lie where nobody could look, and they stay; markers too. */
  readonly tombstonesMayGo: boolean;
  /** Producers of whose transaction, which began before this piece and has not ended there, batches are left. */
  readonly open: readonly number[];
  /** Base offsets of the batches that say what a producer has sent last: of these at least the header stays. */
  readonly last: readonly number[];
}
export interface Filtered {
  /** Indexes of batches that do not match their entries: then nothing was written. */
  readonly bad: readonly number[];
  readonly bytes: Uint8Array;
  /** Entries of its batches. */
  readonly entries: Uint8Array;
  readonly maxTimestamp: number;
  /** When the first of its tombstones may go; -1: there are none that were given a time. */
  readonly tombstonesUntil: number;
  /** Records that went, and batches that lost what made them part of a transaction. */
  readonly removed: number;
  /** As it was given, behind this piece. */
  readonly open: readonly number[];
  /** Offsets of the markers that went. */
  readonly markers: readonly number[];
}

export function filterPiece(piece: FilterPiece, tools: CompactionTools): Filtered {
  const table = new KeyTable(piece.table);
  const bad = scanPiece(piece, tools.crc32c);
  const kept: Uint8Array[] = [];
  const open = new Set(piece.open);
  const markers: number[] = [];
  let tombstonesUntil = -1;
  let removed = 0;
  for (const batch of bad.length > 0 ? [] : batchesOf(piece.bytes)) {
    const isMarker = !isPlain(batch);
    const filtered = isMarker ? filterMarker(batch, piece, open, tools) : filterBatch(batch, piece, table, tools);
    removed += filtered.removed;
    if (filtered.until >= 0)
      tombstonesUntil = tombstonesUntil < 0 ? filtered.until : Math.min(tombstonesUntil, filtered.until);
    if (filtered.batch === null && isMarker) markers.push(readBaseOffset(batch));
    if (filtered.batch === null) continue;
    kept.push(filtered.batch);
    if (!isMarker && isTransactional(filtered.batch)) open.add(readProducerId(batch));
  }
  return { bad, ...pack(kept, piece, tools.crc32c), tombstonesUntil, removed, open: [...open], markers };
}

interface FilteredBatch {
  /** Null: nothing of it is left. */
  readonly batch: Uint8Array | null;
  readonly until: number;
  readonly removed: number;
}

/**
 * A marker goes as tombstones do: once nothing is left of its transaction it is given the time at which it may go, and the
 * next time that it is looked at behind that, it goes.
 */
function filterMarker(batch: Uint8Array, piece: FilterPiece, open: Set<number>, tools: CompactionTools): FilteredBatch {
  const untouched = { batch, until: -1, removed: 0 };
  const isEmpty = !open.delete(readProducerId(batch));
  const stays = readNextOffset(batch) === piece.end || piece.last.includes(readBaseOffset(batch));
  if (!isEmpty || stays || !piece.tombstonesMayGo || readMarker(batch) === null) return untouched;
  const until = readBaseTimestamp(batch);
  const hadHorizon = (readAttributes(batch) & DELETE_HORIZON_FLAG) !== 0;
  if (hadHorizon) return until <= piece.now ? { batch: null, until: -1, removed: 1 } : { ...untouched, until };
  const opened = OpenBatch.open(batch, tools);
  if (opened === null) return untouched;
  const horizon = piece.now + piece.tombstoneRetentionMs;
  return {
    batch: rewriteBatch(opened, { stays: () => true, horizon }, tools, tools.crc32c),
    until: horizon,
    removed: 0,
  };
}

function filterBatch(batch: Uint8Array, piece: FilterPiece, table: KeyTable, tools: CompactionTools): FilteredBatch {
  const attributes = readAttributes(batch);
  const untouched = { batch, until: -1, removed: 0 };
  const open = OpenBatch.open(batch, tools);
  if (open === null) return untouched;
  const judge = new Judge(batch, isAborted(batch, piece.aborted), piece, table, tools.hash);
  open.each((record) => judge.look(record));
  const hadHorizon = (attributes & DELETE_HORIZON_FLAG) !== 0;
  const horizon = !hadHorizon && judge.tombstones > 0 && judge.allNoted ? piece.now + piece.tombstoneRetentionMs : -1;
  const until = judge.tombstones === 0 ? -1 : hadHorizon ? readBaseTimestamp(batch) : horizon;
  const isEnd = readNextOffset(batch) === piece.end || piece.last.includes(readBaseOffset(batch));
  if (judge.kept === 0 && !isEnd) return { batch: null, until, removed: judge.removed };
  if (judge.removed === 0 && horizon < 0) return { batch, until, removed: 0 };
  let index = 0;
  const stays = (): boolean => judge.verdicts[index++] === true;
  return { batch: rewriteBatch(open, { stays, horizon }, tools, tools.crc32c), until, removed: judge.removed };
}

/** Goes through the records of one batch and says which of them stay. */
class Judge {
  readonly verdicts: boolean[] = [];
  kept = 0;
  removed = 0;
  /** That stay. */
  tombstones = 0;
  /** Of each of these the table knows that nothing newer has its key, and so whatever is older goes. */
  allNoted: boolean;
  readonly #base: number;
  readonly #aborted: boolean;
  readonly #isOver: boolean;
  readonly #table: KeyTable;
  readonly #hash: HashKey;

  constructor(
    batch: Uint8Array,
    aborted: boolean,
    { now, tombstonesMayGo }: FilterPiece,
    table: KeyTable,
    hash: HashKey,
  ) {
    this.allNoted = tombstonesMayGo;
    this.#base = readBaseOffset(batch);
    this.#aborted = aborted;
    const isOver = (readAttributes(batch) & DELETE_HORIZON_FLAG) !== 0 && readBaseTimestamp(batch) <= now;
    this.#isOver = isOver && tombstonesMayGo;
    this.#table = table;
    this.#hash = hash;
  }

  look({ key, offsetDelta, isTombstone }: RawRecord): void {
    const offset = this.#base + offsetDelta;
    // Without a key a record replaces nothing; it came before the topic was compacted.
    const newest = key === null ? -1 : this.#table.newest(this.#hash(key));
    const isTomb = isTombstone && key !== null;
    const stays = !this.#aborted && offset >= newest && !(isTomb && this.#isOver);
    this.verdicts.push(stays);
    if (stays) this.kept++;
    else this.removed++;
    if (!stays || !isTomb) return;
    this.tombstones++;
    if (newest !== offset) this.allNoted = false;
  }
}

const isPlain = (batch: Uint8Array): boolean => (readAttributes(batch) & CONTROL_FLAG) === 0;

function isAborted(batch: Uint8Array, aborted: readonly AbortedRange[]): boolean {
  if ((readAttributes(batch) & TRANSACTIONAL_FLAG) === 0) return false;
  const base = readBaseOffset(batch);
  const producer = readProducerId(batch);
  return aborted.some(([who, first, last]) => who === producer && first <= base && base <= last);
}

function* batchesOf(bytes: Uint8Array): Generator<Uint8Array, void, undefined> {
  for (let at = 0; at < bytes.length; at += readBatchBytes(bytes, at))
    yield bytes.subarray(at, at + readBatchBytes(bytes, at));
}

/** One behind the other, with their entries. */
function pack(
  batches: readonly Uint8Array[],
  { partition, segment, position }: FilterPiece,
  crc32c: Crc32c,
): Pick<Filtered, 'bytes' | 'entries' | 'maxTimestamp'> {
  const bytes = new Uint8Array(batches.reduce((sum, batch) => sum + batch.length, 0));
  const entries = new Uint8Array(batches.length * ENTRY_BYTES);
  let maxTimestamp = -1;
  let at = 0;
  for (const [index, batch] of batches.entries()) {
    bytes.set(batch, at);
    const base = readBaseOffset(batch);
    const entry = {
      partition,
      base,
      next: readNextOffset(batch),
      segment,
      position: position + at,
      length: batch.length,
      epoch: readEpoch(batch),
      maxTimestamp: readMaxTimestamp(batch),
      crc: readCrc(batch),
      durable: readNextOffset(batch),
      flags: COMPACTED_FLAG,
    };
    writeEntry(entries, index * ENTRY_BYTES, entry, SIDECAR_SEED, crc32c);
    maxTimestamp = Math.max(maxTimestamp, entry.maxTimestamp);
    at += batch.length;
  }
  return { bytes, entries, maxTimestamp };
}
