/**
 * How the memory of a node is shared out, so that its resident memory stays below the setting: what Node itself takes, the
 * rings between shards, and for each shard its heap and its arena. Decides by figures alone; allocates nothing.
 *
 *     memory = process + shards × (thread + job thread) + rings + shards × (old generation + young generation + arena and its table)
 */
import { BLOCK_BYTES, KIB, MIB } from './model/limits.ts';

/** The share of one shard, and what all have in common. */
export interface MemoryPlan {
  /** Of each arena; touched little by little, and never given back. */
  readonly arenaBytes: number;
  /** A worker whose live objects need more dies and is replaced. */
  readonly oldHeapMib: number;
  /** Where objects are born: three halves of it, as the engine counts. */
  readonly youngHeapMib: number;
  /** Of the old generation: what connections may make it hold. The rest is for topics, partitions and groups. */
  readonly heapRoomBytes: number;
  /** Of each ring, a power of two. */
  readonly ringBytes: number;
}

/**
 * Of the process without shards: Node and the main thread, the threads for files and for jobs, and what a first start
 * takes to strip types and compile. Measured: 65 MiB warm, 85 cold, 100 under everything at once; the rest is for
 * what the allocator keeps.
 */
const PROCESS_BYTES = 114 * MIB;
/** Of a shard's thread before its heap holds anything of a client. Measured: 26 MiB warm, 35 cold, of which 10 are heap. */
const THREAD_BYTES = 24 * MIB;
/**
 * Of the thread for a shard's jobs, which is there when there are some. Measured while it compacts: 20 MiB; the rest comes from
 * what the allocator keeps, since the threads of all shards are seldom there at once.
 */
const JOB_THREAD_BYTES = 12 * MIB;
/** Small, so that what is born and dies within a request stays in the processor's cache, and a collection is short. */
const YOUNG_HEAP_BYTES = 12 * MIB;
/** With less a shard cannot hold its topics. */
const HEAP_BYTES_LEAST = 64 * MIB;
/** With less a shard has no room for its journal and one longest frame. */
const ARENA_BYTES_LEAST = 32 * MIB;
/** Of what the shards share out: heaps; the rest is arenas. */
const HEAP_SHARE = 0.4;
/** Of a shard's heap: for connections and what they follow. */
const ROOM_SHARE = 0.5;
/** Words of an arena's table for each block, beside one a shard (runtime/arena-memory.ts). */
const TABLE_WORDS = 2;
const WORD_BYTES = 4;

/** Rings hold fields and small messages; with many shards there are many of them. */
const ringBytesOf = (shards: number): number => (shards <= 8 ? MIB : 256 * KIB);
/** Two rings for each ordered pair. */
const allRings = (shards: number): number => 2 * shards * (shards - 1) * ringBytesOf(shards);
/** What an arena takes with its table, by byte. */
const withTable = (shards: number): number => 1 + (WORD_BYTES * (TABLE_WORDS + shards)) / BLOCK_BYTES;
/** What is taken before the shards share anything out. */
const fixedBytes = (shards: number): number =>
  PROCESS_BYTES + shards * (THREAD_BYTES + JOB_THREAD_BYTES) + allRings(shards);

/** The least that so many shards can run in, in whole MiB. */
export function memoryLeast(shards: number): number {
  const share = HEAP_BYTES_LEAST + ARENA_BYTES_LEAST * withTable(shards);
  return Math.ceil((fixedBytes(shards) + shards * share) / MIB) * MIB;
}

/** @param memory at least {@link memoryLeast}. */
export function planMemory(memory: number, shards: number): MemoryPlan {
  const share = (memory - fixedBytes(shards)) / shards;
  const heap = Math.max(HEAP_BYTES_LEAST, share * HEAP_SHARE);
  return {
    arenaBytes: Math.floor((share - heap) / withTable(shards) / MIB) * MIB,
    oldHeapMib: Math.floor((heap - YOUNG_HEAP_BYTES) / MIB),
    youngHeapMib: YOUNG_HEAP_BYTES / MIB,
    heapRoomBytes: Math.floor((heap - YOUNG_HEAP_BYTES) * ROOM_SHARE),
    ringBytes: ringBytesOf(shards),
  };
}
