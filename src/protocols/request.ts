/**
 * The common language of all dialects: what a client may ask a node, and what it is told. A dialect turns its frames
 * into these values and back; actors/connection.ts carries them out. Names stand in dialects, ids in here.
 */

import type { Fault } from '../model/faults.ts';
import type {
  Offset,
  PartitionId,
  PartitionIndex,
  ProducerEpoch,
  ProducerId,
  Timestamp,
  TopicId,
} from '../model/ids.ts';
import type { Topic, TopicSettings } from '../model/topic.ts';
import type { AdministrationReply, AdministrationRequest } from './administration.ts';
import type { ClassicReply, ClassicRequest } from './classic.ts';
import type {
  AlteredGroupsReply,
  AlteredGroupsRequest,
  AlterGroupReply,
  AlterGroupRequest,
  CommitInTransactionReply,
  CommitInTransactionRequest,
  CommitReply,
  CommitRequest,
  CommittedReply,
  CommittedRequest,
  DeleteGroupReply,
  DeleteGroupRequest,
  DescribeGroupReply,
  DescribeGroupRequest,
  GroupSettingsReply,
  GroupSettingsRequest,
  GroupsReply,
  GroupsRequest,
  HeartbeatReply,
  HeartbeatRequest,
  ResetGroupReply,
  ResetGroupRequest,
} from './groups.ts';
import type { OffsetAt, Place } from './place.ts';
import type { TransactionReply, TransactionRequest } from './transactions.ts';

export type * from './administration.ts';
export type * from './groups.ts';

/** `none`: no answer. `leader`: durable by the topic's promise on the leader. `all`: committed. */
export type Acks = 'none' | 'leader' | 'all';

// ---- produce: `validate → append → replicate → commit → reply`

export interface ProduceRequest {
  readonly call: 'produce';
  readonly acks: Acks;
  /** After this the answer is TIMED_OUT; 1..WAIT_MS_MAX. */
  readonly timeoutMs: number;
  /** Without acks there is an answer all the same where a part is refused at once: the dialect's clients are to notice. */
  readonly tellRefused?: boolean;
  /** Of transactional batches. `joins`: partitions become part of the transaction by their first one. */
  readonly transaction?: { readonly id: string; readonly joins: boolean };
  /** At most one part for each partition. */
  readonly parts: readonly (Place & {
    /** Exactly one record batch of version 2. */
    readonly batch: Uint8Array;
  })[];
}
export interface ProduceReply {
  readonly call: 'produce';
  /** For so long the client is to be quiet: it is ahead of its quota. Absent: it need not. */
  readonly throttleMs?: number;
  readonly parts: readonly (Place &
    (
      | {
          readonly baseOffset: Offset;
          readonly beginOffset: Offset;
          /** Time that the node gave the records, where the topic wants that. */
          readonly appendedAt?: Timestamp;
        }
      | { readonly fault: Fault }
    ))[];
}

// ---- fetch: incremental sessions, so that an idle consumer of many partitions costs little

export interface FetchRequest {
  readonly call: 'fetch';
  /** 0 opens a session; its number comes with the answer. One fetch at a time in each session. */
  readonly session: number;
  /** Partitions that join the session, or go on from another offset. */
  readonly add: readonly (Place & { readonly offset: Offset; readonly bytesMax: number })[];
  readonly drop: readonly Place[];
  /** Answer when there are this many bytes, or after `waitMs` with what there is. 0 answers at once. */
  readonly bytesMin: number;
  /** Stop adding partitions beyond this; a single batch that is larger is given all the same, so that it can't block. */
  readonly bytesMax: number;
  readonly waitMs: number;
  /** Tell also of partitions without records, as far as they were looked at. */
  readonly ends?: boolean;
  /** Records of open transactions too, and nothing about which were taken back. */
  readonly uncommitted?: boolean;
  /** Ends the session; the answer is empty. */
  readonly close?: boolean;
}
export interface FetchReply {
  readonly call: 'fetch';
  /** For so long the client is to be quiet: it is ahead of its quota, and is given nothing. Absent: it need not. */
  readonly throttleMs?: number;
  readonly session: number;
  /** Only partitions with records or with a fault, and with `ends` others too. The session goes on behind the last batch given. */
  readonly parts: readonly (Place & {
    readonly fault?: Fault;
    /** First offset kept. */
    readonly begin: Offset;
    /** Behind all that is committed here, of open transactions or not: the offset that the next record gets. */
    readonly end: Offset;
    /** End of what readers of committed records see: before the first open transaction. Absent: the same. */
    readonly stable?: Offset;
    /** Whose transactional records among these were taken back, from which offset on and up to its next marker. */
    readonly aborted?: readonly AbortedRecords[];
    /** Whole record batches, one after the other. The first may begin before the offset asked for: skip those records. */
    readonly bytes: Uint8Array;
  })[];
}

