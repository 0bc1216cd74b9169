/**
 * Committed offsets: who may commit what, and what goes with a deleted topic. A commit never takes an
 * offset back: a lower one than is there is answered as done and changes nothing. Only a reset by an admin goes back.
 */
import { type Fault, failed, fault, ok, type Result } from '../model/faults.ts';
import type { Offset, PartitionIndex, TopicId } from '../model/ids.ts';
import { COMMIT_METADATA_CHARS_MAX } from '../model/limits.ts';
import type { Steps } from './beat.ts';
import type { Group, Member } from './group.ts';
import { type Groups, TOO_HEAVY, type Topics } from './groups.ts';
import { placeKey, topicOf } from './places.ts';
import type { CommittedEntry, GroupRecord } from './record.ts';

interface Place {
  readonly topic: TopicId;
  readonly partition: PartitionIndex;
}
export interface Commit {
  readonly group: string;
  /** Empty with epoch -1: a reader without membership. */
  readonly member: string;
  readonly epoch: number;
  readonly offsets: readonly (Place & { readonly offset: Offset; readonly metadata?: string })[];
}
export interface CommitDecision {
  /** Null when nothing changes. */
  readonly record: GroupRecord | null;
  readonly parts: readonly (Place & { readonly fault?: Fault })[];
}

/** What says the same again is written down from time to time, or it would be taken for old. */
const REFRESH_MS = 3_600_000;

/** @param at ms since 1970. */
export function commit(groups: Groups, topics: Topics, request: Commit, at: number): Result<CommitDecision> {
  const group = groups.get(request.group);
  const who = committer(groups, group, request);
  if (!who.ok) return who;
  const entries: CommittedEntry[] = [];
  const parts = request.offsets.map((part) => {
    const { topic, partition, offset, metadata = '' } = part;
    const wrong = checkPart(topics, who.value, group, part);
    if (wrong !== null) return { topic, partition, fault: wrong };
    const before = group?.offsets.get(placeKey(topic, partition));
    const changed =
      before === undefined ||
      offset > before.offset ||
      (offset === before.offset && (metadata !== before.metadata || at - before.at >= REFRESH_MS));
    const heavier = before === undefined || metadata.length > before.metadata.length;
    if (heavier && groups.heavy) return { topic, partition, fault: TOO_HEAVY };
    if (changed) entries.push([topic, partition, offset, metadata, -1, at]);
    return { topic, partition };
  });
  const record = entries.length === 0 ? null : ({ group: request.group, type: 'offsets', offsets: entries } as const);
  return ok({ record, parts });
}

/** Where a member asks for committed offsets, it is to be one at that epoch; groups that assign by themselves have none. */
export function mayAsk(
  groups: Groups,
  { group: name, member: id, epoch }: { readonly group: string; readonly member?: string; readonly epoch?: number },
): Fault | null {
  const group = groups.get(name);
  if (id === undefined || epoch === undefined || group === undefined || group.members.size === 0) return null;
  const member = group.members.get(id);
  if (member === undefined) return fault('UNKNOWN_MEMBER', `${name} has no member ${id}`);
  if (member.epoch === epoch) return null;
  return fault('STALE_MEMBER_EPOCH', `${id} is at epoch ${member.epoch}, not ${epoch}`);
}

/** The group, when it is there and nobody is in it. */
export function emptyGroup(groups: Groups, name: string): Result<Group> {
  const group = groups.get(name);
  if (!groups.vacant(name)) return failed('GROUP_NOT_EMPTY', `group ${name} has members`);
  if (group === undefined) return failed('UNKNOWN_GROUP', `group ${name} does not exist`);
  return ok(group);
}

/** Drops what was committed for topics that are gone; the group, too, where that was all. */
export function* forgetTopics(groups: Groups, group: Group, exists: (topic: TopicId) => boolean): Steps {
  const gone = new Set<TopicId>();
  for (const key of group.offsets.keys()) if (!exists(topicOf(key))) gone.add(topicOf(key));
  if (gone.size > 0) yield { group: group.name, type: 'forget', topics: [...gone] };
  if (groups.forgettable(group.name)) yield { group: group.name, type: 'deleted' };
  return null;
}

/** The member that commits, or null for one who is none. */
function committer(groups: Groups, group: Group | undefined, request: Commit): Result<Member | null> {
  if (request.member === '' && request.epoch === -1) {
    if (group === undefined && groups.full)
      return failed('INVALID_REQUEST', `there are too many groups beside ${request.group}; delete some`);
    if (groups.vacant(request.group)) return ok(null);
    return failed('GROUP_NOT_EMPTY', `group ${request.group} has members; only they commit`);
  }
  const member = group?.members.get(request.member);
  if (member === undefined) return failed('UNKNOWN_MEMBER', `${request.group} has no member ${request.member}`);
  if (member.away || request.epoch > member.epoch)
    return failed('FENCED_MEMBER', `${member.id} is not at epoch ${request.epoch}`);
  if (request.epoch < member.epoch)
    return failed('STALE_MEMBER_EPOCH', `${member.id} is at epoch ${member.epoch}, not ${request.epoch}`);
  return ok(member);
}

type Part = Commit['offsets'][number];

function checkPart(topics: Topics, member: Member | null, group: Group | undefined, part: Part): Fault | null {
  const topic = topics.byId(part.topic);
  if (topic === undefined) return fault('UNKNOWN_TOPIC', `topic ${part.topic} does not exist`);
  if (part.partition >= topic.partitions)
    return fault('UNKNOWN_PARTITION', `topic ${topic.name} has ${topic.partitions} partitions`);
  if (!Number.isSafeInteger(part.offset) || part.offset < 0)
    return fault('INVALID_REQUEST', `offset ${part.offset} is none`);
  if ((part.metadata?.length ?? 0) > COMMIT_METADATA_CHARS_MAX)
    return fault('INVALID_REQUEST', `metadata is longer than ${COMMIT_METADATA_CHARS_MAX} characters`);
  if (member === null || group?.owner(placeKey(part.topic, part.partition)) === member.id) return null;
  return fault('FENCED_MEMBER', `partition ${part.partition} of ${topic.name} is not ${member.id}'s`);
}
