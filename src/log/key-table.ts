/**
 * The newest offset of each key, in memory that was handed in and never grows: what compaction keeps by. Keys stand as 128
 * bits of a hash that nobody can find a second key for. Shared by whoever has the memory, one at a time; never forgets.
 *
 * ```
 * slot: hash 16 bytes | offset + 1 i64 (0: free)
 * ```
 */
import { readInt64, writeInt64 } from '../model/bytes.ts';

export const HASH_BYTES = 16;
const SLOT_BYTES = 24;
/** Beyond it look-ups get long. */
const FILL_MAX = 0.75;

/** At least {@link HASH_BYTES}, of a hash that keeps what it is given secret from nobody but has no known collisions. */
export type HashKey = (key: Uint8Array) => Uint8Array;

/** Keys that a table in so many bytes takes. */
export const keysMax = (bytes: number): number => Math.floor(Math.floor(bytes / SLOT_BYTES) * FILL_MAX);

export class KeyTable {
  readonly #bytes: Uint8Array;
  readonly #slots: number;

  /** @param bytes zeros, or a table. */
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#slots = Math.floor(bytes.length / SLOT_BYTES);
  }

  /** Notes that `hash` stands at `offset` too. @returns whether it is new; the caller counts, see {@link keysMax}. */
  set(hash: Uint8Array, offset: number): boolean {
    const at = this.#find(hash);
    const known = readInt64(this.#bytes, at + HASH_BYTES);
    if (known === 0) this.#bytes.set(hash.subarray(0, HASH_BYTES), at);
    if (offset + 1 > known) writeInt64(this.#bytes, at + HASH_BYTES, offset + 1);
    return known === 0;
  }

  /** -1: the key is not in the table. */
  newest(hash: Uint8Array): number {
    return readInt64(this.#bytes, this.#find(hash) + HASH_BYTES) - 1;
  }

  /** Where the slot of `hash` begins, or the free one that it would get. */
  #find(hash: Uint8Array): number {
    const start = (((hash[0] ?? 0) << 24) | ((hash[1] ?? 0) << 16) | ((hash[2] ?? 0) << 8) | (hash[3] ?? 0)) >>> 0;
    for (let slot = start % this.#slots; ; slot = (slot + 1) % this.#slots) {
      const at = slot * SLOT_BYTES;
      if (readInt64(this.#bytes, at + HASH_BYTES) === 0 || this.#isAt(at, hash)) return at;
    }
  }

  #isAt(at: number, hash: Uint8Array): boolean {
    for (let index = 0; index < HASH_BYTES; index++) if (this.#bytes[at + index] !== hash[index]) return false;
    return true;
  }
}
