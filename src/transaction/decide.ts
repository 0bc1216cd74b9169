/**
 * What a coordinator says to a request about transactions: records and a reply, or what is to be waited for, or the fault
 * that stands in the way. Reads the state, never changes it; a request that waits is decided again from the beginning.
 *
 * Who may write under a transactional id is a producer id and an epoch; a new instance gets the next epoch, and what the
 * one before had open is aborted first. With protocol 2 (KIP-890) every end of a transaction takes an epoch of its own, so
 * that what comes late of an ended transaction finds an older epoch than the present one and is refused. With protocol 1
 * the epoch stays: a partition takes no first batch of a transaction that does not have it (see {@link join}).
 */

import type { Fault } from '../model/faults.ts';
import { failed } from '../model/faults.ts';
import {
  TRANSACTION_GROUPS_MAX,
  TRANSACTION_PLACES_MAX,
  TRANSACTIONAL_ID_CHARS_MAX,
  TRANSACTIONS_PER_COORDINATOR_MAX,
} from '../model/limits.ts';
import type { PackedPlace, TransactionRecord } from './record.ts';
import { EPOCH_LAST, NONE, type Transaction } from './transaction.ts';
import type { Transactions } from './transactions.ts';

export type Decision<Reply> =
  | { readonly kind: 'done'; readonly records: readonly TransactionRecord[]; readonly reply: Reply }
  /** Once the records are applied: until the transaction has ended, or there is a fresh producer id. */
  | { readonly kind: 'wait'; readonly records: readonly TransactionRecord[]; readonly until: 'ended' | 'producer' }
  | { readonly kind: 'refused'; readonly fault: Fault };

/** Who writes under a transactional id. */
export interface Writer {
  readonly producer: number;
  readonly epoch: number;
}
export interface World {
  /** Ms since 1970. */
  readonly now: number;
  /** A producer id that nobody has; null: there is none at hand. */
  readonly fresh: number | null;
  readonly timeoutMsMax: number;
}

const NO_RECORDS: readonly TransactionRecord[] = [];
const NEEDS_PRODUCER = { kind: 'wait', records: NO_RECORDS, until: 'producer' } as const;
const WAITS_FOR_END = { kind: 'wait', records: NO_RECORDS, until: 'ended' } as const;

type Refused = Extract<Decision<never>, { readonly kind: 'refused' }>;
type Code = Parameters<typeof failed>[0];
const refuse = (code: Code, message: string): Refused => ({ kind: 'refused', fault: failed(code, message).fault });
const fenced = (id: string, epoch: number): Refused =>
  refuse('PRODUCER_FENCED', `${id} is another producer's by now, or at another epoch than ${epoch}`);
const unmapped = (id: string): Refused =>
  id === ''
    ? refuse('INVALID_REQUEST', 'a transactional id is not empty')
    : refuse('PRODUCER_UNMAPPED', `${id} has no such producer id`);

// ---- an instance of a producer begins

export interface Open {
  readonly transaction: string;
  readonly timeoutMs: number;
  /** What the producer had before, for one that goes on after a loss (KIP-360); -1: it begins. */
  readonly before: Writer;
}

export function open(all: Transactions, request: Open, world: World): Decision<Writer> {
  const { transaction: id, timeoutMs } = request;
  if (id === '' || id.length > TRANSACTIONAL_ID_CHARS_MAX)
    return refuse('INVALID_REQUEST', `transactional ids have 1 to ${TRANSACTIONAL_ID_CHARS_MAX} characters`);
  if (timeoutMs <= 0 || timeoutMs > world.timeoutMsMax)
    return refuse('INVALID_TRANSACTION_TIMEOUT', `${timeoutMs} ms is not between 1 and ${world.timeoutMsMax}`);
  const one = all.get(id);
  if (one !== undefined) return reopen(one, request, world);
  if (all.full)
    return refuse('INVALID_REQUEST', `there are ${TRANSACTIONS_PER_COORDINATOR_MAX} transactional ids beside ${id}`);
  if (world.fresh === null) return NEEDS_PRODUCER;
  return opened(request, world, { producer: world.fresh, epoch: 0, lastProducer: NONE, lastEpoch: NONE });
}

