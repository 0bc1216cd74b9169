/**
 * One-writer one-reader ring of byte records in shared memory: how two threads talk. Records are contiguous and come out
 * in order, whole, once. It never blocks: a full ring says so and, once half of it is free again, the reader is told that
 * the writer waits. It knows nothing of who is awake: that is bell.ts.
 *
 *     control words (a cache line each): written | read | writer waits
 *     data: | length u32 | 4 bytes unused | record, padded to 8 | …      length 0xffffffff: go on at the start
 *
 * Positions count bytes for ever, modulo 2^32; the capacity is a power of two, so their difference is the fill.
 */
import { assert } from '../src/model/assert.ts';

const WRITTEN = 0;
const READ = 16;
const WAITS = 32;
const CONTROL_BYTES = 192;
const PREFIX_BYTES = 8;
const SKIP = 0xffffffff;

const padded = (length: number): number => PREFIX_BYTES + ((length + 7) & ~7);

/**
 * Memory for a ring.
 * @param capacityBytes a power of two from 64; the longest record has a bit less than half of it.
 */
export function createRing(capacityBytes: number): SharedArrayBuffer {
  assert(capacityBytes >= 64 && (capacityBytes & (capacityBytes - 1)) === 0, 'capacity of a ring is a power of two');
  return new SharedArrayBuffer(CONTROL_BYTES + capacityBytes);
}

/** Empties a ring whose two ends are both gone. */
export function resetRing(memory: SharedArrayBuffer): void {
  new Int32Array(memory, 0, CONTROL_BYTES / 4).fill(0);
}

class RingEnd {
  protected readonly control: Int32Array;
  protected readonly lengths: Uint32Array;
  protected readonly capacity: number;
  /** The data of the ring; records lie in here. */
  readonly bytes: Uint8Array;

  constructor(memory: SharedArrayBuffer) {
    this.control = new Int32Array(memory, 0, CONTROL_BYTES / 4);
    this.bytes = new Uint8Array(memory, CONTROL_BYTES);
    this.lengths = new Uint32Array(memory, CONTROL_BYTES);
    this.capacity = this.bytes.length;
  }
}

/** The writer's end. Lives on: the sending shard. */
export class RingWriter extends RingEnd {
  readonly #recordMax: number;
  #written: number;
  /** Last seen position of the reader: looked up again only when the ring seems full. */
  #read: number;
  #claimed = -1;

  constructor(memory: SharedArrayBuffer) {
    super(memory);
    this.#recordMax = this.capacity / 2 - PREFIX_BYTES;
    this.#written = Atomics.load(this.control, WRITTEN) >>> 0;
    this.#read = Atomics.load(this.control, READ) >>> 0;
  }

  get recordBytesMax(): number {
    return this.#recordMax;
  }

  /**
   * Room for one record of `length` bytes, to be filled and then published.
   * @returns where in `bytes` it begins; -1 when the ring is full: from now on the reader will say when to try again.
   */
  claim(length: number): number {
    assert(length <= this.#recordMax, `a record of ${length} bytes does not fit the ring`);
    assert(this.#claimed < 0, 'one claim at a time');
    const size = padded(length);
    const position = this.#written & (this.capacity - 1);
    const toEnd = this.capacity - position;
    const skipped = toEnd < size ? toEnd : 0;
    if (!this.#hasRoom(size + skipped)) return -1;
    if (skipped > 0) this.lengths[position >> 2] = SKIP;
    const at = skipped > 0 ? 0 : position;
    this.lengths[at >> 2] = length;
    this.#claimed = skipped + size;
    return at + PREFIX_BYTES;
  }

  /**
   * Still waiting for the reader to make room? A shard that goes to sleep after a full ring arms its bell first and looks
   * here afterwards: the reader may have rung before it was armed.
   */
  get waits(): boolean {
    return Atomics.load(this.control, WAITS) === 1;
  }

  /** Hands the claimed record to the reader. */
  publish(): void {
    assert(this.#claimed >= 0, 'nothing claimed');
    this.#written = (this.#written + this.#claimed) >>> 0;
    this.#claimed = -1;
    Atomics.store(this.control, WRITTEN, this.#written | 0);
  }

  #hasRoom(size: number): boolean {
    if (this.#free() >= size) return true;
    this.#read = Atomics.load(this.control, READ) >>> 0;
    if (this.#free() >= size) return true;
    // Say that we wait, then look once more: the reader may have made room before it could see the flag.
    Atomics.store(this.control, WAITS, 1);
    this.#read = Atomics.load(this.control, READ) >>> 0;
    if (this.#free() < size) return false;
    Atomics.store(this.control, WAITS, 0);
    return true;
  }

  #free(): number {
    return this.capacity - ((this.#written - this.#read) >>> 0);
  }
}

/** The reader's end. Lives on: the receiving shard. */
export class RingReader extends RingEnd {
  #read: number;

  constructor(memory: SharedArrayBuffer) {
    super(memory);
    this.#read = Atomics.load(this.control, READ) >>> 0;
  }

  get empty(): boolean {
    return Atomics.load(this.control, WRITTEN) >>> 0 === this.#read;
  }

  /**
   * Takes up to `recordsMax` records in order.
   * @param take gets the ring's bytes and where the record lies in them; they are the record's only until it returns.
   * @returns how many there were.
   */
  drain(recordsMax: number, take: (bytes: Uint8Array, at: number, length: number) => void): number {
    const written = Atomics.load(this.control, WRITTEN) >>> 0;
    let taken = 0;
    try {
      while (taken < recordsMax && this.#read !== written) {
        const position = this.#read & (this.capacity - 1);
        const length = this.lengths[position >> 2] as number;
        if (length === SKIP) {
          this.#read = (this.#read + this.capacity - position) >>> 0;
          continue;
        }
        this.#read = (this.#read + padded(length)) >>> 0;
        taken += 1;
        take(this.bytes, position + PREFIX_BYTES, length);
      }
    } finally {
      Atomics.store(this.control, READ, this.#read | 0);
    }
    return taken;
  }

  /** True once after the writer found the ring full and half of it is free again: ring its bell. */
  writerWaits(): boolean {
    if (Atomics.load(this.control, WAITS) === 0) return false;
    const fill = ((Atomics.load(this.control, WRITTEN) >>> 0) - this.#read) >>> 0;
    if (fill > this.capacity / 2) return false;
    return Atomics.exchange(this.control, WAITS, 0) === 1;
  }
}
