/** All transactional ids of one coordinator. State changes by `apply` alone. */
import { TRANSACTIONS_PER_COORDINATOR_MAX } from '../model/limits.ts';
import type { TransactionRecord } from './record.ts';
import { Transaction } from './transaction.ts';

export class Transactions {
  readonly #transactions = new Map<string, Transaction>();
  readonly #ongoing = new Set<Transaction>();
  readonly #ending = new Set<Transaction>();

  get size(): number {
    return this.#transactions.size;
  }

  /** No more may come. */
  get full(): boolean {
    return this.#transactions.size >= TRANSACTIONS_PER_COORDINATOR_MAX;
  }

  get(id: string): Transaction | undefined {
    return this.#transactions.get(id);
  }

  all(): IterableIterator<Transaction> {
    return this.#transactions.values();
  }

  get ongoing(): ReadonlySet<Transaction> {
    return this.#ongoing;
  }

  get ending(): ReadonlySet<Transaction> {
    return this.#ending;
  }

  apply(record: TransactionRecord): void {
    const one = this.#transactions.get(record.transaction) ?? new Transaction(record.transaction);
    one.apply(record);
    if (record.type === 'expired') this.#transactions.delete(one.id);
    else this.#transactions.set(one.id, one);
    put(this.#ongoing, one, one.state === 'ongoing');
    put(this.#ending, one, one.ending);
  }

  *snapshot(): Generator<TransactionRecord> {
    for (const one of this.#transactions.values()) yield* one.snapshot();
  }
}

function put<T>(set: Set<T>, value: T, isIn: boolean): void {
  if (isIn) set.add(value);
  else set.delete(value);
}
