/** What carrying out a request needs, gathered for one connection; and the way an answer goes back. */
import type { Address, Lease } from '../../runtime/actor.ts';
import type { Crc32c } from '../../src/model/crc.ts';
import type { Fault } from '../../src/model/faults.ts';
import type { NodeReply, Reply } from '../../src/protocols/request.ts';
import type { HeapRoom } from '../heap-room.ts';
import type { Asker } from './asker.ts';
import type { Jobs } from './jobs.ts';
import type { Topics } from './topics.ts';

/** What a node says of itself, as far as it does not change. */
export interface NodeFacts {
  readonly version: string;
  readonly cluster: string;
  readonly startedAt: NodeReply['startedAt'];
  /** Data folder, for people. */
  readonly folder: string;
  /** Direct I/O works on that folder. */
  readonly direct: boolean;
}

export interface Desk {
  readonly node: Address['node'];
  readonly shard: number;
  readonly shards: number;
  readonly asker: Asker;
  readonly topics: Topics;
  readonly crc32c: Crc32c;
  readonly facts: NodeFacts;
  readonly heapRoom: HeapRoom;
  /** Questions that are held open on purpose, to be given up when the connection ends. */
  readonly longPolls: Set<number>;
  /** Bytes of answers that the client has not taken yet. */
  unsentBytes(): number;
  /** Takes nothing from the client for so long, ms. */
  mute(ms: number): void;
  /** Ends the connection: what it was not to be told of has failed. */
  end(why: Fault): void;
  /** When the connection was opened, ms since 1970. */
  readonly openedAt: number;
  /** Where the client is, for people. */
  readonly host: string;
  /** Client id of the connection. */
  client(): string;
  readonly jobs: Jobs;
  /** Null: none is free now. */
  lease(length: number): Lease | null;
  /** Ms; never goes back. */
  monotonic(): number;
  /** Wall clock, ms. */
  now(): number;
  /** A UUID that nobody had before. */
  freshId(): string;
}

/**
 * The answer to a request, exactly once; null where the client wants none. Views of the reply lie in `holds`, which the
 * receiver releases after writing.
 */
export type Done = (reply: Reply | null, holds: readonly Lease[]) => void;

export const NO_HOLDS: readonly Lease[] = [];

/** Calls other than produce and fetch get this long, ms. */
export const ANSWER_MS_MAX = 30_000;

export function refuse(done: Done, fault: Fault): void {
  done({ call: 'refused', fault }, NO_HOLDS);
}

/**
 * Counts answers that come one by one: `then` runs with all of them, in the order of the questions. With none to wait
 * for it runs at once.
 */
export function gather<T>(count: number, then: (results: readonly T[]) => void): (index: number, result: T) => void {
  const results = new Array<T>(count);
  let left = count;
  if (count === 0) then(results);
  return (index, result) => {
    results[index] = result;
    if (--left === 0) then(results);
  };
}
