/**
 * The memory of an arena and the table over it, shared by all threads: who holds how often, what was freed elsewhere.
 * It leases nothing; that is the owner's, in arena.ts.
 *
 *     table (Int32): incarnation | freed by others (stack of slots) | owner waits | … 16 words
 *                    holds, one word a block | next slot on the stack, one word a block
 *                    for each shard: how many of the holds are there, one word a block (the owner's are not counted)
 *
 * A slot is a run of 4 KiB blocks, named by its first. When a shard dies, the owner takes back what was held there: a hold
 * is the receiver's from the moment it is described, so what lay unread in a ring comes back, too.
 */
import { assert } from '../src/model/assert.ts';
import { BLOCK_BYTES } from '../src/model/limits.ts';

const INCARNATION = 0;
export const FREED = 1;
export const WAITS = 2;
export const HEADER_WORDS = 16;
export const NONE = -1;
const WASM_PAGE_BYTES = 65_536;

/** The part of WebAssembly used here; TypeScript knows it only beside the browser's types. */
declare const WebAssembly: {
  readonly Memory: new (options: {
    readonly initial: number;
    readonly maximum: number;
    readonly shared: true;
  }) => SharedMemory;
};

/** Of WebAssembly. Posted to another thread, its buffer there is a different object than one posted by itself. */
export interface SharedMemory {
  readonly buffer: SharedArrayBuffer;
}

/** Both parts can be posted to other threads. */
export interface ArenaMemory {
  readonly pages: SharedArrayBuffer;
  readonly table: SharedArrayBuffer;
}

/** With what only code of WebAssembly needs: posting that takes longer than a start has. */
export interface CreatedArena extends ArenaMemory {
  readonly memory: SharedMemory;
}

/** A place in an arena, for a ring record. The hold travels with it. */
export interface LeaseDescriptor {
  readonly arena: number;
  readonly incarnation: number;
  readonly slot: number;
  readonly offset: number;
  readonly length: number;
}

/**
 * A SharedArrayBuffer from malloc starts 16 bytes into a page and O_DIRECT refuses it; the shared memory of WebAssembly
 * starts on a page. Each takes about 10 GiB of address space, none of it touched.
 * @param bytes up to 4 GiB - 64 KiB; rounded up to 64 KiB.
 * @param shards that may hold slots of it.
 */
export function createArena(bytes: number, shards = 1): CreatedArena {
  const wasmPages = Math.ceil(bytes / WASM_PAGE_BYTES);
  const memory = new WebAssembly.Memory({ initial: wasmPages, maximum: wasmPages, shared: true });
  const pages = memory.buffer;
  const blocks = pages.byteLength / BLOCK_BYTES;
  const table = new SharedArrayBuffer((HEADER_WORDS + (2 + shards) * blocks) * 4);
  new Int32Array(table)[FREED] = NONE;
  return { pages, table, memory };
}

/** After its shard has died and nobody holds anything of it: all free, under a new incarnation. */
export function resetArena(memory: ArenaMemory): void {
  const words = new Int32Array(memory.table);
  const incarnation = (words[INCARNATION] as number) + 1;
  words.fill(0);
  words[FREED] = NONE;
  Atomics.store(words, INCARNATION, incarnation);
}

/** The shared table of one arena, as every shard sees it. */
export class Table {
  readonly words: Int32Array;
  readonly pages: SharedArrayBuffer;
  readonly blocks: number;

  constructor({ pages, table }: ArenaMemory) {
    this.words = new Int32Array(table);
    this.pages = pages;
    this.blocks = pages.byteLength / BLOCK_BYTES;
  }

  get incarnation(): number {
    return Atomics.load(this.words, INCARNATION);
  }

  hold(slot: number): void {
    const before = Atomics.add(this.words, HEADER_WORDS + slot, 1);
    assert(before > 0, 'held a free slot');
  }

  /** @returns true when it was the last hold. */
  letGo(slot: number): boolean {
    const before = Atomics.sub(this.words, HEADER_WORDS + slot, 1);
    assert(before > 0, 'let go of a free slot');
    return before === 1;
  }

  /** One hold more (or, with -1, less) is on another shard than the owner's. */
  countAt(shard: number, slot: number, by: 1 | -1): void {
    const before = Atomics.add(this.words, HEADER_WORDS + (2 + shard) * this.blocks + slot, by);
    assert(before + by >= 0, 'a hold that was never there is gone');
  }

  /** A shard has died: its holds are let go of. @param freed gets each slot that nobody holds now. */
  takeBackFrom(shard: number, freed: (slot: number) => void): void {
    const from = HEADER_WORDS + (2 + shard) * this.blocks;
    for (let slot = 0; slot < this.blocks; slot++) {
      const holds = Atomics.exchange(this.words, from + slot, 0);
      if (holds > 0 && Atomics.sub(this.words, HEADER_WORDS + slot, holds) === holds) freed(slot);
    }
  }

  /** Gives a free slot back to its owner on another shard. @returns true when the owner waits for room. */
  pushFreed(slot: number): boolean {
    for (;;) {
      const top = Atomics.load(this.words, FREED);
      Atomics.store(this.words, HEADER_WORDS + this.blocks + slot, top);
      if (Atomics.compareExchange(this.words, FREED, top, slot) === top) break;
    }
    return Atomics.load(this.words, WAITS) === 1 && Atomics.exchange(this.words, WAITS, 0) === 1;
  }
}
