/**
 * How much memory the frames may hold that are not whole yet, of all connections of a listener together: claiming a long
 * frame costs a client nothing, and the memory is the log's too. Where it runs short, frames that come too slowly are
 * shed. A helper of connections: holds no memory itself.
 */
import { MIB } from '../../src/model/limits.ts';

/** A frame that has begun. */
export interface Unfinished {
  /** Bytes of it that have come. */
  readonly filled: number;
  /** Ends its connection, which gives its memory back. */
  shed(): void;
  /** There may be room now for what found none. */
  roomy(): void;
}

/** Nobody is judged before this, ms. */
const JUDGED_AFTER_MS = 500;
/** What a frame must bring a ms to be waited for while others have no memory: 128 KiB/s, a slow line. */
const BYTES_PER_MS_LEAST = 128;
/** Of a frame that comes before longer ones where both wait: a thousand who claim the most must not keep those who send a little. */
const SHORT_BYTES_MAX = MIB;
/** Between two looks at all frames, ms: a flood of claims should not make it one a claim. */
const LOOK_MS = 100;

export class FrameRoom {
  readonly #bytesMax: number;
  readonly #monotonic: () => number;
  /** Oldest first. */
  readonly #held = new Map<Unfinished, { readonly bytes: number; readonly since: number }>();
  /** Found no room; first come, first told, the short ones before the long ones. */
  readonly #shortWaiting = new Set<Unfinished>();
  readonly #longWaiting = new Set<Unfinished>();
  #bytes = 0;
  #lookAt = 0;

  constructor(bytesMax: number, monotonic: () => number) {
    this.#bytesMax = bytesMax;
    this.#monotonic = monotonic;
  }

  /**
   * False: not now; who waits longer asks again, because slow frames are only shed when somebody asks. Nobody gets more
   * than half of what is free, so that short frames find room beside long ones; nor does a long one come before short ones that
   * wait. But for these, one frame is always taken, however long.
   */
  take(frame: Unfinished, bytes: number): boolean {
    const now = this.#monotonic();
    this.#waitsNot(frame);
    const isShort = bytes <= SHORT_BYTES_MAX;
    const isTooMuch = this.#bytes > 0 && 2 * bytes > this.#bytesMax - this.#bytes;
    if (isTooMuch || (!isShort && this.#shortWaiting.size > 0)) {
      (isShort ? this.#shortWaiting : this.#longWaiting).add(frame);
      if (now >= this.#lookAt) this.#shedSlow(now);
      return false;
    }
    this.#held.set(frame, { bytes, since: now });
    this.#bytes += bytes;
    this.#tellNext();
    return true;
  }

  /** The frame is whole, or given up. */
  give(frame: Unfinished): void {
    this.#waitsNot(frame);
    const held = this.#held.get(frame);
    if (held === undefined) return;
    this.#held.delete(frame);
    this.#bytes -= held.bytes;
    this.#tellNext();
  }

  /** One at a time: whoever finds room tells the next. */
  #tellNext(): void {
    // A short one waits until it asks again: whoever claims much would be faster.
    if (this.#shortWaiting.size > 0) first(this.#shortWaiting)?.roomy();
    else if (this.#longWaiting.size > 0) {
      const next = first(this.#longWaiting);
      if (next !== undefined) this.#longWaiting.delete(next);
      next?.roomy();
    }
  }

  #waitsNot(frame: Unfinished): void {
    if (this.#shortWaiting.size > 0) this.#shortWaiting.delete(frame);
    if (this.#longWaiting.size > 0) this.#longWaiting.delete(frame);
  }

  #shedSlow(now: number): void {
    this.#lookAt = now + LOOK_MS;
    for (const [frame, { since }] of [...this.#held]) {
      const ageMs = now - since;
      if (ageMs < JUDGED_AFTER_MS) return;
      if (frame.filled < ageMs * BYTES_PER_MS_LEAST) frame.shed();
    }
  }
}

function first(waiting: ReadonlySet<Unfinished>): Unfinished | undefined {
  const [one] = waiting;
  return one;
}
