/**
 * Produce: appends batches as they came, one for each partition. What no Kafka broker takes is refused here with Kafka's
 * code; all other checks are those that every dialect's batches meet. Copies no batch.
 */
import { batchEnd, CODEC_MASK, readAttributes, readMagic } from '../../../model/batch.ts';
import { isTransactional } from '../../../model/control.ts';
import type { Fault } from '../../../model/faults.ts';
import type { PartitionIndex, TopicId } from '../../../model/ids.ts';
import { WAIT_MS_MAX } from '../../../model/limits.ts';
import type { Place } from '../../place.ts';
import type { Acks, ProduceReply, ProduceRequest } from '../../request.ts';
import type { Serving } from '../asking.ts';
import { type ProduceRequest as KafkaProduce, type ProduceResponse, produce } from '../calls/produce.ts';
import { type ErrorCode, errors } from '../faults.ts';
import { lookUpIds } from '../look-up.ts';
import { recordErrorsOf } from '../record-errors.ts';
import { Ending, type Peer, service } from '../service.ts';
import { invalid, type Named } from '../topic-names.ts';
import { namedTwice } from '../twice.ts';

type Answer = ProduceResponse['responses'][number]['partitionResponses'][number];
type Part = ProduceRequest['parts'][number];
type Topics = KafkaProduce['topicData'];

const FIRST_BY_ID = 13;
const FIRST_WITH_ZSTD = 7;
const JOINS_SINCE = 12;
const ABORTABLE_SINCE = 11;
const ZSTD = 4;
/** Time for a disk, however little a client gives, ms. */
const DISK_MS_MIN = 1_000;
/** From here on magic is read, in whatever version of the format. */
const MAGIC_END = 17;
const ACKS: Readonly<Record<number, Acks>> = { 0: 'none', 1: 'leader', [-1]: 'all' };

export const serveProduce = service(
  produce,
  function* (request, peer, version) {
    const { topicData, timeoutMs } = request;
    const acks = ACKS[request.acks];
    if (acks === undefined) return refuseAll(topicData, errors.INVALID_REQUIRED_ACKS, 'acks is 0, 1 or -1');
    if (request.transactionalId !== null && acks === 'none')
      return new Ending(invalid('what belongs to a transaction is written with acks'));
    const transaction = transactionOf(request.transactionalId, version);
    let throttleTimeMs = 0;
    const order = yield* arrange(topicData, peer, version, request.transactionalId !== null);
    if (order.parts.length > 0) {
      const [reply] = yield [
        { call: 'produce', acks, timeoutMs: clamp(timeoutMs), parts: order.parts, tellRefused: true, ...transaction },
      ];
      if (reply?.call === 'produce') throttleTimeMs = reply.throttleMs ?? 0;
      const outcome = reply?.call === 'refused' ? reply.fault : (reply as ProduceReply).parts;
      order.settle(outcome, yield* namesOf(outcome));
    }
    return acks === 'none' ? withoutAcks(order) : { responses: order.responses, throttleTimeMs };
  },
  { readsFrame: true },
);

/** Names of topics that records were refused for: people are told them, also where the request has ids. */
function* namesOf(outcome: ProduceReply['parts'] | Fault): Serving<ReadonlyMap<TopicId, string>> {
  const names = new Map<TopicId, string>();
  if ('code' in outcome) return names;
  const wrong = outcome.filter((part) => 'fault' in part && part.fault.records !== undefined);
  if (wrong.length === 0) return names;
  for (const one of yield* lookUpIds([...new Set(wrong.map(({ topic }) => topic))]))
    if (one.ok) names.set(one.value.id, one.value.name);
  return names;
}

/** Newer clients add no partitions before they write to them (KIP-890). */
function transactionOf(id: string | null, version: number): Pick<ProduceRequest, 'transaction'> {
  return id === null ? {} : { transaction: { id, joins: version >= JOINS_SINCE } };
}

/** The client's time is for other replicas; for its own disk a broker waits in any case. */
const clamp = (timeoutMs: number): number => Math.min(Math.max(timeoutMs, DISK_MS_MIN), WAIT_MS_MAX);

/** Nobody is told; but a client one of whose batches was refused is to learn that something is wrong. */
function withoutAcks({ refused }: Order): Ending | null {
  return refused === undefined ? null : new Ending(invalid(`a batch without acks was refused: ${refused}`));
}

/** A request in the node's words, and where each part's answer goes. */
class Order {
  readonly parts: Part[] = [];
  readonly responses: { name: string; topicId: string; partitionResponses: Answer[] }[] = [];
  readonly #open: { readonly answers: Answer[]; readonly at: number; readonly topic: Named }[] = [];
  readonly #peer: Peer;
  readonly #version: number;
  readonly #byId: boolean;

  /** Why the first part was refused that was. */
  get refused(): string | undefined {
    for (const { partitionResponses } of this.responses)
      for (const { errorCode, errorMessage } of partitionResponses)
        if (errorCode !== errors.NONE) return errorMessage ?? `error ${errorCode}`;
    return undefined;
  }

  constructor(peer: Peer, version: number) {
    this.#peer = peer;
    this.#version = version;
    this.#byId = version >= FIRST_BY_ID;
  }

  /** Room for the answer of a part, in the order of the request. */
  open(topic: Named, answers: Answer[], part: Part): void {
    this.#open.push({ answers, at: answers.length, topic });
    // Without acks nothing is told of parts that went well.
    answers.push({ index: part.partition, errorCode: errors.NONE, baseOffset: -1 });
    this.parts.push(part);
  }

