/**
 * Actors for tests of shards as threads: pingers on every shard talk to counters on every shard, inline and by lease, and
 * a saboteur on the last shard (of three: on the last two) kills its thread in the way it is told, when it is told.
 */
import type { Actor, Address, Context, Message, Tree } from '../../runtime/actor.ts';
import type { SharedMemory } from '../../runtime/arena-memory.ts';
import { deadLetters } from '../../runtime/dead-letters.ts';
import type { Compose, Composition } from '../../runtime/shard-host.ts';

export type Sabotage = 'exit' | 'uncaught' | 'memory' | 'escalate' | 'crash' | 'hang' | 'none';
export interface TestInit {
  readonly sabotage: Sabotage;
  /** Word 0: sabotages so far. Then one for each shard: those that are ordered of it. Shared by all shards and their replacements. */
  readonly words: SharedArrayBuffer;
  /** One word for each shard: how many arenas it reaches through the memories that it borrowed. */
  readonly reached: SharedArrayBuffer;
}

type CounterInbox = { readonly type: 'ping'; readonly n: number; readonly bytes?: Uint8Array } & Message;
type PingerInbox =
  | { readonly type: 'pong'; readonly n: number; readonly sum: number }
  | { readonly type: 'down'; readonly address: Address; readonly reason: string }
  | { readonly type: 'tick' }
  | { readonly type: 'drain' };

export interface PingerView {
  readonly pongs: readonly number[];
  readonly downs: readonly string[];
  readonly wrong: number;
}

const LARGE_BYTES = 50_000;
const TICK_MS = 2;

class Counter implements Actor<CounterInbox> {
  readonly #context: Context<CounterInbox>;

  constructor(context: Context<CounterInbox>) {
    this.#context = context;
  }

  receive({ n, bytes, lease }: CounterInbox, from: Address): void {
    const sum = (bytes?.[0] ?? 0) + (bytes?.at(-1) ?? 0);
    lease?.release();
    this.#context.reply(from, { type: 'pong', n, sum } as Message);
  }
}

/** One ping in flight to each counter; a lost one is sent again when the counter is down. */
class Pinger implements Actor<PingerInbox> {
  readonly #context: Context<PingerInbox>;
  readonly #pongs: number[];
  readonly #waiting: number[];
  readonly #downs: string[] = [];
  #wrong = 0;
  #n = 0;

  constructor(context: Context<PingerInbox>) {
    this.#context = context;
    this.#pongs = new Array(context.shards).fill(0);
    this.#waiting = new Array(context.shards).fill(0);
    context.after(0, { type: 'tick' });
  }

  receive(message: PingerInbox): void {
    switch (message.type) {
      case 'tick':
        for (let shard = 0; shard < this.#waiting.length; shard++) this.#ping(shard);
        this.#context.after(TICK_MS, { type: 'tick' });
        break;
      case 'pong': {
        const shard = this.#waiting.indexOf(message.n);
        if (shard < 0 || message.sum !== this.#expected(message.n)) this.#wrong += 1;
        else this.#pongs[shard] = (this.#pongs[shard] as number) + 1;
        if (shard >= 0) this.#waiting[shard] = 0;
        break;
      }
      case 'down':
        this.#downs.push(`${message.address.name} ${message.reason}`);
        this.#waiting[Number(message.address.name.split('/')[1])] = 0;
        break;
      case 'drain':
        this.#context.stop();
        break;
    }
  }

  inspect(): PingerView {
    return { pongs: this.#pongs, downs: this.#downs, wrong: this.#wrong };
  }

  #expected(n: number): number {
    return n % 2 === 0 ? 2 * (n & 0x7f) : 0;
  }

  #ping(shard: number): void {
    if (this.#waiting[shard] !== 0) return;
    const to: Address<CounterInbox> = { node: this.#context.node, name: `counter/${shard}`, incarnation: 0 };
    const n = ++this.#n;
    let ping: CounterInbox = { type: 'ping', n };
    const lease = n % 2 === 0 ? this.#context.lease(LARGE_BYTES) : null;
    if (lease !== null) {
      lease.bytes.fill(n & 0x7f);
      ping = { ...ping, bytes: lease.bytes, lease };
    } else if (n % 2 === 0) return;
    this.#context.watch(to);
    if (this.#context.send(to, ping) === 'sent') this.#waiting[shard] = n;
    else lease?.release();
  }
}

function sabotage(context: Context, { sabotage, words }: TestInit): Actor {
  const counts = new Int32Array(words);
  const own = 1 + context.shard;
  context.after(TICK_MS, { type: 'look' });
  return {
    receive() {
      context.after(TICK_MS, { type: 'look' });
      if (Atomics.load(counts, own) === 0) return;
      Atomics.sub(counts, own, 1);
      Atomics.add(counts, 0, 1);
      if (sabotage === 'exit') process.exit(3);
      if (sabotage === 'uncaught')
        setImmediate(() => {
          throw new Error('sabotage');
        });
      if (sabotage === 'escalate' || sabotage === 'crash') throw new Error('sabotage');
      // It never ends by itself, as a loop that lost its bound.
      if (sabotage === 'hang') Atomics.wait(counts, 0, Atomics.load(counts, 0));
      const hoard: number[][] = [];
      while (sabotage === 'memory') hoard.push(new Array(100_000).fill(hoard.length));
    },
  };
}

/** Leaves a mark at the end of each arena, where nobody leases anything, and looks for it in the memory of the same. */
function reachedBy({ shard, arenas, borrow }: Parameters<Compose>[1]): number {
  const memories = borrow();
  return arenas.filter(({ pages }, arena) => {
    const mark = 1 + shard * arenas.length + arena;
    const at = pages.byteLength - 1 - shard;
    new Uint8Array(pages)[at] = mark;
    return new Uint8Array((memories[arena] as SharedMemory).buffer)[at] === mark;
  }).length;
}

const keys = (shards: number): string[] => Array.from({ length: shards }, (_, shard) => String(shard));
const place = (key: string): number => Number(key);

export const compose: Compose = (init, where): Composition => {
  const test = init as TestInit;
  Atomics.store(new Int32Array(test.reached), where.shard, reachedBy(where));
  const restart = { directive: 'restart', crashesMax: 5, windowMs: 10_000, backoffMs: [10, 100] } as const;
  const escalate = { ...restart, directive: 'escalate' } as const;
  const tree: Tree = {
    'dead-letters': deadLetters,
    counter: {
      make: (context: Context<CounterInbox>) => new Counter(context),
      supervision: restart,
      place,
      begins: 'demand',
      mailboxMax: 10,
    },
    pinger: {
      make: (context: Context<PingerInbox>) => new Pinger(context),
      supervision: restart,
      place,
      begins: 'start',
      keys,
      mailboxMax: 10,
      stops: 1,
    },
    saboteur: {
      make: (context: Context) => sabotage(context, test),
      supervision: test.sabotage === 'escalate' ? escalate : restart,
      place,
      begins: 'start',
      keys: (shards) => keys(shards).slice(shards === 3 ? 1 : -1),
      mailboxMax: 10,
    },
  };
  return { tree, init };
};
