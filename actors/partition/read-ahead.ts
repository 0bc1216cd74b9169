/**
 * What readers in sequence will ask for next, read while the answer before is on its way: ranges of whole, checked batches
 * in leased memory, which readers at the same place share. Decides where to read ahead and what is held for how long;
 * reads nothing itself. A plain class inside the partition's actor.
 */
import type { Context, Lease } from '../../runtime/actor.ts';
import type { PartitionLog } from '../../src/log/partition-log.ts';
import type { Segment } from '../../src/log/segment.ts';
import { batchEnd, readNextOffset } from '../../src/model/batch.ts';
import type { Offset } from '../../src/model/ids.ts';
import { MIB } from '../../src/model/limits.ts';
import { type Step, step } from '../step.ts';

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

/** So many readers at different places are read ahead for. */
const RANGES_MAX = 4;
/** So many places where a read has ended are remembered: a reader who begins there reads in sequence. */
const ENDS_MAX = 8;
/** What nobody has read for so long, and at most twice as long, is let go, ms. */
const HELD_MS = 500;

export class ReadAhead {
  readonly #context: Context<Step>;
  readonly #log: PartitionLog;
  readonly #room: ReadAheadRoom;
  /** Where the last reads have ended. */
  readonly #ends: Offset[] = [];
  /** Where readers in sequence will go on. */
  readonly #wanted: Place[] = [];
  readonly #ranges: Range[] = [];
  #reading = false;
  #looking = false;

  constructor(context: Context<Step>, log: PartitionLog, room: ReadAheadRoom) {
    this.#context = context;
    this.#log = log;
    this.#room = room;
  }

  /** Is a range being read, between {@link begin} and {@link end}? */
  get reading(): boolean {
    return this.#reading;
  }

  /** Batches from the one that holds `offset`, below `upTo`, where they are held. */
  take(segment: Segment, offset: Offset, bytesMax: number, upTo: Offset): ReadBytes | null {
    const range = this.#holder(segment, offset);
    return range === undefined ? null : give(range, offset, bytesMax, upTo);
  }

  /** A read of `segment` was answered. */
  answered(segment: Segment, offset: Offset, next: Offset): void {
    const end = this.#ends.indexOf(offset);
    if (end >= 0) {
      this.#ends.splice(end, 1);
      if (this.#wanted.length < RANGES_MAX) this.#wanted.push({ segment, offset: next });
    }
    if (this.#ends.length === ENDS_MAX) this.#ends.shift();
    this.#ends.push(next);
  }

  /** Where to read ahead now, if anywhere; {@link end} follows. */
  begin(): Place | null {
    for (let place = this.#wanted.shift(); place !== undefined; place = this.#wanted.shift()) {
      if (!this.#isWorthIt(place) || !this.#makeRoom()) continue;
      this.#reading = true;
      return place;
    }
    return null;
  }

  /** What was read; null: nothing could be. */
  end({ segment, offset }: Place, read: ReadBytes | null): void {
    this.#reading = false;
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
    if (this.#reading) this.#room.give();
    this.#reading = false;
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

  /** On disk alone, named by the sidecar, and not here yet. */
  #isWorthIt({ segment, offset }: Place): boolean {
    const inMemory = this.#log.chunks[0]?.first ?? Number.POSITIVE_INFINITY;
    const behind = Math.min(segment.listedTo, this.#log.committed, inMemory);
    return offset < behind && this.#log.segments.includes(segment) && this.#holder(segment, offset) === undefined;
  }

  /** One range that was read to its end stays for readers who follow closely. */
  #makeRoom(): boolean {
    const used = this.#ranges.filter((range) => range.used);
    for (const range of used.slice(0, -1)) this.#drop(range);
    if (this.#ranges.length < RANGES_MAX && this.#room.take()) return true;
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
