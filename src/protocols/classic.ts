/**
 * The common language's part on groups whose members wait for each other: all join, one of them assigns, all are told. It
 * shares groups, offsets and coordinators with the native calls. Metadata and assignments are the members' own bytes, which
 * the node hands on; what the dialect read in them stands beside them, for groups in which the node takes over.
 */
import type { Fault } from '../model/faults.ts';
import type { Offset, PartitionIndex, TopicId } from '../model/ids.ts';

/** Partitions as members name them that assign by themselves. */
export interface NamedPlaces {
  readonly topic: string;
  readonly partitions: readonly number[];
}

/** A way of assigning that a member knows, with what it tells the one who assigns. */
export interface MemberProtocol {
  readonly name: string;
  readonly metadata: Uint8Array;
  /** Names of topics that the metadata subscribes to, where the dialect could tell. */
  readonly topics: readonly string[];
  /** What it holds, as the metadata says; null: it is no subscription that the dialect can read. */
  readonly owned: readonly NamedPlaces[] | null;
}

/** Answered when everybody has joined who is expected, or when the time for that is over. */
export interface JoinGroupRequest {
  readonly call: 'joinGroup';
  readonly group: string;
  /** Empty: a new member, who is given its id. */
  readonly member: string;
  readonly instance?: string;
  /** Kind of the group's members: all have the same. */
  readonly protocolType: string;
  /** In the order in which the member likes them. */
  readonly protocols: readonly MemberProtocol[];
  readonly sessionMs: number;
  readonly rebalanceMs: number;
  /** A new member without instance id is only told its id, and joins when it comes back with it. */
  readonly twoSteps: boolean;
  /** The client understands that a leader does not have to assign anew. */
  readonly maySkip: boolean;
}
export interface JoinGroupReply {
  readonly call: 'joinGroup';
  readonly member: string;
  /** MEMBER_ID_REQUIRED: come back with `member`. */
  readonly fault?: Fault;
  readonly generation: number;
  readonly protocolType: string;
  readonly protocol: string;
  readonly leader: string;
  /** The leader: the assignment of this generation stands, nothing is to be sent. */
  readonly skip: boolean;
  /** For the leader: everybody. */
  readonly members: readonly { readonly member: string; readonly instance?: string; readonly metadata: Uint8Array }[];
}

/** Who speaks, as every call behind the join says it. */
export interface InGeneration {
  readonly group: string;
  readonly member: string;
  readonly instance?: string;
  readonly generation: number;
}
/** Answered when the leader has assigned. */
export interface SyncGroupRequest extends InGeneration {
  readonly call: 'syncGroup';
  /** Absent: taken for the group's. */
  readonly protocolType?: string;
  readonly protocol?: string;
  /** From the leader. `places`: what it comes to; null: the dialect can't read it. */
  readonly assignments: readonly {
    readonly member: string;
    readonly assignment: Uint8Array;
    readonly places: readonly NamedPlaces[] | null;
  }[];
}
export interface SyncGroupReply {
  readonly call: 'syncGroup';
  readonly protocolType: string;
  readonly protocol: string;
  readonly assignment: Uint8Array;
  /** In place of `assignment`, where the node assigns. */
  readonly places?: readonly NamedPlaces[];
}

/** REBALANCE_IN_PROGRESS: join again. */
export interface KeepAliveRequest extends InGeneration {
  readonly call: 'keepAlive';
}
export interface KeepAliveReply {
  readonly call: 'keepAlive';
}

export interface LeaveGroupRequest {
  readonly call: 'leaveGroup';
  readonly group: string;
  /** By member id, or with an empty one by instance id alone. */
  readonly members: readonly { readonly member: string; readonly instance?: string }[];
}
export interface LeaveGroupReply {
  readonly call: 'leaveGroup';
  readonly members: readonly { readonly member: string; readonly instance?: string; readonly fault?: Fault }[];
}

/** Unlike the native `commit` it may go back: who seeks and commits means it. */
export interface CommitOffsetsRequest extends InGeneration {
  readonly call: 'commitOffsets';
  readonly offsets: readonly {
    readonly topic: TopicId;
    readonly partition: PartitionIndex;
    readonly offset: Offset;
    /** Of the record before the offset; -1 when unknown. */
    readonly leaderEpoch: number;
    readonly metadata: string;
  }[];
}
export interface CommitOffsetsReply {
  readonly call: 'commitOffsets';
  readonly parts: readonly { readonly topic: TopicId; readonly partition: PartitionIndex; readonly fault?: Fault }[];
}

/** Drops committed offsets of topics that nobody in the group is subscribed to. */
export interface DropOffsetsRequest {
  readonly call: 'dropOffsets';
  readonly group: string;
  readonly places: readonly { readonly topic: TopicId; readonly partition: PartitionIndex }[];
}
export interface DropOffsetsReply {
  readonly call: 'dropOffsets';
  readonly parts: readonly { readonly topic: TopicId; readonly partition: PartitionIndex; readonly fault?: Fault }[];
}

/** Members without lag: asks no partition. */
export interface InspectGroupRequest {
  readonly call: 'inspectGroup';
  readonly group: string;
}
/** What members are by: `consumer` have partitions assigned by the node, `classic` by one of themselves. */
export type GroupKind = 'consumer' | 'classic';
export type ClassicState = 'preparing' | 'completing' | 'stable' | 'empty';
export interface InspectedPlaces {
  readonly topic: TopicId;
  readonly name: string;
  readonly partitions: readonly PartitionIndex[];
}
export interface ClassicReport {
  readonly kind: 'classic';
  readonly state: ClassicState;
  readonly protocolType: string;
  readonly protocol: string;
  readonly members: readonly {
    readonly member: string;
    readonly instance?: string;
    readonly client: string;
    readonly host: string;
    readonly metadata: Uint8Array;
    readonly assignment: Uint8Array;
  }[];
}
export interface ConsumerReport {
  readonly kind: 'consumer';
  readonly state: 'empty' | 'assigning' | 'reconciling' | 'stable';
  readonly epoch: number;
  /** Of the target. */
  readonly targetEpoch: number;
  readonly assignor: string;
  readonly members: readonly {
    readonly member: string;
    readonly instance?: string;
    readonly rack?: string;
    readonly client: string;
    readonly host: string;
    readonly epoch: number;
    readonly topics: readonly string[];
    readonly pattern?: string;
    /** Speaks the protocol of those who assign by themselves. */
    readonly classic: boolean;
    readonly owned: readonly InspectedPlaces[];
    readonly target: readonly InspectedPlaces[];
  }[];
}
export interface InspectGroupReply {
  readonly call: 'inspectGroup';
  readonly report: ClassicReport | ConsumerReport;
}

export type ClassicRequest =
  | JoinGroupRequest
  | SyncGroupRequest
  | KeepAliveRequest
  | LeaveGroupRequest
  | CommitOffsetsRequest
  | DropOffsetsRequest
  | InspectGroupRequest;
export type ClassicReply =
  | JoinGroupReply
  | SyncGroupReply
  | KeepAliveReply
  | LeaveGroupReply
  | CommitOffsetsReply
  | DropOffsetsReply
  | InspectGroupReply;
