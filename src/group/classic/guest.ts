/**
 * Members that could assign by themselves, in a group in which the node assigns: guests. They join, sync and send heartbeats
 * as they are used to, and what they are told comes from the machine of the others: the generation is their epoch, and
 * REBALANCE_IN_PROGRESS sends them to their next step, which they make by joining again.
 */
import { type Fault, failed, fault, ok, type Result } from '../../model/faults.ts';
import { CLIENT_ID_CHARS_MAX, GROUP_MEMBERS_MAX } from '../../model/limits.ts';
import { type Steps, settle } from '../beat.ts';
import { type Group, isGuest, type Member } from '../group.ts';
import { type Groups, TOO_HEAVY, type Topics } from '../groups.ts';
import type { PlaceKey } from '../places.ts';
import { isBehind, reconcile } from '../reconcile.ts';
import { knownPlaces, namedPlaces, subscriptionOf } from './conversion.ts';
import { checkJoin } from './join.ts';
import {
  CONSUMER,
  type InGeneration,
  type Join,
  type Joined,
  type Named,
  NO_BYTES,
  type Sync,
  type Synced,
} from './member.ts';

/** A member that comes back with its id is taken at its word; ids that were given out are a client id and a UUID. */
const MEMBER_ID_CHARS_MAX = CLIENT_ID_CHARS_MAX + 37;

/** Who asks; `id` is its own, or a new one. */
export interface Guest {
  readonly id: string;
  readonly client: string;
  readonly host: string;
}

/** In the end the group may have no guests any more, because nobody else is left: then the member is at the barrier. */
export function* joinAsGuest(groups: Groups, topics: Topics, ask: Join, { id, client, host }: Guest): Steps {
  const group = groups.get(ask.group);
  if (group === undefined) return fault('UNKNOWN_MEMBER', `group ${ask.group} does not exist`);
  const existing = group.members.get(id);
  const holder = ask.instance === undefined ? undefined : group.holder(ask.instance);
  const refused = checkJoin(ask) ?? checkWays(group, ask) ?? checkPlace(groups, group, ask, existing, holder);
  if (refused !== null) return refused;
  const { protocols, sessionMs, rebalanceMs } = ask;
  const subscription = subscriptionOf({
    protocols,
    sessionMs,
    rebalanceMs,
    client,
    host,
    instance: ask.instance ?? null,
  });
  const replaces = holder !== undefined && holder !== existing ? holder.id : null;
  if (existing === undefined || !sameWays(existing, ask))
    yield { group: ask.group, type: 'member', member: id, subscription, replaces };
  yield* settle(groups, topics, ask.group);
  const guest = group.members.get(id);
  if (guest !== undefined) yield* arrive(group, guest, knownPlaces(protocols[0]?.owned ?? [], topics));
  return null;
}

/** Two steps where it has given up already what it is to give up. */
function* arrive(group: Group, guest: Member, owned: ReadonlySet<PlaceKey>): Steps {
  const first = reconcile(group, guest, owned);
  if (first === null) return null;
  yield first;
  const second = first.revoke.length === 0 ? null : reconcile(group, guest, owned);
  if (second !== null) yield second;
  return null;
}

/** Consumers alone can have the node assign; and one way must be left that all guests know. */
function checkWays(group: Group, { protocolType, protocols }: Join): Fault | null {
  const guests = [...group.members.values()].filter(isGuest);
  const common = protocols.some(({ name }) =>
    guests.every(({ subscription }) => subscription.classic?.some((one) => one.name === name)),
  );
  if (protocolType === CONSUMER && common && protocols.every(({ owned }) => owned !== null)) return null;
  return fault(
    'INCONSISTENT_PROTOCOL',
    `${group.name} has partitions assigned by the node, or shares no way of assigning`,
  );
}

