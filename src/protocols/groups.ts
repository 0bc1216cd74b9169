/**
 * The common language's part on consumer groups whose members have partitions assigned by the node (shaped like KIP-848),
 * on committed offsets, and on looking after groups of every kind.
 */
import type { Fault } from '../model/faults.ts';
import type { GroupSettingsChange, GroupTime, GroupTimes } from '../model/group-settings.ts';
import type { Offset, PartitionIndex, TopicId } from '../model/ids.ts';
import type { GroupKind } from './classic.ts';
import type { OffsetAt, Place } from './place.ts';

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
  /** With epoch 0 and when it changes: every topic whose whole name it fits, beside `topics`. Empty: none. */
  readonly pattern?: string;
  /** Where the member is, for people. */
  readonly rack?: string;
  /** What the member holds now: given with every answer to a revocation, and when it changed. */
  readonly owned?: readonly GroupPlaces[];
  /** Given with epoch 0; ms without heartbeat after which the member is out, 1,000..1,800,000; absent: as its group has it. */
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
/** Offsets that count once a transaction is committed. Who names no member is trusted for its transactional id. */
export interface CommitInTransactionRequest {
  readonly call: 'commitInTransaction';
  readonly group: string;
  readonly transaction: string;
  readonly producer: number;
  readonly epoch: number;
  /** The group becomes part of the transaction by it; else it has to be part of it. */
  readonly joins: boolean;
  readonly generation: number;
  readonly member: string;
  readonly instance?: string;
  readonly offsets: readonly (Place & {
    readonly offset: Offset;
    readonly leaderEpoch: number;
    readonly metadata: string;
  })[];
}
export interface CommitInTransactionReply {
  readonly call: 'commitInTransaction';
  readonly parts: readonly (Place & { readonly fault?: Fault })[];
}
/** From the coordinator of the transaction alone: how it ended. */
export interface SettleOffsetsRequest {
  readonly call: 'settleOffsets';
  readonly group: string;
  readonly producer: number;
  readonly epoch: number;
  readonly commit: boolean;
}
export interface CommittedRequest {
  readonly call: 'committed';
  readonly group: string;
  /** Absent: all that the group has. */
  readonly places?: readonly Place[];
  /** Where given, the answer is for a member at this epoch alone. */
  readonly member?: string;
  readonly epoch?: number;
}
export interface CommittedReply {
  readonly call: 'committed';
  /** `offset` is -1 where the group has committed none. */
  readonly parts: readonly (Place & {
    readonly offset: number;
    readonly metadata: string;
    /** Of the record before the offset, as the one who committed said; absent: unknown. */
    readonly leaderEpoch?: number;
    /** A transaction is about to commit another one. */
    readonly unstable?: boolean;
  })[];
}
export interface GroupsRequest {
  readonly call: 'groups';
}
/** `preparing`, `completing`: members of the classic protocol wait for each other, or for the one who assigns. */
export type GroupState = 'empty' | 'assigning' | 'reconciling' | 'preparing' | 'completing' | 'stable';
export interface GroupSummary {
  readonly group: string;
  readonly state: GroupState;
  readonly members: number;
  readonly kind: GroupKind;
  /** Kind of the members, as they say; empty: a group that had none. */
  readonly protocolType: string;
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
/** Of a group that nobody has heard of, too. */
export interface GroupSettingsRequest {
  readonly call: 'groupSettings';
  readonly group: string;
}
export interface GroupSettingsReply {
  readonly call: 'groupSettings';
  readonly inForce: GroupTimes;
  /** Those that the group was given; the others are the node's. */
  readonly own: readonly GroupTime[];
}
/** Which groups have settings of their own, of all coordinators. */
export interface AlteredGroupsRequest {
  readonly call: 'alteredGroups';
}
export interface AlteredGroupsReply {
  readonly call: 'alteredGroups';
  readonly groups: readonly string[];
}
export interface AlterGroupRequest {
  readonly call: 'alterGroup';
  readonly group: string;
  readonly change: GroupSettingsChange;
  /** Says what would come of it. */
  readonly validateOnly: boolean;
}
export interface AlterGroupReply {
  readonly call: 'alterGroup';
}
export interface DeleteGroupRequest {
  readonly call: 'deleteGroup';
  readonly group: string;
}
export interface DeleteGroupReply {
  readonly call: 'deleteGroup';
  readonly group: string;
}
