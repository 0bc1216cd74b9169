/**
 * What a heartbeat does to a group, as steps: each record is to be applied before the next is asked for, so that every
 * decision sees the outcome of the one before. Stops before the first record where nothing may be written.
 */
import { type Fault, fault } from '../model/faults.ts';
import { CLIENT_ID_CHARS_MAX, GROUP_MEMBERS_MAX, SUBSCRIPTIONS_MAX } from '../model/limits.ts';
import { canUpgrade, downgrade, upgrade } from './classic/conversion.ts';
import { type Group, isGuest, type Member } from './group.ts';
import { type Groups, TOO_HEAVY, type Topics } from './groups.ts';
import { Pattern } from './pattern.ts';
import { fromPlaces, isSubset, type PlaceKey, type Places } from './places.ts';
import { reconcile, retarget } from './reconcile.ts';
import { ASSIGNORS, type Assignor, type GroupRecord, type Subscription } from './record.ts';

/** Records one after the other; in the end why it was refused, or null. */
export type Steps = Generator<GroupRecord, Fault | null, undefined>;

export interface Beat {
  readonly group: string;
  readonly member: string;
  readonly epoch: number;
  readonly instance?: string;
  readonly topics?: readonly string[];
  readonly pattern?: string;
  readonly rack?: string;
  readonly assignor?: Assignor;
  readonly owned?: readonly Places[];
  readonly sessionMs?: number;
  readonly rebalanceMs?: number;
}

/** Epochs of a heartbeat that are none. */
export const JOIN = 0;
export const LEAVE = -1;
export const LEAVE_FOR_A_WHILE = -2;

const SESSION_MS = { least: 1_000, most: 1_800_000 };
const REBALANCE_MS = { least: 1_000, most: 3_600_000, default: 300_000 };

/** Who asks, for people: the client id of its connection, and where it is. */
export interface Who {
  readonly client: string;
  readonly host: string;
}

export function* beat(groups: Groups, topics: Topics, request: Beat, who: Who): Steps {
  const wrong = check(request);
  if (wrong !== null) return wrong;
  switch (request.epoch) {
    case JOIN:
      return yield* join(groups, topics, request, who);
    case LEAVE:
      return yield* leave(groups, topics, request);
    case LEAVE_FOR_A_WHILE:
      return yield* leaveForAWhile(groups, topics, request);
    default:
      return yield* report(groups, topics, request, who);
  }
}

/** Throws members out: their sessions, or their time to give something up, are over. */
export function* expel(groups: Groups, topics: Topics, group: Group, members: readonly string[]): Steps {
  for (const member of members) yield { group: group.name, type: 'gone', member };
  yield* settle(groups, topics, group.name);
  return null;
}

/**
 * Makes a new target where one is due; forgets a group that nobody would miss; and leaves assigning to the members again,
 * where all who are left could do it themselves and are allowed to.
 */
export function* settle(groups: Groups, topics: Topics, name: string): Steps {
  const group = groups.get(name);
  // Groups whose members assign by themselves have no target.
  if (group === undefined || (group.members.size === 0 && groups.barriers.occupied(name))) return null;
  if (groups.forgettable(name)) yield { group: name, type: 'deleted' };
  else if (group.guestsOnly && groups.mayDowngrade) yield* downgrade(group, topics);
  else {
    const target = retarget(group, topics);
    if (target !== null) yield target;
  }
  return null;
}

/** One member's next step. */
function* advance(group: Group, member: Member, owned?: ReadonlySet<PlaceKey>): Steps {
  const step = reconcile(group, member, owned);
  if (step !== null) yield step;
  return null;
}

/**
 * The next step of a member that has not asked, but would be told. A new epoch alone waits until it asks: or everybody
 * would be told something whenever anybody joins.
 */
export function* nudge(group: Group, member: Member): Steps {
  const step = reconcile(group, member, undefined);
  if (step !== null && (step.revoke.length > 0 || step.give.length > 0)) yield step;
  return null;
}

// ---- join

