/** Groups as people see them: state, members, what is committed. Lag needs the partitions' own word and is computed here from it. */
import type { PartitionIndex, TopicId } from '../model/ids.ts';
import type { Group } from './group.ts';
import { type PlaceKey, type Places, partitionOf, toPlaces, topicOf } from './places.ts';
import { settled } from './reconcile.ts';

/** `assigning`: a new target is due. `reconciling`: members are on their way to it. */
export type GroupState = 'empty' | 'assigning' | 'reconciling' | 'stable';

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

export function stateOf(group: Group): GroupState {
  if (group.members.size === 0) return 'empty';
  if (group.stale) return 'assigning';
  for (const member of group.members.values()) if (!settled(member)) return 'reconciling';
  return 'stable';
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
