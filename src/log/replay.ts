/**
 * How a partition comes back: from its manifest, the sidecar of its last segment, and what the journal has beyond. The
 * same path after a crash of the actor, of its thread and of the node. Decides what is taken, what was a torn tail and
 * what is damage; reads nothing itself.
 */
import { assert } from '../model/assert.ts';
import type { Offset } from '../model/ids.ts';
import { Chunk, NO_MEMORY } from './chunk.ts';
import { DAMAGED_FLAG, DIRECT_FLAG, type Entry } from './entry.ts';
import type { Manifest } from './manifest.ts';
import { type PartitionLog, PREFIX_NEEDED } from './partition-log.ts';
import { noteDamage } from './reading.ts';
import { fromRecord, isSealed, type Segment } from './segment.ts';
import type { Sidecar } from './sidecar.ts';

/** A batch that the journal has. */
export interface TailBatch {
  readonly entry: Entry;
  /** Null where the batch lies in its segment, and where the journal's bytes of it are lost. */
  readonly body: Uint8Array | null;
  /** The body does not match its entry, and was acknowledged. */
  readonly damaged: boolean;
}

/** `no memory`: the same batch again, later. */
export type Taken = 'taken' | 'no memory' | typeof PREFIX_NEEDED;

/** The segments of the manifest. The last one, when it is open, still needs its sidecar. */
export function restoreManifest(log: PartitionLog, manifest: Manifest): Segment | null {
  log.segments = manifest.segments.map(fromRecord);
  log.begin = manifest.begin;
  log.cleanedTo = manifest.cleanedTo;
  log.keepsProducers = manifest.producers;
  const last = log.segments.at(-1);
  log.end = last?.end ?? manifest.begin;
  return last === undefined || isSealed(last) ? null : last;
}

/** The open segment goes as far as its sidecar names batches. */
export function restoreSidecar(log: PartitionLog, segment: Segment, sidecar: Sidecar): void {
  segment.entries = sidecar.count;
  segment.listed = sidecar.count;
  const last = sidecar.count === 0 ? null : sidecar.entry(sidecar.count - 1);
  segment.bytes = last === null ? 0 : last.position + last.length;
  segment.written = segment.bytes;
  segment.synced = segment.bytes;
  segment.end = last?.next ?? segment.base;
  segment.listedTo = segment.end;
  segment.maxTimestamp = -1;
  for (let index = 0; index < sidecar.count; index++)
    segment.maxTimestamp = Math.max(segment.maxTimestamp, sidecar.entry(index).maxTimestamp);
  for (const [first, behind] of sidecar.damaged) noteDamage(log, first, behind);
  log.end = segment.end;
}

/**
 * The last entries of the sidecar are lost, and the journal has forgotten their batches: the offsets up to `end` are
 * damage. The segment ends there with its files as they are.
 */
export function sealLost(log: PartitionLog, segment: Segment, end: Offset, sidecar: Sidecar): void {
  noteDamage(log, segment.end, end);
  segment.entries = sidecar.count + sidecar.lostAtEnd;
  segment.listed = segment.entries;
  segment.end = end;
  segment.listedTo = end;
  segment.rolled = true;
  log.end = end;
}

/** Takes in what the journal has of the partition, in the journal's order. */
export class Replay {
  readonly #log: PartitionLog;
  /** A batch that nobody was told of is missing here: what follows it was not acknowledged either. */
  #torn = false;
  /** Batches that were cut, for the report. */
  tornBatches = 0;

  constructor(log: PartitionLog) {
    this.#log = log;
    log.journalWritten = log.end;
    log.journalDurable = log.end;
    log.settle();
  }

