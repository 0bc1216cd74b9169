/**
 * Page-aligned shared memory of one shard, leased slot by slot: frames in flight and the log's chunks. Memory touched for
 * the first time is slow, so what was used before is used again first (lowest free address), and nothing is ever given
 * back. Any shard may hold and let go of a slot; only the owner leases. It never grows: no room is an answer.
 * Leases below a block share a slab of 16 blocks.
 */
import { assert } from '../src/model/assert.ts';
import { BLOCK_BYTES } from '../src/model/limits.ts';
import { NumberMap } from '../src/model/number-map.ts';
import { ArenaLease, type Home } from './arena-lease.ts';
import { type ArenaMemory, FREED, HEADER_WORDS, NONE, Table, WAITS } from './arena-memory.ts';

const SLAB_BYTES = 16 * BLOCK_BYTES;

/** The owner's side. Lives on: its shard. */
export class Arena implements Home {
  readonly index: number;
  readonly incarnation: number;
  readonly #table: Table;
  /** Free runs by address: first block and length, in parallel. */
  readonly #freeAt: number[] = [0];
  readonly #freeBlocks: number[];
  readonly #slotBlocks = new NumberMap<number>();
  #slab: { readonly slot: number; used: number } | null = null;
  #blocksLeased = 0;
  #waiting = false;
  /** Called once after {@link awaitRoom}, when a slot was freed. */
  onRoom: () => void = () => {};

  constructor(index: number, memory: ArenaMemory) {
    this.index = index;
    this.#table = new Table(memory);
    this.incarnation = this.#table.incarnation;
    this.#freeBlocks = [this.#table.blocks];
  }

  get bytesTotal(): number {
    return this.#table.blocks * BLOCK_BYTES;
  }

  get bytesLeased(): number {
    return this.#blocksLeased * BLOCK_BYTES;
  }

  /** @returns null when there is no room now. */
  lease(length: number): ArenaLease | null {
    assert(length >= 0 && Number.isSafeInteger(length), 'length of a lease');
    if (length < BLOCK_BYTES) return this.#leaseSmall(length);
    const slot = this.#take(Math.ceil(length / BLOCK_BYTES));
    return slot < 0 ? null : new ArenaLease(this, slot, this.#view(slot * BLOCK_BYTES, length));
  }

  /** A lease was refused: `onRoom` is to tell when another try makes sense. */
  awaitRoom(): void {
    this.#waiting = true;
    Atomics.store(this.#table.words, WAITS, 1);
    // Somebody may have let go of a slot before the flag could be seen.
    this.collect();
  }

  /** Takes back what other shards let go of. Called once a turn. */
  collect(): void {
    const words = this.#table.words;
    if (Atomics.load(words, FREED) === NONE) return;
    let slot = Atomics.exchange(words, FREED, NONE);
    while (slot !== NONE) {
      const next = Atomics.load(words, HEADER_WORDS + this.#table.blocks + slot);
      this.#free(slot);
      slot = next;
    }
    this.#tellRoom();
  }

  /** Another shard has died: what it held of this arena is free again. */
  takeBackFrom(shard: number): void {
    let any = false;
    this.#table.takeBackFrom(shard, (slot) => {
      this.#free(slot);
      any = true;
    });
    if (any) this.#tellRoom();
  }

  retained(slot: number): void {
    this.#table.hold(slot);
  }

  released(slot: number): void {
    if (!this.#table.letGo(slot)) return;
    this.#free(slot);
    this.#tellRoom();
  }

  departed(slot: number, to: number): void {
    if (to !== this.index) this.#table.countAt(to, slot, 1);
  }

  #leaseSmall(length: number): ArenaLease | null {
    const size = Math.max(8, (length + 7) & ~7);
    if (this.#slab !== null && this.#slab.used + size > SLAB_BYTES) {
      const full = this.#slab.slot;
      this.#slab = null;
      this.released(full);
    }
    if (this.#slab === null) {
      const slot = this.#take(SLAB_BYTES / BLOCK_BYTES);
      if (slot < 0) return null;
      this.#slab = { slot, used: 0 };
    }
    const { slot, used } = this.#slab;
    this.#slab.used += size;
    this.#table.hold(slot);
    return new ArenaLease(this, slot, this.#view(slot * BLOCK_BYTES + used, length));
  }

  #view(offset: number, length: number): Uint8Array {
    return new Uint8Array(this.#table.pages, offset, length);
  }

  /** First fit. @returns the slot, or -1. */
  #take(blocks: number): number {
    let run = this.#findRun(blocks);
    if (run < 0) {
      this.collect();
      run = this.#findRun(blocks);
      if (run < 0) return -1;
    }
    const slot = this.#freeAt[run] as number;
    const left = (this.#freeBlocks[run] as number) - blocks;
    if (left === 0) {
      this.#freeAt.splice(run, 1);
      this.#freeBlocks.splice(run, 1);
    } else {
      this.#freeAt[run] = slot + blocks;
      this.#freeBlocks[run] = left;
    }
    this.#slotBlocks.set(slot, blocks);
    this.#blocksLeased += blocks;
    Atomics.store(this.#table.words, HEADER_WORDS + slot, 1);
    return slot;
  }

  #findRun(blocks: number): number {
    for (let i = 0; i < this.#freeBlocks.length; i++) if ((this.#freeBlocks[i] as number) >= blocks) return i;
    return -1;
  }

  #free(slot: number): void {
    const blocks = this.#slotBlocks.take(slot);
    assert(blocks !== undefined, 'freed a slot that is not leased');
    this.#blocksLeased -= blocks;
    let low = 0;
    let high = this.#freeAt.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#freeAt[middle] as number) < slot) low = middle + 1;
      else high = middle;
    }
    this.#insertRun(low, slot, blocks);
  }

  /** Joins the run with its neighbours where they touch. */
  #insertRun(index: number, slot: number, blocks: number): void {
    const at = this.#freeAt;
    const sizes = this.#freeBlocks;
    const joinsBefore = index > 0 && (at[index - 1] as number) + (sizes[index - 1] as number) === slot;
    const joinsAfter = index < at.length && slot + blocks === at[index];
    if (joinsBefore && joinsAfter) {
      sizes[index - 1] = (sizes[index - 1] as number) + blocks + (sizes[index] as number);
      at.splice(index, 1);
      sizes.splice(index, 1);
    } else if (joinsBefore) {
      sizes[index - 1] = (sizes[index - 1] as number) + blocks;
    } else if (joinsAfter) {
      at[index] = slot;
      sizes[index] = (sizes[index] as number) + blocks;
    } else {
      at.splice(index, 0, slot);
      sizes.splice(index, 0, blocks);
    }
  }

  #tellRoom(): void {
    if (!this.#waiting) return;
    this.#waiting = false;
    Atomics.store(this.#table.words, WAITS, 0);
    this.onRoom();
  }
}
