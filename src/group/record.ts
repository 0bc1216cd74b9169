/**
 * What the log of a coordinator says about its groups. Each record holds the outcome of a decision, so that applying
 * needs no rules and no clock. Values that msgpack keeps as they are.
 */
import type { GroupSettings } from '../model/group-settings.ts';
import type { TopicId } from '../model/ids.ts';
import type { NamedPlaces, PackedPlaces } from './places.ts';

export const ASSIGNORS = ['sticky', 'range', 'roundrobin'] as const;
export type Assignor = (typeof ASSIGNORS)[number];

/** What a member said of itself when it joined, or since. */
export interface Subscription {
  /** Null: not a static member. */
  readonly instance: string | null;
  /** For people. */
  readonly client: string;
  readonly topics: readonly string[];
  /** Every topic whose whole name it fits; empty: none. */
  readonly pattern: string;
  /** Where the member is, for people; empty: it does not say. */
  readonly rack: string;
  readonly host: string;
  /** Null: whatever the others want. */
  readonly assignor: Assignor | null;
  /** Null: as long as its group has it. */
  readonly sessionMs: number | null;
  readonly rebalanceMs: number;
  /** Ways of assigning that a member brought along which could do so itself; null: it leaves that to the node. */
  readonly classic: readonly GuestProtocol[] | null;
}
export interface GuestProtocol {
  readonly name: string;
  readonly metadata: Uint8Array;
}

export type GroupRecord = { readonly group: string } & (
  | {
      /** Joins, or says anew what it wants. `replaces`: comes back in place of that static member, maybe by the same id. */
      readonly type: 'member';
      readonly member: string;
      readonly subscription: Subscription;
      readonly replaces: string | null;
    }
  /** Left, timed out, or was thrown out. */
  | { readonly type: 'gone'; readonly member: string }
  /** A static member has put down its partitions and will be back for them. */
  | { readonly type: 'away'; readonly member: string }
  | {
      /** A new group epoch with who should own what. Members that are not named keep their target. */
      readonly type: 'target';
      readonly epoch: number;
      readonly assignor: Assignor;
      /** The topics it was made for: id, name, number of partitions. */
      readonly topics: readonly (readonly [id: TopicId, name: string, partitions: number])[];
      readonly targets: readonly (readonly [member: string, places: PackedPlaces])[];
    }
  | {
      /** A step of one member towards its target. */
      readonly type: 'step';
      readonly member: string;
      readonly epoch: number;
      readonly previous: number;
      /** It has given up all that it was told to give up. */
      readonly released: boolean;
      /** It is to give up these. */
      readonly revoke: PackedPlaces;
      /** It owns these from now on. */
      readonly give: PackedPlaces;
    }
  | { readonly type: 'offsets'; readonly offsets: readonly CommittedEntry[] }
  /** To be committed with the transaction of a producer. */
  | {
      readonly type: 'pending';
      readonly producer: number;
      readonly epoch: number;
      readonly offsets: readonly CommittedEntry[];
    }
  /** That transaction has ended. */
  | { readonly type: 'settled'; readonly producer: number; readonly commit: boolean }
  /** Committed offsets of topics that are gone. */
  | { readonly type: 'forget'; readonly topics: readonly TopicId[] }
  /** Found without members: offsets are kept for so long from then on. */
  | { readonly type: 'emptied'; readonly at: number }
  /** Committed offsets that an admin has taken away, or that were too old. */
  | { readonly type: 'dropped'; readonly places: PackedPlaces }
  | {
      /** A generation of members that assign by themselves; they follow, one record each. */
      readonly type: 'generation';
      readonly generation: number;
      readonly protocolType: string;
      readonly protocol: string;
      /** Empty: nobody yet, the node has assigned until now. */
      readonly leader: string;
    }
  | {
      readonly type: 'assigned';
      readonly member: string;
      readonly instance: string | null;
      readonly client: string;
      readonly host: string;
      readonly sessionMs: number;
      readonly rebalanceMs: number;
      readonly metadata: Uint8Array;
      readonly topics: readonly string[];
      readonly assignment: Uint8Array;
      /** What the assignment comes to; null: nobody here can tell. */
      readonly places: readonly NamedPlaces[] | null;
      /** What it said that it held as it joined; cooperative ones may have some of it still to give up. */
      readonly owned: readonly NamedPlaces[];
    }
  /** A generation has begun with this number, whatever becomes of it. */
  | { readonly type: 'epoch'; readonly epoch: number }
  | { readonly type: 'deleted' }
  /** What the group has of its own from now on; it stays when the group is deleted, and makes none. */
  | { readonly type: 'settings'; readonly settings: GroupSettings }
  /** In snapshots, behind the records of a group: what they do not say. */
  | { readonly type: 'group'; readonly epoch: number; readonly stale: boolean; readonly kind: GroupKind }
);
/** `leaderEpoch` of the record before the offset; -1: unknown. `at`: when it was committed, ms since 1970. */
export type CommittedEntry = readonly [
  topic: number,
  partition: number,
  offset: number,
  metadata: string,
  leaderEpoch: number,
  at: number,
];
/** Who assigns: `consumer`: the coordinator; `classic`: the members themselves. */
export type GroupKind = 'consumer' | 'classic';

const TYPES: readonly string[] = [
  'member',
  'gone',
  'away',
  'target',
  'step',
  'offsets',
  'pending',
  'settled',
  'forget',
  'emptied',
  'dropped',
  'generation',
  'assigned',
  'epoch',
  'deleted',
  'settings',
  'group',
] satisfies GroupRecord['type'][];

/** Null for what a newer version wrote. The checksum of its batch has vouched for the rest. */
export function decodeGroupRecord(value: unknown): GroupRecord | null {
  if (typeof value !== 'object' || value === null || !('type' in value)) return null;
  return typeof value.type === 'string' && TYPES.includes(value.type) ? (value as GroupRecord) : null;
}
