/**
 * Joining a group whose members assign by themselves: who may, what becomes of one who has joined before, and static
 * members, who take the place of their predecessor and disturb nobody where nothing changes (KIP-345, KIP-394, KIP-814).
 */
import { assert } from '../../model/assert.ts';
import { type Fault, fault } from '../../model/faults.ts';
import {
  CLIENT_ID_CHARS_MAX,
  GROUP_BYTES_MAX,
  GROUP_MEMBERS_MAX,
  MEMBER_BYTES_MAX,
  MEMBER_PROTOCOLS_MAX,
} from '../../model/limits.ts';
import type { Groups } from '../groups.ts';
import type { NamedPlaces } from '../places.ts';
import type { Barrier } from './barrier.ts';
import { bytesOf, type ClassicMember, type Join, type Joiner, NOTHING, sameProtocols } from './member.ts';
import { whoIs } from './stay.ts';

const SESSION_MS_LEAST = 6_000;
const SESSION_MS_MOST = 1_800_000;
/** A new member does not know its id and can send no heartbeats: it is out if the join takes so long, ms. */
const FIRST_JOIN_MS_MAX = 300_000;

/** The fault, or null: then the barrier's effects have the answer, now or later. */
export function join(groups: Groups, ask: Join, joiner: Joiner, now: number): Fault | null {
  const wrong = checkJoin(ask) ?? fits(groups, ask);
  if (wrong !== null) return wrong;
  const known = groups.barriers.get(ask.group);
  if (known === undefined && ask.member !== '')
    return fault('UNKNOWN_MEMBER', `group ${ask.group} has no member ${ask.member}`);
  const barrier = groups.barriers.open(ask.group, groups.get(ask.group));
  return ask.member === '' ? welcome(barrier, ask, joiner, now) : again(barrier, ask, joiner, now);
}

/** What may be asked in a group of either kind. */
export function checkJoin(ask: Join): Fault | null {
  if (ask.group === '') return fault('INVALID_NAME', 'the group has no name');
  if (ask.sessionMs < SESSION_MS_LEAST || ask.sessionMs > SESSION_MS_MOST)
    return fault('INVALID_SESSION', `${ask.sessionMs} is not from ${SESSION_MS_LEAST} to ${SESSION_MS_MOST} ms`);
  if (ask.instance !== undefined && (ask.instance === '' || ask.instance.length > CLIENT_ID_CHARS_MAX))
    return fault('INVALID_REQUEST', `an instance id has 1 to ${CLIENT_ID_CHARS_MAX} characters`);
  if (ask.protocolType === '' || ask.protocols.length === 0)
    return fault('INCONSISTENT_PROTOCOL', 'a member names its kind and at least one way of assigning');
  if (ask.protocols.length > MEMBER_PROTOCOLS_MAX || bytesOf({ ...ask, ...NOTHING }) > MEMBER_BYTES_MAX)
    return fault(
      'INVALID_REQUEST',
      `more than ${MEMBER_PROTOCOLS_MAX} ways, or ${MEMBER_BYTES_MAX} bytes, of a member`,
    );
  return null;
}

/** Is there room for what it brings, in a group of this kind? */
function fits(groups: Groups, ask: Join): Fault | null {
  const group = groups.get(ask.group);
  assert((group?.members.size ?? 0) === 0, `the node assigns the partitions of ${ask.group}`);
  const barrier = groups.barriers.get(ask.group);
  if (barrier === undefined && group === undefined && groups.full)
    return fault('INVALID_REQUEST', `there are too many groups beside ${ask.group}; delete some`);
  if (barrier !== undefined && barrier.members.size > 0) {
    if (ask.protocolType !== barrier.protocolType || !barrier.agrees(ask.protocols))
      return fault('INCONSISTENT_PROTOCOL', `${ask.group} is ${barrier.protocolType}, and shares no way of assigning`);
    const known = barrier.members.has(ask.member) || barrier.pending.has(ask.member);
    const crowd = barrier.members.size + barrier.pending.size;
    if (!known && crowd >= GROUP_MEMBERS_MAX) return fault('GROUP_FULL', `group ${ask.group} has ${crowd} members`);
  }
  const before = barrier?.members.get(ask.member);
  const more = bytesOf({ ...ask, ...NOTHING }) - (before === undefined ? 0 : bytesOf(before));
  if (groups.barriers.bytes + more > GROUP_BYTES_MAX)
    return fault('GROUP_FULL', `the members of groups hold ${groups.barriers.bytes} bytes of metadata`);
  return null;
}

