/**
 * A shard: runs the actors of its part of the tree, one message at a time, in turns of the event loop. A turn takes in
 * what came over the links, runs who has mail, sends what is to go, and then sleeps until somebody rings. It does not know
 * whether it is a worker thread, the caller's thread or one of many in a simulated world.
 *
 * Callbacks of the machine only enqueue; nothing but a turn runs a handler. A ring of the bell is a turn.
 */
import { assert } from '../src/model/assert.ts';
import type { NodeId, ShardId } from '../src/model/ids.ts';
import type { Address, Kind, Message, Tree } from './actor.ts';
import { nameOf, type Place, Places } from './address.ts';
import type { Arena } from './arena.ts';
import type { ArenaMap } from './arena-map.ts';
import { Cell, type CellView, type Host } from './cell.ts';
import type { ActorContext } from './context.ts';
import { Link, type LinkEnds } from './link.ts';
import { Fifo } from './mailbox.ts';
import type { Ports, TimerHandle } from './ports.ts';
import { Post } from './post.ts';

/** Messages handled in one turn, and its length: the machine's callbacks and the other shards wait no longer. */
const MESSAGES_PER_TURN = 1_024;
const TURN_MS_MAX = 4;
/** Messages one actor handles before the next has its turn. */
const MESSAGES_PER_ACTOR = 64;
/** An actor that holds memory of a dead shard for longer than this crashes, so that the shard can come back. */
const FOREIGN_LEASES_WAIT_MS = 2_000;
const FOREIGN_LEASES_LOOK_MS = 5;

/** Wakes this shard when others have something for it. */
export interface ShardBell {
  arm(wake: () => void): void;
  disarm(): void;
}

export interface ShardParts {
  readonly node: NodeId;
  readonly shard: ShardId;
  readonly shards: number;
  readonly tree: Tree;
  /** Handed to actors that begin at start or on demand. */
  readonly init: unknown;
  readonly ports: Ports;
  /** Unique on this shard, also after it was replaced. */
  readonly nextIncarnation: () => number;
  readonly arena: Arena;
  readonly arenas: ArenaMap;
  /** By shard; null at its own place. */
  readonly links: readonly (LinkEnds | null)[];
  readonly bell: ShardBell;
  /** The shard cannot go on: it is to be thrown away and replaced. */
  readonly failed: (error: Error) => void;
}

export interface ShardView {
  readonly shard: number;
  readonly actors: readonly CellView[];
  readonly bytesLeased: number;
}

/** Actors that are to be gone, by a deadline. */
interface Leaving {
  readonly cells: Set<Cell>;
  readonly timer: TimerHandle;
  readonly done: (left: string[]) => void;
}

export class Shard implements Host {
  readonly node: NodeId;
  readonly shard: ShardId;
  readonly shards: number;
  readonly ports: Ports;
  readonly arena: Arena;
  readonly post: Post;
  readonly #parts: ShardParts;
  readonly #places: Places;
  readonly #links: readonly (Link | null)[];
  readonly #ready = new Fifo<Cell>();
  /** Ready, too, but of kinds that gather. */
  readonly #gathering = new Fifo<Cell>();
  #leaseWaiters: { readonly context: ActorContext; readonly message: Message }[] = [];
  #scheduled = false;
  #inTurn = false;
  #asleep = false;
  /** It failed, or was abandoned: no handler runs any more. */
  #dead = false;
  /** Kinds that stop in this phase or before begin no more. */
  #phase = -1;
  #leaving: Leaving | null = null;

  constructor(parts: ShardParts) {
    this.#parts = parts;
    this.node = parts.node;
    this.shard = parts.shard;
    this.shards = parts.shards;
    this.ports = parts.ports;
    this.arena = parts.arena;
    this.#places = new Places(parts.tree, parts.shards);
    this.#links = parts.links.map((ends, to) =>
      ends === null ? null : new Link(to, ends, parts.arenas, this.#published),
    );
    const { node, shard } = parts;
    const begin = (name: string, place: Place) => this.#demand(name, place);
    this.post = new Post({
      node,
      shard,
      places: this.#places,
      links: this.#links,
      counters: parts.ports.counters,
      begin,
      starts: (kind) => this.starts(kind),
    });
    parts.arena.onRoom = () => this.#tellLeaseWaiters();
  }

