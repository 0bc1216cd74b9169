/**
 * One file of the simulated disk: what a read sees, what a power cut would leave, and the changes in between. Decides
 * nothing about when; names live in the tree.
 */
import { SparseBytes } from './bytes.ts';
import type { SeededRandom } from './random.ts';

/** What a disk writes whole or not at all. */
const SECTOR_BYTES = 512;

type Change =
  | { readonly kind: 'write'; readonly position: number; readonly bytes: Uint8Array }
  | { readonly kind: 'truncate'; readonly length: number };

/** What a power cut does to the changes since the last sync: nothing of them, all, or any sectors of any of them. */
export type Mood = 'lost' | 'kept' | 'torn';
export const MOODS: readonly Mood[] = ['lost', 'kept', 'torn'];

export class Inode {
  readonly kind = 'file';
  /** Has a name: its bytes count against the capacity. */
  named = false;
  readonly live: SparseBytes;
  readonly #durable: SparseBytes;
  /** In order; the first has number `#synced`. */
  #changes: Change[] = [];
  #synced = 0;

  constructor(live = new SparseBytes(), durable = new SparseBytes()) {
    this.live = live;
    this.#durable = durable;
  }

  write(position: number, bytes: Uint8Array): void {
    this.live.write(position, bytes);
    this.#changes.push({ kind: 'write', position, bytes: bytes.slice() });
  }

  /** A write that survives by itself, whatever becomes of those before it. */
  writeThrough(position: number, bytes: Uint8Array): void {
    if (this.#changes.some((change) => change.kind === 'truncate')) this.sync(this.mark());
    for (const change of this.#changes) if (change.kind === 'write') overwrite(change, position, bytes);
    this.live.write(position, bytes);
    this.#durable.write(position, bytes);
  }

  /** A write whose sync has failed: reads see it, the disk never will. */
  writeLost(position: number, bytes: Uint8Array): void {
    this.live.write(position, bytes);
  }

  truncate(length: number): void {
    this.live.truncate(length);
    this.#changes.push({ kind: 'truncate', length });
  }

  /** Flips a bit at rest, behind everybody's back: in what is read now and in what survives. */
  flip(position: number, bit: number): void {
    const byte = new Uint8Array(1);
    if (this.live.read(position, byte) === 1) this.live.write(position, flipped(byte, bit));
    if (this.#durable.read(position, byte) === 1) this.#durable.write(position, flipped(byte, bit));
    for (const change of this.#changes) {
      if (change.kind !== 'write') continue;
      const index = position - change.position;
      if (index >= 0 && index < change.bytes.length) change.bytes[index] = (change.bytes[index] as number) ^ (1 << bit);
    }
  }

  /** Loses its end, behind everybody's back. */
  cut(length: number): void {
    this.truncate(Math.min(length, this.live.length));
    if (this.#durable.length > length) this.#durable.truncate(length);
  }

  /** A point in the order of changes, for {@link sync}. */
  mark(): number {
    return this.#synced + this.#changes.length;
  }

  /** All changes before `mark` survive from now on. */
  sync(mark: number): void {
    for (const change of this.#take(mark)) apply(change, this.#durable);
  }

  /**
   * A sync has failed: as Linux does, the pages count as clean afterwards. Reads still see them, the disk never will, and
   * the next sync succeeds without them.
   */
  forget(mark: number): void {
    this.#take(mark);
  }

  /** What is there after a power cut. */
  survivor(mood: Mood, random: SeededRandom): Inode {
    const left = this.#durable.copy();
    if (mood !== 'lost') {
      for (const change of this.#changes) {
        if (mood === 'kept') apply(change, left);
        else tear(change, left, random);
      }
      // The length may be on disk before the bytes are: they read as zeros.
      if (mood === 'torn' && left.length < this.live.length && random.chance(0.5)) left.truncate(this.live.length);
    }
    return new Inode(left.copy(), left);
  }

  #take(mark: number): Change[] {
    const count = Math.max(0, mark - this.#synced);
    this.#synced += count;
    return this.#changes.splice(0, count);
  }
}

function apply(change: Change, to: SparseBytes): void {
  if (change.kind === 'write') to.write(change.position, change.bytes);
  else to.truncate(change.length);
}

/** Where an earlier change meets bytes that survive, it can only bring those. */
function overwrite(change: Change & { kind: 'write' }, position: number, bytes: Uint8Array): void {
  const from = Math.max(change.position, position);
  const to = Math.min(change.position + change.bytes.length, position + bytes.length);
  if (from < to) change.bytes.set(bytes.subarray(from - position, to - position), from - change.position);
}

function tear(change: Change, to: SparseBytes, random: SeededRandom): void {
  if (change.kind === 'truncate') {
    if (random.chance(0.5)) to.truncate(change.length);
    return;
  }
  const { position, bytes } = change;
  for (let at = 0; at < bytes.length; ) {
    const step = Math.min(SECTOR_BYTES - ((position + at) % SECTOR_BYTES), bytes.length - at);
    if (random.chance(0.5)) to.write(position + at, bytes.subarray(at, at + step));
    at += step;
  }
}

function flipped(byte: Uint8Array, bit: number): Uint8Array {
  byte[0] = (byte[0] as number) ^ (1 << bit);
  return byte;
}
