/**
 * Transactions: who writes under a transactional id, what belongs to its transaction, how it ends. Kind `transactions`, key
 * = FIRST_TRANSACTION_PARTITION and those behind it, at start: what was decided before the node ended has to reach its
 * partitions and groups although nobody asks. Each holds the ids that hash to it and lives beside its log, the internal
 * partition of the same number. Records it never sees: they go from producers to partitions, which ask here before one of
 * them begins a transaction.
 * Lives on: shard `key % shards`. View: its transactions.
 */
import type { Actor, Address, Context, Down, Drain, Timer } from '../runtime/actor.ts';
import { unreachable } from '../src/model/assert.ts';
import { type Fault, failed, fault, type Result } from '../src/model/faults.ts';
import { id, type PartitionId } from '../src/model/ids.ts';
import {
  type Decision,
  end,
  expired,
  join,
  open,
  overdue,
  type World,
  type Writer,
} from '../src/transaction/decide.ts';
import { decodeTransactionRecord, type TransactionRecord } from '../src/transaction/record.ts';
import type { Transaction } from '../src/transaction/transaction.ts';
import { Transactions } from '../src/transaction/transactions.ts';
import { Voices } from '../src/transaction/voices.ts';
import { type CatalogAnswer, catalogAddress } from './catalog/contract.ts';
import type { CoordinatorAnswer } from './coordinator/contract.ts';
import { StateLog, type StateLogMessage, type StateLogWake, type StateMachine } from './state/log.ts';
import type { StateCodec } from './state/record.ts';
import type {
  TransactionsAnswer,
  TransactionsAsk,
  TransactionsReply,
  TransactionsRequest,
} from './transactions/contract.ts';
import { TransactionMarks } from './transactions/marks.ts';
import { listOf, reportOf } from './transactions/report.ts';

export interface TransactionsInit {
  readonly codec: StateCodec;
  /** Longest time-out that a transaction may have, ms. */
  readonly transactionMsMax: number;
  /** An id that nobody has used for so long is forgotten, ms. */
  readonly transactionalIdMs: number;
}

type Wake = { readonly type: 'wake' };
type Inbox = TransactionsRequest | CatalogAnswer | CoordinatorAnswer | StateLogMessage | Down | Drain | Wake;
type Join = Extract<TransactionsAsk, { readonly call: 'join' }>;
type End = Extract<TransactionsAsk, { readonly call: 'end' }>;
interface Asked {
  readonly message: TransactionsRequest;
  readonly from: Address;
}
interface Waiting extends Asked {
  readonly until: 'ended' | 'producer';
  readonly deadline: number;
}

/** The log is read after this, when nobody asks before: starting has more urgent things to do, ms. */
const BEGIN_MS = 1_500;
/** How exact waits are; of time-outs; of ids that are forgotten, ms. */
const TICK_MS = 250;
const TIMEOUT_TICK_MS = 1_000;
const EXPIRY_TICK_MS = 60_000;
/** A request that waits for the end of a transaction hears after this that it should come again, ms. */
const WAIT_MS_MAX = 10_000;
/** Requests that wait for the replay, and those that wait for something else. */
const WAITING_MAX = 10_000;

const COME_AGAIN = 'the producer was heard on a newer connection: it is to ask again';

export function makeTransactions(context: Context<Inbox>, key: string, init: unknown): Actor<Inbox> {
  return new TransactionsActor(context, id<PartitionId>(Number(key)), init as TransactionsInit);
}

class TransactionsActor implements Actor<Inbox>, StateMachine<TransactionRecord> {
  readonly #context: Context<Inbox>;
  readonly #init: TransactionsInit;
  readonly #log: StateLog<TransactionRecord>;
  readonly #marks: TransactionMarks;
  #transactions = new Transactions();
  readonly #voices = new Voices();
  #begun = false;
  #draining = false;
  #early: Asked[] = [];
  #waiting: Waiting[] = [];
  /** Everybody in them knows, and the log could not take it. */
  readonly #toldOf = new Set<Transaction>();
  /** Producer ids that nobody has. */
  readonly #fresh: number[] = [];
  /** What the catalog was asked with; 0: nothing. */
  #freshAsked = 0;
  #freshAskedAt = 0;
  #requests = 0;
  #timer: Timer | null = null;
  #wakesAt = Number.POSITIVE_INFINITY;
  #expiryAt = 0;

