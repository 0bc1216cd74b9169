/** How a test speaks to the traitor in sabotaged-shard.ts: a word a shard, and one for whichever actor comes first. */
import { setEnvironmentData } from 'node:worker_threads';

export const SABOTAGE = 'callboard-sabotage';
export const ORDERS = {
  none: 0,
  exit: 1,
  throwUncaught: 2,
  eatMemory: 3,
  crashPartition: 4,
  crashCoordinator: 5,
} as const;

export class Saboteur {
  readonly #orders: Int32Array;

  /** Before the node starts: its threads are handed the words. */
  constructor(shards: number) {
    const memory = new SharedArrayBuffer((shards + 1) * 4);
    this.#orders = new Int32Array(memory);
    setEnvironmentData(SABOTAGE, memory);
  }

  shard(shard: number, order: 'exit' | 'throwUncaught' | 'eatMemory'): void {
    Atomics.store(this.#orders, shard, ORDERS[order]);
  }

  /** The next partition that takes a batch, or coordinator that is asked, throws afterwards. */
  actor(order: 'crashPartition' | 'crashCoordinator'): void {
    Atomics.store(this.#orders, this.#orders.length - 1, ORDERS[order]);
  }

  get pending(): boolean {
    return this.#orders.some((order) => order !== ORDERS.none);
  }
}
