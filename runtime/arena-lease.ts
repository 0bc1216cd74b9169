/** One hold on a slot of an arena, as the kernel makes it; actors know it as `Lease`. */
import { assert } from '../src/model/assert.ts';
import type { Lease } from './actor.ts';

/** Who answers for holds: the ledger of an actor, which gives back what a crash leaves behind. */
export interface LeaseKeeper {
  keep(lease: ArenaLease): void;
  forget(lease: ArenaLease): void;
}

/** One hold on a slot. */
export class ArenaLease implements Lease {
  readonly bytes: Uint8Array;
  readonly slot: number;
  readonly home: Home;
  /** Its neighbours among those that its keeper answers for. Only the keeper touches them. */
  previous: ArenaLease | null = null;
  next: ArenaLease | null = null;
  #held = true;
  /** Null while it travels in a message. */
  #keeper: LeaseKeeper | null = null;

  constructor(home: Home, slot: number, bytes: Uint8Array) {
    this.home = home;
    this.slot = slot;
    this.bytes = bytes;
  }

  retain(): ArenaLease {
    assert(this.#held, 'retained after release');
    this.home.retained(this.slot);
    const another = new ArenaLease(this.home, this.slot, this.bytes);
    another.moveTo(this.#keeper);
    return another;
  }

  /** Somebody else answers for it from now on. */
  moveTo(keeper: LeaseKeeper | null): void {
    this.#keeper?.forget(this);
    this.#keeper = keeper;
    keeper?.keep(this);
  }

  release(): void {
    this.surrender();
    this.home.released(this.slot);
  }

  /** The hold goes elsewhere with a descriptor; this object is done with it. */
  surrender(): void {
    assert(this.#held, 'released twice');
    this.#held = false;
    this.moveTo(null);
  }
}

/** What a lease needs of its arena, on the owner's shard and elsewhere. */
export interface Home {
  readonly index: number;
  readonly incarnation: number;
  retained(slot: number): void;
  released(slot: number): void;
  /** The hold left this shard for another inside a descriptor. */
  departed(slot: number, to: number): void;
}
