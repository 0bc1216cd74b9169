/**
 * Socket chunks → frames in memory of their own: the first of the two copies of a produced byte. A frame's length is
 * known and checked before memory is taken for it. Where there is no room the rest of the chunk is kept and nothing
 * more is wanted until `resume`. Knows no dialect: it is told how to measure. Never looks into a frame.
 */
import { copyBytes } from '../model/copy.ts';
import type { Fault, Result } from '../model/faults.ts';
import { INLINE_BYTES_MAX } from '../model/limits.ts';

/** A counted hold on shared memory, as the kernel leases it. */
export interface Memory {
  readonly bytes: Uint8Array;
  release(): void;
}

/** What the assembler asks of its owner. */
export interface Intake<M extends Memory> {
  measure(head: Uint8Array): Result<number>;
  /** `null`: no room now. */
  lease(length: number): M | null;
  /** A whole frame; small ones lie in private memory and have no lease. False: not now, it stays here. */
  take(frame: Uint8Array, lease: M | undefined): boolean;
}

export type Progress =
  | { readonly type: 'open' }
  /** `memory`: a lease is wanted; `taker`: the frame was not taken. */
  | { readonly type: 'blocked'; readonly by: 'memory' | 'taker' }
  | { readonly type: 'broken'; readonly fault: Fault; readonly head: Uint8Array };

const OPEN: Progress = { type: 'open' };
const NO_MEMORY: Progress = { type: 'blocked', by: 'memory' };
const NOT_TAKEN: Progress = { type: 'blocked', by: 'taker' };
const NOTHING = new Uint8Array(0);

export class Assembler<M extends Memory> {
  readonly #intake: Intake<M>;
  readonly #headBytes: number;
  /** Of a frame whose first bytes came in pieces, or found no memory: made when first needed, as is all of a connection. */
  #head: Uint8Array = NOTHING;
  #headFilled = 0;
  /** Memory of the frame that has begun; complete when filled to its end. */
  #frame: Uint8Array | null = null;
  #lease: M | undefined;
  #filled = 0;
  /** What came while there was no room; at most what the socket gave before it was paused. */
  #kept: Uint8Array = NOTHING;
  #framesTaken = 0;

  constructor(intake: Intake<M>, headBytes: number) {
    this.#intake = intake;
    this.#headBytes = headBytes;
  }

  /** Has a frame begun that is not whole? */
  get midFrame(): boolean {
    return this.#headFilled > 0 || this.#frame !== null;
  }

  /** Frames handed over so far: tells one unfinished frame from the next. */
  get framesTaken(): number {
    return this.#framesTaken;
  }

  /** Bytes of the unfinished frame that have come. */
  get filled(): number {
    return this.#filled;
  }

  /** Takes a chunk; what it does not use at once it copies. */
  push(chunk: Uint8Array): Progress {
    if (this.#kept.length === 0) return this.#run(chunk);
    const both = new Uint8Array(this.#kept.length + chunk.length);
    both.set(this.#kept);
    both.set(chunk, this.#kept.length);
    this.#kept = NOTHING;
    return this.#run(both);
  }

  /** Tries again where it was blocked. */
  resume(): Progress {
    const kept = this.#kept;
    this.#kept = NOTHING;
    return this.#run(kept);
  }

  /** Gives back what it holds; nothing may be pushed after. */
  release(): void {
    this.#lease?.release();
    this.#lease = undefined;
    this.#frame = null;
    this.#kept = NOTHING;
  }

  #run(chunk: Uint8Array): Progress {
    let at = 0;
    for (;;) {
      if (this.#frame === null) {
        const isWhole = this.#headFilled === 0 && chunk.length - at >= this.#headBytes;
        const from = at;
        at += isWhole ? this.#headBytes : this.#fillHead(chunk, at);
        const head = isWhole ? chunk.subarray(from, at) : this.#head.subarray(0, this.#headFilled);
        const opened = this.#open(head);
        // From the head's first byte: it is measured again when there is room.
        if (opened === NO_MEMORY) this.#keep(chunk, isWhole ? from : at);
        if (opened !== OPEN) return opened;
      }
      if (this.#frame !== null) {
        at += this.#copyIntoFrame(this.#frame, chunk, at);
        if (this.#filled === this.#frame.length && !this.#handOver(this.#frame)) {
          this.#keep(chunk, at);
          return NOT_TAKEN;
        }
      }
      if (at === chunk.length) return OPEN;
    }
  }

  #fillHead(chunk: Uint8Array, at: number): number {
    if (this.#head.length === 0) this.#head = new Uint8Array(this.#headBytes);
    const length = Math.min(this.#headBytes - this.#headFilled, chunk.length - at);
    for (let i = 0; i < length; i++) this.#head[this.#headFilled + i] = chunk[at + i] ?? 0;
    this.#headFilled += length;
    return length;
  }

  /** Takes memory for the frame once its head is whole. */
  #open(head: Uint8Array): Progress {
    const length = this.#intake.measure(head);
    if (!length.ok) return { type: 'broken', fault: length.fault, head };
    if (head.length < this.#headBytes) return OPEN;
    if (length.value > INLINE_BYTES_MAX) {
      const lease = this.#intake.lease(length.value);
      if (lease === null) return NO_MEMORY;
      this.#lease = lease;
      this.#frame = lease.bytes;
    } else this.#frame = new Uint8Array(length.value);
    this.#frame.set(head);
    this.#filled = head.length;
    return OPEN;
  }

  #copyIntoFrame(frame: Uint8Array, chunk: Uint8Array, at: number): number {
    const length = Math.min(frame.length - this.#filled, chunk.length - at);
    if (length === 0) return 0;
    const bytes = at === 0 && length === chunk.length ? chunk : chunk.subarray(at, at + length);
    copyBytes(frame, this.#filled, bytes);
    this.#filled += length;
    return length;
  }

  #handOver(frame: Uint8Array): boolean {
    if (!this.#intake.take(frame, this.#lease)) return false;
    this.#frame = null;
    this.#lease = undefined;
    this.#headFilled = 0;
    this.#filled = 0;
    this.#framesTaken++;
    return true;
  }

  #keep(chunk: Uint8Array, at: number): void {
    this.#kept = at === chunk.length ? NOTHING : chunk.slice(at);
  }
}
