/**
 * Large batches on their way past the journal: placed, then written into their segment, then fsynced there. Says from which
 * offset on that is still missing; writes nothing and answers nobody.
 */
import type { Offset } from '../model/ids.ts';
import { JOURNALED_BATCH_BYTES_MAX, KIB } from '../model/limits.ts';
import type { Segment } from './segment.ts';

/** What only the journal has before a large batch, as a multiple of its length, from which on the journal takes the batch, too. */
const BEHIND_FACTOR = 2;
/** Of at most this length, and no more than so many in a row: the journal is for small ones. */
const BEHIND_BYTES_MAX = 256 * KIB;
const BEHIND_IN_A_ROW_MAX = 8;

interface DirectBatch {
  readonly base: Offset;
  readonly segment: Segment;
  readonly endsAt: number;
}

export class DirectBatches {
  /** Both ascending; all of the written ones come before the others. */
  #unwritten: DirectBatch[] = [];
  #unsynced: DirectBatch[] = [];
  #largeInARow = 0;

  /**
   * Is the next batch of the segment to go past the journal? A large one is durable there only after all that is before it,
   * and much of that only the journal may have: clients that send small ones make large ones of what gathered while the
   * disk was slow, and would find it slower still.
   */
  wants(length: number, segment: Segment): boolean {
    if (length < JOURNALED_BATCH_BYTES_MAX) {
      this.#largeInARow = 0;
      return false;
    }
    this.#largeInARow++;
    if (length > BEHIND_BYTES_MAX || this.#largeInARow > BEHIND_IN_A_ROW_MAX || this.writtenTo !== null) return true;
    return segment.bytes - segment.written < BEHIND_FACTOR * length;
  }

  /** `endsAt`: position behind it in the segment's file. */
  add(base: Offset, segment: Segment, endsAt: number): void {
    this.#unwritten.push({ base, segment, endsAt });
  }

  /** The segment that waits to be written, null when none does. */
  get next(): Segment | null {
    return this.#unwritten[0]?.segment ?? null;
  }

  /** The segment that waits to be fsynced, null when none does. */
  get nextToSync(): Segment | null {
    return this.#unsynced[0]?.segment ?? null;
  }

  /** Everything below was handed to the operating system; null: all was. */
  get writtenTo(): Offset | null {
    return this.#unwritten[0]?.base ?? null;
  }

  /** Everything below is fsynced; null: all is. */
  get syncedTo(): Offset | null {
    return this.#unsynced[0]?.base ?? this.writtenTo;
  }

  /** Segments were written or fsynced further. */
  settle(): void {
    let first = this.#unwritten[0];
    while (first !== undefined && first.segment.written >= first.endsAt) {
      this.#unwritten.shift();
      this.#unsynced.push(first);
      first = this.#unwritten[0];
    }
    first = this.#unsynced[0];
    while (first !== undefined && first.segment.synced >= first.endsAt) {
      this.#unsynced.shift();
      first = this.#unsynced[0];
    }
  }

  /** What is not fsynced is to be written once more. */
  restart(): void {
    this.#unwritten = [...this.#unsynced, ...this.#unwritten];
    this.#unsynced = [];
  }

  /** Batches from `offset` on were given up. */
  cut(offset: Offset): void {
    this.#unwritten = this.#unwritten.filter(({ base }) => base < offset);
    this.#unsynced = this.#unsynced.filter(({ base }) => base < offset);
  }
}
