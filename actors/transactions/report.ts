/** Transactions as people are told of them. */
import { id, type PartitionIndex, type TopicId } from '../../src/model/ids.ts';
import type { InspectTransactionReply, TransactionSummary } from '../../src/protocols/transactions.ts';
import type { Transaction } from '../../src/transaction/transaction.ts';
import type { Transactions } from '../../src/transaction/transactions.ts';
import type { TransactionsReply } from './contract.ts';

function summaryOf(
  { id: transaction, producer, epoch, state, startedAt }: Transaction,
  now: number,
): TransactionSummary {
  const openMs = startedAt < 0 ? -1 : Math.max(0, now - startedAt);
  return { transaction, producer, epoch, state, startedAt, openMs };
}

export function listOf(all: Transactions, now: number): Extract<TransactionsReply, { readonly call: 'list' }> {
  return { call: 'list', transactions: [...all.all()].map((one) => summaryOf(one, now)) };
}

export function reportOf(one: Transaction, now: number): InspectTransactionReply {
  const places = [...one.places.values()].map(([, topic, index]) => ({
    topic: id<TopicId>(topic),
    partition: id<PartitionIndex>(index),
  }));
  return { call: 'inspectTransaction', ...summaryOf(one, now), timeoutMs: one.timeoutMs, places };
}
