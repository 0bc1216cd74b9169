/**
 * Commits and removals of offsets that may go back, for dialects in which a commit is what the client says. Who may
 * commit: members of the present generation or epoch, and anybody while the group has none.
 */
import { type Fault, failed, fault, ok, type Result } from '../model/faults.ts';
import type { Offset, PartitionIndex, TopicId } from '../model/ids.ts';
import { COMMIT_METADATA_CHARS_MAX } from '../model/limits.ts';
import type { InGeneration } from './classic/member.ts';
import { inGeneration } from './classic/stay.ts';
import { isGuest, type Member } from './group.ts';
import type { Groups, Topics } from './groups.ts';
import type { CommitDecision } from './offsets.ts';
import { packPlaces, placeKey } from './places.ts';
import type { CommittedEntry } from './record.ts';
import { touch } from './timeouts.ts';

export interface SeekingCommit extends InGeneration {
  readonly offsets: readonly {
    readonly topic: TopicId;
    readonly partition: PartitionIndex;
    readonly offset: Offset;
    /** Of the record before the offset; -1: unknown. */
    readonly leaderEpoch: number;
    readonly metadata: string;
  }[];
}

/** By the two clocks: ms of the one that only goes on, and since 1970. */
export interface Moment {
  readonly now: number;
  readonly at: number;
}

/** A member that commits was heard, too. `asMember`: it has to be one where the group has members. */
export function commitAsSaid(
  groups: Groups,
  topics: Topics,
  request: SeekingCommit,
  { now, at }: Moment,
  asMember = true,
): Result<CommitDecision> {
  const refused = asMember ? mayCommit(groups, request, now) : mayBegin(groups, request.group);
  if (refused !== null) return { ok: false, fault: refused };
  const entries: CommittedEntry[] = [];
  const parts = request.offsets.map((part) => {
    const { topic, partition, offset, metadata, leaderEpoch } = part;
    const wrong = checkPart(topics, part);
    if (wrong !== null) return { topic, partition, fault: wrong };
    entries.push([topic, partition, offset, metadata, leaderEpoch, at]);
    return { topic, partition };
  });
  const record = entries.length === 0 ? null : ({ group: request.group, type: 'offsets', offsets: entries } as const);
  return ok({ record, parts });
}

function mayCommit(groups: Groups, request: SeekingCommit, now: number): Fault | null {
  const { group: name, generation, member, instance } = request;
  if (groups.vacant(name) && generation < 0) return mayBegin(groups, name);
  if (groups.get(name) === undefined && groups.barriers.get(name) === undefined)
    return fault('UNKNOWN_GROUP', `group ${name} does not exist`);
  if (generation < 0 && member === '' && instance === undefined)
    return fault('UNKNOWN_MEMBER', `group ${name} has members; only they commit`);
  const consumer = groups.get(name)?.members.get(member);
  if (consumer === undefined) return inThisGeneration(groups, request, now);
  if (isGuest(consumer)) return guestMayCommit(groups, consumer, request, now);
  if (consumer.epoch === generation && !consumer.away) return null;
  return fault('STALE_MEMBER_EPOCH', `${member} is at epoch ${consumer.epoch}, not ${generation}`);
}

function guestMayCommit(
  groups: Groups,
  guest: Member,
  { group, generation }: SeekingCommit,
  now: number,
): Fault | null {
  if (guest.epoch !== generation)
    return fault('ILLEGAL_GENERATION', `${guest.id} is in generation ${guest.epoch} of ${group}, not ${generation}`);
  touch(groups, group, guest, now);
  return null;
}

function mayBegin(groups: Groups, name: string): Fault | null {
  if (groups.get(name) !== undefined || !groups.full) return null;
  return fault('INVALID_REQUEST', `there are too many groups beside ${name}; delete some`);
}

function inThisGeneration(groups: Groups, request: SeekingCommit, now: number): Fault | null {
  const found = inGeneration(groups, request);
  if (!found.ok) return found.fault;
  const { barrier, member } = found.value;
  member.dueAt = now + member.sessionMs;
  if (barrier.phase !== 'completing') return null;
  return fault('REBALANCE_IN_PROGRESS', `group ${request.group} is being assigned`);
}

function noPlace(topic: TopicId, known: ReturnType<Topics['byId']>): Fault {
  if (known === undefined) return fault('UNKNOWN_TOPIC', `topic ${topic} does not exist`);
  return fault('UNKNOWN_PARTITION', `topic ${known.name} has ${known.partitions} partitions`);
}

function checkPart(topics: Topics, part: SeekingCommit['offsets'][number]): Fault | null {
  const topic = topics.byId(part.topic);
  if (topic === undefined || part.partition >= topic.partitions) return noPlace(part.topic, topic);
  if (part.metadata.length > COMMIT_METADATA_CHARS_MAX)
    return fault('METADATA_TOO_LARGE', `metadata is longer than ${COMMIT_METADATA_CHARS_MAX} characters`);
  return null;
}

interface Removal {
  readonly group: string;
  readonly places: readonly { readonly topic: TopicId; readonly partition: PartitionIndex }[];
}

/** Takes committed offsets away, of topics that no member is subscribed to. */
export function dropOffsets(groups: Groups, topics: Topics, { group: name, places }: Removal): Result<CommitDecision> {
  const group = groups.get(name);
  if (group === undefined) return failed('UNKNOWN_GROUP', `group ${name} does not exist`);
  const barrier = groups.barriers.get(name);
  const keys = new Set<ReturnType<typeof placeKey>>();
  const parts = places.map(({ topic, partition }) => {
    const known = topics.byId(topic);
    if (known === undefined || partition >= known.partitions) return { topic, partition, fault: noPlace(topic, known) };
    const subscribed = barrier?.subscribes(known.name) === true || (group.members.size > 0 && group.topics.has(topic));
    if (subscribed)
      return { topic, partition, fault: fault('TOPIC_SUBSCRIBED', `${name} is subscribed to ${known.name}`) };
    if (group.offsets.has(placeKey(topic, partition))) keys.add(placeKey(topic, partition));
    return { topic, partition };
  });
  const record = keys.size === 0 ? null : ({ group: name, type: 'dropped', places: packPlaces(keys) } as const);
  return ok({ record, parts });
}
