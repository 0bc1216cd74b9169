/** TxnOffsetCommit: offsets that count once their transaction is committed. */
import { call, type RequestOf, type ResponseOf } from '../call.ts';
import { array, int16, int32, int64, nullable, or, since, string, until, uuid } from '../schema.ts';

export const txnOffsetCommit = call({
  key: 28,
  name: 'TxnOffsetCommit',
  versions: [0, 6],
  flexible: 3,
  request: {
    transactionalId: string,
    groupId: string,
    producerId: int64,
    producerEpoch: int16,
    generationIdOrMemberEpoch: since(3, int32, -1),
    memberId: since(3, string, ''),
    groupInstanceId: since(3, nullable(string), null),
    topics: array({
      name: until(5, string),
      topicId: since(6, uuid),
      partitions: array({
        partitionIndex: int32,
        committedOffset: int64,
        committedLeaderEpoch: since(2, int32, -1),
        committedMetadata: nullable(string),
      }),
    }),
  },
  response: {
    throttleTimeMs: or(int32, 0),
    topics: array({
      name: until(5, string),
      topicId: since(6, uuid),
      partitions: array({ partitionIndex: int32, errorCode: int16 }),
    }),
  },
});
export type TxnOffsetCommitRequest = RequestOf<typeof txnOffsetCommit>;
export type TxnOffsetCommitResponse = ResponseOf<typeof txnOffsetCommit>;
