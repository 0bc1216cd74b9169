/** AddPartitionsToTxn: partitions that a transaction is going to write to. */
import { call, type RequestOf, type ResponseOf } from '../call.ts';
import { array, arrayOf, boolean, int16, int32, int64, or, since, string, until } from '../schema.ts';

export const addPartitionsToTxn = call({
  key: 24,
  name: 'AddPartitionsToTxn',
  versions: [0, 5],
  flexible: 3,
  request: {
    v3AndBelowTransactionalId: until(3, string, ''),
    v3AndBelowProducerId: until(3, int64, -1),
    v3AndBelowProducerEpoch: until(3, int16, -1),
    v3AndBelowTopics: until(3, array({ name: string, partitions: arrayOf(int32) }), []),
    transactions: since(
      4,
      array({
        transactionalId: string,
        producerId: int64,
        producerEpoch: int16,
        verifyOnly: boolean,
        topics: array({ name: string, partitions: arrayOf(int32) }),
      }),
      [],
    ),
  },
  response: {
    throttleTimeMs: or(int32, 0),
    resultsByTopicV3AndBelow: until(
      3,
      array({
        name: string,
        resultsByPartition: array({ partitionIndex: int32, partitionErrorCode: int16 }),
      }),
      [],
    ),
    errorCode: since(4, int16, 0),
    resultsByTransaction: since(
      4,
      array({
        transactionalId: string,
        topicResults: array({
          name: string,
          resultsByPartition: array({ partitionIndex: int32, partitionErrorCode: int16 }),
        }),
      }),
      [],
    ),
  },
});
export type AddPartitionsToTxnRequest = RequestOf<typeof addPartitionsToTxn>;
export type AddPartitionsToTxnResponse = ResponseOf<typeof addPartitionsToTxn>;
