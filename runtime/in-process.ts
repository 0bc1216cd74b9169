/**
 * Several shards in one thread, joined by pipes that encode and decode as rings do: for tests and simulated worlds. It
 * can kill a shard as a thread dies, from one message to the next, and bring a replacement.
 */
import { assert } from '../src/model/assert.ts';
import { id, type NodeId, type ShardId } from '../src/model/ids.ts';
import type { Tree } from './actor.ts';
import { Arena } from './arena.ts';
import { ArenaMap } from './arena-map.ts';
import { type ArenaMemory, createArena, resetArena } from './arena-memory.ts';
import type { LinkEnds } from './link.ts';
import { Pipe } from './pipe.ts';
import type { Clock, Ports } from './ports.ts';
import { Shard, type ShardBell } from './shard.ts';

export interface InProcessOptions {
  readonly node: NodeId;
  readonly shards: number;
  readonly tree: Tree;
  readonly init: unknown;
  readonly arenaBytes: number;
  /** Of each pipe. */
  readonly pipeBytes: number;
  /** Called anew for a replacement: the ports of the dead one are the caller's to cut off. */
  readonly ports: (shard: number) => Ports;
  /** The shard escalated at the top of its tree; it does nothing any more. */
  readonly failed: (shard: number, error: Error) => void;
}

class LocalBell implements ShardBell {
  readonly #clock: Clock;
  #wake: (() => void) | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  arm(wake: () => void): void {
    this.#wake = wake;
  }

  disarm(): void {
    this.#wake = null;
  }

  ring(): void {
    if (this.#wake !== null) this.#clock.soon(this.#wake);
    this.#wake = null;
  }
}

interface Lane {
  requests: Pipe;
  replies: Pipe;
}

export class InProcessShards {
  readonly #options: InProcessOptions;
  readonly #memories: readonly ArenaMemory[];
  /** From, to. */
  readonly #lanes: Lane[][];
  readonly #bells: (LocalBell | null)[];
  readonly #shards: (Shard | null)[];
  #incarnation = 0;

  constructor(options: InProcessOptions) {
    this.#options = options;
    const all = Array.from({ length: options.shards }, (_, shard) => shard);
    this.#memories = all.map(() => createArena(options.arenaBytes, options.shards));
    this.#lanes = all.map(() => all.map(() => this.#lane()));
    this.#bells = all.map(() => null);
    this.#shards = all.map(() => null);
    for (const shard of all) this.#shards[shard] = this.#create(shard);
  }

  start(): void {
    for (const shard of this.#shards) shard?.start();
  }

  /** @throws AssertionError for one that is dead. */
  shard(index: number): Shard {
    const shard = this.#shards[index];
    assert(shard, `shard ${index} is not there`);
    return shard;
  }

  /** Nothing of it runs any more. The others hear of it; once they hold nothing of its memory, `done` is called. */
  kill(index: number, done: () => void): void {
    this.shard(index).abandon();
    this.#shards[index] = null;
    this.#bells[index] = null;
    const others = this.#others(index);
    let waiting = others.length;
    const died = (): void => {
      waiting -= 1;
      if (waiting <= 0) this.#layAnew(index, done);
    };
    if (others.length === 0) died();
    for (const other of others) other.shardDied(index, died);
  }

  /** A replacement for one that was killed. */
  replace(index: number): void {
    assert(this.#shards[index] === null, 'replaces the dead');
    const shard = this.#create(index);
    this.#shards[index] = shard;
    for (const other of this.#others(index)) other.shardCameBack(index, this.#ends(other.shard, index));
    shard.start();
  }

  #layAnew(index: number, done: () => void): void {
    resetArena(this.#memories[index] as ArenaMemory);
    for (let other = 0; other < this.#lanes.length; other++) {
      (this.#lanes[index] as Lane[])[other] = this.#lane();
      (this.#lanes[other] as Lane[])[index] = this.#lane();
    }
    done();
  }

  #others(index: number): Shard[] {
    return this.#shards.filter((shard): shard is Shard => shard !== null && shard.shard !== index);
  }

  #lane(): Lane {
    return { requests: new Pipe(this.#options.pipeBytes), replies: new Pipe(this.#options.pipeBytes) };
  }

  #create(index: number): Shard {
    const { node, shards, tree, init } = this.#options;
    const ports = this.#options.ports(index);
    const arena = new Arena(index, this.#memories[index] as ArenaMemory);
    const bell = new LocalBell(ports.clock);
    this.#bells[index] = bell;
    return new Shard({
      node,
      shard: id<ShardId>(index),
      shards,
      tree,
      init,
      ports,
      nextIncarnation: () => ++this.#incarnation,
      arena,
      arenas: new ArenaMap(arena, this.#memories, (owner) => this.#bells[owner]?.ring()),
      links: this.#lanes.map((_, other) => (other === index ? null : this.#ends(index, other))),
      bell,
      failed: (error) => this.#options.failed(index, error),
    });
  }

  #ends(from: number, to: number): LinkEnds {
    const out = (this.#lanes[from] as Lane[])[to] as Lane;
    const back = (this.#lanes[to] as Lane[])[from] as Lane;
    return {
      requestsOut: out.requests,
      repliesOut: out.replies,
      requestsIn: back.requests,
      repliesIn: back.replies,
      ring: () => this.#bells[to]?.ring(),
    };
  }
}