function* join(groups: Groups, topics: Topics, request: Beat, who: Who): Steps {
  const refused = admits(groups, request);
  if (refused !== null) return refused;
  const { group: name, member } = request;
  const barrier = groups.barriers.get(name);
  if (barrier !== undefined && groups.barriers.occupied(name)) yield* upgrade(groups, barrier, topics);
  const group = groups.get(name);
  const existing = group?.members.get(member);
  const holder = request.instance === undefined ? undefined : group?.holder(request.instance);
  const replaced = holder !== undefined && (holder.away || isGuest(holder)) ? holder : undefined;
  // Who joins holds nothing. Whoever else acts under the same id is fenced, because the epoch rises with the new target.
  if (existing !== undefined && existing !== replaced) yield { group: name, type: 'gone', member };
  const subscription = subscribe(request, who);
  yield { group: name, type: 'member', member, subscription, replaces: replaced?.id ?? null };
  yield* settle(groups, topics, name);
  return yield* step(groups, request);
}

/** Is there room for one more? Members that assign by themselves are asked, too: they become guests. */
function admits(groups: Groups, { group: name, member, instance }: Beat): Fault | null {
  const group = groups.get(name);
  const barrier = groups.barriers.occupied(name) ? groups.barriers.get(name) : undefined;
  if (barrier !== undefined && !canUpgrade(barrier))
    return fault('INCONSISTENT_PROTOCOL', `the members of ${name} assign their partitions themselves`);
  if (barrier !== undefined && !groups.mayUpgrade)
    return fault('INCONSISTENT_PROTOCOL', `groups.migration keeps ${name} as it is while it has members`);
  if (group === undefined && barrier === undefined && groups.full)
    return fault('INVALID_REQUEST', `there are too many groups beside ${name}; delete some`);
  const holder = instance === undefined ? undefined : group?.holder(instance);
  if (holder !== undefined && holder.id !== member && !holder.away && !isGuest(holder))
    return fault('MEMBER_EXISTS', `${holder.id} holds instance id ${instance} in ${name}`);
  if (holder !== undefined || (group?.members ?? barrier?.members)?.has(member) === true) return null;
  if ((barrier ?? group)?.members.size === GROUP_MEMBERS_MAX)
    return fault('GROUP_FULL', `group ${name} has ${GROUP_MEMBERS_MAX} members`);
  return groups.heavy ? TOO_HEAVY : null;
}

function* step(groups: Groups, request: Beat): Steps {
  const group = groups.get(request.group);
  const member = group?.members.get(request.member);
  if (group === undefined || member === undefined) return null;
  return yield* advance(group, member, request.owned === undefined ? undefined : fromPlaces(request.owned));
}

function subscribe(request: Beat, { client, host }: Who, before?: Subscription): Subscription {
  return {
    instance: request.instance ?? before?.instance ?? null,
    client,
    host,
    rack: request.rack ?? before?.rack ?? '',
    pattern: request.pattern ?? before?.pattern ?? '',
    topics: request.topics === undefined ? (before?.topics ?? []) : [...new Set(request.topics)],
    assignor: request.assignor ?? before?.assignor ?? null,
    sessionMs: request.sessionMs ?? before?.sessionMs ?? null,
    rebalanceMs: request.rebalanceMs ?? before?.rebalanceMs ?? REBALANCE_MS.default,
    classic: null,
  };
}

// ---- leave

function* leave(groups: Groups, topics: Topics, request: Beat): Steps {
  const found = find(groups, request);
  if (!('group' in found)) return found;
  return yield* expel(groups, topics, found.group, [request.member]);
}

function* leaveForAWhile(groups: Groups, topics: Topics, request: Beat): Steps {
  const found = find(groups, request);
  if (!('group' in found)) return found;
  const { group, member } = found;
  if (member.subscription.instance === null)
    return fault(
      'INVALID_REQUEST',
      `${request.member} has no instance id to come back with; leave with epoch ${LEAVE}`,
    );
  if (!member.away) yield { group: group.name, type: 'away', member: member.id };
  return yield* settle(groups, topics, group.name);
}

// ---- between

function* report(groups: Groups, topics: Topics, request: Beat, who: Who): Steps {
  const found = find(groups, request);
  if (!('group' in found)) return found;
  const { group, member } = found;
  const owned = request.owned === undefined ? undefined : fromPlaces(request.owned);
  const stale = checkEpoch(member, request, owned);
  if (stale !== null) return stale;
  if (changes(request, member)) {
    if (groups.heavy) return TOO_HEAVY;
    const subscription = subscribe(request, who, member.subscription);
    yield { group: group.name, type: 'member', member: member.id, subscription, replaces: null };
  }
  if (group.stale) yield* settle(groups, topics, group.name);
  return yield* advance(group, member, owned);
}

