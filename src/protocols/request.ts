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

/** `none`: no answer. `leader`: durable by the topic's promise on the leader. `all`: committed. */
export type Acks = 'none' | 'leader' | 'all';

/** One partition, as clients name it. */
export interface Place {
  readonly topic: TopicId;
  readonly partition: PartitionIndex;
}

// ---- produce: `validate → append → replicate → commit → reply`

export interface ProduceRequest {
  readonly call: 'produce';
  readonly acks: Acks;
  /** After this the answer is TIMED_OUT; 1..WAIT_MS_MAX. */
  readonly timeoutMs: number;
  /** At most one part for each partition. */
  readonly parts: readonly (Place & {
    /** Exactly one record batch of version 2. */
    readonly batch: Uint8Array;
  })[];
}
export interface ProduceReply {
  readonly call: 'produce';
  readonly parts: readonly (Place &
    ({ readonly baseOffset: Offset; readonly beginOffset: Offset } | { readonly fault: Fault }))[];
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
  /** Ends the session; the answer is empty. */
  readonly close?: boolean;
}
export interface FetchReply {
  readonly call: 'fetch';
  readonly session: number;
  /** Only partitions with records or with a fault, and with `ends` others too. The session goes on behind the last batch given. */
  readonly parts: readonly (Place & {
    readonly fault?: Fault;
    /** First offset kept. */
    readonly begin: Offset;
    /** End of what readers may see: the offset that the next record gets, once committed. */
    readonly end: Offset;
    /** Whole record batches, one after the other. The first may begin before the offset asked for: skip those records. */
    readonly bytes: Uint8Array;
  })[];
}

// ---- offsets

export type OffsetAt = 'begin' | 'end' | { readonly timestamp: Timestamp };
export interface OffsetsRequest {
  readonly call: 'offsets';
  readonly parts: readonly (Place & { readonly at: OffsetAt })[];
}
export interface OffsetsReply {
  readonly call: 'offsets';
  /** By time: the first record with that timestamp or a later one; the end when there is none. `timestamp` is that record's, else -1. */
  readonly parts: readonly (Place &
    ({ readonly offset: Offset; readonly timestamp: number } | { readonly fault: Fault }))[];
}

// ---- topics

