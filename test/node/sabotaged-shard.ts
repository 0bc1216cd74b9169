/**
 * The door of a shard as src/shard.ts has it, with a traitor inside: on a word from the test its thread exits, throws, or
 * eats all memory, or a partition's handler throws in the middle of its work. All else is the real node.
 */
import { getEnvironmentData } from 'node:worker_threads';
import type { Actor, Context, Kind, Message } from '../../runtime/actor.ts';
import type { Compose } from '../../runtime/shard-host.ts';
import { compose as composeShard } from '../../src/shard.ts';
import { ORDERS, SABOTAGE } from './sabotage.ts';

const LOOK_MS = 5;

export const compose: Compose = (init, where) => {
  const orders = new Int32Array(getEnvironmentData(SABOTAGE) as SharedArrayBuffer);
  setInterval(() => obey(Atomics.exchange(orders, where.shard, ORDERS.none)), LOOK_MS).unref();
  const composed = composeShard(init, where);
  const { partition, coordinator } = composed.tree as { readonly partition: Kind; readonly coordinator: Kind };
  const fragile = (kind: Kind, order: number): Kind => ({ ...kind, make: crashing(kind, order, orders) });
  return {
    ...composed,
    tree: {
      ...composed.tree,
      partition: fragile(partition, ORDERS.crashPartition),
      coordinator: fragile(coordinator, ORDERS.crashCoordinator),
    },
  };
};

function obey(order: number): void {
  if (order === ORDERS.exit) process.exit(7);
  if (order === ORDERS.throwUncaught) throw new Error('sabotage: nobody catches this');
  if (order === ORDERS.eatMemory) {
    const eaten: number[][] = [];
    for (;;) eaten.push(Array.from({ length: 100_000 }, (_, index) => index + eaten.length));
  }
}

/** The real actor, but for one message that it handles and then throws, when the word behind the shards' says so. */
function crashing(kind: Kind, order: number, orders: Int32Array): Kind['make'] {
  const word = orders.length - 1;
  return (context: Context<never>, key: string, init: unknown): Actor<never> => {
    const actor: Actor<Message> = kind.make(context, key, init) as Actor<Message>;
    const receive = actor.receive.bind(actor);
    actor.receive = (message, from) => {
      receive(message, from);
      if (message.type !== 'append' && message.type !== 'ask') return;
      if (Atomics.compareExchange(orders, word, order, ORDERS.none) === order)
        throw new Error(`sabotage: an actor throws`);
    };
    return actor as Actor<never>;
  };
}
