/**
 * The kernel as one incarnation of an actor sees it. Ends with the incarnation: from then on it refuses everything, and
 * what the incarnation held is settled by the ledger.
 */
import { assert } from '../src/model/assert.ts';
import type { NodeId, ShardId } from '../src/model/ids.ts';
import type { ActorDisk, ActorNetwork, Address, Context, Lease, Message, Sent, Timer } from './actor.ts';
import { type Asker, DiskOfActor, NetworkOfActor } from './actor-io.ts';
import type { Cell, Host } from './cell.ts';
import { Ledger } from './ledger.ts';
import type { Logger, Ports, Random } from './ports.ts';

/** A watch on an actor of any shard. */
export interface Watch {
  readonly target: Address;
  /** Which watch an answer belongs to. */
  readonly number: number;
}

export class ActorContext implements Context<Message>, Asker {
  readonly self: Address;
  readonly ledger = new Ledger();
  readonly #host: Host;
  readonly #cell: Cell;
  #disk: ActorDisk<Message> | null = null;
  #network: ActorNetwork<Message> | null = null;
  #log: Logger | null = null;
  /** By the name that is watched. */
  watches: Map<string, Watch> | null = null;

  constructor(host: Host, cell: Cell, self: Address) {
    this.#host = host;
    this.#cell = cell;
    this.self = self;
  }

  get node(): NodeId {
    return this.#host.node;
  }
  get shard(): ShardId {
    return this.#host.shard;
  }
  get shards(): number {
    return this.#host.shards;
  }
  get ports(): Ports {
    return this.#host.ports;
  }
  get random(): Random {
    return this.#host.ports.random;
  }
  get log(): Logger {
    this.#log ??= new ActorLog(this.#host.ports.logger, this.self.name);
    return this.#log;
  }
  get disk(): ActorDisk<Message> {
    this.#disk ??= new DiskOfActor(this);
    return this.#disk;
  }
  get network(): ActorNetwork<Message> {
    this.#network ??= new NetworkOfActor(this);
    return this.#network;
  }

  now(): number {
    return this.#host.ports.clock.now();
  }
  monotonic(): number {
    return this.#host.ports.clock.monotonic();
  }

  send<To extends Message>(to: Address<To>, message: To): Sent {
    this.#assertAlive();
    return this.#host.post.send(to as Address, message, this.self);
  }

  reply(to: Address, message: Message): void {
    this.#assertAlive();
    this.#host.post.reply(to, message, this.self);
  }

  whenWritable(to: Address, message: Message): void {
    this.#assertAlive();
    this.#host.post.whenWritable(to, this, message);
  }

  after(ms: number, message: Message): Timer {
    this.#assertAlive();
    return this.ledger.startTimer(this.#host.ports.clock, ms, this, message);
  }

  watch(address: Address): void {
    this.#assertAlive();
    this.#host.post.watch(this, address);
  }

  unwatch(address: Address): void {
    this.#assertAlive();
    this.#host.post.unwatch(this, address.name);
  }

  spawn<Child extends Message>(kind: string, key: string, init: unknown): Address<Child> {
    this.#assertAlive();
    return this.#host.spawn(this.#cell, kind, key, init) as Address<Child>;
  }

  stop(): void {
    this.#cell.stopSoon(this);
  }

  lease(length: number): Lease | null {
    this.#assertAlive();
    const lease = this.#host.arena.lease(length);
    lease?.moveTo(this.ledger);
    return lease;
  }

  whenLeasable(message: Message): void {
    this.#assertAlive();
    this.#host.whenLeasable(this, message);
  }

  run(job: string, argument: unknown, answer: (error: string | null, result: unknown) => Message): void {
    this.ledger.begin();
    this.#host.ports.pool.run(job, argument, (error, result) => {
      if (this.ledger.finish()) this.answer(() => answer(error, result));
    });
  }

  when<T>(begin: (done: (value: T) => void) => void, answer: (value: T) => Message): void {
    this.ledger.begin();
    begin((value) => {
      if (this.ledger.finish()) this.answer(() => answer(value));
    });
  }

  count(counter: string, by: number): void {
    this.#host.ports.counters.add(counter, by);
  }

  gauge(counter: string, value: number): void {
    this.#host.ports.counters.set(counter, value);
  }

  // ---- for the kernel

  /** A message to self over the reply lane. */
  tell(message: Message): void {
    if (!this.ledger.ended) this.#cell.enqueueReply(message, this.self);
  }

  answer(make: () => Message): void {
    this.outside(() => this.tell(make()));
  }

  outside(run: () => void): void {
    this.#cell.outside(this, run);
  }

  deliver(message: Message): Sent {
    this.#assertAlive();
    return this.#host.post.send(this.self, message, this.self);
  }

  #assertAlive(): void {
    assert(!this.ledger.ended, `${this.self.name}: this incarnation has ended`);
  }
}

/** Puts the actor's name on every line. */
class ActorLog implements Logger {
  readonly #logger: Logger;
  readonly #actor: string;

  constructor(logger: Logger, actor: string) {
    this.#logger = logger;
    this.#actor = actor;
  }

  debug(fields: Readonly<Record<string, unknown>>, message: string): void {
    this.#logger.debug({ actor: this.#actor, ...fields }, message);
  }
  info(fields: Readonly<Record<string, unknown>>, message: string): void {
    this.#logger.info({ actor: this.#actor, ...fields }, message);
  }
  warn(fields: Readonly<Record<string, unknown>>, message: string): void {
    this.#logger.warn({ actor: this.#actor, ...fields }, message);
  }
  error(fields: Readonly<Record<string, unknown>>, message: string): void {
    this.#logger.error({ actor: this.#actor, ...fields }, message);
  }
}