  /** Is there anything to do for this batch? False for what the segments have, and behind a torn one. */
  wants(entry: Entry): boolean {
    assert(entry.partition === this.#log.partition, 'the journal gives a partition what is its own');
    const listedTo = this.#log.listedTo();
    if (entry.base < this.#log.end && this.#log.end > listedTo)
      this.#supersede(Math.max(entry.base, listedTo) as Offset);
    if (entry.next <= listedTo) return false;
    if (entry.base === this.#log.end) this.#torn = false;
    if (this.#torn) this.tornBatches++;
    return !this.#torn && entry.base >= this.#log.end;
  }

  /** The later group wins: what it replaces was given up by the partition before it came. */
  #supersede(base: Offset): void {
    this.#log.durable = Math.min(this.#log.durable, base) as Offset;
    this.#log.committed = Math.min(this.#log.committed, base) as Offset;
    this.#log.journalDurable = Math.min(this.#log.journalDurable, base) as Offset;
    this.#log.journalWritten = this.#log.journalDurable;
    this.#log.cut(base);
    this.#log.damaged = this.#log.damaged.filter(([first]) => first < base);
  }

  /** A batch from the journal, which is wanted. */
  take(batch: TailBatch, now: number): Taken {
    const { entry, body, damaged } = batch;
    const lost = damaged || body === null;
    const segment = this.#segmentFor(entry, now);
    const length = body?.length ?? 0;
    const inPlace = entry.segment === segment.base && entry.position >= segment.bytes;
    const position = inPlace ? entry.position : segment.bytes;
    const chunk = this.#log.room(segment, position - segment.bytes + length);
    if (chunk === PREFIX_NEEDED) return PREFIX_NEEDED;
    if (chunk === null) return 'no memory';
    const flags = lost ? DAMAGED_FLAG : 0;
    this.#noteGap(entry.base);
    this.#log.place(chunk, body ?? NO_MEMORY.bytes, { ...entry, segment: segment.base, position, length, flags });
    if (lost) noteDamage(this.#log, entry.base, entry.next);
    this.#settle();
    return 'taken';
  }

  /** Where a batch with DIRECT_FLAG must lie in its segment; it is to be read there. Null when it cannot be there. */
  placeOf(entry: Entry, now: number): Segment | null {
    const segment = this.#segmentFor(entry, now);
    return entry.segment === segment.base && entry.position >= segment.bytes ? segment : null;
  }

  /**
   * A batch with DIRECT_FLAG was read and holds, or not. `durable`: the highest durable offset that the journal knows: a
   * batch above it was never acknowledged, so that its absence is a torn tail.
   */
  readDirect(entry: Entry, holds: boolean, durable: Offset, now: number): void {
    if (!holds && entry.next > durable) {
      this.#torn = true;
      this.tornBatches++;
      return;
    }
    const segment = this.#segmentFor(entry, now);
    const inPlace = entry.segment === segment.base && entry.position >= segment.bytes;
    this.#noteGap(entry.base);
    if (!holds) noteDamage(this.#log, entry.base, entry.next);
    const flags = holds ? DIRECT_FLAG : DAMAGED_FLAG | DIRECT_FLAG;
    const place = inPlace ? {} : { segment: segment.base, position: segment.bytes, length: 0 };
    const chunk = new Chunk(segment, NO_MEMORY, this.#log.end, NO_MEMORY.bytes);
    const noted = { ...entry, ...place, flags };
    chunk.note(noted, this.#log.tools.crc32c);
    this.#log.chunks.push(chunk);
    this.#log.grow(segment, noted);
    // One write brought it and everything before it to the segment.
    if (holds) {
      segment.written = segment.bytes;
      segment.synced = segment.bytes;
    }
    this.#settle();
  }

  #segmentFor(entry: Entry, now: number): Segment {
    const active = this.#log.active;
    if (active === undefined) return this.#log.roll(entry.segment, now);
    if (entry.segment > active.base) return this.#log.roll(entry.segment, now);
    return active.rolled ? this.#log.roll(entry.base, now) : active;
  }

  #noteGap(base: Offset): void {
    if (base > this.#log.end) noteDamage(this.#log, this.#log.end, base);
  }

  /** What the journal gives was made durable before. */
  #settle(): void {
    this.#log.journalWritten = this.#log.end;
    this.#log.journalDurable = this.#log.end;
    this.#log.settle();
  }
}
