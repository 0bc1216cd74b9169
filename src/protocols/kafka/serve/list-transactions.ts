/** ListTransactions: all transactional ids, by state, producer, age and a pattern that their names fit as a whole. */
import type { TransactionState, TransactionSummary } from '../../transactions.ts';
import { ask } from '../asking.ts';
import { listTransactions } from '../calls/list-transactions.ts';
import { coordinatorErrorOf, errors } from '../faults.ts';
import { service } from '../service.ts';

/** Kafka's names. */
export const stateNames: Readonly<Record<TransactionState, string>> = {
  empty: 'Empty',
  ongoing: 'Ongoing',
  committing: 'PrepareCommit',
  aborting: 'PrepareAbort',
  committed: 'CompleteCommit',
  aborted: 'CompleteAbort',
};
const known: ReadonlySet<string> = new Set([...Object.values(stateNames), 'Dead', 'PrepareEpochFence']);

export const serveListTransactions = service(
  listTransactions,
  function* ({ stateFilters, producerIdFilters, durationFilter, transactionalIdPattern }) {
    const unknownStateFilters = stateFilters.filter((state) => !known.has(state));
    const pattern = transactionalIdPattern ?? '';
    const listed = yield* ask<'transactions'>({ call: 'transactions', ...(pattern === '' ? {} : { pattern }) });
    if (!listed.ok)
      return { errorCode: coordinatorErrorOf(listed.fault.code), unknownStateFilters, transactionStates: [] };
    const fits = ({ state, producer, openMs }: TransactionSummary): boolean =>
      openMs >= durationFilter &&
      (stateFilters.length === 0 || stateFilters.includes(stateNames[state])) &&
      (producerIdFilters.length === 0 || producerIdFilters.includes(producer));
    const transactionStates = listed.value.transactions.filter(fits).map(({ transaction, producer, state }) => ({
      transactionalId: transaction,
      producerId: producer,
      transactionState: stateNames[state],
    }));
    return { errorCode: errors.NONE, unknownStateFilters, transactionStates };
  },
);
