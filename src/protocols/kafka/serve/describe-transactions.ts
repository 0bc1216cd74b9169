/** DescribeTransactions: the state of transactional ids, with the partitions of what is open. */
import type { TopicId } from '../../../model/ids.ts';
import type { InspectTransactionReply } from '../../transactions.ts';
import { ask, resultOf } from '../asking.ts';
import { type DescribeTransactionsResponse, describeTransactions } from '../calls/describe-transactions.ts';
import { coordinatorErrorOf, errors } from '../faults.ts';
import { service } from '../service.ts';
import { stateNames } from './list-transactions.ts';

/** Told of a transaction of which nothing can be told. */
const NOTHING = {
  ...{ transactionState: '', transactionTimeoutMs: 0, transactionStartTimeMs: -1, topics: [] },
  ...{ producerId: -1, producerEpoch: -1 },
};

type State = DescribeTransactionsResponse['transactionStates'][number];

export const serveDescribeTransactions = service(describeTransactions, function* ({ transactionalIds }) {
  if (transactionalIds.length === 0) return { transactionStates: [] };
  const replies = yield transactionalIds.map((transaction) => ({ call: 'inspectTransaction' as const, transaction }));
  const results = replies.map((reply) => resultOf<'inspectTransaction'>('inspectTransaction', reply));
  const listed = yield* ask<'topics'>({ call: 'topics' });
  const names = new Map(listed.ok ? listed.value.topics.map(({ id, name }) => [id, name]) : []);
  const transactionStates = transactionalIds.map((transactionalId, index): State => {
    const result = results[index];
    if (result?.ok === true && !listed.ok)
      return { ...NOTHING, errorCode: coordinatorErrorOf(listed.fault.code), transactionalId };
    if (result?.ok === true) return stateOf(result.value, names);
    if (transactionalId === '') return { ...NOTHING, errorCode: errors.INVALID_REQUEST, transactionalId };
    const errorCode = result === undefined ? errors.UNKNOWN_SERVER_ERROR : coordinatorErrorOf(result.fault.code);
    return { ...NOTHING, errorCode, transactionalId };
  });
  return { transactionStates };
});

function stateOf(report: InspectTransactionReply, names: ReadonlyMap<TopicId, string>): State {
  const topics = new Map<string, { readonly topic: string; readonly partitions: number[] }>();
  for (const { topic: id, partition } of report.places) {
    const topic = names.get(id);
    if (topic === undefined) continue;
    const known = topics.get(topic) ?? { topic, partitions: [] };
    topics.set(topic, known);
    known.partitions.push(partition);
  }
  return {
    errorCode: errors.NONE,
    transactionalId: report.transaction,
    transactionState: stateNames[report.state],
    transactionTimeoutMs: report.timeoutMs,
    transactionStartTimeMs: report.startedAt,
    producerId: report.producer,
    producerEpoch: report.epoch,
    topics: [...topics.values()],
  };
}
