/** What members of a running generation ask: their assignment, to be kept, to leave. Strangers and latecomers are refused. */
import { type Fault, failed, fault, ok, type Result } from '../../model/faults.ts';
import { GROUP_BYTES_MAX, MEMBER_BYTES_MAX } from '../../model/limits.ts';
import type { Groups } from '../groups.ts';
import type { Barrier } from './barrier.ts';
import type { ClassicMember, InGeneration, Named, Sync } from './member.ts';

/** The member that a call is of. An instance id belongs to one member at a time. */
export function whoIs(barrier: Barrier, { member: id, instance }: Named): Result<ClassicMember> {
  if (instance !== undefined) {
    const holder = barrier.holder(instance);
    if (holder !== undefined && holder !== id)
      return failed('FENCED_INSTANCE', `${holder} holds instance id ${instance} in ${barrier.group}`);
  }
  const member = barrier.members.get(id);
  if (member === undefined || (instance !== undefined && member.instance !== instance))
    return failed('UNKNOWN_MEMBER', `group ${barrier.group} has no member ${id}`);
  return ok(member);
}

/** A member of the present generation. */
export function inGeneration(
  groups: Groups,
  ask: InGeneration,
): Result<{ readonly barrier: Barrier; readonly member: ClassicMember }> {
  const barrier = groups.barriers.get(ask.group);
  if (barrier === undefined) return failed('UNKNOWN_MEMBER', `group ${ask.group} has no member ${ask.member}`);
  const found = whoIs(barrier, ask);
  if (!found.ok) return found;
  if (ask.generation !== barrier.generation)
    return failed('ILLEGAL_GENERATION', `${ask.group} is in generation ${barrier.generation}, not ${ask.generation}`);
  return ok({ barrier, member: found.value });
}

/** The fault, or null: then the barrier's effects have the answer, now or later. */
export function sync(groups: Groups, ask: Sync, request: number, now: number): Fault | null {
  const found = inGeneration(groups, ask);
  if (!found.ok) return found.fault;
  const { barrier, member } = found.value;
  const { protocolType = barrier.protocolType, protocol = barrier.protocol } = ask;
  if (protocolType !== barrier.protocolType || protocol !== barrier.protocol)
    return fault('INCONSISTENT_PROTOCOL', `${ask.group} is ${barrier.protocolType}, assigned by ${barrier.protocol}`);
  if (barrier.phase === 'preparing') return fault('REBALANCE_IN_PROGRESS', `group ${ask.group} is being rebalanced`);
  if (barrier.phase === 'completing' && barrier.leader === member.id && tooMuch(groups, ask))
    return fault(
      'INVALID_REQUEST',
      `assignments of more than ${MEMBER_BYTES_MAX} bytes for one, or ${GROUP_BYTES_MAX} for all`,
    );
  member.dueAt = now + member.sessionMs;
  barrier.synced(member);
  if (barrier.phase === 'stable') {
    barrier.give(member, request);
    return null;
  }
  if (member.syncing !== null) barrier.refuse(member.syncing, 'REBALANCE_IN_PROGRESS', 'the member has asked again');
  member.syncing = request;
  if (barrier.leader === member.id)
    barrier.settle(new Map(ask.assignments.map(({ member: id, ...given }) => [id, given])), now);
  return null;
}

function tooMuch({ barriers }: Groups, { assignments }: Sync): boolean {
  let bytes = barriers.bytes;
  for (const { assignment } of assignments) bytes += assignment.length;
  return bytes > GROUP_BYTES_MAX || assignments.some(({ assignment }) => assignment.length > MEMBER_BYTES_MAX);
}

/** REBALANCE_IN_PROGRESS counts as heard, too. */
export function keepAlive(groups: Groups, ask: InGeneration, now: number): Fault | null {
  const found = inGeneration(groups, ask);
  if (!found.ok) return found.fault;
  const { barrier, member } = found.value;
  member.dueAt = now + member.sessionMs;
  if (barrier.phase !== 'preparing') return null;
  return fault('REBALANCE_IN_PROGRESS', `group ${ask.group} is being rebalanced`);
}

export interface Left extends Named {
  readonly fault?: Fault;
}

/** Several at once; with an empty member id, whoever holds the instance id. */
export function leave(groups: Groups, group: string, members: readonly Named[], now: number): Result<readonly Left[]> {
  const barrier = groups.barriers.get(group);
  if (barrier === undefined) return failed('UNKNOWN_MEMBER', `group ${group} has no members`);
  const left = members.map((named): Left => {
    const member = named.member === '' ? (barrier.holder(named.instance ?? '') ?? '') : named.member;
    const found = barrier.pending.has(member) ? null : whoIs(barrier, { ...named, member });
    if (found?.ok === false) return { ...named, fault: found.fault };
    barrier.drop(member, now);
    return named;
  });
  return ok(left);
}