// ---- a new member

function welcome(barrier: Barrier, ask: Join, joiner: Joiner, now: number): Fault | null {
  const { freshId, request } = joiner;
  const holder = barrier.members.get(barrier.holder(ask.instance ?? '') ?? '');
  if (holder !== undefined) replace(barrier, holder, ask, joiner, now);
  else if (ask.instance === undefined && ask.twoSteps) {
    barrier.expect(freshId, now + ask.sessionMs);
    barrier.name(request, freshId, fault('MEMBER_ID_REQUIRED', `join again as ${freshId}`));
  } else admit(barrier, freshId, ask, joiner, now);
  return null;
}

function admit(barrier: Barrier, id: string, ask: Join, joiner: Joiner, now: number): void {
  const member = made(id, ask, joiner, now + FIRST_JOIN_MS_MAX);
  barrier.admit({ ...member, joining: joiner.request, fresh: true }, ask.protocolType, now);
}

function made(id: string, ask: Join, { client, host }: Joiner, dueAt: number): ClassicMember {
  const { sessionMs, rebalanceMs, protocols } = ask;
  const waits = { ...NOTHING, joining: null, syncing: null, fresh: false, dueAt };
  return { id, instance: ask.instance ?? null, client, host, sessionMs, rebalanceMs, protocols, ...waits };
}

// ---- a static member that is back under a new id

/**
 * Where the group would go on as it is, it goes on: the successor has the assignment of the one before. But for what that one
 * was to give up: it would have joined again for that, and nobody else has a reason to.
 */
function replace(barrier: Barrier, old: ClassicMember, ask: Join, joiner: Joiner, now: number): void {
  const { request, freshId } = joiner;
  const leaderBefore = barrier.leader;
  const { assignment, places } = old;
  const givesUp = isToGiveUp(old, barrier.protocolOf(old)?.owned ?? []);
  const successor = { ...made(freshId, ask, joiner, now + ask.sessionMs), assignment, places };
  barrier.succeed(old, successor);
  if (barrier.phase !== 'stable' || barrier.protocol !== barrier.voted || givesUp) {
    barrier.wait(successor, request);
    barrier.rebalance(now);
    return;
  }
  barrier.persist();
  // Who does not know that it may skip is not told that it leads, or it would assign anew.
  if (ask.maySkip) barrier.welcome(successor, request, { skip: barrier.leader === freshId });
  else barrier.welcome(successor, request, { leader: leaderBefore, members: [] });
}

/** Has it said that it holds what it was not given? */
function isToGiveUp({ places }: ClassicMember, said: readonly NamedPlaces[]): boolean {
  if (places === null) return false;
  const given = new Set(places.flatMap(({ topic, partitions }) => partitions.map((one) => `${topic}/${one}`)));
  return said.some(({ topic, partitions }) => partitions.some((one) => !given.has(`${topic}/${one}`)));
}

// ---- one who knows its id

function again(barrier: Barrier, ask: Join, joiner: Joiner, now: number): Fault | null {
  if (barrier.pending.has(ask.member)) {
    admit(barrier, ask.member, ask, joiner, now);
    return null;
  }
  const found = whoIs(barrier, ask);
  if (!found.ok) return found.fault;
  const member = found.value;
  if (standsAsIs(barrier, member, ask)) {
    member.dueAt = now + member.sessionMs;
    barrier.welcome(member, joiner.request);
    return null;
  }
  const { protocols, sessionMs, rebalanceMs } = ask;
  barrier.update(member, { protocols, sessionMs, rebalanceMs });
  barrier.wait(member, joiner.request);
  barrier.rebalance(now);
  return null;
}

/**
 * Its last answer was lost, or it would hear the same again. A leader of a stable group that joins has a reason: it wants
 * to assign anew.
 */
function standsAsIs(barrier: Barrier, member: ClassicMember, ask: Join): boolean {
  if (!sameProtocols(member.protocols, ask.protocols)) return false;
  return barrier.phase === 'completing' || (barrier.phase === 'stable' && barrier.leader !== member.id);
}