  /** Begins the actors that are there from the start. */
  start(): void {
    for (const name of this.#places.atStart(this.shard)) this.ready(this.#make(name, null, this.#parts.init));
    this.#schedule();
  }

  /** Phases that the kinds of the tree stop in, in order. */
  get phases(): number[] {
    const phases = new Set<number>();
    for (const { stops } of this.#places.kinds.values()) if (stops !== undefined) phases.add(stops);
    return [...phases].sort((a, b) => a - b);
  }

  // ---- turns

  /** Something came from outside: look in a later turn of the event loop. */
  #schedule(): void {
    if (this.#scheduled || this.#dead) return;
    this.#scheduled = true;
    if (this.#asleep) {
      this.#asleep = false;
      this.#parts.bell.disarm();
    }
    this.ports.clock.soon(this.#turn);
  }

  readonly #turn = (): void => {
    this.#scheduled = false;
    if (this.#dead) return;
    this.#inTurn = true;
    try {
      this.#takeIn();
      const handled = this.#runReady();
      for (const link of this.#links) link?.flush();
      if (handled > 0) this.ports.counters.add('actor_messages', handled);
    } catch (error) {
      this.failed(error instanceof Error ? error : new Error(String(error)));
      return;
    } finally {
      this.#inTurn = false;
    }
    this.#sleep();
  };

  /** Code of an actor that runs in a callback of the machine may send, too: a turn is to flush it. */
  readonly #published = (): void => {
    if (!this.#inTurn) this.#schedule();
  };

  #takeIn(): void {
    this.arena.collect();
    for (const link of this.#links) link?.receive(this.#accept);
    this.post.tellWriters();
  }

  readonly #accept = (envelope: Parameters<Post['accept']>[0]): boolean => this.post.accept(envelope);

  #runReady(): number {
    let handled = 0;
    const end = this.ports.clock.monotonic() + TURN_MS_MAX;
    while (handled < MESSAGES_PER_TURN && this.ports.clock.monotonic() < end) {
      const cell = this.#ready.shift();
      if (cell !== undefined) handled += this.#run(cell, MESSAGES_PER_ACTOR);
      else if (this.#gathering.length > 0) handled += this.#runGathering();
      else return handled;
    }
    // However busy the others are, those who gather have their share of every turn.
    return handled + this.#runGathering();
  }

  #runGathering(): number {
    let handled = 0;
    for (let left = this.#gathering.length; left > 0; left--)
      handled += this.#run(this.#gathering.shift() as Cell, MESSAGES_PER_TURN);
    return handled;
  }

  #run(cell: Cell, messagesMax: number): number {
    cell.queued = false;
    return cell.run(messagesMax);
  }

  /** Arms the bell first and looks for work afterwards: a record published in between is seen by one of the two. */
  #sleep(): void {
    if (this.#scheduled) return;
    this.#asleep = true;
    this.#parts.bell.arm(this.#wake);
    this.arena.collect();
    this.post.tellWriters();
    if (this.#ready.length + this.#gathering.length > 0 || this.#links.some((link) => link?.busy)) this.#schedule();
  }

  /** Somebody rang. That is a callback of its own already: the turn need not wait for another. */
  readonly #wake = (): void => {
    if (this.#scheduled || this.#dead) return;
    this.#asleep = false;
    this.#parts.bell.disarm();
    this.#turn();
  };

  // ---- what cells ask for

  nextIncarnation(): number {
    return this.#parts.nextIncarnation();
  }

  ready(cell: Cell): void {
    if (cell.queued) return;
    cell.queued = true;
    if (cell.kind.gathers === true) this.#gathering.push(cell);
    else this.#ready.push(cell);
    this.#schedule();
  }

  starts(kind: Kind): boolean {
    return kind.stops === undefined ? this.#phase !== Number.POSITIVE_INFINITY : kind.stops > this.#phase;
  }

  spawn(parent: Cell, kindName: string, key: string, init: unknown): Address {
    const name = nameOf(kindName, key);
    const place = this.#places.find(name);
    assert(place !== null && place.shard === this.shard, `${name} has no place on shard ${this.shard}`);
    const isChild = parent.kind.children !== undefined && Object.hasOwn(parent.kind.children, kindName);
    assert(isChild || this.#parts.tree[kindName]?.begins === 'spawn', `${parent.name} may not spawn ${name}`);
    const known = this.post.cells.get(name);
    if (known === undefined) {
      const cell = this.#make(name, isChild ? parent : null, init);
      this.ready(cell);
      return cell.address;
    }
    known.respawn(isChild ? parent : null, init);
    return known.address;
  }

  whenLeasable(context: ActorContext, message: Message): void {
    this.#leaseWaiters.push({ context, message });
    if (this.#leaseWaiters.length === 1) this.arena.awaitRoom();
  }

  gone(cell: Cell): void {
    this.post.cells.delete(cell.name);
    const leaving = this.#leaving;
    if (leaving?.cells.delete(cell) && leaving.cells.size === 0) this.#haveLeft(leaving);
  }

  failed(error: Error): void {
    if (this.#dead) return;
    this.#dead = true;
    this.#parts.failed(error);
  }

  get dead(): boolean {
    return this.#dead;
  }

  /** As if its thread had died: nothing of it runs any more. */
  abandon(): void {
    this.#dead = true;
    this.#parts.bell.disarm();
  }

  #tellLeaseWaiters(): void {
    const waiters = this.#leaseWaiters;
    this.#leaseWaiters = [];
    for (const { context, message } of waiters) context.tell(message);
  }

  #demand(name: string, place: Place): Cell | null {
    if (place.kind.begins !== 'demand' || !this.starts(place.kind)) return null;
    const cell = this.#make(name, null, this.#parts.init);
    this.ready(cell);
    return cell;
  }

  #make(name: string, parent: Cell | null, init: unknown): Cell {
    const place = this.#places.find(name) as Place;
    const cell = new Cell(this, name, place.key, place.kind, parent, init);
    this.post.cells.set(name, cell);
    if (parent !== null) {
      parent.children ??= new Set();
      parent.children.add(cell);
    }
    return cell;
  }

  // ---- clean stop

  /**
   * Asks the kinds of one phase to finish. From now on none of them begins.
   * @param done gets the names of those that were not done after `deadlineMs` and were stopped as they were.
   */
  drain(phase: number, deadlineMs: number, done: (left: string[]) => void): void {
    assert(phase > this.#phase, 'phases rise');
    this.#phase = phase;
    const cells = [...this.post.cells.values()].filter((cell) => cell.kind.stops === phase);
    this.#whenGone(cells, deadlineMs, done);
    for (const cell of cells) cell.drain();
  }

  /** Ends all that is left. */
  stop(deadlineMs: number, done: (left: string[]) => void): void {
    this.#phase = Number.POSITIVE_INFINITY;
    const cells = [...this.post.cells.values()];
    this.#whenGone(cells, deadlineMs, done);
    for (const cell of cells) cell.terminate();
  }

  #whenGone(cells: readonly Cell[], deadlineMs: number, done: (left: string[]) => void): void {
    // A shard that fails in the middle of a phase goes on to its end at once.
    if (this.#leaving !== null) this.#haveLeft(this.#leaving);
    if (cells.length === 0) {
      this.ports.clock.soon(() => done([]));
      return;
    }
    const timer = this.ports.clock.after(deadlineMs, () => this.#haveLeft(leaving));
    const leaving: Leaving = { cells: new Set(cells), timer, done };
    this.#leaving = leaving;
  }

  /** All are gone, or it is time. */
  #haveLeft({ cells, timer, done }: Leaving): void {
    this.#leaving = null;
    timer.cancel();
    const left = [...cells];
    for (const cell of left) cell.terminate();
    done(left.map((cell) => cell.name));
  }

  // ---- another shard's death

  /**
   * Takes in what a dead shard had published, tells its watchers, and waits until nobody here holds memory of it.
   * @param done its rings and its arena may be laid anew.
   */
  shardDied(shard: number, done: () => void): void {
    const link = this.#links[shard];
    assert(link, 'a link to another shard');
    for (const { message } of link.leave(this.#accept)) message.lease?.release();
    this.post.shardDied(shard);
    this.#schedule();
    this.#awaitForeignLeases(shard, this.ports.clock.monotonic() + FOREIGN_LEASES_WAIT_MS, done);
  }

  /** All shards know of its death by now, so nothing is on its way there any more: what it held of this arena is free. */
  shardCameBack(shard: number, ends: LinkEnds): void {
    this.arena.takeBackFrom(shard);
    this.#links[shard]?.comeBack(ends);
    this.#schedule();
  }

  #awaitForeignLeases(shard: number, deadline: number, done: () => void): void {
    if (this.#parts.arenas.foreignHolds(shard) === 0) {
      done();
      return;
    }
    if (this.ports.clock.monotonic() > deadline) {
      for (const cell of [...this.post.cells.values()])
        if (cell.holdsOf(shard)) cell.crashed(new Error(`holds memory of shard ${shard}, which died`), 'shard died');
    }
    this.ports.clock.after(FOREIGN_LEASES_LOOK_MS, () => this.#awaitForeignLeases(shard, deadline, done));
  }

  // ---- for people

  inspect(): ShardView {
    this.arena.collect();
    const actors = [...this.post.cells.values()].map((cell) => cell.inspect());
    return { shard: this.shard, actors, bytesLeased: this.arena.bytesLeased };
  }
}
