/**
 * Before a transaction begins in a partition or in a group, its coordinator is asked whether it is part of it. Until the
 * answer comes, what its producer sends is held here, in order. An end that is told meanwhile makes the answer void, and it
 * is asked for again: so nothing that comes late begins what nobody would end. A plain class inside the actor that asks.
 */
import type { Context } from '../../runtime/actor.ts';
import { type Fault, fault } from '../../src/model/faults.ts';
import type { Join } from '../../src/transaction/decide.ts';
import { transactionsOf } from '../../src/transaction/hash.ts';
import { type TransactionsAnswer, transactionsAddress } from '../transactions/contract.ts';

/** A coordinator that does not answer in this time has gone down, ms. */
export const VERIFY_MS_MAX = 5_000;
/** Held for one producer: more than its connection may have in flight. */
const HELD_MAX = 1_000;

interface Asked<Held> {
  readonly join: Join;
  readonly held: Held[];
  readonly deadline: number;
  request: number;
  isVoid: boolean;
}

export interface VerificationEvents<Held> {
  /** The first begins the transaction; the others go on behind it. */
  granted(held: readonly Held[]): void;
  refused(held: Held, reason: Fault): void;
}

export class Verifications<Held> {
  readonly #context: Context<never>;
  readonly #nextRequest: () => number;
  readonly #events: VerificationEvents<Held>;
  readonly #byProducer = new Map<number, Asked<Held>>();

  constructor(context: Context<never>, nextRequest: () => number, events: VerificationEvents<Held>) {
    this.#context = context;
    this.#nextRequest = nextRequest;
    this.#events = events;
  }

  /** Somebody waits: `tick` is to be called. */
  get busy(): boolean {
    return this.#byProducer.size > 0;
  }

  /** Puts what a producer sends behind what it has waiting; false: nothing of it waits. */
  hold(producer: number, held: Held): boolean {
    const asked = this.#byProducer.get(producer);
    if (asked === undefined) return false;
    if (asked.held.length < HELD_MAX) asked.held.push(held);
    else this.#events.refused(held, fault('OVERLOADED', `too much of producer ${producer} waits for its coordinator`));
    return true;
  }

  ask(join: Join, held: Held): void {
    const deadline = this.#context.monotonic() + VERIFY_MS_MAX;
    const asked: Asked<Held> = { join, held: [held], deadline, request: 0, isVoid: false };
    this.#byProducer.set(join.producer, asked);
    this.#send(asked);
  }

  #send(asked: Asked<Held>): void {
    const { join } = asked;
    asked.isVoid = false;
    asked.request = this.#nextRequest();
    const to = transactionsAddress(this.#context.node, transactionsOf(join.transaction));
    const message = { type: 'transact', request: asked.request, ask: { call: 'join', ...join } } as const;
    if (this.#context.send(to, message) === 'full')
      this.#refuse(asked, fault('OVERLOADED', 'the coordinator of the transaction has no room for more questions'));
  }

  /** A transaction of the producer was ended here. */
  ended(producer: number): void {
    const asked = this.#byProducer.get(producer);
    if (asked !== undefined) asked.isVoid = true;
  }

  answered({ request, result }: TransactionsAnswer): void {
    const asked = [...this.#byProducer.values()].find((one) => one.request === request);
    if (asked === undefined) return;
    if (!result.ok) this.#refuse(asked, result.fault);
    else if (asked.isVoid) this.#send(asked);
    else if (result.value.call === 'join' && result.value.all) {
      this.#byProducer.delete(asked.join.producer);
      this.#events.granted(asked.held);
    } else this.#refuse(asked, fault('TRANSACTION_ABORTABLE', 'this has not joined the transaction'));
  }

  tick(): void {
    const now = this.#context.monotonic();
    for (const asked of [...this.#byProducer.values()])
      if (now >= asked.deadline)
        this.#refuse(asked, fault('UNAVAILABLE', 'the coordinator of the transaction does not answer'));
  }

  refuseAll(reason: Fault): void {
    for (const asked of [...this.#byProducer.values()]) this.#refuse(asked, reason);
  }

  #refuse(asked: Asked<Held>, reason: Fault): void {
    this.#byProducer.delete(asked.join.producer);
    for (const held of asked.held) this.#events.refused(held, reason);
  }
}
