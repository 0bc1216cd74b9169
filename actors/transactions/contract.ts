/** What everybody may ask of the coordinators of transactions, and what they answer. */
import type { Address } from '../../runtime/actor.ts';
import type { Result } from '../../src/model/faults.ts';
import type { InspectTransactionReply, TransactionSummary } from '../../src/protocols/transactions.ts';
import type { End, Join, Joined, Open, Writer } from '../../src/transaction/decide.ts';

/** `list` is asked of every coordinator; all else of the one that `transactionsOf` names. */
export type TransactionsAsk =
  | ({ readonly call: 'open' } & Open & Spoken)
  /** By the producer itself (protocol 1), and from partitions and groups before a transaction begins there. */
  | ({ readonly call: 'join' } & Join & Partial<Spoken>)
  | ({ readonly call: 'end' } & End & Spoken)
  | { readonly call: 'inspect'; readonly transaction: string }
  | { readonly call: 'list' };
/** When the connection was opened that says it, ms since 1970. */
interface Spoken {
  readonly openedAt: number;
}
export type TransactionsReply =
  | ({ readonly call: 'open' | 'end' } & Writer)
  | ({ readonly call: 'join' } & Joined)
  | { readonly call: 'inspect'; readonly report: InspectTransactionReply }
  | { readonly call: 'list'; readonly transactions: readonly TransactionSummary[] };

export interface TransactionsRequest {
  readonly type: 'transact';
  readonly request: number;
  readonly ask: TransactionsAsk;
}
/** The answer to each request. */
export interface TransactionsAnswer {
  readonly type: 'transacted';
  readonly request: number;
  readonly result: Result<TransactionsReply>;
}

export const transactionsAddress = (node: Address['node'], key: number): Address<TransactionsRequest> => ({
  node,
  name: `transactions/${key}`,
  incarnation: 0,
});