/** The epoch before the present one is that of a member whose last answer was lost, if it holds nothing it should not. */
function checkEpoch(member: Member, request: Beat, owned: ReadonlySet<PlaceKey> | undefined): Fault | null {
  const { epoch } = request;
  if (member.away) return fault('FENCED_MEMBER', `${member.id} has left ${request.group} and has to join again`);
  if (request.instance !== undefined && request.instance !== member.subscription.instance)
    return fault('FENCED_MEMBER', `${member.id} does not hold instance id ${request.instance}`);
  if (epoch === member.epoch) return null;
  if (epoch > 0 && epoch === member.previous && (owned === undefined || isSubset(owned, member.assigned))) return null;
  return fault('FENCED_MEMBER', `${member.id} came with epoch ${epoch}, it is ${member.epoch}`);
}

function changes(request: Beat, { subscription }: Member): boolean {
  if (request.topics !== undefined && !isSubset(new Set(request.topics), new Set(subscription.topics))) return true;
  if (request.topics !== undefined && new Set(request.topics).size !== subscription.topics.length) return true;
  if (request.pattern !== undefined && request.pattern !== subscription.pattern) return true;
  if (request.rack !== undefined && request.rack !== subscription.rack) return true;
  if (request.assignor !== undefined && request.assignor !== subscription.assignor) return true;
  if (request.sessionMs !== undefined && request.sessionMs !== subscription.sessionMs) return true;
  return request.rebalanceMs !== undefined && request.rebalanceMs !== subscription.rebalanceMs;
}

function find(groups: Groups, request: Beat): { readonly group: Group; readonly member: Member } | Fault {
  const group = groups.get(request.group);
  const member = group?.members.get(request.member);
  if (group !== undefined && member !== undefined && !isGuest(member)) return { group, member };
  const holder = request.instance === undefined ? undefined : group?.holder(request.instance);
  if (holder !== undefined)
    return fault(
      'FENCED_INSTANCE',
      `${holder.id} has taken instance id ${request.instance} over from ${request.member}`,
    );
  return fault('UNKNOWN_MEMBER', `${request.group} has no member ${request.member}`);
}

// ---- what may be asked

function check(request: Beat): Fault | null {
  if (!Number.isSafeInteger(request.epoch) || request.epoch < LEAVE_FOR_A_WHILE)
    return fault('INVALID_REQUEST', `epoch ${request.epoch} is none`);
  if (request.epoch === JOIN && request.topics === undefined && request.pattern === undefined)
    return fault('INVALID_REQUEST', 'topics, or a pattern of them, must be given with epoch 0');
  if (request.assignor !== undefined && !ASSIGNORS.includes(request.assignor))
    return fault('UNKNOWN_ASSIGNOR', `assignor ${String(request.assignor).slice(0, 40)} is not known`);
  if ((request.topics?.length ?? 0) > SUBSCRIPTIONS_MAX)
    return fault('INVALID_REQUEST', `topics has ${request.topics?.length} names, at most ${SUBSCRIPTIONS_MAX} may be`);
  const pattern = Pattern.compile(request.pattern ?? '');
  if (!pattern.ok) return pattern.fault;
  return (
    checkId('member', request.member) ??
    (request.instance === undefined ? null : checkId('instance', request.instance)) ??
    checkBounds('sessionMs', request.sessionMs, SESSION_MS) ??
    checkBounds('rebalanceMs', request.rebalanceMs, REBALANCE_MS)
  );
}

function checkId(what: string, value: string): Fault | null {
  if (value.length >= 1 && value.length <= CLIENT_ID_CHARS_MAX) return null;
  return fault('INVALID_REQUEST', `${what} must have 1 to ${CLIENT_ID_CHARS_MAX} characters`);
}

function checkBounds(what: string, value: number | undefined, { least, most }: typeof SESSION_MS): Fault | null {
  if (value === undefined || (Number.isSafeInteger(value) && value >= least && value <= most)) return null;
  return fault('INVALID_REQUEST', `${what} must be a whole number from ${least} to ${most}`);
}
