/**
 * How much of a shard's heap clients may make it remember: open connections and what they follow, counted by what each
 * costs at most. Beyond it they are refused; without it a crowd would end the thread, and with it everybody's work.
 * Counts alone: holds no memory itself.
 */
import { KIB } from '../src/model/limits.ts';

/** An open connection: its actor, its socket and its conversation, with a few requests in flight. */
export const CONNECTION_BYTES = 10 * KIB;
/** A partition that a fetch session follows: its place there, and the watch on it, here and at the partition. */
export const FOLLOWED_BYTES = 2 * KIB;

export class HeapRoom {
  readonly #bytesMax: number;
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** False: not now; nothing is taken then. */
  take(bytes: number): boolean {
    if (this.#bytes + bytes > this.#bytesMax) return false;
    this.#bytes += bytes;
    return true;
  }

  give(bytes: number): void {
    this.#bytes -= bytes;
  }
}
