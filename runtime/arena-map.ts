/** All arenas of a node as one shard sees them: turns leases into descriptors that travel, and back. */
import { assert } from '../src/model/assert.ts';
import type { Lease } from './actor.ts';
import type { Arena } from './arena.ts';
import { ArenaLease, type Home } from './arena-lease.ts';
import { type ArenaMemory, type LeaseDescriptor, Table } from './arena-memory.ts';

/** The arena of another shard, as one shard sees it. */
class Foreign implements Home {
  readonly index: number;
  readonly incarnation: number;
  readonly #table: Table;
  readonly #here: number;
  readonly #ownerWaits: () => void;
  holds = 0;

  /** @param here the shard that sees it. */
  constructor(index: number, here: number, table: Table, ownerWaits: () => void) {
    this.index = index;
    this.#here = here;
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
    this.#table.countAt(this.#here, slot, 1);
    this.holds += 1;
  }

  released(slot: number): void {
    this.holds -= 1;
    // The owner died and its arena was laid anew: there is nothing to give back to.
    if (this.#table.incarnation !== this.incarnation) return;
    this.#table.countAt(this.#here, slot, -1);
    if (this.#table.letGo(slot) && this.#table.pushFreed(slot)) this.#ownerWaits();
  }

  departed(slot: number, to: number): void {
    this.holds -= 1;
    if (this.#table.incarnation !== this.incarnation) return;
    this.#table.countAt(this.#here, slot, -1);
    if (to !== this.index) this.#table.countAt(to, slot, 1);
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

  /** Memory of this shard's own arena. @returns null when there is no room now. */
  lease(length: number): ArenaLease | null {
    return this.#own.lease(length);
  }

  /** Lets the hold of `lease` go to shard `to` in a descriptor of `bytes`, which lie inside it. */
  describe(lease: Lease, bytes: Uint8Array, to: number): LeaseDescriptor {
    assert(lease instanceof ArenaLease, 'only leases of an arena can travel');
    lease.surrender();
    lease.home.departed(lease.slot, to);
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
    return new Foreign(index, this.#own.index, table, () => this.#ringOwner(index));
  }
}