  settle(outcome: ProduceReply['parts'] | Fault, names: ReadonlyMap<TopicId, string>): void {
    this.#open.forEach(({ answers, at, topic }, index) => {
      const part = 'code' in outcome ? { fault: outcome } : outcome[index];
      const place = this.parts[index];
      if (part === undefined || place === undefined) return;
      answers[at] = 'fault' in part ? this.#failed(place, part.fault, topic, names.get(place.topic)) : done(part);
    });
  }

  #failed({ partition }: Place, why: Fault, topic: Named, name = topic.name): Answer {
    if (why.records !== undefined)
      return { index: partition, baseOffset: -1, ...recordErrorsOf(why, why.records, `${name}-${partition}`) };
    const code = transactional(why, this.#version) ?? this.#peer.topics.errorOf(why, topic, this.#byId);
    return failure(partition, code, why.message);
  }
}

function* arrange(topicData: Topics, peer: Peer, version: number, transactional: boolean): Serving<Order> {
  const byId = version >= FIRST_BY_ID;
  const order = new Order(peer, version);
  const named = topicData.map(({ name, topicId }) => ({ name, id: topicId }));
  const found = yield* peer.topics.locate(named, byId);
  const twice = partitionsTwice(topicData, byId);
  const told = new Set<string>();
  topicData.forEach(({ name, topicId, partitionData }, index) => {
    const partitionResponses: Answer[] = [];
    const topic = found[index];
    for (const { index: partition, records } of partitionData) {
      let wrong = judge(partition, records, version, transactional);
      if (twice.size > 0) {
        const key = keyOf(byId ? topicId : name, partition);
        if (told.has(key)) continue;
        told.add(key);
        if (twice.has(key)) wrong = errors.INVALID_REQUEST;
      }
      if (topic?.ok !== true) {
        const code =
          topic === undefined
            ? errors.UNKNOWN_SERVER_ERROR
            : peer.topics.errorOf(topic.fault, { name, id: topicId }, byId);
        partitionResponses.push(failure(partition, code, topic?.fault.message ?? null));
      } else if (wrong !== null || records === null) {
        partitionResponses.push(failure(partition, wrong ?? errors.INVALID_RECORD, reasons.get(wrong) ?? null));
      } else
        order.open({ name, id: topicId }, partitionResponses, {
          topic: topic.value,
          partition: partition as PartitionIndex,
          batch: records,
        });
    }
    if (partitionResponses.length > 0) order.responses.push({ name, topicId, partitionResponses });
  });
  return order;
}

const keyOf = (topic: string, partition: number): string => `${topic}/${partition}`;
const NONE_TWICE: ReadonlySet<string> = new Set();

/** An answer has room for one of them: were the other stored, or dropped, nobody would be told. */
function partitionsTwice(topicData: Topics, byId: boolean): ReadonlySet<string> {
  const [first] = topicData;
  if (topicData.length === 1 && first?.partitionData.length === 1) return NONE_TWICE;
  return namedTwice(
    topicData.flatMap(({ name, topicId, partitionData }) =>
      partitionData.map(({ index }) => keyOf(byId ? topicId : name, index)),
    ),
  );
}

/** What Kafka refuses with codes of its own, before the batch is looked into. */
function judge(
  partition: number,
  records: Uint8Array | null,
  version: number,
  transactional: boolean,
): ErrorCode | null {
  if (partition < 0) return errors.UNKNOWN_TOPIC_OR_PARTITION;
  if (records === null || records.length === 0) return errors.INVALID_RECORD;
  if (records.length < MAGIC_END) return errors.INVALID_RECORD;
  if (readMagic(records) !== 2) return errors.INVALID_RECORD;
  const end = batchEnd(records, 0);
  if (end > 0 && end < records.length) return errors.INVALID_RECORD;
  if (end > 0 && isTransactional(records) && !transactional) return errors.TRANSACTIONAL_ID_AUTHORIZATION_FAILED;
  const zstd = end > 0 && (readAttributes(records) & CODEC_MASK) === ZSTD;
  return zstd && version < FIRST_WITH_ZSTD ? errors.UNSUPPORTED_COMPRESSION_TYPE : null;
}

const reasons = new Map<ErrorCode | null, string>([
  [errors.UNKNOWN_TOPIC_OR_PARTITION, 'partitions are counted from 0'],
  [errors.INVALID_RECORD, 'a produce has exactly one record batch for each partition, whole and of version 2'],
  [errors.UNSUPPORTED_COMPRESSION_TYPE, 'zstd takes version 7 of Produce'],
  [errors.INVALID_REQUEST, 'the request names this partition twice'],
  [errors.TRANSACTIONAL_ID_AUTHORIZATION_FAILED, 'who writes to a transaction names its id'],
]);

/** What older clients do not know, they hear in words that they do; who comes too early tries again. */
function transactional({ code }: Fault, version: number): ErrorCode | null {
  if (code === 'TRANSACTION_ABORTABLE' && version < ABORTABLE_SINCE) return errors.INVALID_TXN_STATE;
  return code === 'CONCURRENT_TRANSACTIONS' ? errors.NOT_ENOUGH_REPLICAS : null;
}

function failure(index: number, errorCode: number, errorMessage: string | null): Answer {
  return { index, errorCode, baseOffset: -1, errorMessage };
}

function done(part: Exclude<ProduceReply['parts'][number], { readonly fault: Fault }>): Answer {
  return {
    index: part.partition,
    errorCode: errors.NONE,
    baseOffset: part.baseOffset,
    logStartOffset: part.beginOffset,
    ...(part.appendedAt === undefined ? {} : { logAppendTimeMs: part.appendedAt }),
  };
}

function refuseAll(topicData: Topics, errorCode: ErrorCode, message: string): ProduceResponse {
  const responses = topicData.map(({ name, topicId, partitionData }) => ({
    name,
    topicId,
    partitionResponses: partitionData.map(({ index }) => failure(index, errorCode, message)),
  }));
  return { responses };
}