export type AbortedRecords = readonly [producerId: number, first: number];

// ---- offsets

export interface OffsetsRequest {
  readonly call: 'offsets';
  /** Sees records of open transactions too. */
  readonly uncommitted?: boolean;
  /** `newest`: the first record with the latest timestamp that there is. */
  readonly parts: readonly (Place & { readonly at: OffsetAt | 'newest' })[];
}
export interface OffsetsReply {
  readonly call: 'offsets';
  /** By time: the first record with that timestamp or a later one; the end when there is none. `timestamp` is that record's, else -1. */
  readonly parts: readonly (Place &
    ({ readonly offset: Offset; readonly timestamp: number } | { readonly fault: Fault }))[];
}

/** Forgets what lies before an offset, for good; readers begin there from now on. */
export interface DeleteRecordsRequest {
  readonly call: 'deleteRecords';
  readonly parts: readonly (Place & { readonly before: Offset })[];
}
export interface DeleteRecordsReply {
  readonly call: 'deleteRecords';
  readonly parts: readonly (Place & ({ readonly begin: Offset } | { readonly fault: Fault }))[];
}

// ---- topics

/** Looks up topics by name, or by id where a dialect's clients have ids; creates what is missing where `create` and the node's setting say so. */
export interface ResolveRequest {
  readonly call: 'resolve';
  readonly names: readonly string[];
  /** Answered behind the names; never created. */
  readonly ids?: readonly TopicId[];
  readonly create: boolean;
}
export interface ResolveReply {
  readonly call: 'resolve';
  readonly topics: readonly ({ readonly topic: Topic } | { readonly name: string; readonly fault: Fault })[];
}
export interface TopicsRequest {
  readonly call: 'topics';
}
export interface TopicsReply {
  readonly call: 'topics';
  readonly topics: readonly Topic[];
}
export interface CreateTopicRequest {
  readonly call: 'createTopic';
  readonly name: string;
  /** Absent: the node's default. */
  readonly partitions?: number;
  readonly settings: Partial<TopicSettings>;
  /** Nothing is changed: what would become of it, or why it can't be done. */
  readonly validateOnly?: boolean;
}
export interface AlterTopicRequest {
  readonly call: 'alterTopic';
  readonly name: string;
  /** Only ever more than now. */
  readonly partitions?: number;
  readonly settings: Partial<TopicSettings>;
  /** As of {@link CreateTopicRequest}. */
  readonly validateOnly?: boolean;
}
export interface DeleteTopicRequest {
  readonly call: 'deleteTopic';
  readonly name: string;
}
export interface TopicReply<C extends TopicChange = TopicChange> {
  readonly call: C;
  /** As it is now; as it was, when it was deleted. */
  readonly topic: Topic;
}
export type TopicChange = 'createTopic' | 'alterTopic' | 'deleteTopic';
export interface DescribeTopicRequest {
  readonly call: 'describeTopic';
  readonly name: string;
}
export interface PartitionReport {
  readonly partition: PartitionIndex;
  readonly id: PartitionId;
  readonly begin: Offset;
  /** What readers see. */
  readonly end: Offset;
  /** Fsynced here. */
  readonly durable: Offset;
  /** Appended. */
  readonly appended: Offset;
  readonly bytes: number;
  readonly segments: number;
  /** Ranges that are damaged on disk, first to last offset. */
  readonly damaged: readonly (readonly [Offset, Offset])[];
}
export interface DescribeTopicReply {
  readonly call: 'describeTopic';
  readonly topic: Topic;
  readonly partitions: readonly (PartitionReport | { readonly partition: PartitionIndex; readonly fault: Fault })[];
}

