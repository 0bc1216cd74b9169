/**
 * Transactions: each call goes to the coordinator of its transactional id, `transactions` to all of them. Partitions are
 * found here, by topic and index; what an admin wants of partitions themselves goes to them.
 */
import { Pattern } from '../../src/group/pattern.ts';
import { type Fault, failed, type Result } from '../../src/model/faults.ts';
import { FIRST_TRANSACTION_PARTITION, type PartitionId, TRANSACTION_PARTITIONS } from '../../src/model/ids.ts';
import type { Place } from '../../src/protocols/place.ts';
import type {
  DescribeProducersReply,
  JoinTransactionReply,
  JoinTransactionRequest,
  MarkTransactionReply,
  MarkTransactionRequest,
  TransactionRequest,
  TransactionSummary,
} from '../../src/protocols/transactions.ts';
import { transactionsOf } from '../../src/transaction/hash.ts';
import type { PackedPlace } from '../../src/transaction/record.ts';
import type { PartitionAnswer, PartitionRequest } from '../partition/contract.ts';
import {
  type TransactionsAnswer,
  type TransactionsAsk,
  type TransactionsReply,
  type TransactionsRequest,
  transactionsAddress,
} from '../transactions/contract.ts';
import type { Numbered } from './asker.ts';
import { ANSWER_MS_MAX, type Desk, type Done, gather, NO_HOLDS, refuse } from './desk.ts';
import { partitionAt } from './topics.ts';

type Appended = Extract<PartitionAnswer, { readonly type: 'appended' }>;
type Producers = Extract<PartitionAnswer, { readonly type: 'producers' }>;

export function transactionCall(desk: Desk, request: TransactionRequest, done: Done): void {
  const { openedAt } = desk;
  switch (request.call) {
    case 'openProducer': {
      const { call: _, ...asked } = request;
      ask(desk, transactionsOf(asked.transaction), { ...asked, call: 'open', openedAt }, (result) => {
        if (!result.ok) refuse(done, result.fault);
        else if (result.value.call === 'open') done({ ...result.value, call: 'openProducer' }, NO_HOLDS);
      });
      break;
    }
    case 'endTransaction': {
      const { call: _, ...asked } = request;
      ask(desk, transactionsOf(asked.transaction), { ...asked, call: 'end', openedAt }, (result) => {
        if (!result.ok) refuse(done, result.fault);
        else if (result.value.call === 'end') done({ ...result.value, call: 'endTransaction' }, NO_HOLDS);
      });
      break;
    }
    case 'inspectTransaction':
      ask(
        desk,
        transactionsOf(request.transaction),
        { call: 'inspect', transaction: request.transaction },
        (result) => {
          if (!result.ok) refuse(done, result.fault);
          else if (result.value.call === 'inspect') done(result.value.report, NO_HOLDS);
        },
      );
      break;
    case 'joinTransaction':
      joinTransaction(desk, request, done);
      break;
    case 'transactions':
      transactions(desk, request.pattern ?? '', done);
      break;
    case 'markTransaction':
      markTransaction(desk, request, done);
      break;
    case 'describeProducers':
      describeProducers(desk, request.places, done);
      break;
  }
}

function ask(
  desk: Desk,
  coordinator: number,
  asked: TransactionsAsk,
  then: (result: Result<TransactionsReply>) => void,
): void {
  desk.asker.ask<TransactionsRequest, TransactionsAnswer>(
    transactionsAddress(desk.node, coordinator),
    (request) => ({ type: 'transact', request, ask: asked }),
    (answer) => then(answer.type === 'transacted' ? answer.result : { ok: false, fault: answer.fault }),
    desk.monotonic() + ANSWER_MS_MAX,
  );
}

/** One coordinator that does not answer fails the whole: a list with holes would look complete. */
function transactions(desk: Desk, text: string, done: Done): void {
  const pattern = Pattern.compile(text);
  if (!pattern.ok) {
    refuse(done, pattern.fault);
    return;
  }
  const fits = ({ transaction }: TransactionSummary): boolean => text === '' || pattern.value.fits(transaction);
  const settle = gather<Result<TransactionsReply>>(TRANSACTION_PARTITIONS, (results) => {
    const all: TransactionSummary[] = [];
    for (const result of results) {
      if (!result.ok) {
        refuse(done, result.fault);
        return;
      }
      if (result.value.call === 'list') all.push(...result.value.transactions.filter(fits));
    }
    done({ call: 'transactions', transactions: all }, NO_HOLDS);
  });
  for (let index = 0; index < TRANSACTION_PARTITIONS; index++)
    ask(desk, FIRST_TRANSACTION_PARTITION + index, { call: 'list' }, (result) => settle(index, result));
}

