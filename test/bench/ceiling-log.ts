/**
 * Files of the ceiling: bytes are copied back to back into an aligned ring, whole blocks of it are written directly, the
 * last, partial block again with the next write; what arrived during a write goes out with the next one. The ring is the
 * tail cache, too. A ruler, not a log: it has no recovery, and who overruns the ring is told so.
 */
import { closeSync, constants, fdatasync, openSync, writev } from 'node:fs';
import { createArena } from '../../runtime/arena-memory.ts';
import { assert } from '../../src/model/assert.ts';
import { copyBytes } from '../../src/model/copy.ts';
import { BLOCK_BYTES, MIB } from '../../src/model/limits.ts';

/** Rings are used again: memory that is touched for the first time is slow. */
const spare = new Map<number, Uint8Array[]>();

function takeRing(bytes: number): Uint8Array {
  const ring = spare.get(bytes)?.pop();
  if (ring !== undefined) return ring;
  const fresh = new Uint8Array(createArena(bytes).pages, 0, bytes);
  for (let at = 0; at < bytes; at += BLOCK_BYTES) fresh[at] = 1;
  return fresh;
}

interface Waiting {
  readonly endsAt: number;
  readonly done: () => void;
  readonly synced: boolean;
}

/** One file that grows, or is written in rounds of `recycleBytes`, as the journal's files are. */
export class RingFile {
  readonly #descriptor: number;
  readonly #ring: Uint8Array;
  readonly #recycleBytes: number;
  #waiting: Waiting[] = [];
  #written = 0;
  #busy = false;
  #closed = false;
  /** Bytes appended so far. */
  position = 0;

  constructor(path: string, ringBytes: number, recycleBytes = Number.POSITIVE_INFINITY) {
    const { O_RDWR, O_CREAT, O_TRUNC, O_DIRECT } = constants;
    this.#descriptor = openSync(path, O_RDWR | O_CREAT | O_TRUNC | O_DIRECT);
    this.#ring = takeRing(ringBytes);
    this.#recycleBytes = recycleBytes;
    assert(recycleBytes === Number.POSITIVE_INFINITY || recycleBytes % ringBytes === 0, 'rounds are whole rings');
  }

  /** @param done once it is written, and fsynced where `synced`. */
  append(bytes: Uint8Array, synced: boolean, done: () => void): void {
    const ring = this.#ring;
    assert(this.position + bytes.length - this.#written <= ring.length - BLOCK_BYTES, 'the ring is full');
    const at = this.position % ring.length;
    const head = Math.min(bytes.length, ring.length - at);
    copyBytes(ring, at, head === bytes.length ? bytes : bytes.subarray(0, head));
    if (head < bytes.length) copyBytes(ring, 0, bytes.subarray(head));
    this.position += bytes.length;
    this.#waiting.push({ endsAt: this.position, done, synced });
    if (!this.#busy) this.#flush();
  }

  /** The bytes from `from` to `to`; null when the ring has others by now. */
  views(from: number, to: number): Uint8Array[] | null {
    const ring = this.#ring;
    if (from < this.position - ring.length) return null;
    const at = from % ring.length;
    const length = to - from;
    if (at + length <= ring.length) return [ring.subarray(at, at + length)];
    return [ring.subarray(at), ring.subarray(0, at + length - ring.length)];
  }

  close(): void {
    this.#closed = true;
    if (this.#busy) return;
    closeSync(this.#descriptor);
    const rings = spare.get(this.#ring.length) ?? [];
    spare.set(this.#ring.length, rings);
    rings.push(this.#ring);
  }

  #flush(): void {
    this.#busy = true;
    const from = this.#written - (this.#written % BLOCK_BYTES);
    const waiting = this.#waiting;
    this.#waiting = [];
    const end = this.position;
    const to = Math.ceil(end / BLOCK_BYTES) * BLOCK_BYTES;
    this.#write(from, to, () => {
      this.#written = end;
      if (waiting.some((one) => one.synced)) fdatasync(this.#descriptor, (error) => this.#flushed(error, waiting));
      else this.#flushed(null, waiting);
    });
  }

  /** In one write, but for the end of a round. */
  #write(from: number, to: number, done: () => void): void {
    const at = from % this.#recycleBytes;
    const end = Math.min(to, from - at + this.#recycleBytes);
    const views = this.views(from, end);
    assert(views !== null, 'what is not written is in the ring');
    writev(this.#descriptor, views, Number.isFinite(at) ? at : from, (error, count) => {
      if (error) throw error;
      assert(count === end - from, 'a write was cut short');
      if (end < to) this.#write(end, to, done);
      else done();
    });
  }

  #flushed(error: Error | null, waiting: readonly Waiting[]): void {
    if (error) throw error;
    this.#busy = false;
    for (const { done } of waiting) done();
    if (this.#closed) this.close();
    else if (this.#waiting.length > 0) this.#flush();
  }
}

/** Enough for what the generator keeps in flight, and for the tail that is read again and again. */
export const LOG_RING_BYTES = 32 * MIB;
export const JOURNAL_RING_BYTES = 64 * MIB;