  constructor(context: Context<Inbox>, partition: PartitionId, init: TransactionsInit) {
    this.#context = context;
    this.#init = init;
    const nextRequest = (): number => ++this.#requests;
    this.#log = new StateLog(context, partition, this, init.codec, nextRequest);
    this.#marks = new TransactionMarks(context as unknown as Context<never>, nextRequest, (one) => this.#told(one));
    this.#wakeAfter(BEGIN_MS);
  }

  receive(message: Inbox, from: Address): void {
    if (!this.#begun) this.#begin();
    if (!this.#log.receive(message, from)) this.#handle(message as Exclude<Inbox, StateLogWake>, from);
    this.#log.flush();
    this.#arm();
    if (this.#draining && this.#log.idle) this.#context.stop();
  }

  inspect(): unknown {
    const { size, ongoing, ending } = this.#transactions;
    return { transactions: size, ongoing: ongoing.size, ending: ending.size, waiting: this.#waiting.length };
  }

  #begin(): void {
    this.#begun = true;
    this.#log.start();
  }

  // ---- the machine, as its log sees it

  reset(): void {
    this.#transactions = new Transactions();
    this.#marks.reset();
    this.#toldOf.clear();
    const reason = fault('UNAVAILABLE', 'the transactions are being read from their log again');
    for (const { message, from } of this.#waiting.splice(0)) this.#answer(message, from, { ok: false, fault: reason });
  }

  apply(record: TransactionRecord): void {
    this.#transactions.apply(record);
  }

  decode(value: unknown): TransactionRecord | null {
    return decodeTransactionRecord(value);
  }

  snapshot(): Iterable<TransactionRecord> {
    return this.#transactions.snapshot();
  }

  /** What is in the log is committed: who has not heard of it is told. */
  loaded(): void {
    // Told a second time once the log takes records again: those who know are not asked again.
    for (const one of this.#transactions.ending) if (!this.#toldOf.has(one)) this.#marks.begin(one);
    for (const { message, from } of this.#early.splice(0)) this.#serve(message, from);
  }

  // ---- inbox

  #handle(message: Exclude<Inbox, StateLogWake>, from: Address): void {
    switch (message.type) {
      case 'transact':
        this.#admit(message, from);
        break;
      case 'producer':
        this.#freshAsked = 0;
        this.#fresh.push(message.producerId);
        this.#decideAgain((one) => one.until === 'producer');
        break;
      case 'wake':
        this.#wakesAt = Number.POSITIVE_INFINITY;
        this.#tick();
        break;
      case 'drain':
        this.#drain();
        break;
      case 'appended':
      case 'settled':
        this.#marks.answered(message.request, null);
        break;
      case 'refused':
        if (message.request === this.#freshAsked) this.#freshAsked = 0;
        else this.#marks.answered(message.request, message.fault);
        break;
      case 'down':
        break;
      default:
        throw new Error(`a coordinator of transactions never asks for ${message.type}`);
    }
  }

  #admit(message: TransactionsRequest, from: Address): void {
    const servable = this.#log.loaded || this.#log.failure !== null;
    const refuse = (reason: Fault): void => this.#answer(message, from, { ok: false, fault: reason });
    if (this.#draining) refuse(fault('SHUTTING_DOWN', 'the node is stopping'));
    else if (servable && !this.#log.overloaded) this.#serve(message, from);
    else if (!servable && this.#early.length < WAITING_MAX) this.#early.push({ message, from });
    else refuse(fault('OVERLOADED', 'many wait for the transactions, or for their log'));
  }

  #serve(message: TransactionsRequest, from: Address): void {
    const failure = this.#log.failure;
    if (failure !== null) this.#answer(message, from, { ok: false, fault: failure });
    else this.#ask({ message, from });
  }

  #ask(asked: Asked): void {
    const { ask } = asked.message;
    switch (ask.call) {
      case 'open':
        this.#carryOut(asked, open(this.#transactions, ask, this.#world), (writer) => {
          this.#voices.hear(this.#transactions.get(ask.transaction), ask.openedAt);
          return { call: 'open', ...writer };
        });
        break;
      case 'join': {
        const decision = join(this.#transactions, ask, this.#context.now());
        if (this.#doubts(asked, ask, decision)) this.#refuse(asked, fault('CONCURRENT_TRANSACTIONS', COME_AGAIN));
        else this.#carryOut(asked, decision, (joined) => ({ call: 'join', ...joined }));
        break;
      }
      case 'end':
        this.#end(asked, ask);
        break;
      case 'inspect':
        this.#inspect(asked, ask.transaction);
        break;
      case 'list':
        this.#reply(asked, listOf(this.#transactions, this.#context.now()));
        break;
      default:
        unreachable(ask);
    }
  }

  get #world(): World {
    const { transactionMsMax: timeoutMsMax } = this.#init;
    return { now: this.#context.now(), fresh: this.#fresh[0] ?? null, timeoutMsMax };
  }

  /** All who were in it know: that it is also in the log that they do is not waited for, a restart tells them again. */
  #end(asked: Asked, ask: End): void {
    const decision = end(this.#transactions, ask, this.#world);
    const replyOf = (writer: Writer): TransactionsReply => ({ call: 'end', ...writer });
    if (ask.protocol === 1 && this.#doubts(asked, ask, decision)) this.#refuse(asked, fault('OVERLOADED', COME_AGAIN));
    else if (decision.kind !== 'done') this.#carryOut(asked, decision, replyOf);
    else this.#answer(asked.message, asked.from, { ok: true, value: replyOf(decision.reply) });
  }

  /** With protocol 1 it may be of a transaction that has ended. */
  #doubts({ from }: Asked, { transaction, openedAt }: Join | End, decision: Decision<unknown>): boolean {
    const one = this.#transactions.get(transaction);
    return openedAt !== undefined && this.#voices.doubts(one, { name: from.name, openedAt }, decision);
  }

  #carryOut<R>(asked: Asked, decision: Decision<R>, replyOf: (reply: R) => TransactionsReply): void {
    if (decision.kind === 'refused') this.#refuse(asked, decision.fault);
    else {
      const refusal = decision.records.length === 0 ? null : this.#log.refusal;
      if (refusal !== null) {
        this.#refuse(asked, refusal);
        return;
      }
      for (const record of decision.records) this.#propose(record);
      if (decision.kind === 'done') this.#reply(asked, replyOf(decision.reply));
      else this.#wait(asked, decision.until);
    }
  }

  #propose(record: TransactionRecord): void {
    const used = record.type === 'opened' ? record.producer : record.type === 'ending' ? record.next : -1;
    if (used === this.#fresh[0]) this.#fresh.shift();
    this.#log.propose(record);
    if (record.type !== 'ending') return;
    const one = this.#transactions.get(record.transaction);
    this.#log.whenCommitted((refused) => {
      if (refused === null && one !== undefined) this.#marks.begin(one);
    });
  }

  #wait({ message, from }: Asked, until: Waiting['until']): void {
    if (this.#waiting.length >= WAITING_MAX) {
      this.#refuse({ message, from }, fault('OVERLOADED', 'many wait for the end of transactions'));
      return;
    }
    this.#waiting.push({ message, from, until, deadline: this.#context.monotonic() + WAIT_MS_MAX });
    if (until === 'producer') this.#askFresh();
  }

  #askFresh(): void {
    if (this.#freshAsked !== 0 && this.#context.monotonic() < this.#freshAskedAt + TIMEOUT_TICK_MS) return;
    const request = ++this.#requests;
    if (this.#context.send(catalogAddress(this.#context.node), { type: 'producer', request }) === 'full') return;
    this.#freshAsked = request;
    this.#freshAskedAt = this.#context.monotonic();
  }

  /** In the order in which they came. */
  #decideAgain(which: (waiting: Waiting) => boolean): void {
    const again = this.#waiting.filter(which);
    if (again.length === 0) return;
    this.#waiting = this.#waiting.filter((waiting) => !which(waiting));
    for (const { message, from } of again) this.#serve(message, from);
  }

  // ---- the end of transactions

  /** Everybody in it knows how it ended. */
  #told(one: Transaction): void {
    if (this.#transactions.get(one.id) !== one || !one.ending) return;
    if (this.#log.refusal !== null) {
      this.#toldOf.add(one);
      return;
    }
    this.#marks.forget(one);
    this.#log.propose({ transaction: one.id, at: this.#context.now(), type: 'ended' });
    this.#decideAgain(
      ({ until, message: { ask } }) => until === 'ended' && 'transaction' in ask && ask.transaction === one.id,
    );
  }

  #tick(): void {
    const now = this.#context.monotonic();
    const late = this.#waiting.filter(({ deadline }) => now >= deadline);
    this.#waiting = this.#waiting.filter(({ deadline }) => now < deadline);
    for (const one of late) {
      const reason =
        one.until === 'ended'
          ? fault('CONCURRENT_TRANSACTIONS', 'not everybody in the transaction has heard of its end yet')
          : fault('UNAVAILABLE', 'there is no producer id at hand');
      this.#refuse(one, reason);
    }
    if (this.#waiting.some(({ until }) => until === 'producer')) this.#askFresh();
    if (this.#log.refusal !== null) return;
    this.#marks.tick();
    for (const one of [...this.#toldOf]) {
      this.#toldOf.delete(one);
      this.#told(one);
    }
    for (const record of overdue(this.#transactions, this.#context.now())) {
      this.#context.log.info({ transaction: record.transaction }, 'transaction aborted: it was open too long');
      this.#propose(record);
    }
    if (now < this.#expiryAt) return;
    this.#expiryAt = now + EXPIRY_TICK_MS;
    for (const record of expired(this.#transactions, this.#context.now(), this.#init.transactionalIdMs))
      this.#propose(record);
  }

  /** One timer, for whatever comes first. */
  #arm(): void {
    const { ending, ongoing, size } = this.#transactions;
    if (ending.size > 0 || this.#waiting.length > 0) this.#wakeAfter(TICK_MS);
    else if (ongoing.size > 0) this.#wakeAfter(TIMEOUT_TICK_MS);
    else if (size > 0) this.#wakeAfter(EXPIRY_TICK_MS);
  }

  #wakeAfter(ms: number): void {
    const at = this.#context.monotonic() + ms;
    if (at >= this.#wakesAt) return;
    this.#timer?.cancel();
    this.#wakesAt = at;
    this.#timer = this.#context.after(ms, { type: 'wake' });
  }

  /** Ends that are under way go on after the next start. */
  #drain(): void {
    this.#draining = true;
    const reason = fault('SHUTTING_DOWN', 'the node is stopping');
    for (const { message, from } of [...this.#early.splice(0), ...this.#waiting.splice(0)])
      this.#answer(message, from, { ok: false, fault: reason });
  }

  // ---- answers

  #inspect(asked: Asked, transaction: string): void {
    const one = this.#transactions.get(transaction);
    if (one === undefined)
      this.#refuse(asked, fault('UNKNOWN_TRANSACTION', `there is no transactional id ${transaction}`));
    else this.#reply(asked, { call: 'inspect', report: reportOf(one, this.#context.now()) });
  }

  /** Once all that it shows is committed. */
  #reply({ message, from }: Asked, value: TransactionsReply): void {
    this.#log.whenCommitted((refused) => {
      this.#answer(message, from, refused === null ? { ok: true, value } : { ok: false, fault: refused });
    });
  }

  #refuse({ message, from }: Asked, reason: Fault): void {
    this.#log.whenCommitted((refused) => {
      const { code, message: text } = refused ?? reason;
      this.#answer(message, from, failed(code, text));
    });
  }

  #answer(message: TransactionsRequest, to: Address, result: Result<TransactionsReply>): void {
    const answer: TransactionsAnswer = { type: 'transacted', request: message.request, result };
    this.#context.reply(to, answer);
  }
}
