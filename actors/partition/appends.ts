/**
 * What a partition does with batches to append: `append → commit → reply`. Gives each its place, hands it to the journal,
 * and answers once it is committed. A plain class inside the partition's actor; where offsets stand, src/log decides.
 */
import type { Address, Context } from '../../runtime/actor.ts';
import type { DiskError } from '../../runtime/ports.ts';
import type { Chunk } from '../../src/log/chunk.ts';
import { DIRECT_FLAG, ENTRY_BYTES, readEntryFlags } from '../../src/log/entry.ts';
import { type PartitionLog, PREFIX_NEEDED } from '../../src/log/partition-log.ts';
import type { Producers } from '../../src/log/producers.ts';
import { readProducerEpoch, readProducerId } from '../../src/model/batch.ts';
import { isControl, markerBatch } from '../../src/model/control.ts';
import { type Fault, fault } from '../../src/model/faults.ts';
import type { Offset, PartitionIndex, TopicId } from '../../src/model/ids.ts';
import { type JournalAnswer, type JournalRequest, journalAddress } from '../journal/contract.ts';
import { type Step, step } from '../step.ts';
import type { TransactionsAnswer } from '../transactions/contract.ts';
import { isSilent, type PartitionAnswer, type PartitionRequest } from './contract.ts';
import { VERIFY_MS_MAX, Verifications } from './verifications.ts';

export type Append = PartitionRequest & { readonly type: 'append' };
type Mark = PartitionRequest & { readonly type: 'mark' };

/** The partition as people know it; the node's own logs have no such place. */
export interface Known {
  readonly topic: TopicId;
  readonly index: PartitionIndex;
}
interface Held {
  readonly message: Append;
  readonly from: Address;
}

interface Waiter {
  readonly from: Address;
  readonly request: number;
  readonly base: Offset;
  readonly next: Offset;
  /** Of a marker: whoever hears that it is there never tells of it again, so that no power cut may take it. */
  readonly durably: boolean;
}

export interface AppendEvents {
  /** The block before the end is to be read, then `goOn`. */
  prefixNeeded(): void;
}

/** After the disk was full, appends are refused for so long before one tries again, ms. */
const FULL_MS = 500;
/** What readers have seen is stored again after a failure: after so long first, then twice as long each time, ms. */
const AGAIN_MS_MIN = 10;
const AGAIN_MS_MAX = 1_000;
/** Batches that wait for memory of their segment's last block. */
const WAITING_MAX = 1_000;

export class PartitionAppends {
  readonly #context: Context<Step>;
  readonly #log: PartitionLog;
  readonly #producers: Producers;
  readonly #events: AppendEvents;
  readonly #journal: Address<JournalRequest>;
  readonly #known: Known | null;
  /** Batches whose transaction is not known to be theirs yet. */
  readonly #verifications: Verifications<Held>;
  #questions = 0;
  /** In the order of their offsets; the first `#answered` are done. */
  #waiters: Waiter[] = [];
  #answered = 0;
  /** Retries of batches that are not committed yet, and markers that are not durable yet. */
  #beside: Waiter[] = [];
  /** Batches that cannot be placed before the block at the end of the segment was read. */
  #waiting: { readonly message: Append; readonly from: Address }[] = [];
  /** The journal was given everything below. */
  #storedTo: Offset;
  #blocked = false;
  #againMs = AGAIN_MS_MIN;
  #refusal: { readonly fault: Fault; readonly until: number } | null = null;

