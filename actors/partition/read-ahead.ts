/**
 * What readers in sequence will ask for next, read while the answers before are on their way: ranges of whole, checked
 * batches in leased memory, which readers at the same place share. Decides where to read ahead and what is held for how long;
 * reads nothing itself. A plain class inside the partition's actor.
 */
import type { Context, Lease } from '../../runtime/actor.ts';
import type { PartitionLog } from '../../src/log/partition-log.ts';
import type { Segment } from '../../src/log/segment.ts';
import { batchEnd, readNextOffset } from '../../src/model/batch.ts';
import type { Offset } from '../../src/model/ids.ts';
import { MIB } from '../../src/model/limits.ts';
import { type Step, step } from '../step.ts';
import type { Rereads } from './rereads.ts';

/** Whole batches; the receiver releases the lease. */
export interface ReadBytes {
  readonly bytes: Uint8Array;
  readonly lease: Lease;
  readonly next: Offset;
}

/** A range has no more; longer runs of memory are hard to get. */
export const RANGE_BYTES_MAX = MIB;

/** How many ranges the partitions of a shard may hold together. Counts alone. */
export class ReadAheadRoom {
  readonly #rangesMax: number;
  #ranges = 0;

  constructor(rangesMax: number) {
    this.#rangesMax = rangesMax;
  }

  get ranges(): number {
    return this.#ranges;
  }

  /** False: not now. */
  take(): boolean {
    if (this.#ranges >= this.#rangesMax) return false;
    this.#ranges++;
    return true;
  }

  give(): void {
    this.#ranges--;
  }
}

/** An eighth of the arena. */
export function readAheadRoom(arenaBytes: number): ReadAheadRoom {
  return new ReadAheadRoom(Math.floor(arenaBytes / 8 / RANGE_BYTES_MAX));
}

/** What the partitions of a shard share out among their readers. */
export interface ReadingRoom {
  readonly readAhead: ReadAheadRoom;
  readonly rereads: Rereads;
}

export interface Place {
  readonly segment: Segment;
  readonly offset: Offset;
}
interface Range extends Place {
  readonly read: ReadBytes;
  /** The damage that was known when it was checked: more of it may lie in here. */
  readonly damaged: PartitionLog['damaged'];
  /** Where the batch begins that follows what was given last, and its offset. */
  at: number;
  atOffset: Offset;
  /** Somebody has read it to its end. */
  used: boolean;
  /** Read since {@link ReadAhead} last looked. */
  touched: boolean;
}

/** A range that is being read. */
export interface Reading extends Place {
  /** The offset behind it; null: not known yet. */
  readonly next: Offset | null;
  /** Readers who came for it meanwhile. */
  readonly waiters: (() => void)[];
}

/** So many readers at different places are read ahead for. */
const READERS_MAX = 4;
/** So far ahead of a reader: one range waits for him while others come, however long the disk's answers take. */
const AHEAD_RANGES_MAX = 3;
/** Where the operating system's cache has it: to touch more memory in turns costs more than any wait. */
const CACHED_AHEAD_RANGES_MAX = 1;
/** At a time: a second one keeps the disk busy while the first is checked; more bring nothing. */
const READING_MAX = 2;
/** Of one partition, those being read included. */
const RANGES_MAX = 8;
/** So many places where a read has ended are remembered: a reader who begins there reads in sequence. */
const ENDS_MAX = 8;
/** What nobody has read for so long, and at most twice as long, is let go, ms. */
const HELD_MS = 500;

export class ReadAhead {
  readonly #context: Context<Step>;
  readonly #log: PartitionLog;
  readonly #room: ReadAheadRoom;
  readonly #rereads: Rereads;
  /** Where the last reads have ended. */
  readonly #ends: Offset[] = [];
  /** Where readers in sequence will go on. */
  readonly #wanted: Place[] = [];
  readonly #ranges: Range[] = [];
  readonly #reading: Reading[] = [];
  #looking = false;

  constructor(context: Context<Step>, log: PartitionLog, { readAhead, rereads }: ReadingRoom) {
    this.#context = context;
    this.#log = log;
    this.#room = readAhead;
    this.#rereads = rereads;
  }

  /** Batches from the one that holds `offset`, below `upTo`, where they are held. */
  take(segment: Segment, offset: Offset, bytesMax: number, upTo: Offset): ReadBytes | null {
    const range = this.#holder(segment, offset);
    return range === undefined ? null : give(range, offset, bytesMax, upTo);
  }

  /** Is the batch that holds `offset` being read? If so, `again` is called when it is there, or could not be read. */
  awaits(segment: Segment, offset: Offset, again: () => void): boolean {
    const reading = this.#reading.find(
      (one) => one.segment === segment && (one.offset === offset || (one.offset < offset && offset < (one.next ?? 0))),
    );
    reading?.waiters.push(again);
    return reading !== undefined;
  }

