/**
 * One partition's log as a machine: gives out offsets, keeps the newest bytes in chunks, and knows how far they were
 * appended, made durable and committed. Values in, values out: what is to be written it only names (flushing.ts), and the
 * memory it fills was leased for it. Its neighbours in this folder work on the same state: flushing.ts decides what goes to
 * the segments, reading.ts where an offset lies, retention.ts what may go, replay.ts how it comes back after a crash.
 */
import { assert } from '../model/assert.ts';
import { readCrc, readLastOffsetDelta, readMaxTimestamp } from '../model/batch.ts';
import type { Crc32c } from '../model/crc.ts';
import { failed, ok, type Result } from '../model/faults.ts';
import type { Epoch, Offset, PartitionId } from '../model/ids.ts';
import { BLOCK_BYTES, KIB, MIB } from '../model/limits.ts';
import { segmentMsOf, type TopicSettings } from '../model/topic.ts';
import { Chunk, ceilBlock, floorBlock, type LeaseMemory } from './chunk.ts';
import { DirectBatches } from './direct.ts';
import { DIRECT_FLAG, type Entry } from './entry.ts';
import { isSealed, openSegment, type Segment } from './segment.ts';

/** A partition that has written one batch holds no more than this; chunks double with use. */
const CHUNK_BYTES_FIRST = 16 * KIB;
const CHUNK_BYTES_MAX = 2 * MIB;
/** Chunks that are on disk too and are kept for readers near the tail, until the journal says how much memory there is. */
const CACHE_BYTES_FIRST = 4 * MIB;
/** The memory engine forgets whole segments: small ones, so that little more is kept than was asked for. */
const MEMORY_SEGMENT_BYTES_MAX = CHUNK_BYTES_MAX;
/** Sidecars stay small enough to be read whole: 4 MiB. */
export const SEGMENT_ENTRIES_MAX = 65_536;

export interface Tools {
  readonly crc32c: Crc32c;
  readonly lease: LeaseMemory;
}

/** A batch that was given its place. */
export interface Placed {
  readonly entry: Entry;
  readonly chunk: Chunk;
  /** Of the batch in its chunk. */
  readonly index: number;
}
/** The block at the end of the segment must be read first, see {@link PartitionLog.givePrefix}. */
export const PREFIX_NEEDED = 'prefix needed';

const NO_BYTES = new Uint8Array(0);

export class PartitionLog {
  readonly partition: PartitionId;
  readonly tools: Tools;
  settings: TopicSettings;
  epoch = 0 as Epoch;
  /** Ascending, without gaps in offsets; batches are placed in the last one. */
  segments: Segment[] = [];
  /** Ascending; always the end of the log, but not all of it. */
  chunks: Chunk[] = [];
  /** First offset kept. */
  begin = 0 as Offset;
  /** Compaction has seen all keys below. */
  cleanedTo = 0 as Offset;
  /** There is a file of the producers' state. */
  keepsProducers = false;
  /** Offset of the next record. */
  end = 0 as Offset;
  /** The journal has written, and made durable, everything of this partition below. */
  journalWritten = 0 as Offset;
  journalDurable = 0 as Offset;
  /** Fsynced here by one way or the other. */
  durable = 0 as Offset;
  /** What readers may see: the promise of the topic holds. */
  committed = 0 as Offset;
  /** Large batches on their way to the segment. */
  readonly direct = new DirectBatches();
  /** Ranges that do not match their checksums, ascending: [first, behind the last). */
  damaged: (readonly [Offset, Offset])[] = [];
  /** Rises when appended batches were given up: what the journal says about older ones is void. */
  era = 1;
  cacheBytesMax = CACHE_BYTES_FIRST;
  #chunkBytes = CHUNK_BYTES_FIRST;
  /** The last, partial block of a segment whose chunk is not in memory: what is there when the segment has `end` bytes. */
  #prefix: { readonly end: number; readonly bytes: Uint8Array } | null = null;

  constructor(partition: PartitionId, settings: TopicSettings, tools: Tools) {
    this.partition = partition;
    this.settings = settings;
    this.tools = tools;
  }

  get inMemory(): boolean {
    return this.settings.engine === 'memory';
  }

  get active(): Segment | undefined {
    return this.segments.at(-1);
  }

