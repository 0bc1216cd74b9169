/**
 * produce: `validate` each batch, `append` it at its partition, gather the answers. Requests of one connection reach a
 * partition in the order in which they came, also when a topic must be looked up first. Copies no batch.
 */
import type { Lease } from '../../runtime/actor.ts';
import { BATCH_HEADER_BYTES } from '../../src/model/batch.ts';
import { checkBatch } from '../../src/model/batch-check.ts';
import { checkDemands, demandsOf, looksInside, type Met, needsJob, stampTime } from '../../src/model/batch-demands.ts';
import { copyBytes } from '../../src/model/copy.ts';
import { type Fault, fault, type Result } from '../../src/model/faults.ts';
import { id, type PartitionId, type Timestamp, type TopicId } from '../../src/model/ids.ts';
import { INLINE_BYTES_MAX } from '../../src/model/limits.ts';
import type { Topic } from '../../src/model/topic.ts';
import type { Place } from '../../src/protocols/place.ts';
import type { ProduceReply, ProduceRequest } from '../../src/protocols/request.ts';
import { type PartitionAnswer, type PartitionRequest, REFUSALS_ONLY } from '../partition/contract.ts';
import type { Refused } from './asker.ts';
import { type Desk, type Done, gather, NO_HOLDS } from './desk.ts';
import { partitionAt } from './topics.ts';

type Part = ProduceRequest['parts'][number];
type Answer = ProduceReply['parts'][number];
type Append = Extract<PartitionRequest, { readonly type: 'append' }>;
type Appended = Extract<PartitionAnswer, { readonly type: 'appended' }>;

type Prepared = Result<'as it came' | Written>;
/** A batch, and the memory that it lies in where that is not private. */
interface Written {
  readonly bytes: Uint8Array;
  readonly lease: Lease | undefined;
}

/** A request on its way to its partitions. */
interface Entry {
  readonly request: ProduceRequest;
  /** The frame that the batches lie in; none for small frames, which lie in private memory. */
  readonly lease: Lease | undefined;
  readonly deadline: number;
  readonly done: Done;
  /** Topics that had to be looked up; null while there is none. */
  found: Map<TopicId, Result<Topic>> | null;
  missing: number;
  /** By part: found right, written anew or refused, where its topic wants more than a sound batch. */
  prepared: Map<Part, Prepared> | null;
  isPrepared: boolean;
}

function isAnswered({ acks, tellRefused }: ProduceRequest, parts: readonly Answer[]): boolean {
  return acks !== 'none' || (tellRefused === true && parts.some((part) => 'fault' in part));
}

/** The requests of one connection in their order. */
export class ProduceLine {
  readonly #desk: Desk;
  readonly #waiting: Entry[] = [];

  constructor(desk: Desk) {
    this.#desk = desk;
  }