  /** A read of `segment` was answered. */
  answered(segment: Segment, offset: Offset, next: Offset): void {
    const end = this.#ends.indexOf(offset);
    if (end >= 0) {
      this.#ends.splice(end, 1);
      const old = this.#wanted.findIndex((reader) => reader.offset === offset || reader.offset === next);
      if (old >= 0) this.#wanted.splice(old, 1);
      if (this.#wanted.length < READERS_MAX) this.#wanted.push({ segment, offset: next });
    }
    if (this.#ends.length === ENDS_MAX) this.#ends.shift();
    this.#ends.push(next);
  }

  /** Where to read ahead now, if anywhere. */
  get next(): Place | null {
    if (this.#reading.length === READING_MAX || this.#reading.some(({ next }) => next === null)) return null;
    for (let reader = this.#wanted[0]; reader !== undefined; reader = this.#wanted[0]) {
      const place = this.#frontier(reader);
      if (place !== null && this.#isWorthIt(place)) return place;
      this.#wanted.shift();
    }
    return null;
  }

  /**
   * {@link end} follows, unless there is no room: null.
   * @param next the offset behind what will be read, where it is known.
   */
  begin({ segment, offset }: Place, next: Offset | null): Reading | null {
    if (!this.#makeRoom(this.#rereads.isCached(segment))) return null;
    const reading: Reading = { segment, offset, next, waiters: [] };
    this.#reading.push(reading);
    return reading;
  }

  /** Nothing is read ahead now, until a reader in sequence comes again. */
  giveUp(): void {
    this.#wanted.length = 0;
  }

  /** What was read; null: nothing could be. */
  end(reading: Reading, read: ReadBytes | null): void {
    this.#reading.splice(this.#reading.indexOf(reading), 1);
    if (read === null) this.giveUp();
    this.#keep(reading, read);
    for (const again of reading.waiters) again();
  }

  #keep({ segment, offset }: Reading, read: ReadBytes | null): void {
    if (read === null || !this.#log.segments.includes(segment)) {
      read?.lease.release();
      this.#room.give();
      return;
    }
    const { damaged } = this.#log;
    this.#ranges.push({ segment, offset, read, damaged, at: 0, atOffset: offset, used: false, touched: true });
    if (!this.#looking) this.#lookLater();
  }

  /** The segments are gone, or memory is short. */
  forget(segments?: readonly Segment[]): void {
    for (const range of [...this.#ranges]) if (segments?.includes(range.segment) ?? true) this.#drop(range);
  }

  /** The actor has ended, and all leases with it. */
  ended(): void {
    for (const _range of this.#ranges.splice(0)) this.#room.give();
    for (const _reading of this.#reading.splice(0)) this.#room.give();
  }

  #holder(segment: Segment, offset: Offset): Range | undefined {
    return this.#ranges.find(
      (range) =>
        range.segment === segment &&
        range.offset <= offset &&
        offset < range.read.next &&
        range.damaged === this.#log.damaged,
    );
  }

  /** Behind what is held, or being read, for a reader at that place; null: that is enough. */
  #frontier({ segment, offset }: Place): Place | null {
    const rangesMax = this.#rereads.isCached(segment) ? CACHED_AHEAD_RANGES_MAX : AHEAD_RANGES_MAX;
    let at = offset;
    for (let ranges = 0; ranges < rangesMax; ranges++) {
      const behind = this.#holder(segment, at)?.read.next ?? this.#readingAt(segment, at);
      if (behind === undefined) return { segment, offset: at };
      at = behind;
    }
    return null;
  }

  #readingAt(segment: Segment, offset: Offset): Offset | undefined {
    return this.#reading.find((one) => one.segment === segment && one.offset === offset)?.next ?? undefined;
  }

  /** On disk alone, and named by the sidecar. */
  #isWorthIt({ segment, offset }: Place): boolean {
    const inMemory = this.#log.chunks[0]?.first ?? Number.POSITIVE_INFINITY;
    return offset < Math.min(segment.listedTo, this.#log.committed, inMemory) && this.#log.segments.includes(segment);
  }

  /** One range that was read to its end stays for readers who follow closely, unless it is easily had again. */
  #makeRoom(cached: boolean): boolean {
    const used = this.#ranges.filter((range) => range.used);
    const kept = cached ? 0 : 1;
    for (const range of used.splice(0, used.length - kept)) this.#drop(range);
    if (this.#ranges.length + this.#reading.length < RANGES_MAX && this.#room.take()) return true;
    const last = used.at(-1);
    if (last === undefined) return false;
    this.#drop(last);
    return this.#room.take();
  }

  #drop(range: Range): void {
    this.#ranges.splice(this.#ranges.indexOf(range), 1);
    range.read.lease.release();
    this.#room.give();
  }

  #lookLater(): void {
    this.#looking = true;
    this.#context.after(
      HELD_MS,
      step(() => this.#look()),
    );
  }

  #look(): void {
    this.#looking = false;
    for (const range of [...this.#ranges]) {
      if (!range.touched) this.#drop(range);
      range.touched = false;
    }
    if (this.#ranges.length > 0) this.#lookLater();
  }
}

/** Whole batches of the range, at least one unless it ends behind `upTo`. */
function give(range: Range, offset: Offset, bytesMax: number, upTo: Offset): ReadBytes | null {
  const { bytes, lease } = range.read;
  let from = offset < range.atOffset ? 0 : range.at;
  while (readNextOffset(bytes, from) <= offset) from = batchEnd(bytes, from);
  let to = from;
  for (let end = batchEnd(bytes, from); end > 0; end = batchEnd(bytes, to)) {
    if ((to > from && end - from > bytesMax) || readNextOffset(bytes, to) > upTo) break;
    range.atOffset = end === bytes.length ? range.read.next : readNextOffset(bytes, to);
    to = end;
  }
  if (to === from) return null;
  range.at = to;
  range.used ||= to === bytes.length;
  range.touched = true;
  return { bytes: bytes.subarray(from, to), lease: lease.retain(), next: range.atOffset };
}
