/**
 * What of a partition is to be written next, and what it means once it was. Bytes are one lane, and what proves them (fsync,
 * sidecar, manifest) another; one piece of work of each is in flight at a time. The order is the invariant: bytes written in
 * the segment, then fsynced, then named by the fsynced sidecar, then the manifest, and only then may the journal forget them. Names the work as values; never touches a disk.
 */
import { assert } from '../model/assert.ts';
import { join } from '../model/copy.ts';
import type { Offset } from '../model/ids.ts';
import { MIB } from '../model/limits.ts';
import { type Chunk, floorBlock, type Memory } from './chunk.ts';
import { ENTRY_BYTES } from './entry.ts';
import { encodeManifest, type Manifest, type SegmentRecord } from './manifest.ts';
import type { PartitionLog } from './partition-log.ts';
import { isSealed, type Segment, toRecord } from './segment.ts';
import type { UnlistedRoom } from './unlisted.ts';

/**
 * What the journal has gets to its segment in pieces: nobody waits for it, and a long write would keep those waiting who wait
 * for the journal.
 */
const PIECE_BYTES_MAX = MIB / 2;

export type Work =
  /** Write whole blocks at `position` of the segment file; `durable`: so that they are, once it is answered. */
  | {
      readonly kind: 'segment';
      readonly segment: Segment;
      readonly views: readonly Uint8Array[];
      /** What the views lie in: to be held until the write is over. */
      readonly memories: readonly Memory[];
      readonly position: number;
      readonly durable: boolean;
      readonly writtenTo: number;
      readonly era: number;
      readonly attempt: number;
    }
  /** Fsync the segment file. */
  | {
      readonly kind: 'sync';
      readonly segment: Segment;
      readonly syncedTo: number;
      readonly era: number;
      readonly attempt: number;
    }
  /** Write entries at `position` of the sidecar, then fsync it. */
  | {
      readonly kind: 'sidecar';
      readonly segment: Segment;
      readonly bytes: Uint8Array;
      readonly position: number;
      readonly listed: number;
      readonly listedTo: Offset;
    }
  /** Replace the manifest, then remove the files of these segments. */
  | {
      readonly kind: 'manifest';
      readonly bytes: Uint8Array;
      readonly clean: boolean;
      readonly begin: Offset;
      readonly remove: readonly Segment[];
    };

export class Flushing {
  readonly #log: PartitionLog;
  readonly #room: UnlistedRoom;
  /** Everything committed below this is wanted in the segments. */
  #wanted = 0;
  #manifestDue = false;
  #manifestInFlight = false;
  /** What the manifest on disk says about itself. */
  #cleanOnDisk = false;
  #beginOnDisk: number;
  #cleanWanted = false;
  #removed: Segment[] = [];
  /** To be fsynced because the time has come that was promised for it. */
  #due: Segment[] = [];
  /** Rises when what was written is not believed: see {@link again}. */
  #attempt = 0;
  /** Its file has failed: what is fsynced of it is named and it is sealed there; the rest comes back from the journal. */
  #failed: Segment | null = null;
  /** The manifest seals the failed segment: the partition is to be started anew. */
  over = false;

  constructor(log: PartitionLog, manifest: Manifest | null, room: UnlistedRoom) {
    this.#log = log;
    this.#room = room;
    this.#cleanOnDisk = manifest?.clean ?? false;
    this.#beginOnDisk = manifest?.begin ?? 0;
  }

