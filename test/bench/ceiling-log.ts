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
  /** How long it may be without an fsync; 0: durable before it is done. */
  readonly flushMs: number;
}

/** One file that grows, or is written in rounds of `recycleBytes`, as the journal's files are. */
export class RingFile {
  readonly #descriptor: number;
  /** The same file with O_DSYNC: a write to it is durable when it is answered, as the broker's are. */
  readonly #durable: number;
  readonly #ring: Uint8Array;
  readonly #recycleBytes: number;
  #waiting: Waiting[] = [];
  #written = 0;
  #busy = false;
  #closed = false;
  #flushTimer: NodeJS.Timeout | null = null;
  #flushDue = false;
  /** Bytes appended so far. */
  position = 0;

  constructor(path: string, ringBytes: number, recycleBytes = Number.POSITIVE_INFINITY) {
    const { O_RDWR, O_CREAT, O_TRUNC, O_DIRECT, O_DSYNC } = constants;
    this.#descriptor = openSync(path, O_RDWR | O_CREAT | O_TRUNC | O_DIRECT);
    this.#durable = openSync(path, O_RDWR | O_DIRECT | O_DSYNC);
    this.#ring = takeRing(ringBytes);
    this.#recycleBytes = recycleBytes;
    assert(recycleBytes === Number.POSITIVE_INFINITY || recycleBytes % ringBytes === 0, 'rounds are whole rings');
  }

  /** @param done once it is written, durably where `flushMs` is 0; else that follows within `flushMs`. */
  append(bytes: Uint8Array, flushMs: number, done: () => void): void {
    const ring = this.#ring;
    assert(this.position + bytes.length - this.#written <= ring.length - BLOCK_BYTES, 'the ring is full');
    const at = this.position % ring.length;
    const head = Math.min(bytes.length, ring.length - at);
    copyBytes(ring, at, head === bytes.length ? bytes : bytes.subarray(0, head));
    if (head < bytes.length) copyBytes(ring, 0, bytes.subarray(head));
    this.position += bytes.length;
    this.#waiting.push({ endsAt: this.position, done, flushMs });
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
    if (this.#flushTimer !== null) clearTimeout(this.#flushTimer);
    closeSync(this.#descriptor);
    closeSync(this.#durable);
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
    const flushMs = waiting.reduce((least, one) => Math.min(least, one.flushMs), Number.POSITIVE_INFINITY);
    this.#write(flushMs === 0 ? this.#durable : this.#descriptor, from, to, () => {
      this.#written = end;
      if (flushMs > 0) this.#flushLater(flushMs);
      for (const { done } of waiting) done();
      this.#goOn();
    });
  }

  #flushLater(ms: number): void {
    this.#flushTimer ??= setTimeout(() => {
      this.#flushTimer = null;
      this.#flushDue = true;
      if (!this.#busy) this.#goOn();
    }, ms);
  }

  /** In one write, but for the end of a round. */
  #write(descriptor: number, from: number, to: number, done: () => void): void {
    const at = from % this.#recycleBytes;
    const end = Math.min(to, from - at + this.#recycleBytes);
    const views = this.views(from, end);
    assert(views !== null, 'what is not written is in the ring');
    writev(descriptor, views, Number.isFinite(at) ? at : from, (error, count) => {
      if (error) throw error;
      assert(count === end - from, 'a write was cut short');
      if (end < to) this.#write(descriptor, end, to, done);
      else done();
    });
  }

  #goOn(): void {
    this.#busy = this.#flushDue;
    if (this.#flushDue) this.#sync();
    else if (this.#closed) this.close();
    else if (this.#waiting.length > 0) this.#flush();
  }

  #sync(): void {
    this.#flushDue = false;
    fdatasync(this.#descriptor, (error) => {
      if (error) throw error;
      this.#goOn();
    });
  }
}

/** Enough for what the generator keeps in flight, and for the tail that is read again and again. */
export const LOG_RING_BYTES = 32 * MIB;
export const JOURNAL_RING_BYTES = 64 * MIB;