function reopen(one: Transaction, request: Open, world: World): Decision<Writer> {
  const { before } = request;
  const goesOn = before.producer !== NONE;
  if (goesOn && before.producer !== one.producer && !isUsedUp(one, before)) return fenced(one.id, before.epoch);
  if (one.ending) return WAITS_FOR_END;
  if (one.state === 'ongoing') {
    if (goesOn && before.epoch !== one.epoch) return fenced(one.id, before.epoch);
    // Whoever had it open is fenced by the epoch; the present one asked for the end itself.
    return { ...WAITS_FOR_END, records: [fence(one, world.now, goesOn ? one.epoch : NONE)] };
  }
  const { producer, epoch, lastProducer, lastEpoch } = one;
  if (isUsedUp(one, before)) return opened(request, world, { producer, epoch, lastProducer, lastEpoch });
  if (goesOn && before.epoch !== epoch && before.epoch !== lastEpoch) return fenced(one.id, before.epoch);
  if (epoch >= EPOCH_LAST) {
    if (world.fresh === null) return NEEDS_PRODUCER;
    const last = { lastProducer: producer, lastEpoch: goesOn ? epoch : NONE };
    return opened(request, world, { producer: world.fresh, epoch: 0, ...last });
  }
  if (goesOn && before.epoch === lastEpoch && before.epoch !== epoch)
    return opened(request, world, { producer, epoch, lastProducer, lastEpoch });
  return opened(request, world, { producer, epoch: epoch + 1, lastProducer, lastEpoch: goesOn ? epoch : NONE });
}

/** The answer that gave it a new producer id was lost. */
function isUsedUp(one: Transaction, before: Writer): boolean {
  return (
    before.producer !== NONE && before.producer === one.lastProducer && before.epoch >= EPOCH_LAST && one.epoch === 0
  );
}

function opened(
  { transaction, timeoutMs }: Open,
  { now: at }: World,
  who: Writer & { readonly lastProducer: number; readonly lastEpoch: number },
): Decision<Writer> {
  const record = { transaction, at, type: 'opened', timeoutMs, ...who } as const;
  return { kind: 'done', records: [record], reply: { producer: who.producer, epoch: who.epoch } };
}

/** Aborts what is open, by an epoch that nobody writes with. */
export function fence(one: Transaction, at: number, lastEpoch = one.epoch): TransactionRecord {
  return {
    ...{ transaction: one.id, at, type: 'ending', commit: false },
    ...{ epoch: one.epoch + 1, lastEpoch, next: NONE },
  };
}

// ---- partitions and groups join

export interface Join extends Writer {
  readonly transaction: string;
  readonly places: readonly PackedPlace[];
  readonly groups: readonly string[];
  /** Changes nothing: are they all in it? */
  readonly verify: boolean;
}

export interface Joined {
  /** All are in it now. */
  readonly all: boolean;
  /** Partitions that are not, for who verifies. */
  readonly missing: readonly number[];
}

export function join(all: Transactions, request: Join, now: number): Decision<Joined> {
  const one = all.get(request.transaction);
  if (one === undefined || one.producer !== request.producer) return unmapped(request.transaction);
  if (one.epoch !== request.epoch) return fenced(one.id, request.epoch);
  // Not held back until the end: a request of the transaction that ends would begin the next one.
  if (one.ending) return refuse('CONCURRENT_TRANSACTIONS', `the transaction of ${one.id} is being ended`);
  const isOpen = one.state === 'ongoing';
  const places = request.places.filter(([partition]) => !isOpen || !one.places.has(partition));
  const groups = request.groups.filter((group) => !isOpen || !one.groups.has(group));
  const news = places.length + groups.length > 0;
  const missing = places.map(([partition]) => partition);
  if (request.verify || !news) return { kind: 'done', records: NO_RECORDS, reply: { all: !news, missing } };
  const room =
    one.places.size + places.length <= TRANSACTION_PLACES_MAX &&
    one.groups.size + groups.length <= TRANSACTION_GROUPS_MAX;
  if (!room) return refuse('INVALID_REQUEST', `a transaction has at most ${TRANSACTION_PLACES_MAX} partitions`);
  const record = { transaction: one.id, at: now, type: 'joined', places, groups } as const;
  return { kind: 'done', records: [record], reply: { all: true, missing: [] } };
}

