/** Groups as people see them: state, members, what is committed. Lag needs the partitions' own word and is computed here from it. */
import type { PartitionIndex, TopicId } from '../model/ids.ts';
import type { Barrier } from './classic/barrier.ts';
import { CONSUMER } from './classic/member.ts';
import type { Group } from './group.ts';
import type { Groups } from './groups.ts';
import { type PlaceKey, type Places, partitionOf, toPlaces, topicOf } from './places.ts';
import { settled } from './reconcile.ts';
import type { GroupKind } from './record.ts';

/**
 * `assigning`: a new target is due. `reconciling`: members are on their way to it. `preparing`, `completing`: members wait
 * for each other, or for the one of them who assigns.
 */
export type GroupState = 'empty' | 'assigning' | 'reconciling' | 'preparing' | 'completing' | 'stable';

export interface MemberReport {
  readonly member: string;
  readonly instance?: string;
  readonly client: string;
  readonly epoch: number;
  readonly topics: readonly string[];
  readonly owned: readonly Places[];
  readonly target: readonly Places[];
}

/** What a partition says from an offset on. */
export interface Measured {
  readonly begin: number;
  readonly end: number;
  readonly sizeBytes: number;
  /** Of the record at the offset; -1 at the end. */
  readonly timestamp: number;
}
/** `unknown` is a state of its own, never 0 or -1. */
export type Lag = { readonly messages: number; readonly bytes: number; readonly seconds: number } | 'unknown';

export interface GroupSummary {
  readonly group: string;
  readonly state: GroupState;
  readonly members: number;
  readonly kind: GroupKind;
  /** What its members say that they are; empty: there were none. */
  readonly protocolType: string;
}

export function* summaries(groups: Groups): Generator<GroupSummary> {
  for (const barrier of groups.barriers.all())
    if (groups.get(barrier.group) === undefined && barrier.members.size > 0) yield summaryOf(barrier.group, barrier);
  for (const group of groups.all()) {
    const barrier = groups.barriers.get(group.name);
    if (barrier !== undefined && barrier.members.size > 0) yield summaryOf(group.name, barrier);
    else {
      const { kind, generation, name } = group;
      const protocolType = kind === 'consumer' ? CONSUMER : (generation?.protocolType ?? '');
      yield { group: name, state: stateOf(group), members: group.members.size, kind, protocolType };
    }
  }
}

function summaryOf(group: string, { phase, members, protocolType }: Barrier): GroupSummary {
  return { group, state: phase, members: members.size, kind: 'classic', protocolType };
}

/** Of a group whose partitions the node assigns. */
export function stateOf(group: Group): Exclude<GroupState, 'preparing' | 'completing'> {
  if (group.members.size === 0) return 'empty';
  if (group.stale) return 'assigning';
  for (const member of group.members.values()) if (!settled(member)) return 'reconciling';
  return 'stable';
}

/** Members that assign by themselves keep what they hold to themselves. */
export function classicMembersOf(barrier: Barrier): MemberReport[] {
  return [...barrier.members.values()].map((member) => {
    const { id, client, instance } = member;
    const topics = barrier.protocolOf(member)?.topics ?? [];
    const report = { member: id, client, epoch: barrier.generation, topics, owned: [], target: [] };
    return instance === null ? report : { ...report, instance };
  });
}

export function membersOf(group: Group): MemberReport[] {
  return [...group.members.values()].map((member) => {
    const { instance, client, topics } = member.subscription;
    const { id, epoch, assigned, revoking, target } = member;
    const owned = toPlaces([...assigned, ...revoking]);
    const report = { member: id, client, epoch, topics, owned, target: toPlaces(target) };
    return instance === null ? report : { ...report, instance };
  });
}

/** Partitions that the group reads or has committed, in order. */
export function placesOf(
  group: Group,
): { readonly topic: TopicId; readonly partition: PartitionIndex; readonly key: PlaceKey }[] {
  const keys = new Set<PlaceKey>(group.offsets.keys());
  for (const member of group.members.values()) for (const key of member.target) keys.add(key);
  return [...keys].sort((a, b) => a - b).map((key) => ({ topic: topicOf(key), partition: partitionOf(key), key }));
}

/**
 * What a group has still to read. Records that retention took are not counted: nobody can read them. A group that has
 * committed nothing has no lag that could be known: its members decide where they start.
 * @param now ms since 1970.
 */
export function lagOf(committed: number, measured: Measured | null, now: number): Lag {
  if (committed < 0 || measured === null) return 'unknown';
  const messages = Math.max(0, measured.end - Math.max(committed, measured.begin));
  if (messages === 0) return { messages: 0, bytes: 0, seconds: 0 };
  const seconds = measured.timestamp < 0 ? 0 : Math.max(0, Math.floor((now - measured.timestamp) / 1_000));
  return { messages, bytes: measured.sizeBytes, seconds };
}
