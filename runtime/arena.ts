/**
 * Page-aligned shared memory of one shard, leased slot by slot: frames in flight and the log's chunks. Memory touched for
 * the first time is slow, so what was used before is used again first (lowest free address), and nothing is ever given
 * back. Any shard may hold and let go of a slot; only the owner leases. It never grows: no room is an answer.
 *
 *     table (Int32, shared): incarnation | freed by others (stack of slots) | owner waits | …16 words
 *                            holds, one word a block | next slot on the stack, one word a block
 *
 * A slot is a run of 4 KiB blocks, named by its first. Leases below a block share a slab of 16 blocks.
 */
import { assert } from '../src/model/assert.ts';
import { BLOCK_BYTES } from '../src/model/limits.ts';
import type { Lease } from './actor.ts';

const INCARNATION = 0;
const FREED = 1;
const WAITS = 2;
const HEADER_WORDS = 16;
const NONE = -1;
const SLAB_BYTES = 16 * BLOCK_BYTES;
const WASM_PAGE_BYTES = 65_536;

/** The part of WebAssembly used here; TypeScript knows it only beside the browser's types. */
declare const WebAssembly: {
  readonly Memory: new (options: {
    readonly initial: number;
    readonly maximum: number;
    readonly shared: true;
  }) => { readonly buffer: SharedArrayBuffer };
};

/** Both parts can be posted to other threads. */
export interface ArenaMemory {
  readonly pages: SharedArrayBuffer;
  readonly table: SharedArrayBuffer;
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
 */
export function createArena(bytes: number): ArenaMemory {
  const wasmPages = Math.ceil(bytes / WASM_PAGE_BYTES);
  const memory = new WebAssembly.Memory({ initial: wasmPages, maximum: wasmPages, shared: true });
  const pages = memory.buffer;
  const blocks = pages.byteLength / BLOCK_BYTES;
  const table = new SharedArrayBuffer((HEADER_WORDS + 2 * blocks) * 4);
  new Int32Array(table)[FREED] = NONE;
  return { pages, table };
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
class Table {
  readonly words: Int32Array;
  readonly pages: SharedArrayBuffer;
  readonly blocks: number;

  constructor(memory: ArenaMemory) {
    this.words = new Int32Array(memory.table);
    this.pages = memory.pages;
    this.blocks = memory.pages.byteLength / BLOCK_BYTES;
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

/** One hold on a slot. */
export class ArenaLease implements Lease {
  readonly bytes: Uint8Array;
  readonly slot: number;
  readonly home: Home;
  #held = true;

  constructor(home: Home, slot: number, bytes: Uint8Array) {
    this.home = home;
    this.slot = slot;
    this.bytes = bytes;
  }

  retain(): ArenaLease {
    assert(this.#held, 'retained after release');
    this.home.retained(this.slot);
    return new ArenaLease(this.home, this.slot, this.bytes);
  }

  release(): void {
    this.surrender();
    this.home.released(this.slot);
  }

  /** The hold goes elsewhere with a descriptor; this object is done with it. */
  surrender(): void {
    assert(this.#held, 'released twice');
    this.#held = false;
  }
}

/** What a lease needs of its arena, on the owner's shard and elsewhere. */
interface Home {
  readonly index: number;
  readonly incarnation: number;
  retained(slot: number): void;
  released(slot: number): void;
  /** The hold left this shard inside a descriptor. */
  departed(): void;
}

/** The owner's side. Lives on: its shard. */
export class Arena implements Home {
  readonly index: number;
  readonly incarnation: number;
  readonly #table: Table;
  /** Free runs by address: first block and length, in parallel. */
  readonly #freeAt: number[] = [0];
  readonly #freeBlocks: number[];
  readonly #slotBlocks = new Map<number, number>();
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

  retained(slot: number): void {
    this.#table.hold(slot);
  }

  released(slot: number): void {
    if (!this.#table.letGo(slot)) return;
    this.#free(slot);
    this.#tellRoom();
  }

  departed(): void {}

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
    const blocks = this.#slotBlocks.get(slot);
    assert(blocks !== undefined, 'freed a slot that is not leased');
    this.#slotBlocks.delete(slot);
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

/** The arena of another shard, as one shard sees it. */
class Foreign implements Home {
  readonly index: number;
  readonly incarnation: number;
  readonly #table: Table;
  readonly #ownerWaits: () => void;
  holds = 0;

  constructor(index: number, table: Table, ownerWaits: () => void) {
    this.index = index;
    this.#table = table;
    this.incarnation = table.incarnation;
    this.#ownerWaits = ownerWaits;
  }

  adopt(descriptor: LeaseDescriptor): ArenaLease {
    this.holds += 1;
    return new ArenaLease(
      this,
      descriptor.slot,
      new Uint8Array(this.#table.pages, descriptor.offset, descriptor.length),
    );
  }

  retained(slot: number): void {
    this.#table.hold(slot);
    this.holds += 1;
  }

  released(slot: number): void {
    this.holds -= 1;
    // The owner died and its arena was laid anew: there is nothing to give back to.
    if (this.#table.incarnation !== this.incarnation) return;
    if (this.#table.letGo(slot) && this.#table.pushFreed(slot)) this.#ownerWaits();
  }

  departed(): void {
    this.holds -= 1;
  }
}

/** All arenas of the node, as one shard sees them. Turns leases into descriptors and back. */
export class ArenaMap {
  readonly #own: Arena;
  readonly #tables: readonly Table[];
  readonly #foreign: Foreign[];
  readonly #ringOwner: (arena: number) => void;

  /** @param ringOwner wakes the shard that owns an arena, which waits for room in it. */
  constructor(own: Arena, memories: readonly ArenaMemory[], ringOwner: (arena: number) => void) {
    this.#own = own;
    this.#ringOwner = ringOwner;
    this.#tables = memories.map((memory) => new Table(memory));
    this.#foreign = this.#tables.map((table, index) => this.#see(table, index));
  }

  /** Lets the hold of `lease` go into a descriptor of `bytes`, which lie inside it. */
  describe(lease: Lease, bytes: Uint8Array): LeaseDescriptor {
    assert(lease instanceof ArenaLease, 'only leases of an arena can travel');
    lease.surrender();
    lease.home.departed();
    const { index, incarnation } = lease.home;
    return { arena: index, incarnation, slot: lease.slot, offset: bytes.byteOffset, length: bytes.length };
  }

  /** Takes over the hold of a descriptor. @returns null when that arena has been laid anew since. */
  adopt(descriptor: LeaseDescriptor): ArenaLease | null {
    const table = this.#tables[descriptor.arena];
    if (table === undefined || table.incarnation !== descriptor.incarnation) return null;
    if (descriptor.arena === this.#own.index) {
      return new ArenaLease(
        this.#own,
        descriptor.slot,
        new Uint8Array(table.pages, descriptor.offset, descriptor.length),
      );
    }
    const known = this.#foreign[descriptor.arena] as Foreign;
    if (known.incarnation !== descriptor.incarnation)
      this.#foreign[descriptor.arena] = this.#see(table, descriptor.arena);
    return (this.#foreign[descriptor.arena] as Foreign).adopt(descriptor);
  }

  /** Holds of this shard on slots of another's arena: none may be left when that arena is laid anew. */
  foreignHolds(arena: number): number {
    return (this.#foreign[arena] as Foreign).holds;
  }

  #see(table: Table, index: number): Foreign {
    return new Foreign(index, table, () => this.#ringOwner(index));
  }
}