/** Looks up topics by name (dialects that know ids send ids); creates what is missing where `create` and the node's setting say so. */
export interface ResolveRequest {
  readonly call: 'resolve';
  readonly names: readonly string[];
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
}
export interface AlterTopicRequest {
  readonly call: 'alterTopic';
  readonly name: string;
  /** Only ever more than now. */
  readonly partitions?: number;
  readonly settings: Partial<TopicSettings>;
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

// ---- groups (shaped like KIP-848)

export interface GroupPlaces {
  readonly topic: TopicId;
  readonly partitions: readonly PartitionIndex[];
}
export interface HeartbeatRequest {
  readonly call: 'heartbeat';
  readonly group: string;
  /** Chosen by the member, unique: a UUID. */
  readonly member: string;
  /** 0 joins, -1 leaves, -2 a static member goes and will be back; else the epoch of the last answer. */
  readonly epoch: number;
  /** Static member: takes over its partitions when it is back within the session time-out. */
  readonly instance?: string;
  /** With epoch 0 and when they change. */
  readonly topics?: readonly string[];
  /** Given with epoch 0: range, roundrobin or sticky. */
  readonly assignor?: 'range' | 'roundrobin' | 'sticky';
  /** What the member holds now: given with every answer to a revocation, and when it changed. */
  readonly owned?: readonly GroupPlaces[];
  /** Given with epoch 0; ms without heartbeat after which the member is out, 1,000..1,800,000; default 45,000. */
  readonly sessionMs?: number;
  /** Given with epoch 0; ms to give up revoked partitions, 1,000..3,600,000; default 300,000. */
  readonly rebalanceMs?: number;
  /** The node may hold the answer so long while nothing changes; 0 answers at once. */
  readonly waitMs: number;
}
export interface HeartbeatReply {
  readonly call: 'heartbeat';
  readonly member: string;
  readonly epoch: number;
  readonly heartbeatMs: number;
  /** Present when it changed since the last answer, and after a join: hold exactly this, give up all else. */
  readonly assignment?: readonly GroupPlaces[];
}
/** Committed offsets never go back: a lower one than is there is answered as done and changes nothing; see {@link ResetGroupRequest}. */
export interface CommitRequest {
  readonly call: 'commit';
  readonly group: string;
  /** Empty with epoch -1: an admin or a reader without membership; refused while the group has members. */
  readonly member: string;
  readonly epoch: number;
  readonly offsets: readonly (Place & { readonly offset: Offset; readonly metadata?: string })[];
}
export interface CommitReply {
  readonly call: 'commit';
  readonly parts: readonly (Place & { readonly fault?: Fault })[];
}
export interface CommittedRequest {
  readonly call: 'committed';
  readonly group: string;
  /** Absent: all that the group has. */
  readonly places?: readonly Place[];
}
export interface CommittedReply {
  readonly call: 'committed';
  /** `offset` is -1 where the group has committed none. */
  readonly parts: readonly (Place & { readonly offset: number; readonly metadata: string })[];
}
export interface GroupsRequest {
  readonly call: 'groups';
}
export type GroupState = 'empty' | 'assigning' | 'reconciling' | 'stable';
export interface GroupSummary {
  readonly group: string;
  readonly state: GroupState;
  readonly members: number;
}
export interface GroupsReply {
  readonly call: 'groups';
  readonly groups: readonly GroupSummary[];
}
export interface DescribeGroupRequest {
  readonly call: 'describeGroup';
  readonly group: string;
}
/** `unknown` is a state of its own, never 0 or -1. */
export type Lag = { readonly messages: number; readonly bytes: number; readonly seconds: number } | 'unknown';
export interface DescribeGroupReply {
  readonly call: 'describeGroup';
  readonly group: string;
  readonly state: GroupState;
  readonly epoch: number;
  readonly assignor: string;
  readonly members: readonly {
    readonly member: string;
    readonly instance?: string;
    readonly client: string;
    readonly epoch: number;
    readonly topics: readonly string[];
    readonly owned: readonly GroupPlaces[];
    readonly target: readonly GroupPlaces[];
  }[];
  readonly partitions: readonly (Place & {
    readonly topicName: string;
    /** -1: nothing committed. */
    readonly committed: number;
    readonly begin: number;
    readonly end: number;
    /** Empty: nobody. */
    readonly member: string;
    readonly lag: Lag;
  })[];
}
export interface ResetGroupRequest {
  readonly call: 'resetGroup';
  readonly group: string;
  readonly places: readonly (Place & { readonly to: OffsetAt | { readonly offset: Offset } })[];
  /** Answer what would be, change nothing. */
  readonly dryRun: boolean;
}
export interface ResetGroupReply {
  readonly call: 'resetGroup';
  readonly parts: readonly (Place & ({ readonly from: number; readonly to: Offset } | { readonly fault: Fault }))[];
}
export interface DeleteGroupRequest {
  readonly call: 'deleteGroup';
  readonly group: string;
}
export interface DeleteGroupReply {
  readonly call: 'deleteGroup';
  readonly group: string;
}

// ---- node

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

export type Request =
  | ProduceRequest
  | FetchRequest
  | OffsetsRequest
  | ResolveRequest
  | TopicsRequest
  | CreateTopicRequest
  | AlterTopicRequest
  | DeleteTopicRequest
  | DescribeTopicRequest
  | ProducerRequest
  | HeartbeatRequest
  | CommitRequest
  | CommittedRequest
  | GroupsRequest
  | DescribeGroupRequest
  | ResetGroupRequest
  | DeleteGroupRequest
  | NodeRequest;

export type Reply =
  | ProduceReply
  | FetchReply
  | OffsetsReply
  | ResolveReply
  | TopicsReply
  | TopicReply<'createTopic'>
  | TopicReply<'alterTopic'>
  | TopicReply<'deleteTopic'>
  | DescribeTopicReply
  | ProducerReply
  | HeartbeatReply
  | CommitReply
  | CommittedReply
  | GroupsReply
  | DescribeGroupReply
  | ResetGroupReply
  | DeleteGroupReply
  | NodeReply
  | RefusedReply;

/** Name of a call. */
export type CallName = Request['call'];
export type RequestOf<C extends CallName> = Extract<Request, { readonly call: C }>;
/** What answers a call when it is not refused. */
export type ReplyOf<C extends CallName> = Extract<Reply, { readonly call: C }>;
