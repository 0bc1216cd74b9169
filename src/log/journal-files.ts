/**
 * Which files a shard's journal has: the one that is written, older ones that partitions still need, free ones that are
 * used again. Keeps count of who needs what; decides nothing about what is written.
 */
import { assert } from '../model/assert.ts';
import type { Offset, PartitionId } from '../model/ids.ts';
import { MIB } from '../model/limits.ts';
import { NumberMap } from '../model/number-map.ts';

/**
 * Partitions that are asked to flush at a time, by the number of files that wait for them: their writes compete with the
 * journal's, so there is no haste until it could run out of files.
 */
const FLUSHES_MAX = [1, 1, 4] as const;
const FLUSHES_IN_HASTE_MAX = 32;
/** Free files kept for use again: overwriting costs no change of metadata. */
const FREE_MAX = 2;
/** Readers near the tail of one partition are served from so much memory at most. */
const KEEP_BYTES_MAX = 4 * MIB;
/** Large batches lie in their segments, but must be read at a start while the journal alone names them. */
const DIRECT_BYTES_MAX = 256 * MIB;

interface JournalFile {
  readonly name: string;
  /** Groups with this number and later ones do not count; infinite while the file is written. */
  behind: number;
  /** Of each partition in it: the offset behind its last batch there. Emptied by `flushed`. */
  readonly needs: Map<PartitionId, Offset>;
  /** Of another layout, with damage, or after a write or fsync that failed: never used again. */
  keep: 'recycle' | 'remove';
}

/** A file to be made ready: under `name`, out of the free file `recycle` where there is one. */
export interface Preparation {
  readonly name: string;
  readonly sequence: number;
  readonly recycle: string | null;
  /** Bytes that a new file is to have from the beginning: a durable write that makes its file longer costs twice. */
  readonly fillBytes: number;
}

export class JournalFiles {
  readonly #bytesMax: number;
  readonly #filesMax: number;
  readonly #shard: number;
  #current: JournalFile | null = null;
  #sequence = -1;
  #position = 0;
  #directBytes = 0;
  /** What the current file's `needs` were at its last fsync, for partitions whose later batches are not fsynced; 0: none. */
  readonly #syncedNeeds = new NumberMap<number>();
  #old: JournalFile[] = [];
  #free: string[] = [];
  #nextSequence: number;
  #preparing: Preparation | null = null;
  #ready: Preparation | null = null;
  readonly #asked = new Map<PartitionId, Offset>();

  constructor(shard: number, bytesMax: number, filesMax: number, nextSequence: number) {
    this.#shard = shard;
    this.#bytesMax = bytesMax;
    this.#filesMax = filesMax;
    this.#nextSequence = nextSequence;
  }