  /** Bytes of all segments, appended ones included. */
  get sizeBytes(): number {
    let bytes = 0;
    for (const segment of this.segments) bytes += segment.bytes;
    return bytes;
  }

  // ---- append

  /** Step `append`: gives the batch its offsets and copies it behind the others. The checksum was verified before. */
  append(batch: Uint8Array, now: number): Result<Placed> | typeof PREFIX_NEEDED {
    if (batch.length > this.settings.batchBytesMax)
      return failed('BATCH_TOO_LARGE', `batch has ${batch.length} bytes, ${this.settings.batchBytesMax} are allowed`);
    this.#rollWhenFull(batch.length, now);
    const segment = this.active ?? this.#open(now);
    const chunk = this.room(segment, batch.length);
    if (chunk === PREFIX_NEEDED) return PREFIX_NEEDED;
    if (chunk === null) return failed('OVERLOADED', 'no memory is free for more records');
    const next = (this.end + readLastOffsetDelta(batch) + 1) as Offset;
    const isDirect = !this.inMemory && this.direct.wants(batch.length, segment);
    const entry: Entry = {
      partition: this.partition,
      base: this.end,
      next,
      segment: segment.base,
      position: segment.bytes,
      length: batch.length,
      epoch: this.epoch,
      maxTimestamp: readMaxTimestamp(batch),
      crc: readCrc(batch),
      durable: this.durable,
      flags: isDirect ? DIRECT_FLAG : 0,
    };
    this.place(chunk, batch, entry);
    if (isDirect) this.direct.add(entry.base, segment, segment.bytes);
    if (this.inMemory) this.#settleInMemory();
    return ok({ entry, chunk, index: chunk.count - 1 });
  }

  /** Copies a batch with its place into `chunk`, at or behind the end of its segment. */
  place(chunk: Chunk, batch: Uint8Array, entry: Entry): void {
    chunk.copyIntoChunk(batch, entry, this.tools.crc32c);
    this.grow(chunk.segment, entry);
  }

  grow(segment: Segment, entry: Entry): void {
    assert(segment === this.active && entry.next > this.end, 'batches are placed at the end');
    segment.bytes = entry.position + entry.length;
    segment.entries++;
    segment.end = entry.next;
    if (entry.maxTimestamp > segment.maxTimestamp) segment.maxTimestamp = entry.maxTimestamp;
    this.end = entry.next;
  }

