/**
 * Which of the 16 transaction coordinators holds a transactional id. Part of the folder's format: with another function
 * the transactions of a folder would not be found again.
 */
import { FIRST_TRANSACTION_PARTITION, TRANSACTION_PARTITIONS } from '../model/ids.ts';
import { fnv1a } from '../model/text.ts';

/** FIRST_TRANSACTION_PARTITION and those behind it, by FNV-1a over the id's UTF-16 units. */
export function transactionsOf(transaction: string): number {
  return FIRST_TRANSACTION_PARTITION + (fnv1a(transaction) % TRANSACTION_PARTITIONS);
}
