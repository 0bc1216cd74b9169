/** Transactional ids as a coordinator holds them, without a log: what is decided is applied at once, what waits is told so. */
import type { Fault } from '../../src/model/faults.ts';
import { type Decision, end, expired, join, open, overdue, type World } from '../../src/transaction/decide.ts';
import type { TransactionRecord } from '../../src/transaction/record.ts';
import { NONE } from '../../src/transaction/transaction.ts';
import { Transactions } from '../../src/transaction/transactions.ts';

export const TIMEOUT_MS = 60_000;
export type Outcome<R> = { readonly reply: R } | { readonly wait: string } | { readonly fault: Fault };

export class Stage {
  all = new Transactions();
  readonly records: TransactionRecord[] = [];
  now = 1_000;
  #fresh = 100;
  /** The catalog does not answer. */
  dry = false;

  get world(): World {
    return { now: this.now, fresh: this.dry ? null : this.#fresh, timeoutMsMax: 900_000 };
  }

  apply(record: TransactionRecord): void {
    const used = record.type === 'opened' ? record.producer : record.type === 'ending' ? record.next : NONE;
    if (used === this.#fresh) this.#fresh++;
    this.records.push(record);
    this.all.apply(record);
  }

  carryOut<R>(decision: Decision<R>): Outcome<R> {
    if (decision.kind === 'refused') return { fault: decision.fault };
    for (const record of decision.records) this.apply(record);
    return decision.kind === 'done' ? { reply: decision.reply } : { wait: decision.until };
  }

  open(transaction: string, before = { producer: NONE, epoch: NONE }, timeoutMs = TIMEOUT_MS) {
    return this.carryOut(open(this.all, { transaction, timeoutMs, before }, this.world));
  }

  join(
    transaction: string,
    who: { readonly producer: number; readonly epoch: number },
    { places = [], groups = [], verify = false }: { places?: readonly number[]; groups?: string[]; verify?: boolean },
  ) {
    const packed = places.map((place) => [place, 7, place - 64] as const);
    return this.carryOut(join(this.all, { transaction, ...who, places: packed, groups, verify }, this.now));
  }

  end(
    transaction: string,
    who: { readonly producer: number; readonly epoch: number },
    commit: boolean,
    protocol: 1 | 2 = 2,
  ) {
    return this.carryOut(end(this.all, { transaction, ...who, commit, protocol }, this.world));
  }

  /** Everybody in it has heard. */
  told(transaction: string): void {
    this.apply({ transaction, at: this.now, type: 'ended' });
  }

  pass(ms: number, idMs = Number.POSITIVE_INFINITY): void {
    this.now += ms;
    for (const record of overdue(this.all, this.now)) this.apply(record);
    for (const record of expired(this.all, this.now, idMs)) this.apply(record);
  }

  /** Another coordinator reads the log, or a snapshot of it. */
  restart(bySnapshot = false): void {
    const all = new Transactions();
    for (const record of bySnapshot ? [...this.all.snapshot()] : this.records) all.apply(record);
    this.all = all;
  }
}