  constructor(
    context: Context<Step>,
    log: PartitionLog,
    known: Known | null,
    producers: Producers,
    events: AppendEvents,
  ) {
    this.#context = context;
    this.#known = known;
    this.#verifications = new Verifications(context as unknown as Context<never>, () => ++this.#questions, {
      granted: (held) => this.#granted(held),
      refused: ({ message, from }, reason) => this.#refuse(message, from, reason),
    });
    this.#log = log;
    this.#producers = producers;
    this.#events = events;
    this.#storedTo = log.end;
    this.#journal = journalAddress(context.node, context.shard);
  }

  /** Nobody waits, and everything appended is committed. */
  get idle(): boolean {
    return (
      this.#waiting.length === 0 &&
      !this.#verifications.busy &&
      this.#log.committed === this.#log.end &&
      this.#waiters.length === this.#answered
    );
  }

  append(message: Append, from: Address): void {
    if (this.#waiting.length > 0) this.#wait(message, from);
    else this.#append(message, from);
  }

  #wait(message: Append, from: Address): void {
    if (this.#waiting.length < WAITING_MAX) this.#waiting.push({ message, from });
    else this.#refuse(message, from, fault('OVERLOADED', 'too many batches wait for this partition'));
  }

  /** The block that was asked for is there. */
  goOn(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { message, from } of waiting) this.append(message, from);
  }

  /** @param granted its transaction's coordinator knows that the partition is part of it. */
  #append(message: Append, from: Address, granted = false): void {
    const refusal = this.#refusalNow();
    if (refusal !== null) {
      this.#refuse(message, from, refusal);
      return;
    }
    if (this.#verifications.busy && !granted && this.#held(message, from)) return;
    const verdict = this.#producers.check(message.bytes);
    if (verdict.kind === 'fault') this.#refuse(message, from, verdict.fault);
    else if (verdict.kind === 'duplicate')
      this.#repeat(message, waiterOf(message, from, verdict.baseOffset, verdict.nextOffset));
    else if (verdict.kind === 'begin' && !granted) this.#verify(message, from);
    else this.#place(message, from);
  }

  // ---- transactions

  /** How a transaction ended, as a batch of its own. */
  mark({ request, producer, epoch, commit, coordinatorEpoch }: Mark, from: Address): void {
    this.#verifications.ended(producer);
    const at = this.#context.now();
    const bytes = markerBatch({ producer, epoch, commit, coordinatorEpoch, at }, this.#log.tools.crc32c);
    this.append({ type: 'append', request, acks: 'all', bytes }, from);
  }

  /** What follows a batch whose transaction is not known yet waits behind it; markers do not. */
  #held(message: Append, from: Address): boolean {
    return !isControl(message.bytes) && this.#verifications.hold(readProducerId(message.bytes), { message, from });
  }

  #verify(message: Append, from: Address): void {
    const { bytes, transaction } = message;
    if (transaction === undefined || this.#known === null) {
      this.#refuse(message, from, fault('INVALID_TRANSACTION_STATE', 'a transactional batch came without its id'));
      return;
    }
    const { id: name, joins } = transaction;
    const { partition } = this.#log;
    const { topic, index } = this.#known;
    const who = { producer: readProducerId(bytes), epoch: readProducerEpoch(bytes) };
    const places = [[partition, topic, index] as const];
    this.#verifications.ask({ transaction: name, ...who, places, groups: [], verify: !joins }, { message, from });
    this.#context.after(
      VERIFY_MS_MAX,
      step(() => this.#verifications.tick()),
    );
  }

  verified(answer: TransactionsAnswer): void {
    this.#verifications.answered(answer);
  }

  /** The node stops: nobody answers any more. */
  refuseHeld(reason: Fault): void {
    this.#verifications.refuseAll(reason);
  }

  #granted(held: readonly Held[]): void {
    held.forEach(({ message, from }, index) => {
      if (this.#waiting.length > 0) this.#wait(message, from);
      else this.#append(message, from, index === 0);
    });
  }

  #refusalNow(): Fault | null {
    if (this.#refusal === null) return null;
    if (this.#context.monotonic() < this.#refusal.until) return this.#refusal.fault;
    this.#refusal = null;
    return null;
  }

  #repeat(message: Append, waiter: Waiter): void {
    message.lease?.release();
    if (message.acks === 'none') return;
    if (this.#holds(waiter)) this.#answer(waiter);
    else this.#beside.push(waiter);
  }

  #holds({ next, durably }: Waiter): boolean {
    return next <= (durably ? this.#log.durable : this.#log.committed);
  }

  #place(message: Append, from: Address): void {
    const placed = this.#log.append(message.bytes, this.#context.now());
    if (placed === PREFIX_NEEDED) {
      this.#waiting.push({ message, from });
      this.#events.prefixNeeded();
      return;
    }
    if (!placed.ok) {
      if (placed.fault.code === 'OVERLOADED') this.#hurry();
      this.#refuse(message, from, placed.fault);
      return;
    }
    const { chunk, index, entry } = placed.value;
    this.#producers.append(chunk.batchAt(index));
    if (message.acks !== 'none') {
      const waiter = waiterOf(message, from, entry.base, entry.next);
      (waiter.durably ? this.#beside : this.#waiters).push(waiter);
    }
    message.lease?.release();
    this.store();
  }

  /** Memory is short: what the journal pins is to get to the segments. */
  #hurry(): void {
    this.#context.send(this.#journal, { type: 'hurry' });
  }

  #refuse(message: Append, from: Address, reason: Fault): void {
    message.lease?.release();
    if (isSilent(message)) return;
    const answer: PartitionAnswer = { type: 'refused', request: message.request, fault: reason };
    this.#context.reply(from, answer);
  }

  // ---- to the journal

  /** Gives the journal what it does not have, as far as its mailbox has room. */
  store(): void {
    if (this.#log.inMemory) {
      this.committed();
      return;
    }
    if (this.#blocked) return;
    for (const chunk of this.#log.chunks) {
      if (chunk.next <= this.#storedTo) continue;
      for (let index = chunk.indexOf(this.#storedTo); index < chunk.count; index++)
        if (!this.#storeOne(chunk, index)) return;
    }
  }

  #storeOne(chunk: Chunk, index: number): boolean {
    const isDirect = (readEntryFlags(chunk.entries, index * ENTRY_BYTES) & DIRECT_FLAG) !== 0;
    const { durability, flushIntervalMs } = this.#log.settings;
    const body = isDirect ? null : chunk.batchAt(index);
    const isPromised = durability === 'fsync' || (body !== null && isControl(body));
    const { partition, era } = this.#log;
    const within = isPromised ? 0 : flushIntervalMs;
    const entry = chunk.entryBytes(index);
    const lease = body === null ? null : chunk.memory.retain();
    // Written out: to spread one into the other would cost more than to send it.
    const message: JournalRequest =
      body === null || lease === null
        ? { type: 'store', partition, era, entry, flushIntervalMs: within }
        : { type: 'store', partition, era, entry, flushIntervalMs: within, bytes: body, lease };
    if (this.#context.send(this.#journal, message) === 'full') {
      lease?.release();
      this.#blocked = true;
      this.#context.whenWritable(
        this.#journal,
        step(() => {
          this.#blocked = false;
          this.store();
        }),
      );
      return false;
    }
    this.#storedTo = chunk.nextAt(index);
    return true;
  }

  stored(answer: JournalAnswer & { type: 'stored' }): void {
    if (answer.era !== this.#log.era) return;
    this.#log.journaled(answer.upTo, answer.durable);
    if (answer.durable) this.#againMs = AGAIN_MS_MIN;
    this.committed();
  }

  /** Nothing that is not durable is kept: who waits for it hears why. What readers may have seen is stored again. */
  storeFailed(answer: JournalAnswer & { type: 'storeFailed' }): void {
    if (answer.era !== this.#log.era) return;
    const { durability } = this.#log.settings;
    this.#log.cutBack();
    this.#producers.truncate(this.#log.end);
    this.#storedTo = durability === 'fsync' ? this.#log.end : this.#log.journalDurable;
    if (answer.fault.code === 'DISK_FULL')
      this.#refusal = { fault: answer.fault, until: this.#context.monotonic() + FULL_MS };
    this.#failWaiters(answer.fault);
    if (this.#storedTo < this.#log.end && !this.#blocked) this.#storeLater();
  }

  /** A disk that has just failed would fail again at once. What is appended meanwhile waits behind it. */
  #storeLater(): void {
    this.#blocked = true;
    this.#context.after(
      this.#againMs,
      step(() => {
        this.#blocked = false;
        this.store();
      }),
    );
    this.#againMs = Math.min(2 * this.#againMs, AGAIN_MS_MAX);
  }

  #failWaiters(reason: Fault): void {
    const kept: Waiter[] = [];
    const beside: Waiter[] = [];
    const judge = (waiter: Waiter, among: Waiter[]): void => {
      if (waiter.next <= this.#log.end) among.push(waiter);
      else {
        const answer: PartitionAnswer = { type: 'refused', request: waiter.request, fault: reason };
        this.#context.reply(waiter.from, answer);
      }
    };
    for (const waiter of this.#waiters.slice(this.#answered)) judge(waiter, kept);
    for (const waiter of this.#beside) judge(waiter, beside);
    this.#beside = beside;
    this.#waiters = kept;
    this.#answered = 0;
  }

  /** The topic is gone: whoever waits hears it. */
  refuseAll(reason: Fault): void {
    this.#verifications.refuseAll(reason);
    const waiters = [...this.#waiters.slice(this.#answered), ...this.#beside];
    for (const { from, request } of waiters)
      this.#context.reply(from, { type: 'refused', request, fault: reason } as PartitionAnswer);
    for (const { message, from } of this.#waiting) this.#refuse(message, from, reason);
    this.#waiters = [];
    this.#answered = 0;
    this.#beside = [];
    this.#waiting = [];
  }

  /** A segment cannot take what it was to take: the journal is asked to give it up, too. */
  abandon(error: DiskError): void {
    const code = error.code === 'ENOSPC' ? 'DISK_FULL' : 'STORAGE_FAILED';
    const reason = fault(code, `the segment could not be written: ${error.message}`);
    const { partition, era } = this.#log;
    const message: JournalRequest = { type: 'abandon', partition, era, fault: reason };
    if (this.#context.send(this.#journal, message) === 'full')
      this.#context.whenWritable(
        this.#journal,
        step(() => this.abandon(error)),
      );
  }

  /** Step `reply`: the committed offset may have moved. */
  committed(): void {
    const { committed } = this.#log;
    this.#producers.commit(committed);
    this.#producers.transactions.trim(this.#log.begin);
    let waiter = this.#waiters[this.#answered];
    while (waiter !== undefined && waiter.next <= committed) {
      this.#answer(waiter);
      this.#answered++;
      waiter = this.#waiters[this.#answered];
    }
    if (this.#answered > 0 && (this.#answered === this.#waiters.length || this.#answered > 1_024)) {
      this.#waiters = this.#waiters.slice(this.#answered);
      this.#answered = 0;
    }
    if (this.#beside.length === 0) return;
    for (const waiter of this.#beside) if (this.#holds(waiter)) this.#answer(waiter);
    this.#beside = this.#beside.filter((waiter) => !this.#holds(waiter));
  }

  #answer({ from, request, base }: Waiter): void {
    const answer: PartitionAnswer = { type: 'appended', request, baseOffset: base, begin: this.#log.begin };
    this.#context.reply(from, answer);
  }
}

function waiterOf({ request, bytes }: Append, from: Address, base: Offset, next: Offset): Waiter {
  return { from, request, base, next, durably: isControl(bytes) };
}