  /** Asks for everything below `offset` to be moved to the segments. */
  want(offset: number): void {
    if (offset > this.#wanted) this.#wanted = offset;
  }

  /**
   * Everything below `offset` is on disk and named: batches by a sidecar, its segment by the manifest. A start finds no
   * segment that the manifest does not name.
   */
  reached(offset: number): boolean {
    return this.settled && this.#log.listedTo() >= Math.min(offset, this.#log.end);
  }

  manifestDue(): void {
    this.#manifestDue = true;
  }

  /** The manifest on disk names the segments that the log has, and no others. */
  get settled(): boolean {
    return !this.#manifestDue && !this.#manifestInFlight;
  }

  /** The time has come that was promised for what is written: it is to be fsynced. */
  syncDue(): void {
    this.#due = this.#log.unsealed().filter((segment) => segment.synced < segment.written);
  }

  /** The manifest on disk says that no journal has anything of the partition. */
  get clean(): boolean {
    return this.#cleanOnDisk;
  }

  /** Where the log begins by the manifest on disk. */
  get beginOnDisk(): number {
    return this.#beginOnDisk;
  }

  /** The partition stops: its manifest is to say that no journal has anything of it. */
  wantClean(): void {
    this.#cleanWanted = true;
    this.#manifestDue = true;
  }

  /** These segments went from the log: their files go once the manifest no longer names them. */
  remove(segments: readonly Segment[]): void {
    if (this.#log.inMemory || segments.length === 0) return;
    this.#removed.push(...segments);
    this.#manifestDue = true;
  }

  /** A write or an fsync of the segment's file has failed, which is final for it. */
  fail(segment: Segment): void {
    this.#failed = segment;
  }

  /** The same where the segment and memory have the only copies of what was promised: all of it is written once more. */
  again(segment: Segment): void {
    this.#attempt++;
    this.#log.unwrite(segment);
  }

  /** The next bytes for a segment, or null when there are none now. */
  nextWrite(): Work | null {
    // Before the first byte is written the manifest must stop to say that the partition rests.
    if (this.#log.inMemory || this.over || this.#failed !== null || this.#cleanOnDisk) return null;
    const segment = this.#segmentToWrite();
    return segment === null ? null : this.#segmentWork(segment);
  }

  /** What is to be fsynced, named or told next, or null when there is nothing now. */
  nextProof(): Work | null {
    if (this.#log.inMemory || this.over) return null;
    if (this.#failed !== null) return this.#nextOfFailed(this.#failed);
    if (this.#cleanOnDisk && this.#segmentToWrite() !== null) return this.#manifest(false);
    const work = this.#nextOfFlush() ?? this.#nextDue();
    if (work !== null) return work;
    return this.#manifestDue ? this.#manifest(this.#cleanWanted) : null;
  }

  #nextOfFailed(segment: Segment): Work {
    const sidecar = segment === this.#firstUnlisted() ? this.#sidecarWork(segment) : null;
    if (sidecar !== null) return sidecar;
    this.over = true;
    return this.#manifest(false);
  }

  /** Large batches, which somebody waits for, come before what the journal has. */
  #segmentToWrite(): Segment | null {
    const direct = this.#log.direct.next;
    const unsealed = this.#log.unsealed();
    const first = unsealed[0];
    // A producer of large batches that never pauses would keep the memory of a closed segment held for ever.
    if (direct !== null) return first?.rolled === true && first.written < first.bytes ? first : direct;
    for (const segment of unsealed) {
      if (segment.listedTo === segment.end) continue;
      if (!this.#isWanted(segment)) return null;
      if (segment.written < this.#target(segment)) return segment;
    }
    return null;
  }

  /** The oldest segment that has more than its sidecar names. */
  #firstUnlisted(): Segment | undefined {
    return this.#log.unsealed().find(({ listedTo, end }) => listedTo < end);
  }

  /** The oldest segment that is to be named further. */
  #nextOfFlush(): Work | null {
    const segment = this.#firstUnlisted();
    if (segment === undefined || !this.#isWanted(segment)) return null;
    const sidecar = this.#sidecarWork(segment);
    if (sidecar !== null) return sidecar;
    if (segment.synced === segment.written || segment.written < this.#target(segment)) return null;
    return this.#syncWork(segment);
  }

  #nextDue(): Work | null {
    if (this.#log.settings.durability === 'fsync' && this.#log.direct.nextToSync !== null)
      return this.#syncWork(this.#log.direct.nextToSync);
    for (let segment = this.#due.shift(); segment !== undefined; segment = this.#due.shift())
      if (segment.synced < segment.written) return this.#syncWork(segment);
    return null;
  }

  #isOverdue(segment: Segment): boolean {
    return segment.rolled || !this.#room.admits(this.#unlistedOf(segment));
  }

  /** Large batches lie in their segment long before the journal wants them flushed. */
  #unlistedOf(segment: Segment): number {
    return Math.max(0, segment.written - this.#positionOf(segment, segment.listedTo));
  }

  /** The partition's life ends: others may have the memory. */
  ended(): void {
    this.#room.note(this, 0);
  }

  #isWanted(segment: Segment): boolean {
    return segment.listedTo < Math.min(this.#wanted, this.#log.committed) || this.#isOverdue(segment);
  }

  /** How far the segment is to be written and fsynced before more of it is named. */
  #target(segment: Segment): number {
    const wanted = Math.min(this.#wanted, this.#log.committed);
    return segment.rolled ? segment.bytes : this.#positionOf(segment, wanted);
  }

  /** Position in the segment behind all batches that end at `offset` or before; what is not in memory lies before. */
  #positionOf(segment: Segment, offset: number): number {
    let position = 0;
    for (const chunk of this.#log.chunks) {
      if (chunk.segment !== segment) continue;
      if (chunk.next > offset) return Math.max(position, chunk.positionAt(chunk.indexOf(offset)));
      position = chunk.used;
    }
    return segment.bytes;
  }

  /** What is placed in the segment and not written there, in whole blocks; null when there is nothing of it in memory. */
  #segmentWork(segment: Segment): Work | null {
    const isWaitedFor = this.#log.direct.next !== null;
    const limit = isWaitedFor ? Number.POSITIVE_INFINITY : floorBlock(segment.written) + PIECE_BYTES_MAX;
    let chunks = this.#log.chunks.filter(
      (chunk) => chunk.segment === segment && chunk.used > segment.written && chunk.start < limit,
    );
    while (chunks[0]?.bare === true) {
      // A large batch that is missing from the segment: damage, and nothing to write.
      this.#log.synced(segment, chunks[0].used);
      chunks = chunks.slice(1);
    }
    const gap = chunks.findIndex((chunk) => chunk.bare);
    if (gap > 0) chunks = chunks.slice(0, gap);
    const [first, last] = [chunks[0], chunks.at(-1)];
    if (first === undefined || last === undefined) return null;
    assert(first.start <= floorBlock(segment.written), 'what is not on disk is in memory');
    const writtenTo = Math.min(last.used, limit);
    const proves = isWaitedFor ? this.#log.settings.durability === 'fsync' : writtenTo >= this.#target(segment);
    return {
      kind: 'segment',
      segment,
      views: chunks.flatMap((chunk, index) => blocksOf(chunk, segment.written, chunks[index + 1]?.start ?? limit)),
      memories: chunks.map((chunk) => chunk.memory),
      position: Math.max(first.start, floorBlock(segment.written)),
      // A durable write says nothing about what was written before it: what still waits for an fsync needs a real one.
      durable: proves && segment.synced === segment.written,
      writtenTo,
      era: this.#log.era,
      attempt: this.#attempt,
    };
  }

  #syncWork(segment: Segment): Work {
    return { kind: 'sync', segment, syncedTo: segment.written, era: this.#log.era, attempt: this.#attempt };
  }

  /** Entries of batches that are committed and fsynced in the segment. */
  #sidecarWork(segment: Segment): Work | null {
    const parts: Uint8Array[] = [];
    let count = 0;
    let listedTo = segment.listedTo;
    for (const chunk of this.#log.chunks) {
      if (chunk.segment !== segment || chunk.next <= segment.listedTo) continue;
      const from = chunk.indexOf(segment.listedTo);
      let to = from;
      while (to < chunk.count && chunk.nextAt(to) <= this.#log.committed && chunk.endAt(to) <= segment.synced) to++;
      if (to === from) break;
      parts.push(chunk.entries.slice(from * ENTRY_BYTES, to * ENTRY_BYTES));
      count += to - from;
      listedTo = chunk.nextAt(to - 1);
    }
    if (count === 0) return null;
    const position = segment.listed * ENTRY_BYTES;
    return { kind: 'sidecar', segment, bytes: join(parts), position, listed: segment.listed + count, listedTo };
  }

  #manifest(clean: boolean): Work {
    this.#manifestDue = false;
    this.#manifestInFlight = true;
    const remove = this.#removed;
    this.#removed = [];
    const { partition, begin, cleanedTo, keepsProducers: producers, tools } = this.#log;
    const segments = this.#named().map((segment) => this.#record(segment));
    return {
      kind: 'manifest',
      bytes: encodeManifest({ partition, begin, clean, cleanedTo, producers, segments }, tools.crc32c),
      clean,
      begin,
      remove,
    };
  }

  /**
   * Those that have files. Where one has failed, only up to the first that is not named to its end: what a sealed segment
   * behind it seems to have, a start would not ask the journal for.
   */
  #named(): readonly Segment[] {
    const created = this.#log.segments.filter((segment) => segment.created);
    const last = this.#failed === null ? undefined : this.#firstUnlisted();
    return last === undefined ? created : created.filter(({ base }) => base <= last.base);
  }

  /** The last segment may have more than its sidecar names: the manifest tells what is on disk. */
  #record(segment: Segment): SegmentRecord {
    const record = toRecord(segment);
    const listed = { end: segment.listedTo, entries: segment.listed };
    if (segment !== this.#failed) return { ...record, ...listed };
    return { ...record, ...listed, bytes: this.#positionOf(segment, segment.listedTo), sealed: true };
  }

  /** The manifest is still to be written, and what it no longer names still to be removed. */
  manifestFailed(work: Work & { kind: 'manifest' }): void {
    this.#manifestDue = true;
    this.#manifestInFlight = false;
    this.#removed.push(...work.remove);
  }

  /** The work was done and is durable. */
  done(work: Work): void {
    this.#take(work);
    if (work.kind !== 'segment' && work.kind !== 'sidecar') return;
    const unlisted = this.#log.unsealed().reduce((sum, segment) => sum + this.#unlistedOf(segment), 0);
    this.#room.note(this, unlisted);
  }

  #take(work: Work): void {
    switch (work.kind) {
      case 'segment':
        if (!this.#counts(work)) return;
        if (work.durable) this.#log.synced(work.segment, work.writtenTo);
        else this.#log.written(work.segment, work.writtenTo);
        return;
      case 'sync':
        if (this.#counts(work)) this.#log.synced(work.segment, work.syncedTo);
        return;
      case 'sidecar':
        this.#listed(work.segment, work.listed, work.listedTo);
        return;
      case 'manifest':
        this.#manifestInFlight = false;
        this.#cleanOnDisk = work.clean;
        this.#beginOnDisk = work.begin;
        return;
    }
  }

  /** Bytes that were cut off meanwhile may have been written, and others are in their place now. */
  #counts({ era, attempt }: { readonly era: number; readonly attempt: number }): boolean {
    return era === this.#log.era && attempt === this.#attempt;
  }

  #listed(segment: Segment, listed: number, listedTo: Offset): void {
    const isNew = segment.listed === 0;
    segment.listed = listed;
    segment.listedTo = listedTo;
    segment.created = true;
    if (isNew || isSealed(segment)) this.#manifestDue = true;
    this.#log.settle();
  }
}

/** The blocks of `chunk` from `from` to before `to`, both positions in the file; the next chunk may begin with its last block. */
function blocksOf(chunk: Chunk, from: number, to: number): Uint8Array[] {
  const first = Math.max(chunk.start, floorBlock(from)) - chunk.start;
  const isWhole = to > floorBlock(chunk.used);
  const last = (isWhole ? floorBlock(chunk.used) : to) - chunk.start;
  const views = first === last ? [] : [chunk.memory.bytes.subarray(first, last)];
  if (isWhole && chunk.lastBlock.length > 0) views.push(chunk.copyOfLastBlock());
  return views;
}