function checkPlace(
  groups: Groups,
  group: Group,
  ask: Join,
  existing: Member | undefined,
  holder: Member | undefined,
): Fault | null {
  if (holder !== undefined && ask.member !== '' && holder.id !== ask.member)
    return fault('FENCED_INSTANCE', `${holder.id} holds instance id ${ask.instance} in ${group.name}`);
  if (existing !== undefined && (!isGuest(existing) || existing.subscription.instance !== (ask.instance ?? null)))
    return fault('UNKNOWN_MEMBER', `${existing.id} is another member of ${group.name}`);
  if (holder !== undefined && !isGuest(holder) && !holder.away)
    return fault('MEMBER_EXISTS', `${holder.id} holds instance id ${ask.instance} in ${group.name}`);
  if (existing !== undefined || holder !== undefined) return null;
  if (ask.member !== '' && (ask.instance !== undefined || ask.member.length > MEMBER_ID_CHARS_MAX))
    return fault('UNKNOWN_MEMBER', `group ${group.name} has no member ${ask.member}`);
  if (group.members.size >= GROUP_MEMBERS_MAX)
    return fault('GROUP_FULL', `group ${group.name} has ${GROUP_MEMBERS_MAX} members`);
  return groups.heavy ? TOO_HEAVY : null;
}

function sameWays({ subscription }: Member, { protocols, sessionMs, rebalanceMs }: Join): boolean {
  const { classic } = subscription;
  if (classic === null || classic.length !== protocols.length) return false;
  if (sessionMs !== subscription.sessionMs || rebalanceMs !== subscription.rebalanceMs) return false;
  return classic.every(
    ({ name, metadata }, index) => name === protocols[index]?.name && same(metadata, protocols[index].metadata),
  );
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let at = 0; at < a.length; at++) if (a[at] !== b[at]) return false;
  return true;
}

/** The answer to its join: nobody leads, so nobody assigns. */
export function joinedAsGuest({ id, epoch, subscription }: Member): Joined {
  const protocol = subscription.classic?.[0]?.name ?? '';
  return { member: id, generation: epoch, protocolType: CONSUMER, protocol, leader: '', skip: false, members: [] };
}

/** What it may read, once it has heard of all that is new. */
export function syncAsGuest(group: Group, topics: Topics, ask: Sync): Result<Synced> {
  const found = guestAt(group, ask);
  if (!found.ok) return found;
  const guest = found.value;
  const { protocol } = joinedAsGuest(guest);
  const { protocolType = CONSUMER } = ask;
  if (protocolType !== CONSUMER || (ask.protocol ?? protocol) !== protocol)
    return failed('INCONSISTENT_PROTOCOL', `${guest.id} is a ${CONSUMER}, and would assign by ${protocol}`);
  // Who has something to give up learns it by what it gets now.
  if (guest.epoch < group.epoch && guest.revoking.size === 0)
    return failed('REBALANCE_IN_PROGRESS', `${group.name} has moved on`);
  return ok({ protocolType, protocol, assignment: NO_BYTES, places: namedPlaces(guest.assigned, topics) });
}

/** REBALANCE_IN_PROGRESS counts as heard, too. */
export function keepGuest(group: Group, ask: InGeneration): Result<Fault | null> {
  const found = guestAt(group, ask);
  if (!found.ok) return found;
  return ok(isBehind(group, found.value) ? fault('REBALANCE_IN_PROGRESS', `${group.name} has moved on`) : null);
}

/** Who is taken out by this call, guest or not: by its id or by its instance id. */
export function leaving(group: Group, named: Named): Result<Member> {
  if (named.member !== '') return memberOf(group, named);
  const holder = named.instance === undefined ? undefined : group.holder(named.instance);
  if (holder !== undefined) return ok(holder);
  return failed('UNKNOWN_MEMBER', `${group.name} has no member with instance id ${named.instance}`);
}

function guestOf(group: Group, named: Named): Result<Member> {
  const found = memberOf(group, named);
  if (!found.ok || isGuest(found.value)) return found;
  return failed('UNKNOWN_MEMBER', `group ${group.name} has no member ${named.member} of this kind`);
}

function memberOf(group: Group, { member: id, instance }: Named): Result<Member> {
  const holder = instance === undefined ? undefined : group.holder(instance);
  if (holder !== undefined && holder.id !== id)
    return failed('FENCED_INSTANCE', `${holder.id} holds instance id ${instance} in ${group.name}`);
  const member = group.members.get(id);
  if (member === undefined || (instance !== undefined && holder === undefined))
    return failed('UNKNOWN_MEMBER', `group ${group.name} has no member ${id}`);
  return ok(member);
}

function guestAt(group: Group, ask: InGeneration): Result<Member> {
  const found = guestOf(group, ask);
  if (!found.ok || found.value.epoch === ask.generation) return found;
  return failed('ILLEGAL_GENERATION', `${ask.member} is in generation ${found.value.epoch}, not ${ask.generation}`);
}
