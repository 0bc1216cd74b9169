/**
 * What the shards of a node share: rings for each ordered pair, an arena, a bell and a counter of incarnations each.
 * Main makes it and keeps it, so that it outlives any worker; all of it can be posted to other threads.
 */
import type { NodeId } from '../src/model/ids.ts';
import { type ArenaMemory, createArena, resetArena, type SharedMemory } from './arena-memory.ts';
import { Bell, createBells } from './bell.ts';
import type { LinkEnds } from './link.ts';
import { createRing, RingReader, RingWriter, resetRing } from './ring.ts';

interface LaneMemory {
  readonly requests: SharedArrayBuffer;
  readonly replies: SharedArrayBuffer;
}

export interface NodeMemory {
  readonly node: NodeId;
  readonly shards: number;
  /** From, to; null from a shard to itself. */
  readonly lanes: readonly (readonly (LaneMemory | null)[])[];
  readonly arenas: readonly ArenaMemory[];
  readonly bells: SharedArrayBuffer;
  /** One word a shard: the last incarnation given to an actor there, so that a replacement never gives it again. */
  readonly incarnations: SharedArrayBuffer;
}

/** What main makes. */
export interface CreatedMemory {
  readonly memory: NodeMemory;
  /** Of all arenas, in order; lent to shards that run. */
  readonly lendable: readonly SharedMemory[];
}

export function createNodeMemory(node: NodeId, shards: number, arenaBytes: number, ringBytes: number): CreatedMemory {
  const all = Array.from({ length: shards }, (_, shard) => shard);
  const lane = (): LaneMemory => ({ requests: createRing(ringBytes), replies: createRing(ringBytes) });
  const arenas = all.map(() => createArena(arenaBytes, shards));
  const memory: NodeMemory = {
    node,
    shards,
    lanes: all.map((from) => all.map((to) => (from === to ? null : lane()))),
    arenas: arenas.map(({ pages, table }) => ({ pages, table })),
    bells: createBells(shards),
    incarnations: new SharedArrayBuffer(shards * 4),
  };
  return { memory, lendable: arenas.map((arena) => arena.memory) };
}

/** After a shard has died and nobody else touches what it had: its rings are empty, its arena is free. */
export function layAnew(memory: NodeMemory, shard: number): void {
  for (let other = 0; other < memory.shards; other++) {
    for (const lane of [memory.lanes[shard]?.[other], memory.lanes[other]?.[shard]]) {
      if (!lane) continue;
      resetRing(lane.requests);
      resetRing(lane.replies);
    }
  }
  resetArena(memory.arenas[shard] as ArenaMemory);
}

/** One shard's ends of its rings with another. */
export function linkEnds(memory: NodeMemory, from: number, to: number): LinkEnds | null {
  const out = memory.lanes[from]?.[to];
  const back = memory.lanes[to]?.[from];
  if (!out || !back) return null;
  const bell = new Bell(memory.bells, to);
  return {
    requestsOut: new RingWriter(out.requests),
    repliesOut: new RingWriter(out.replies),
    requestsIn: new RingReader(back.requests),
    repliesIn: new RingReader(back.replies),
    ring: () => bell.ring(),
  };
}

/** Never 0, which means whichever is alive. */
export function nextIncarnation(memory: NodeMemory, shard: number): number {
  const words = new Int32Array(memory.incarnations);
  const next = (Atomics.add(words, shard, 1) + 1) >>> 0;
  return next === 0 ? nextIncarnation(memory, shard) : next;
}
