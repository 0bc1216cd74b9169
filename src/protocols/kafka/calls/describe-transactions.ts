/** DescribeTransactions: state of transactions, by transactional id. */
import { call, type RequestOf, type ResponseOf } from '../call.ts';
import { array, arrayOf, int16, int32, int64, or, string } from '../schema.ts';

export const describeTransactions = call({
  key: 65,
  name: 'DescribeTransactions',
  versions: [0, 0],
  flexible: 0,
  request: {
    transactionalIds: arrayOf(string),
  },
  response: {
    throttleTimeMs: or(int32, 0),
    transactionStates: array({
      errorCode: int16,
      transactionalId: string,
      transactionState: string,
      transactionTimeoutMs: int32,
      transactionStartTimeMs: int64,
      producerId: int64,
      producerEpoch: int16,
      topics: array({ topic: string, partitions: arrayOf(int32) }),
    }),
  },
});
export type DescribeTransactionsRequest = RequestOf<typeof describeTransactions>;
export type DescribeTransactionsResponse = ResponseOf<typeof describeTransactions>;