  /** Takes over the lease. */
  start(request: ProduceRequest, lease: Lease | undefined, done: Done): void {
    const deadline = this.#desk.monotonic() + request.timeoutMs;
    const entry: Entry = {
      request,
      lease,
      deadline,
      done,
      found: null,
      missing: 0,
      prepared: null,
      isPrepared: false,
    };
    this.#waiting.push(entry);
    for (const { topic } of request.parts) {
      if (this.#desk.topics.known(topic) !== undefined || entry.found?.has(topic) === true) continue;
      entry.found ??= new Map();
      entry.found.set(topic, { ok: false, fault: fault('UNAVAILABLE', `topic ${topic} is being looked up`) });
      entry.missing++;
      this.#desk.topics.lookUp(topic, (found) => {
        entry.found?.set(topic, found);
        entry.missing--;
        this.#advance();
      });
    }
    this.#advance();
  }

  #advance(): void {
    for (let head = this.#waiting[0]; head !== undefined && head.missing === 0; head = this.#waiting[0]) {
      if (!head.isPrepared) this.#prepare(head);
      if (head.missing > 0) return;
      this.#waiting.shift();
      this.#append(head);
    }
  }

  /** What must be opened goes through a job thread; the order of the connection's batches is kept, and so they wait. */
  #prepare(entry: Entry): void {
    entry.isPrepared = true;
    for (const part of entry.request.parts) {
      const settings = this.#topic(part, entry.found)?.settings;
      const demands = settings === undefined ? null : demandsOf(settings, this.#desk.now(), entry.request.parts.length);
      if (demands === null || checkBatch(part.batch, this.#desk.crc32c) !== null) continue;
      entry.prepared ??= new Map();
      if (!needsJob(part.batch, demands)) {
        const records = part.batch.subarray(BATCH_HEADER_BYTES);
        const wrong = looksInside(demands) ? checkDemands(part.batch, records, demands) : null;
        if (wrong !== null) entry.prepared.set(part, { ok: false, fault: wrong });
        continue;
      }
      entry.missing++;
      this.#desk.jobs.run('prepareBatch', { batch: part.batch, demands }, (failure, result) => {
        entry.prepared?.set(part, failure === null ? this.#keep(result as Result<Met>) : { ok: false, fault: failure });
        entry.missing--;
        this.#advance();
      });
    }
  }

  /** What a job thread has written goes on as all batches do: a large one in leased memory. */
  #keep(met: Result<Met>): Prepared {
    if (!met.ok) return met;
    const bytes = met.value;
    if (bytes === 'as it came') return { ok: true, value: bytes };
    if (bytes.length <= INLINE_BYTES_MAX) return { ok: true, value: { bytes, lease: undefined } };
    const lease = this.#desk.lease(bytes.length);
    if (lease === null) return { ok: false, fault: fault('OVERLOADED', 'no memory is free for a batch') };
    copyBytes(lease.bytes, 0, bytes);
    return { ok: true, value: { bytes: lease.bytes, lease } };
  }

  #append(entry: Entry): void {
    const { request, lease, done } = entry;
    const settle = gather<Answer>(request.parts.length, (parts) =>
      done(isAnswered(request, parts) ? { call: 'produce', parts } : null, NO_HOLDS),
    );
    request.parts.forEach((part, index) => {
      const { topic, partition } = part;
      const where = this.#locate(part, entry.found);
      const prepared = entry.prepared?.get(part);
      const wrong = where.ok ? this.#judge(part, prepared) : where.fault;
      const written = prepared?.ok === true && prepared.value !== 'as it came' ? prepared.value : null;
      if (!where.ok || wrong !== null) {
        written?.lease?.release();
        settle(index, { topic, partition, fault: wrong ?? fault('INTERNAL', 'no partition') });
      } else {
        const batch = written ?? { bytes: part.batch, lease: lease?.retain() };
        const appendedAt = this.#stamp(part, entry, batch.bytes);
        this.#send(entry, batch, where.value, (answer) => {
          if (answer.type === 'refused') settle(index, { topic, partition, fault: answer.fault });
          else {
            const { baseOffset, begin: beginOffset } = answer;
            const appended = { topic, partition, baseOffset, beginOffset };
            settle(index, appendedAt === null ? appended : { ...appended, appendedAt });
          }
        });
      }
    });
    lease?.release();
  }

  #judge({ batch }: Part, prepared: Prepared | undefined): Fault | null {
    if (prepared === undefined) return checkBatch(batch, this.#desk.crc32c);
    return prepared.ok ? null : prepared.fault;
  }

  /** Where the topic wants the node's time the batch gets it. @returns that time. */
  #stamp(part: Part, { found }: Entry, batch: Uint8Array): Timestamp | null {
    if (this.#topic(part, found)?.settings.timestamps !== 'append') return null;
    const now = this.#desk.now();
    stampTime(batch, now, this.#desk.crc32c);
    return id<Timestamp>(now);
  }

  /** A hold on its memory goes with each batch. */
  #send(
    { request, deadline }: Entry,
    { bytes, lease }: Written,
    partition: PartitionId,
    settle: (answer: Pick<Appended, 'type' | 'baseOffset' | 'begin'> | Refused) => void,
  ): void {
    const { asker, topics } = this.#desk;
    const to = topics.addressOf(partition);
    if (request.acks === 'none') {
      const heard = request.tellRefused === true ? REFUSALS_ONLY : 0;
      asker.tell<PartitionRequest>(to, appendOf({ request: heard, acks: 'none', bytes }, lease, request.transaction));
      settle({ type: 'appended', baseOffset: id(0), begin: id(0) });
    } else {
      const make = (number: number): Append =>
        appendOf({ request: number, acks: 'all', bytes }, lease, request.transaction);
      asker.ask<PartitionRequest, Appended>(to, make, settle, deadline);
    }
  }

  #topic(place: Place, found: Entry['found']): Topic | undefined {
    const topic = found?.get(place.topic);
    return this.#desk.topics.known(place.topic) ?? (topic?.ok === true ? topic.value : undefined);
  }

  #locate(place: Place, found: Entry['found']): Result<PartitionId> {
    const known = this.#desk.topics.known(place.topic);
    if (known !== undefined) return partitionAt(known, place);
    const topic = found?.get(place.topic);
    if (topic === undefined) return { ok: false, fault: fault('UNAVAILABLE', `topic ${place.topic} has just changed`) };
    return topic.ok ? partitionAt(topic.value, place) : topic;
  }
}

/** Written out: to spread objects into it would cost more than to send it. */
function appendOf(
  { request, acks, bytes }: Pick<Append, 'request' | 'acks' | 'bytes'>,
  lease: Lease | undefined,
  transaction: Append['transaction'],
): Append {
  if (transaction !== undefined) {
    const message = { type: 'append', request, acks, bytes, transaction } as const;
    return lease === undefined ? message : { ...message, lease };
  }
  if (lease === undefined) return { type: 'append', request, acks, bytes };
  return { type: 'append', request, acks, bytes, lease };
}