  get sequence(): number {
    return this.#sequence;
  }
  get position(): number {
    return this.#position;
  }
  get room(): number {
    return this.#bytesMax - this.#position;
  }
  /** Number of files that are not written any more and still needed. */
  get old(): number {
    return this.#old.length;
  }
  /** Nobody needs anything of any file. */
  get empty(): boolean {
    return this.#old.length === 0 && (this.#current?.needs.size ?? 0) === 0;
  }
  /** Every file of this shard's own, needed or not. */
  get names(): readonly string[] {
    const current = this.#current === null ? [] : [this.#current.name];
    const ready = this.#ready === null ? [] : [this.#ready.name];
    return [...this.#old.map((file) => file.name), ...this.#free, ...ready, ...current];
  }
  get isOpen(): boolean {
    return this.#current !== null;
  }
  get isPreparing(): boolean {
    return this.#preparing !== null;
  }
  /** The next file can be used at once. */
  get isReady(): boolean {
    return this.#ready !== null;
  }
  /** The current file is half full, and nobody has begun to make the next one ready. */
  get wantsNext(): boolean {
    if (this.#current === null || this.#preparing !== null || this.#ready !== null) return false;
    return 2 * this.#position >= this.#bytesMax || 2 * this.#directBytes >= DIRECT_BYTES_MAX;
  }
  /** Files with batches of the partition in the order they were written, and the group number behind the last that counts. */
  holding(partition: PartitionId): readonly (readonly [name: string, behind: number])[] {
    const files = this.#current === null ? this.#old : [...this.#old, this.#current];
    return files.filter((file) => file.needs.has(partition)).map((file) => [file.name, file.behind] as const);
  }

  /** A file that was found at start. */
  adopt(name: string, needs: ReadonlyMap<PartitionId, Offset>, behind: number, keep: 'recycle' | 'remove'): void {
    this.#old.push({ name, needs: new Map(needs), behind, keep });
  }

  full(bytes: number): boolean {
    return this.#current === null || this.room < bytes || this.#directBytes >= DIRECT_BYTES_MAX;
  }

  /** The current file is not written any more. @returns its name, null when there is none. */
  retire(behind: number): string | null {
    const current = this.#current;
    if (current === null) return null;
    this.#current = null;
    this.#syncedNeeds.clear();
    current.behind = behind;
    this.#old.push(current);
    return current.name;
  }

  /** All of the current file is fsynced. */
  synced(): void {
    this.#syncedNeeds.clear();
  }

  /**
   * The current file has failed: what came after its last fsync does not count, so nobody needs it, and those offsets are
   * given to other batches, which wait for the next file.
   */
  failed(): void {
    const current = this.#current;
    if (current === null) return;
    current.keep = 'remove';
    for (const partition of this.#syncedNeeds.keys() as PartitionId[]) {
      const upTo = this.#syncedNeeds.get(partition) ?? 0;
      if (upTo === 0) current.needs.delete(partition);
      else if (current.needs.has(partition)) current.needs.set(partition, upTo as Offset);
    }
    this.#asked.clear();
  }

  /** What the next file is to be made of; null while there are as many as may be, and all are needed. */
  prepare(): Preparation | null {
    const isAhead = this.#current !== null;
    const recycle = this.#free.shift() ?? null;
    if (recycle === null && this.#old.length + (isAhead ? 1 : 0) >= this.#filesMax) return null;
    const sequence = this.#nextSequence++;
    const fillBytes = isAhead && recycle === null ? this.#bytesMax : 0;
    this.#preparing = { name: `${this.#shard}-${sequence}`, sequence, recycle, fillBytes };
    return this.#preparing;
  }

  /** @param done false: the free file, if one was to be used, is left alone from now on. */
  prepared(done: boolean): void {
    if (done) this.#ready = this.#preparing;
    this.#preparing = null;
  }

  /** The file that is ready is written from now on. */
  use(): void {
    const ready = this.#ready;
    assert(ready !== null && this.#current === null, 'the file before was retired, the next one is ready');
    this.#ready = null;
    this.#current = { name: ready.name, needs: new Map(), behind: Number.POSITIVE_INFINITY, keep: 'recycle' };
    this.#sequence = ready.sequence;
    this.#position = 0;
    this.#directBytes = 0;
  }

  wrote(partition: PartitionId, upTo: Offset, directBytes: number): void {
    const needs = this.#current?.needs;
    if (this.#syncedNeeds.get(partition) === undefined) this.#syncedNeeds.set(partition, needs?.get(partition) ?? 0);
    needs?.set(partition, upTo);
    this.#directBytes += directBytes;
  }

  advance(bytes: number): void {
    this.#position += bytes;
  }

  /** The partition needs nothing below `upTo` any more. */
  flushed(partition: PartitionId, upTo: number): void {
    this.#asked.delete(partition);
    for (const file of this.#current === null ? this.#old : [...this.#old, this.#current])
      if ((file.needs.get(partition) ?? Number.POSITIVE_INFINITY) <= upTo) file.needs.delete(partition);
  }

  /** Sorts out files that nobody needs. @returns those to be removed. */
  collect(): readonly string[] {
    const remove: string[] = [];
    for (const file of this.#old) {
      if (file.needs.size > 0) continue;
      if (file.keep === 'recycle' && this.#free.length < FREE_MAX) this.#free.push(file.name);
      else remove.push(file.name);
    }
    this.#old = this.#old.filter((file) => file.needs.size > 0);
    return remove;
  }

  /** Partitions that are to be asked now to flush, oldest file first, a bounded number at a time. */
  toFlush(inHaste: boolean): readonly (readonly [PartitionId, Offset])[] {
    const asks: [PartitionId, Offset][] = [];
    const most = (inHaste ? undefined : FLUSHES_MAX[this.#old.length]) ?? FLUSHES_IN_HASTE_MAX;
    for (const file of this.#old) {
      for (const partition of file.needs.keys()) {
        if (this.#asked.size >= most) return asks;
        if (this.#asked.has(partition)) continue;
        const upTo = this.#neededTo(partition);
        this.#asked.set(partition, upTo);
        asks.push([partition, upTo]);
      }
    }
    return asks;
  }

  /** What all the old files have of it gets to its segments at once: each flush costs several fsyncs, however little it moves. */
  #neededTo(partition: PartitionId): Offset {
    const last = this.#old.findLast(({ needs }) => needs.has(partition));
    return last?.needs.get(partition) ?? (0 as Offset);
  }

  /** What each partition may keep in memory of what it has on disk: one file's worth for all that are in use. */
  get keepBytes(): number {
    let most = 1;
    for (const file of this.#old) most = Math.max(most, file.needs.size);
    return Math.min(KEEP_BYTES_MAX, Math.floor(this.#bytesMax / most));
  }

  forgetAsked(): void {
    this.#asked.clear();
  }
}