// ---- the end

export interface End extends Writer {
  readonly transaction: string;
  readonly commit: boolean;
  /** 2: every end takes an epoch of its own (KIP-890). */
  readonly protocol: 1 | 2;
}

/**
 * Answered when all partitions and groups of the transaction know: who reads committed records then sees it, and the next
 * transaction finds nothing in its way.
 */
export function end(all: Transactions, request: End, world: World): Decision<Writer> {
  const one = all.get(request.transaction);
  if (one === undefined) return unmapped(request.transaction);
  // Protocol 2: the answer that told the new epoch was lost.
  const isRetry = request.protocol === 2 && (isBefore(one, request) || isUsedUp(one, request));
  if (!isRetry && request.producer !== one.producer) return unmapped(one.id);
  const isPresent = request.epoch === one.epoch && request.producer === one.producer;
  switch (one.state) {
    case 'ongoing':
      return isPresent ? decided(one, request, world) : fenced(one.id, request.epoch);
    case 'committing':
    case 'aborting':
      if (request.protocol === 2 ? !isRetry : !isPresent) return fenced(one.id, request.epoch);
      return one.commit === request.commit ? WAITS_FOR_END : contradiction(one, request);
    case 'committed':
    case 'aborted':
      if (!isRetry && !isPresent) return fenced(one.id, request.epoch);
      if (request.protocol === 2 && !isRetry) return nothingToEnd(one, request, world);
      return one.commit === request.commit ? done(one) : contradiction(one, request);
    case 'empty':
      return isPresent ? nothingToEnd(one, request, world) : fenced(one.id, request.epoch);
  }
}

const isBefore = (one: Transaction, { producer, epoch }: Writer): boolean =>
  producer === one.producer && epoch === one.epoch - 1;

function done({ producer, epoch }: Transaction): Decision<Writer> {
  return { kind: 'done', records: NO_RECORDS, reply: { producer, epoch } };
}

function contradiction(one: Transaction, { commit }: End): Refused {
  const [asked, is] = commit ? ['commit', one.state] : ['abort', one.state];
  return refuse('INVALID_TRANSACTION_STATE', `${asked} came, the transaction of ${one.id} is ${is}`);
}

/** An abort before anything was written is a new epoch alone; a commit of nothing is none. */
function nothingToEnd(one: Transaction, request: End, world: World): Decision<Writer> {
  if (request.protocol === 2 && !request.commit) return decided(one, request, world);
  return refuse('INVALID_TRANSACTION_STATE', `${one.id} has no transaction`);
}

function decided(one: Transaction, { commit, protocol }: End, { now: at, fresh }: World): Decision<Writer> {
  const { id: transaction, lastEpoch } = one;
  const ending = { transaction, at, type: 'ending', commit } as const;
  if (protocol === 1) return { ...WAITS_FOR_END, records: [{ ...ending, epoch: one.epoch, lastEpoch, next: NONE }] };
  const usedUp = one.epoch >= EPOCH_LAST;
  if (usedUp && fresh === null) return NEEDS_PRODUCER;
  const next = usedUp ? (fresh as number) : NONE;
  return { ...WAITS_FOR_END, records: [{ ...ending, epoch: one.epoch + 1, lastEpoch: one.epoch, next }] };
}

// ---- time

/** What time has come for: transactions that are open too long are aborted, ids that nobody uses are forgotten. */
export function* overdue(all: Transactions, now: number): Generator<TransactionRecord> {
  for (const one of [...all.ongoing]) if (now - one.startedAt >= one.timeoutMs) yield fence(one, now);
}

export function* expired(all: Transactions, now: number, idMs: number): Generator<TransactionRecord> {
  for (const one of [...all.all()])
    if (one.state !== 'ongoing' && !one.ending && now - one.usedAt >= idMs)
      yield { transaction: one.id, at: now, type: 'expired' };
}
