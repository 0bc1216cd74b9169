/**
 * A shard and its ports under main's control: the same object in a worker thread, behind control.ts, and in the caller's
 * thread. Imports the tree by its URL, since actors cannot be posted.
 */
import { assert } from '../src/model/assert.ts';
import { id, type NodeId, type ShardId } from '../src/model/ids.ts';
import type { Tree } from './actor.ts';
import { Arena } from './arena.ts';
import { ArenaMap } from './arena-map.ts';
import type { ArenaMemory, SharedMemory } from './arena-memory.ts';
import { Bell } from './bell.ts';
import type { LinkEnds } from './link.ts';
import { linkEnds, type NodeMemory, nextIncarnation } from './node-memory.ts';
import { type CounterRows, createPorts, type NodePorts, type PortSettings } from './node-ports.ts';
import type { Disk } from './ports.ts';
import { Shard, type ShardBell, type ShardView } from './shard.ts';

/** What the module at `treeUrl` exports as `compose`: called once in every shard with what main handed over. */
export type Compose = (
  init: unknown,
  where: {
    readonly node: NodeId;
    readonly shard: ShardId;
    readonly shards: number;
    /** Of all shards. */
    readonly arenas: readonly ArenaMemory[];
    /** For code of WebAssembly: those of the arenas, in order. To be asked for once, late: see {@link Borrow}. */
    readonly borrow: Borrow;
  },
) => Composition;
/**
 * The engine takes the whole of a memory that reaches a thread for something that the thread has allocated, and collects all
 * garbage for it: 20 to 60 ms. A start has no time for that, and a node at rest no need.
 */
export type Borrow = () => readonly SharedMemory[];
export interface Composition {
  readonly tree: Tree;
  /** For actors that begin at start or on demand. */
  readonly init: unknown;
  /** Stands between the actors and the disk, for tests that record what is written or let it fail. */
  readonly disk?: (disk: Disk) => Disk;
}

/** Structured-cloneable. */
export interface ShardStart {
  readonly shard: number;
  readonly memory: NodeMemory;
  readonly treeUrl: string;
  readonly init: unknown;
  readonly ports: PortSettings;
  readonly counters: CounterRows;
  /** Shards that are dead and not replaced yet. */
  readonly away: readonly number[];
}

/** What main asks of a shard. */
export interface ShardControl {
  /** @returns the phases of a clean stop. */
  start(start: ShardStart): Promise<number[]>;
  /** @returns the names of those that were not done in time. */
  drain(phase: number, deadlineMs: number): Promise<string[]>;
  stop(deadlineMs: number): Promise<string[]>;
  inspect(): Promise<ShardView>;
  /** Answers once nothing here touches what the dead shard had. */
  shardDied(shard: number): Promise<void>;
  /** Its rings are laid anew; a replacement is on its way. */
  shardCameBack(shard: number): Promise<void>;
}

export class ShardHost implements ShardControl {
  readonly #failed: (error: Error) => void;
  readonly #borrow: Borrow;
  #shard: Shard | null = null;
  #ports: NodePorts | null = null;
  #start: ShardStart | null = null;

  /** @param failed the shard has escalated and runs nothing any more. */
  constructor(failed: (error: Error) => void, borrow: Borrow) {
    this.#failed = failed;
    this.#borrow = borrow;
  }

  /** Ahead of {@link ShardHost.start}, which then finds it imported. */
  async load(treeUrl: string): Promise<void> {
    await import(treeUrl);
  }

  async start(start: ShardStart): Promise<number[]> {
    assert(this.#shard === null, 'starts once');
    const { compose } = (await import(start.treeUrl)) as { readonly compose: Compose };
    const { node, shards, arenas } = start.memory;
    const where = { node, shard: id<ShardId>(start.shard), shards, arenas, borrow: this.#borrow };
    const { tree, init, disk } = compose(start.init, where);
    const ports = createPorts(start.ports, start.counters, start.shard);
    this.#ports = disk === undefined ? ports : { ...ports, disk: disk(ports.disk) };
    this.#start = start;
    this.#shard = this.#create(start, tree, init, this.#ports);
    for (const other of start.away) this.#shard.shardDied(other, () => {});
    this.#shard.start();
    return this.#shard.phases;
  }

  drain(phase: number, deadlineMs: number): Promise<string[]> {
    return new Promise((resolve) => this.#running.drain(phase, deadlineMs, resolve));
  }

  async stop(deadlineMs: number): Promise<string[]> {
    const left = await new Promise<string[]>((resolve) => this.#running.stop(deadlineMs, resolve));
    this.#running.abandon();
    await new Promise<void>((resolve) => this.#ports?.pool.close(resolve));
    return left;
  }

  async inspect(): Promise<ShardView> {
    return this.#running.inspect();
  }

  shardDied(shard: number): Promise<void> {
    return new Promise((resolve) => this.#running.shardDied(shard, resolve));
  }

  async shardCameBack(shard: number): Promise<void> {
    const start = this.#start as ShardStart;
    this.#running.shardCameBack(shard, linkEnds(start.memory, start.shard, shard) as LinkEnds);
  }

  get #running(): Shard {
    assert(this.#shard !== null, 'the shard has been started');
    return this.#shard;
  }

  #create({ shard, memory }: ShardStart, tree: Tree, init: unknown, ports: NodePorts): Shard {
    const arena = new Arena(shard, memory.arenas[shard] as ArenaMemory);
    const bells = memory.arenas.map((_, other) => new Bell(memory.bells, other));
    return new Shard({
      node: memory.node,
      shard: id<ShardId>(shard),
      shards: memory.shards,
      tree,
      init,
      ports,
      nextIncarnation: () => nextIncarnation(memory, shard),
      arena,
      arenas: new ArenaMap(arena, memory.arenas, (owner) => bells[owner]?.ring()),
      links: memory.arenas.map((_, other) => linkEnds(memory, shard, other)),
      bell: memory.shards === 1 ? nobodyRings : (bells[shard] as Bell),
      failed: this.#failed,
    });
  }
}

const nobodyRings: ShardBell = { arm() {}, disarm() {} };
