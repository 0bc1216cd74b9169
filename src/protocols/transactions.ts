/**
 * The common language's part on transactions: what is written under a transactional id becomes visible as a whole, or not
 * at all. Who writes is a producer id and an epoch; -1 stands for none.
 */
import type { Fault } from '../model/faults.ts';
import type { PartitionIndex, TopicId } from '../model/ids.ts';

interface Place {
  readonly topic: TopicId;
  readonly partition: PartitionIndex;
}
interface Writer {
  readonly producer: number;
  readonly epoch: number;
}
type Judged = Place & { readonly fault?: Fault };

/** An instance of a producer begins: fences the one before, and aborts what that had open. */
export interface OpenProducerRequest {
  readonly call: 'openProducer';
  readonly transaction: string;
  readonly timeoutMs: number;
  /** What it had before, for one that goes on after a loss; both -1: it begins. */
  readonly before: Writer;
}
export interface OpenProducerReply extends Writer {
  readonly call: 'openProducer';
}

/** The transaction begins with what joins it first. */
export interface JoinTransactionRequest extends Writer {
  readonly call: 'joinTransaction';
  readonly transaction: string;
  readonly places: readonly Place[];
  /** Names of groups whose offsets it is going to commit. */
  readonly groups: readonly string[];
  /** Only asks whether they are in it. */
  readonly verify: boolean;
}
export interface JoinTransactionReply {
  readonly call: 'joinTransaction';
  readonly parts: readonly Judged[];
}

/** Answered once all partitions and groups of the transaction know how it ended. */
export interface EndTransactionRequest extends Writer {
  readonly call: 'endTransaction';
  readonly transaction: string;
  readonly commit: boolean;
  /** 2: the answer has the next transaction's epoch, and maybe another producer id. */
  readonly protocol: 1 | 2;
}
export interface EndTransactionReply extends Writer {
  readonly call: 'endTransaction';
}

export type TransactionState = 'empty' | 'ongoing' | 'committing' | 'aborting' | 'committed' | 'aborted';
export interface TransactionSummary extends Writer {
  readonly transaction: string;
  readonly state: TransactionState;
  /** When the one that is open began; -1: none is. */
  readonly startedAt: number;
  /** For how long it has been open; -1: none is. */
  readonly openMs: number;
}
export interface InspectTransactionRequest {
  readonly call: 'inspectTransaction';
  readonly transaction: string;
}
export interface InspectTransactionReply extends TransactionSummary {
  readonly call: 'inspectTransaction';
  readonly timeoutMs: number;
  readonly places: readonly Place[];
}
export interface TransactionsRequest {
  readonly call: 'transactions';
  /** Only those whose whole transactional id it fits. */
  readonly pattern?: string;
}
export interface TransactionsReply {
  readonly call: 'transactions';
  readonly transactions: readonly TransactionSummary[];
}

/** By an admin: ends what a producer has open in partitions, whatever its coordinator knows of it. */
export interface MarkTransactionRequest extends Writer {
  readonly call: 'markTransaction';
  readonly commit: boolean;
  readonly coordinatorEpoch: number;
  readonly places: readonly Place[];
}
export interface MarkTransactionReply {
  readonly call: 'markTransaction';
  readonly parts: readonly Judged[];
}

/** Producers that partitions remember. */
export interface DescribeProducersRequest {
  readonly call: 'describeProducers';
  readonly places: readonly Place[];
}
export interface ProducerReport extends Writer {
  /** -1: none since its last transaction began with a new epoch. */
  readonly lastSequence: number;
  /** Of the newest record of its last batch or marker, ms since 1970; -1: none was given. */
  readonly lastTimestamp: number;
  /** First offset of the transaction that it has open here; -1: none. */
  readonly openSince: number;
}
export interface DescribeProducersReply {
  readonly call: 'describeProducers';
  readonly parts: readonly (Place & ({ readonly producers: readonly ProducerReport[] } | { readonly fault: Fault }))[];
}

export type TransactionRequest =
  | OpenProducerRequest
  | JoinTransactionRequest
  | EndTransactionRequest
  | InspectTransactionRequest
  | TransactionsRequest
  | MarkTransactionRequest
  | DescribeProducersRequest;
export type TransactionReply =
  | OpenProducerReply
  | JoinTransactionReply
  | EndTransactionReply
  | InspectTransactionReply
  | TransactionsReply
  | MarkTransactionReply
  | DescribeProducersReply;
