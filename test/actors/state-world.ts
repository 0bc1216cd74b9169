/**
 * Catalog, directories and coordinators on shards in one thread, on a clock that stands still, above partitions in memory.
 * `Asker` is a client of them: sends and keeps what it is answered.
 */
import { crc32c } from '@node-rs/crc32';
import { makeCatalog } from '../../actors/catalog.ts';
import {
  type CoordinatorAnswer,
  coordinatorAddress,
  type GroupReply,
  type GroupRequest,
} from '../../actors/coordinator/contract.ts';
import { makeCoordinator } from '../../actors/coordinator.ts';
import { makeDirectory } from '../../actors/directory.ts';
import type { StateCodec } from '../../actors/state/record.ts';
import { makeTransactions } from '../../actors/transactions.ts';
import type { Address, Context, Kind, Message, Tree } from '../../runtime/actor.ts';
import { decodeValue, encodeValue } from '../../runtime/envelope.ts';
import { coordinatorOf } from '../../src/group/hash.ts';
import { GROUP_BOUNDS } from '../../src/model/group-settings.ts';
import { FIRST_TRANSACTION_PARTITION, TRANSACTION_PARTITIONS } from '../../src/model/ids.ts';
import { TOPIC_DEFAULTS } from '../../src/model/topic.ts';
import { address, kind, NODE, World } from '../runtime/kernel-world.ts';
import { FakeLog, fakePartition } from './fake-partition.ts';

const transactionKeys = Array.from({ length: TRANSACTION_PARTITIONS }, (_, index) =>
  String(FIRST_TRANSACTION_PARTITION + index),
);

export const codec: StateCodec = { encode: encodeValue, decode: decodeValue, crc32c };

/** How long committed offsets are kept that nobody needs. */
export const RETENTION_MS = 3_600_000;

export type Answer = Message & Record<string, unknown>;

/** What one actor of the test was told, in order. */
export class Asker {
  /** Another one after its shard has died. */
  readonly #find: () => Context;
  readonly #world: World;
  readonly heard: Answer[] = [];
  #requests = 0;

  constructor(find: () => Context, world: World) {
    this.#find = find;
    this.#world = world;
  }

  get address(): Address {
    return this.#find().self;
  }

  /** Sends, without waiting for anything. */
  send(to: string, message: Message & Record<string, unknown>): number {
    const request = ++this.#requests;
    if (this.#find().send(address<Message>(to), { request, ...message }) === 'full') throw new Error(`${to} is full`);
    return request;
  }

  /** Sends and lets the world come to rest; the answer, if there is one by then. */
  ask(to: string, message: Message & Record<string, unknown>): Answer | undefined {
    const request = this.send(to, message);
    this.#world.clock.settle();
    return this.answer(request);
  }

  answer(request: number): Answer | undefined {
    return this.heard.find((message) => message.request === request);
  }

  /** Asks the coordinator of a group. */
  call(ask: GroupRequest & { readonly group: string }): CoordinatorAnswer | undefined {
    return this.ask(coordinatorName(ask.group), asking(ask)) as CoordinatorAnswer | undefined;
  }

  sendCall(ask: GroupRequest & { readonly group: string }): number {
    return this.send(coordinatorName(ask.group), asking(ask));
  }

  reply(request: number): GroupReply | undefined {
    const answer = this.answer(request) as CoordinatorAnswer | undefined;
    return answer?.type === 'answered' ? answer.reply : undefined;
  }
}

const asking = (ask: GroupRequest): Message & Record<string, unknown> => ({
  type: 'ask',
  client: 'test',
  host: '127.0.0.1',
  ask,
});
export const coordinatorName = (group: string): string => coordinatorAddress(NODE, coordinatorOf(group)).name;

export interface StateWorldOptions {
  readonly shards?: number;
  readonly autoCreate?: boolean;
  readonly drawn?: number;
}

export class StateWorld {
  readonly logs: Map<number, FakeLog>;
  readonly world: World;
  readonly askers: Asker[] = [];

  /** @param logs of an earlier world: this one is its restart. */
  constructor(options: StateWorldOptions = {}, logs = new Map<number, FakeLog>()) {
    this.logs = logs;
    const { shards = 1, autoCreate = true, drawn = 0 } = options;
    const contexts: Context[] = [];
    const heard: ((message: Message) => void)[] = [];
    const asker = kind(
      (message, context) => heard[context.shard]?.(message),
      { begins: 'start', keys: () => Array.from({ length: shards }, (_, shard) => String(shard)), mailboxMax: 10_000 },
      (context) => {
        contexts[context.shard] = context;
      },
    );
    this.world = new World({ ...this.#tree(autoCreate), asker }, { shards, drawn });
    for (let shard = 0; shard < shards; shard++) {
      const each = new Asker(() => contexts[shard] as Context, this.world);
      heard[shard] = (message): void => void each.heard.push(message as Answer);
      this.askers.push(each);
    }
  }

  get asker(): Asker {
    return this.askers[0] as Asker;
  }

  log(partition: number): FakeLog {
    let log = this.logs.get(partition);
    if (log === undefined) {
      log = new FakeLog();
      this.logs.set(partition, log);
    }
    return log;
  }

  logOf(group: string): FakeLog {
    return this.log(coordinatorOf(group));
  }

  settle(): void {
    this.world.clock.settle();
  }

  advance(ms: number): void {
    this.world.clock.advance(ms);
  }

  /** The same disks, everything else new. */
  restart(options: StateWorldOptions = {}): StateWorld {
    return new StateWorld({ drawn: this.world.drawn, ...options }, this.logs);
  }

  #tree(autoCreate: boolean): Tree {
    const defaults = { partitions: 4, settings: TOPIC_DEFAULTS };
    const supervised: Pick<Kind, 'supervision' | 'mailboxMax'> = {
      supervision: { directive: 'restart', crashesMax: 10, windowMs: 1_000, backoffMs: [10, 40] },
      mailboxMax: 10_000,
    };
    const all = (shards: number): string[] => Array.from({ length: shards }, (_, shard) => String(shard));
    return {
      partition: {
        ...supervised,
        make: (context: Context, key: string) => fakePartition(this.log(Number(key)), context),
        place: (key, shards) => Number(key) % shards,
        begins: 'demand',
      },
      catalog: {
        ...supervised,
        make: (context: never, key: string) => makeCatalog(context, key, { codec, defaults }),
        place: () => 0,
        begins: 'start',
        keys: () => [''],
        stops: 3,
      },
      directory: {
        ...supervised,
        make: (context: never, key: string) => makeDirectory(context, key, { autoCreate }),
        place: (key) => Number(key),
        begins: 'start',
        keys: all,
      },
      transactions: {
        ...supervised,
        make: (context: never, key: string) =>
          makeTransactions(context, key, { codec, transactionMsMax: 900_000, transactionalIdMs: 3_600_000 }),
        place: (key, shards) => Number(key) % shards,
        begins: 'start',
        keys: () => transactionKeys,
        stops: 3,
      },
      coordinator: {
        ...supervised,
        make: (context: never, key: string) =>
          makeCoordinator(context, key, {
            ...{
              codec,
              initialRebalanceMs: 500,
              offsetRetentionMs: RETENTION_MS,
              migration: 'bidirectional',
              groupBounds: GROUP_BOUNDS,
            },
          }),
        place: (key, shards) => Number(key) % shards,
        begins: 'demand',
        stops: 3,
      },
    };
  }
}
