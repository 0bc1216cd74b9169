/**
 * What everybody may ask of a partition, and what it answers: the contract between actors/partition.ts and the rest.
 */
import type { Address, Lease } from '../../runtime/actor.ts';
import type { Aborted } from '../../src/log/transactions.ts';
import type { Fault } from '../../src/model/faults.ts';
import type { Offset, PartitionId, PartitionIndex, Timestamp, TopicId } from '../../src/model/ids.ts';
import { MIB } from '../../src/model/limits.ts';
import { TOPIC_DEFAULTS, type TopicSettings } from '../../src/model/topic.ts';
import type { ProducerReport } from '../../src/protocols/transactions.ts';

/** Readers see what is committed and belongs to no open transaction, unless they want that too. */
interface Sight {
  readonly uncommitted?: boolean;
}

/** Number of an append without acks whose sender wants to hear that it was refused, and nothing else. */
export const REFUSALS_ONLY = -1;

/** Nobody waits for an answer to this append, not even for a refusal. */
export const isSilent = ({ acks, request }: { readonly acks: 'none' | 'all'; readonly request: number }): boolean =>
  acks === 'none' && request !== REFUSALS_ONLY;

/** What everybody may ask of a partition. Every request is answered once, by `refused` or by the answer named. */
export type PartitionRequest =
  /** One batch whose checksum was verified by the sender → `appended`, once committed (`acks: 'none'`: see {@link isSilent}). */
  | {
      readonly type: 'append';
      readonly request: number;
      readonly acks: 'none' | 'all';
      readonly bytes: Uint8Array;
      readonly lease?: Lease;
      /** Of a transactional batch; `joins`: its first one here makes the partition part of the transaction. */
      readonly transaction?: { readonly id: string; readonly joins: boolean };
    }
  /** How a producer's transaction ended → `appended`, once that is committed; at once where it has none open here. */
  | {
      readonly type: 'mark';
      readonly request: number;
      readonly producer: number;
      readonly epoch: number;
      readonly commit: boolean;
      readonly coordinatorEpoch: number;
    }
  /** Whole batches from the one that holds `offset`, below what the reader sees → `records`. Empty at the end. */
  | ({ readonly type: 'read'; readonly request: number; readonly offset: Offset; readonly bytesMax: number } & Sight)
  /** Records that were given are on their way to the client: a good time to read what comes next. Nobody has to tell. */
  | { readonly type: 'taken'; readonly request: number }
  /** → `ready` once something can be read at or above `offset`. One at a time for each sender and request. */
  | ({ readonly type: 'watch'; readonly request: number; readonly offset: Offset } & Sight)
  | { readonly type: 'unwatch'; readonly request: number }
  /** → `found` */
  | ({ readonly type: 'find'; readonly request: number; readonly at: 'begin' | 'end' | 'newest' | Timestamp } & Sight)
  /** Producers that are known here → `producers` */
  | { readonly type: 'producers'; readonly request: number }
  /** Bytes from an offset on and the time of its record, for lag; outside of begin..end the nearer one counts → `measured` */
  | { readonly type: 'measure'; readonly request: number; readonly offset: Offset }
  /** → `described` */
  | { readonly type: 'describe'; readonly request: number }
  /** From the janitor: reads and checks all sealed segments, slowly → `scrubbed` */
  | { readonly type: 'scrub'; readonly request: number }
  /** Forgets what lies before `offset`, which is committed → `trimmed`, once that is on disk */
  | { readonly type: 'trim'; readonly request: number; readonly offset: Offset };

export type PartitionAnswer =
  | { readonly type: 'scrubbed'; readonly request: number }
  | { readonly type: 'appended'; readonly request: number; readonly baseOffset: Offset; readonly begin: Offset }
  | {
      readonly type: 'records';
      readonly request: number;
      readonly begin: Offset;
      readonly end: Offset;
      /** Behind what belongs to no open transaction. */
      readonly stable: Offset;
      /** Whose records among these were taken back, and from which offset on. Absent: none, or nobody asked. */
      readonly aborted?: readonly Aborted[];
      /** Offset behind the last batch given; the offset asked for when there was none. */
      readonly next: Offset;
      readonly bytes: Uint8Array;
      readonly lease?: Lease;
    }
  | { readonly type: 'ready'; readonly request: number }
  | { readonly type: 'found'; readonly request: number; readonly offset: Offset; readonly timestamp: number }
  | {
      readonly type: 'measured';
      readonly request: number;
      readonly begin: Offset;
      readonly end: Offset;
      /** Bytes of the batches from `offset` to the end. */
      readonly sizeBytes: number;
      /** Newest timestamp of the batch that holds `offset`; -1 at the end. */
      readonly timestamp: number;
    }
  | {
      readonly type: 'described';
      readonly request: number;
      readonly begin: Offset;
      readonly end: Offset;
      readonly durable: Offset;
      readonly appended: Offset;
      readonly sizeBytes: number;
      readonly segments: number;
      readonly damaged: readonly (readonly [Offset, Offset])[];
    }
  | { readonly type: 'producers'; readonly request: number; readonly producers: readonly ProducerReport[] }
  | { readonly type: 'trimmed'; readonly request: number; readonly begin: Offset }
  | { readonly type: 'refused'; readonly request: number; readonly fault: Fault };

/** What the directory of its shard tells a partition: first answer to its own `describe`, then at every change. */
export type PartitionConfiguration =
  | {
      readonly type: 'configure';
      readonly topic: TopicId;
      readonly topicName: string;
      readonly partition: PartitionIndex;
      readonly settings: TopicSettings;
    }
  /** The topic is gone, or never was: free the files, refuse everything with UNKNOWN_PARTITION, stop. */
  | { readonly type: 'gone' };

export const partitionAddress = (node: Address['node'], id: PartitionId): Address<PartitionRequest> => ({
  node,
  name: `partition/${id}`,
  incarnation: 0,
});

/** The node's own logs: never gone by age, always fsynced; their owners trim them. */
export const INTERNAL_SETTINGS: TopicSettings = {
  ...TOPIC_DEFAULTS,
  retentionMs: -1,
  segmentBytes: 8 * MIB,
  batchBytesMax: 8 * MIB,
};
