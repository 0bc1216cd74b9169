/**
 * How much the partitions of a shard have in their segments that no sidecar names yet, all together: it is held in memory
 * until one does. To name it costs an fsync or two that every other write of the disk waits for, so that it is done
 * rarely while there is memory. Names nothing itself.
 */
import { MIB } from '../model/limits.ts';

/** Everybody may have so much, however many they are. */
const BYTES_FREE = 8 * MIB;
/** More brings nothing, and would be read by a start after a crash. */
const BYTES_MAX = 32 * MIB;
/** Of an arena. */
const SHARE = 1 / 4;

export class UnlistedRoom {
  readonly #bytesMax: number;
  /** By whoever has something. */
  readonly #bytesOf = new Map<object, number>();
  #bytes = 0;

  constructor(arenaBytes: number) {
    this.#bytesMax = arenaBytes * SHARE;
  }

  /** `who` has `bytes` now. With none it is forgotten. */
  note(who: object, bytes: number): void {
    this.#bytes += bytes - (this.#bytesOf.get(who) ?? 0);
    if (bytes === 0) this.#bytesOf.delete(who);
    else this.#bytesOf.set(who, bytes);
  }

  /** May a partition that has `bytes` go on without naming them? */
  admits(bytes: number): boolean {
    return bytes < BYTES_FREE || (bytes < BYTES_MAX && this.#bytes < this.#bytesMax);
  }
}