  /** Closes the segment at the end when `length` more bytes, one more entry or its age are too much for it. */
  #rollWhenFull(length: number, now: number): void {
    const active = this.active;
    if (active === undefined || active.entries === 0) return;
    const bytesMax = this.inMemory
      ? Math.min(this.settings.segmentBytes, MEMORY_SEGMENT_BYTES_MAX)
      : this.settings.segmentBytes;
    const full = active.bytes + length > bytesMax || active.entries >= SEGMENT_ENTRIES_MAX;
    if (full || active.rolled || now - active.openedAt >= segmentMsOf(this.settings)) this.roll(this.end, now);
  }

  /** What is placed from now on goes to a new segment. */
  roll(base: Offset, now: number): Segment {
    if (this.active !== undefined) this.active.rolled = true;
    this.#prefix = null;
    return this.#open(now, base);
  }

  #open(now: number, base = this.end): Segment {
    const segment = openSegment(base, now);
    this.segments.push(segment);
    return segment;
  }

  /** Memory for a batch: the last chunk when `length` more bytes fit, or a new one; null when there is no memory. */
  room(segment: Segment, length: number): Chunk | null | typeof PREFIX_NEEDED {
    const last = this.chunks.at(-1);
    if (last?.segment === segment && last.room >= length) return last;
    const fits = last?.segment === segment && !last.bare;
    // Known at one end of the segment: a replay goes on behind it with batches that it leaves on disk.
    const known = this.#prefix?.end === segment.bytes ? this.#prefix.bytes : null;
    const prefix = segment.bytes % BLOCK_BYTES === 0 ? NO_BYTES : fits ? last.lastBlock : known;
    if (prefix === null) return PREFIX_NEEDED;
    const chunk = this.openChunk(segment, length, prefix);
    this.#prefix = null;
    return chunk;
  }

  openChunk(segment: Segment, length: number, prefix: Uint8Array): Chunk | null {
    const least = ceilBlock(prefix.length + length) + BLOCK_BYTES;
    if (this.chunks.length > 0) this.#chunkBytes = Math.min(2 * this.#chunkBytes, CHUNK_BYTES_MAX);
    const memory = this.#leaseSome(Math.max(least, this.#chunkBytes), least);
    if (memory === null) return null;
    const chunk = new Chunk(segment, memory, this.end, prefix);
    this.chunks.push(chunk);
    this.evict(this.cacheBytesMax);
    return chunk;
  }

  #leaseSome(wanted: number, least: number): ReturnType<LeaseMemory> {
    const memory = this.tools.lease(wanted);
    if (memory !== null) return memory;
    this.evict(0);
    return this.tools.lease(least);
  }

  /** File position of the block that {@link givePrefix} needs. */
  get prefixAt(): number {
    return floorBlock(this.active?.bytes ?? 0);
  }

  /** The block at the end of the last segment, as read from the file. */
  givePrefix(block: Uint8Array): void {
    const end = this.active?.bytes ?? 0;
    this.#prefix = { end, bytes: block.slice(0, end % BLOCK_BYTES) };
  }

  // ---- durable, committed

  /** The journal has everything of this partition below `upTo`: written, or fsynced too. */
  journaled(upTo: Offset, durable: boolean): void {
    assert(upTo <= this.end, 'the journal has what was appended');
    if (upTo > this.journalWritten) this.journalWritten = upTo;
    if (durable && upTo > this.journalDurable) this.journalDurable = upTo;
    this.settle();
  }

  /** The operating system has the bytes below `position` of the segment's file. */
  written(segment: Segment, position: number): void {
    if (position > segment.written) segment.written = position;
    this.direct.settle();
    this.settle();
  }

  /** Bytes below `position` are fsynced in the segment's file. */
  synced(segment: Segment, position: number): void {
    if (position > segment.synced) segment.synced = position;
    this.written(segment, position);
  }

  /** Nothing is believed of what was written into the segment and not fsynced: it is written once more. */
  unwrite(segment: Segment): void {
    segment.written = segment.synced;
    this.direct.restart();
    this.direct.settle();
  }

  /** Has somebody been promised what lies nowhere but in memory and, not fsynced, in the segment? */
  owes(segment: Segment): boolean {
    const { syncedTo } = this.direct;
    return syncedTo !== null && syncedTo < this.committed && syncedTo < segment.end;
  }

  /** Step `commit`: moves the durable and the committed offset as far as the topic's promise holds. Never back. */
  settle(): void {
    const { syncedTo, writtenTo } = this.direct;
    const durable = Math.max(this.listedTo(), Math.min(this.journalDurable, syncedTo ?? this.end)) as Offset;
    if (durable > this.durable) this.durable = durable;
    const written = Math.min(this.journalWritten, writtenTo ?? this.end);
    const promised = this.settings.durability === 'fsync' ? this.durable : written;
    this.committed = Math.max(this.committed, promised, this.durable) as Offset;
  }

  #settleInMemory(): void {
    this.durable = this.end;
    this.committed = this.end;
    this.journalWritten = this.end;
    this.journalDurable = this.end;
  }

  /** Everything below is in fsynced segments and named by fsynced sidecars: no journal is needed for it. */
  listedTo(): Offset {
    let to = this.end;
    for (let index = this.segments.length - 1; index >= 0; index--) {
      const segment = this.segments[index] as Segment;
      if (isSealed(segment)) break;
      to = Math.min(to, segment.listedTo) as Offset;
    }
    return to;
  }

  /** Segments that are not wholly on disk yet, ascending: always the last ones. */
  unsealed(): readonly Segment[] {
    let first = this.segments.length;
    while (first > 0 && !isSealed(this.segments[first - 1] as Segment)) first--;
    return first === 0 ? this.segments : this.segments.slice(first);
  }

  /**
   * What was appended but not promised to anybody is given up: the journal or a segment has failed. What readers may
   * have seen stays; where it is not durable, its entries are to be stored again (see {@link unstored}).
   */
  cutBack(): void {
    const to = Math.max(this.durable, this.committed) as Offset;
    this.cut(to);
    // The journal may have the entry of a large batch whose bytes are nowhere: what takes its place is not there yet.
    this.journalDurable = Math.min(this.journalDurable, this.end) as Offset;
    this.journalWritten = Math.min(this.journalWritten, this.journalDurable) as Offset;
    this.era++;
  }

  /** Takes the batches from `offset` on off the end. They are in memory: nothing else is ever cut. */
  cut(offset: Offset): void {
    assert(this.listedTo() <= offset, 'what a sidecar names is never cut');
    while (this.end > offset) {
      const chunk = this.chunks.at(-1);
      const segment = this.active;
      assert(chunk !== undefined && segment !== undefined, 'what is cut is in memory');
      if (segment.base >= offset && segment !== this.segments[0]) this.#dropSegment(segment);
      else this.#cutSegment(segment, chunk, offset);
    }
    this.direct.cut(offset);
    // What was cut is closed: a disk that fails again and again would leave large chunks with a batch in each.
    this.#chunkBytes = CHUNK_BYTES_FIRST;
  }

  #cutSegment(segment: Segment, chunk: Chunk, offset: Offset): void {
    assert(chunk.segment === segment, 'the last chunk belongs to the last segment');
    const before = chunk.count;
    chunk.cut(offset);
    segment.entries -= before - chunk.count;
    segment.bytes = chunk.used;
    segment.end = chunk.next;
    segment.written = Math.min(segment.written, chunk.used);
    segment.synced = Math.min(segment.synced, chunk.used);
    this.end = chunk.next;
    if (chunk.count > 0) return;
    this.#prefix = chunk.bare ? null : { end: chunk.used, bytes: chunk.lastBlock.slice() };
    this.#dropChunk();
  }

  #dropSegment(segment: Segment): void {
    while (this.chunks.at(-1)?.segment === segment) this.#dropChunk();
    this.segments.pop();
    const active = this.active;
    assert(active !== undefined, 'the first segment stays');
    // Its manifest may say that it ends here: a start would not look for what comes behind.
    active.rolled = isSealed(active);
    this.end = active.end;
  }

  #dropChunk(): void {
    this.chunks.pop()?.memory.release();
  }

  /** Calls `each` for the batches that the journal has lost and must be given again, in order. */
  unstored(each: (chunk: Chunk, index: number) => void): void {
    for (const chunk of this.chunks)
      for (let index = chunk.indexOf(this.journalDurable); index < chunk.count; index++) each(chunk, index);
  }

  // ---- memory

  /** Lets go of chunks that are on disk too, oldest first, until at most `keepBytes` of them are left. */
  evict(keepBytes: number): void {
    if (this.inMemory) return;
    let kept = 0;
    for (const chunk of this.chunks) if (this.#evictable(chunk)) kept += chunk.memory.bytes.length;
    while (kept > keepBytes) {
      const chunk = this.chunks[0];
      if (chunk === undefined || !this.#evictable(chunk)) return;
      kept -= chunk.memory.bytes.length;
      this.dropFirstChunk();
    }
  }

  /** Lets go of everything that is on disk too; the next append begins small again. */
  rest(): void {
    this.evict(0);
    const last = this.chunks[0];
    if (!this.inMemory && this.chunks.length === 1 && last !== undefined && last.next <= this.listedTo()) {
      this.#prefix = null;
      this.dropFirstChunk();
    }
    if (this.chunks.length === 0) this.#chunkBytes = CHUNK_BYTES_FIRST;
  }

  /** Offset behind the last batch whose bytes a replay left in the segment; 0 when there is none. Not readable until listed. */
  get bareTo(): Offset {
    return this.chunks.findLast((chunk) => chunk.bare)?.next ?? (0 as Offset);
  }

  /** The sidecar names those batches now: reads find them on disk. */
  dropBare(): void {
    assert(this.bareTo <= this.listedTo(), 'batches without bytes in memory are named by a sidecar');
    while (this.chunks.some((chunk) => chunk.bare)) this.dropFirstChunk();
  }

  dropFirstChunk(): void {
    this.chunks.shift()?.memory.release();
  }

  /** On disk as a whole, and not the one that is filled. */
  #evictable(chunk: Chunk): boolean {
    return chunk !== this.chunks.at(-1) && chunk.next <= chunk.segment.listedTo;
  }
}
