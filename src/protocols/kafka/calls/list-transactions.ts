/** ListTransactions: all transactions, by state, producer and age. */
import { call, type RequestOf, type ResponseOf } from '../call.ts';
import { array, arrayOf, int16, int32, int64, nullable, or, since, string } from '../schema.ts';

export const listTransactions = call({
  key: 66,
  name: 'ListTransactions',
  versions: [0, 2],
  flexible: 0,
  request: {
    stateFilters: arrayOf(string),
    producerIdFilters: arrayOf(int64),
    durationFilter: since(1, int64, -1),
    transactionalIdPattern: since(2, nullable(string), null),
  },
  response: {
    throttleTimeMs: or(int32, 0),
    errorCode: int16,
    unknownStateFilters: arrayOf(string),
    transactionStates: array({ transactionalId: string, producerId: int64, transactionState: string }),
  },
});
export type ListTransactionsRequest = RequestOf<typeof listTransactions>;
export type ListTransactionsResponse = ResponseOf<typeof listTransactions>;