// ---- producers

export interface ProducerRequest {
  readonly call: 'producer';
}
export interface ProducerReply {
  readonly call: 'producer';
  readonly producerId: ProducerId;
  readonly epoch: ProducerEpoch;
}

// ---- node

/** An id for a client that has none. */
export interface FreshIdRequest {
  readonly call: 'freshId';
}
export interface FreshIdReply {
  readonly call: 'freshId';
  /** A UUID. */
  readonly id: string;
}

export interface NodeRequest {
  readonly call: 'node';
}
export interface NodeReply {
  readonly call: 'node';
  readonly version: string;
  readonly node: number;
  readonly cluster: string;
  readonly startedAt: Timestamp;
  readonly shards: readonly {
    readonly shard: number;
    readonly incarnation: number;
    readonly state: 'running' | 'starting';
  }[];
  readonly topics: number;
  readonly partitions: number;
  readonly storage: {
    readonly folder: string;
    readonly direct: boolean;
    readonly freeBytes: number;
    readonly totalBytes: number;
    readonly refusingWrites: boolean;
  };
}

/** A request that could not be carried out at all. */
export interface RefusedReply {
  readonly call: 'refused';
  readonly fault: Fault;
}

/** What the coordinator of a group is asked. */
export type GroupRequest =
  | ClassicRequest
  | HeartbeatRequest
  | CommitInTransactionRequest
  | CommitRequest
  | CommittedRequest
  | GroupsRequest
  | DescribeGroupRequest
  | ResetGroupRequest
  | DeleteGroupRequest
  | GroupSettingsRequest
  | AlteredGroupsRequest
  | AlterGroupRequest;

export type GroupReply =
  | ClassicReply
  | HeartbeatReply
  | CommitInTransactionReply
  | CommitReply
  | CommittedReply
  | GroupsReply
  | DescribeGroupReply
  | ResetGroupReply
  | DeleteGroupReply
  | GroupSettingsReply
  | AlteredGroupsReply
  | AlterGroupReply;

export type Request =
  | ProduceRequest
  | FetchRequest
  | OffsetsRequest
  | DeleteRecordsRequest
  | ResolveRequest
  | TopicsRequest
  | CreateTopicRequest
  | AlterTopicRequest
  | DeleteTopicRequest
  | DescribeTopicRequest
  | ProducerRequest
  | AdministrationRequest
  | FreshIdRequest
  | GroupRequest
  | TransactionRequest
  | NodeRequest;

export type Reply =
  | ProduceReply
  | FetchReply
  | OffsetsReply
  | DeleteRecordsReply
  | ResolveReply
  | TopicsReply
  | TopicReply<'createTopic'>
  | TopicReply<'alterTopic'>
  | TopicReply<'deleteTopic'>
  | DescribeTopicReply
  | ProducerReply
  | AdministrationReply
  | FreshIdReply
  | GroupReply
  | TransactionReply
  | NodeReply
  | RefusedReply;

/** Name of a call. */
export type CallName = Request['call'];
/** Calls that the native protocol has frames for; the others are asked by other dialects alone. */
export type NativeCallName = Exclude<
  CallName,
  | ClassicRequest['call']
  | AdministrationRequest['call']
  | TransactionRequest['call']
  | 'commitInTransaction'
  | 'groupSettings'
  | 'alteredGroups'
  | 'alterGroup'
  | 'deleteRecords'
  | 'freshId'
>;
export type RequestOf<C extends CallName> = Extract<Request, { readonly call: C }>;
/** What answers a call when it is not refused. */
export type ReplyOf<C extends CallName> = Extract<Reply, { readonly call: C }>;