/** What is not there keeps the others out, too: a transaction that lacks a part is not the one that was asked for. */
function joinTransaction(desk: Desk, request: JoinTransactionRequest, done: Done): void {
  const { call: _, places, ...asked } = request;
  const { openedAt } = desk;
  locate(desk, places, (found) => {
    const lost = found.some((where) => !where.ok);
    const packed = places.flatMap(({ topic, partition }, index): PackedPlace[] => {
      const where = found[index];
      return where?.ok === true ? [[where.value, topic, partition]] : [];
    });
    if (lost) {
      answerJoin(places, found, () => failed('TRANSACTION_ABORTABLE', 'another partition does not exist').fault, done);
      return;
    }
    ask(desk, transactionsOf(asked.transaction), { ...asked, call: 'join', places: packed, openedAt }, (result) => {
      if (!result.ok) refuse(done, result.fault);
      else if (result.value.call === 'join') {
        const { all } = result.value;
        const missing = new Set(all ? [] : result.value.missing);
        const wrong = (partition: PartitionId): Fault | null =>
          missing.has(partition) ? failed('TRANSACTION_ABORTABLE', 'not part of the transaction').fault : null;
        answerJoin(places, found, wrong, done);
      }
    });
  });
}

function answerJoin(
  places: readonly Place[],
  found: readonly Result<PartitionId>[],
  judge: (partition: PartitionId) => Fault | null,
  done: Done,
): void {
  const parts = places.map(({ topic, partition }, index): JoinTransactionReply['parts'][number] => {
    const where = found[index];
    const wrong = where?.ok === true ? judge(where.value) : (where?.fault ?? null);
    return wrong === null ? { topic, partition } : { topic, partition, fault: wrong };
  });
  done({ call: 'joinTransaction', parts }, NO_HOLDS);
}

function markTransaction(desk: Desk, request: MarkTransactionRequest, done: Done): void {
  const { places, producer, epoch, commit, coordinatorEpoch } = request;
  const settle = gather<MarkTransactionReply['parts'][number]>(places.length, (parts) =>
    done({ call: 'markTransaction', parts }, NO_HOLDS),
  );
  const make = (number: number): PartitionRequest & Numbered => ({
    ...{ type: 'mark', request: number, producer, epoch, commit, coordinatorEpoch },
  });
  askEach<Appended>(desk, places, make, (index, answer) => {
    const { topic, partition } = places[index] as Place;
    settle(index, answer.ok ? { topic, partition } : { topic, partition, fault: answer.fault });
  });
}

function describeProducers(desk: Desk, places: readonly Place[], done: Done): void {
  const settle = gather<DescribeProducersReply['parts'][number]>(places.length, (parts) =>
    done({ call: 'describeProducers', parts }, NO_HOLDS),
  );
  const make = (request: number): PartitionRequest & Numbered => ({ type: 'producers', request });
  askEach<Producers>(desk, places, make, (index, answer) => {
    const { topic, partition } = places[index] as Place;
    settle(
      index,
      answer.ok ? { topic, partition, producers: answer.value.producers } : { topic, partition, fault: answer.fault },
    );
  });
}

function askEach<A extends PartitionAnswer>(
  desk: Desk,
  places: readonly Place[],
  make: (request: number) => PartitionRequest & Numbered,
  then: (index: number, answer: Result<A>) => void,
): void {
  locate(desk, places, (found) => {
    found.forEach((where, index) => {
      if (!where.ok) {
        then(index, where);
        return;
      }
      desk.asker.ask<PartitionRequest, A>(
        desk.topics.addressOf(where.value),
        make,
        (answer) => {
          if (answer.type === 'refused') then(index, { ok: false, fault: (answer as { fault: Fault }).fault });
          else then(index, { ok: true, value: answer as A });
        },
        desk.monotonic() + ANSWER_MS_MAX,
      );
    });
  });
}

function locate(desk: Desk, places: readonly Place[], then: (found: readonly Result<PartitionId>[]) => void): void {
  const settle = gather<Result<PartitionId>>(places.length, then);
  places.forEach((place, index) => {
    desk.topics.lookUp(place.topic, (topic) => settle(index, topic.ok ? partitionAt(topic.value, place) : topic));
  });
}
