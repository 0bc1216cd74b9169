/**
 * Tells the partitions and groups of transactions how they ended, until each has heard it. What was told is told again
 * when no answer comes: whoever hears it twice has nothing to end any more. A plain class inside the transactions'
 * coordinator; decides nothing.
 */
import type { Address, Context, Message } from '../../runtime/actor.ts';
import { coordinatorOf } from '../../src/group/hash.ts';
import type { Fault, FaultCode } from '../../src/model/faults.ts';
import { id, type PartitionId } from '../../src/model/ids.ts';
import type { Transaction } from '../../src/transaction/transaction.ts';
import { type CoordinatorRequest, coordinatorAddress } from '../coordinator/contract.ts';
import { type PartitionRequest, partitionAddress } from '../partition/contract.ts';

/** Told of one transaction at a time: one of 10,000 partitions must not fill rings that others need. */
const IN_FLIGHT_MAX = 64;
/** Without an answer it is told again, ms. */
const AGAIN_MS = 2_000;
/** There is nothing to end, or somebody has ended it for good. */
const OVER: readonly FaultCode[] = ['UNKNOWN_PARTITION', 'UNKNOWN_TOPIC', 'UNKNOWN_GROUP', 'PRODUCER_FENCED'];

interface Target {
  readonly address: Address;
  make(request: number): Message;
  /** Of the last attempt; 0: none is under way. */
  request: number;
  sentAt: number;
}
interface Marking {
  readonly transaction: Transaction;
  readonly targets: Set<Target>;
}

export class TransactionMarks {
  readonly #context: Context<never>;
  readonly #nextRequest: () => number;
  /** Everybody in it knows. */
  readonly #told: (transaction: Transaction) => void;
  readonly #markings = new Map<Transaction, Marking>();
  readonly #asked = new Map<number, { readonly marking: Marking; readonly target: Target }>();

  constructor(context: Context<never>, nextRequest: () => number, told: (transaction: Transaction) => void) {
    this.#context = context;
    this.#nextRequest = nextRequest;
    this.#told = told;
  }

  /** The decision is committed. */
  begin(transaction: Transaction): void {
    if (this.#markings.has(transaction)) return;
    const marking: Marking = { transaction, targets: new Set(this.#targetsOf(transaction)) };
    this.#markings.set(transaction, marking);
    this.#goOn(marking);
  }

  /** True when it was an answer to something told. Late ones are nobody's. */
  answered(request: number, refused: Fault | null): boolean {
    const asked = this.#asked.get(request);
    if (asked === undefined) return false;
    this.#asked.delete(request);
    const { marking, target } = asked;
    target.request = 0;
    if (this.#markings.get(marking.transaction) !== marking) return true;
    if (refused === null || OVER.includes(refused.code)) marking.targets.delete(target);
    else {
      const { address } = target;
      this.#context.log.warn({ to: address.name, fault: refused.code }, 'the end of a transaction is told again');
      return true;
    }
    this.#goOn(marking);
    return true;
  }

  /** Tells again what found no room or no answer. */
  tick(): void {
    const now = this.#context.monotonic();
    for (const marking of [...this.#markings.values()]) {
      for (const target of marking.targets)
        if (target.request !== 0 && now - target.sentAt >= AGAIN_MS) {
          this.#asked.delete(target.request);
          target.request = 0;
        }
      this.#goOn(marking);
    }
  }

  /** It is over: what was not answered yet has nothing to end any more, and must not pass for the end of the next one. */
  forget(transaction: Transaction): void {
    this.#markings.delete(transaction);
  }

  /** The state is read anew. */
  reset(): void {
    this.#markings.clear();
    this.#asked.clear();
  }

  #goOn(marking: Marking): void {
    if (marking.targets.size === 0) {
      this.#markings.delete(marking.transaction);
      this.#told(marking.transaction);
      return;
    }
    let inFlight = 0;
    for (const target of marking.targets) {
      if (inFlight++ >= IN_FLIGHT_MAX) return;
      if (target.request === 0 && !this.#tell(marking, target)) return;
    }
  }

  #tell(marking: Marking, target: Target): boolean {
    const request = this.#nextRequest();
    if (this.#context.send(target.address, target.make(request)) === 'full') return false;
    target.request = request;
    target.sentAt = this.#context.monotonic();
    this.#asked.set(request, { marking, target });
    return true;
  }

  *#targetsOf({ places, groups, producer, epoch, commit }: Transaction): Generator<Target> {
    const { node } = this.#context;
    const fresh = { request: 0, sentAt: 0 };
    for (const partition of places.keys()) {
      const make = (request: number): PartitionRequest => ({
        ...{ type: 'mark', request, producer, epoch, commit, coordinatorEpoch: 0 },
      });
      yield { address: partitionAddress(node, id<PartitionId>(partition)) as unknown as Address, make, ...fresh };
    }
    for (const group of groups) {
      const ask = { call: 'settleOffsets', group, producer, epoch, commit } as const;
      const make = (request: number): CoordinatorRequest => ({
        type: 'ask',
        request,
        client: '',
        host: '',
        openedAt: 0,
        ask,
      });
      yield { address: coordinatorAddress(node, coordinatorOf(group)) as unknown as Address, make, ...fresh };
    }
  }
}
