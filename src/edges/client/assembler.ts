/**
 * Chunks of a stream into whole frames. A frame that lies in one chunk is a view on it; one that spans several is copied
 * once, into memory of exactly its size. Never interprets more than a frame's head.
 */
import type { Result } from '../../model/faults.ts';

/** Length of the frame that starts here; 0 while that can't be seen. */
export type Measure = (head: Uint8Array) => Result<number>;

const NOTHING = new Uint8Array(0);

export class FrameAssembler {
  readonly #measure: Measure;
  /** The start of a frame whose length is not known yet: under four bytes. */
  #head: Uint8Array = NOTHING;
  /** The frame that is being filled. */
  #frame: Uint8Array | null = null;
  #filled = 0;

  constructor(measure: Measure) {
    this.#measure = measure;
  }

  /** Answers the frames that are complete with this chunk, or the fault that ends the stream. */
  push(chunk: Uint8Array): Result<readonly Uint8Array[]> {
    const frames: Uint8Array[] = [];
    let rest = this.#fill(chunk, frames);
    if (this.#head.length > 0 && rest.length > 0) {
      rest = Buffer.concat([this.#head, rest]);
      this.#head = NOTHING;
    }
    while (rest.length > 0) {
      const length = this.#measure(rest);
      if (!length.ok) return length;
      if (length.value === 0) {
        this.#head = rest;
        break;
      }
      if (length.value > rest.length) {
        this.#begin(rest, length.value);
        break;
      }
      frames.push(rest.subarray(0, length.value));
      rest = rest.subarray(length.value);
    }
    return { ok: true, value: frames };
  }

  #begin(start: Uint8Array, length: number): void {
    this.#frame = Buffer.allocUnsafeSlow(length);
    this.#frame.set(start);
    this.#filled = start.length;
  }

  /** Goes on with the frame that is being filled; answers what is left of the chunk. */
  #fill(chunk: Uint8Array, frames: Uint8Array[]): Uint8Array {
    if (this.#frame === null) return chunk;
    const wanted = this.#frame.length - this.#filled;
    this.#frame.set(wanted < chunk.length ? chunk.subarray(0, wanted) : chunk, this.#filled);
    this.#filled += Math.min(wanted, chunk.length);
    if (this.#filled < this.#frame.length) return NOTHING;
    frames.push(this.#frame);
    this.#frame = null;
    return chunk.subarray(wanted);
  }
}
