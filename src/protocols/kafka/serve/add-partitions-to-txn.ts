/**
 * AddPartitionsToTxn: partitions join a transaction before anything is written to them (protocol 1), of one transaction or
 * of several; or is asked whether they have. One partition that cannot join keeps out all of its transaction.
 */

import { ask, type Serving } from '../asking.ts';
import { type AddPartitionsToTxnRequest, addPartitionsToTxn } from '../calls/add-partitions-to-txn.ts';
import { errors } from '../faults.ts';
import { type Peer, service } from '../service.ts';
import { namePlaces } from '../transactional.ts';

const BATCHED_SINCE = 4;
const FENCED_SINCE = 2;

type Transaction = AddPartitionsToTxnRequest['transactions'][number];

export const serveAddPartitionsToTxn = service(addPartitionsToTxn, function* (request, peer, version) {
  if (version < BATCHED_SINCE) {
    const topics = yield* join(single(request), peer, version);
    return { resultsByTopicV3AndBelow: topics };
  }
  const resultsByTransaction = [];
  for (const one of request.transactions)
    resultsByTransaction.push({
      transactionalId: one.transactionalId,
      topicResults: yield* join(one, peer, version),
    });
  return { errorCode: errors.NONE, resultsByTransaction };
});

function single(request: AddPartitionsToTxnRequest): Transaction {
  return {
    transactionalId: request.v3AndBelowTransactionalId,
    producerId: request.v3AndBelowProducerId,
    producerEpoch: request.v3AndBelowProducerEpoch,
    verifyOnly: false,
    topics: request.v3AndBelowTopics,
  };
}

function* join(one: Transaction, peer: Peer, version: number): Serving<TopicResults> {
  const { transactionalId: transaction, producerId: producer, producerEpoch: epoch, verifyOnly: verify, topics } = one;
  const { named, answers } = yield* namePlaces(topics, peer);
  const all = answers.flatMap(({ partitions }) => partitions);
  const isLost = all.some(({ errorCode }) => errorCode !== errors.NONE);
  if (!isLost && all.length > 0) {
    const { places } = named;
    const who = { transaction, producer, epoch };
    const joined = yield* ask<'joinTransaction'>({ call: 'joinTransaction', ...who, places, groups: [], verify });
    named.settle((index) => {
      const code = joined.ok ? joined.value.parts[index]?.fault : joined.fault;
      return code === undefined ? null : { code };
    }, version >= FENCED_SINCE);
  }
  // Where one is not there, no other has joined.
  if (all.some(({ errorCode }) => errorCode === errors.UNKNOWN_TOPIC_OR_PARTITION))
    for (const answer of all)
      if (answer.errorCode !== errors.UNKNOWN_TOPIC_OR_PARTITION) answer.errorCode = errors.OPERATION_NOT_ATTEMPTED;
  return answers.map(({ name, partitions }) => ({
    name,
    resultsByPartition: partitions.map(({ partition, errorCode }) => ({
      partitionIndex: partition,
      partitionErrorCode: errorCode,
    })),
  }));
}

type TopicResults = {
  readonly name: string;
  readonly resultsByPartition: { readonly partitionIndex: number; readonly partitionErrorCode: number }[];
}[];
