/**
 * The two kinds of steps that bring a group to balance: a new target when members, wishes or topics have changed, and
 * one member's next step towards it. Only what moves is revoked; what moves is given on after its owner has given it up.
 */
import type { TopicId } from '../model/ids.ts';
import { assign, elect } from './assignors/assign.ts';
import type { TopicShape } from './assignors/candidates.ts';
import type { Group, GroupTopic, Member } from './group.ts';
import type { KnownTopic, Topics } from './groups.ts';
import { isSubset, type PlaceKey, packPlaces } from './places.ts';
import type { GroupRecord } from './record.ts';

type Target = Extract<GroupRecord, { readonly type: 'target' }>;
type Step = Extract<GroupRecord, { readonly type: 'step' }>;

/** A new epoch with its target, or null when the present one still fits. */
export function retarget(group: Group, topics: Topics): Target | null {
  const view = viewOf(group, topics);
  if (!group.stale && sameView(view, group.topics)) return null;
  const members = [...group.members.values()].sort((a, b) => (rank(a) < rank(b) ? -1 : 1));
  const candidates = members.map((member) => ({
    member: member.id,
    topics: wishes(member, topics),
    before: member.target,
  }));
  const shapes: TopicShape[] = [...view].map(([topic, { partitions }]) => ({ topic, partitions }));
  const assignor = elect(members.map(({ subscription }) => subscription.assignor));
  const assignment = assign(assignor, candidates, shapes);
  const targets: [string, number[][]][] = [];
  for (const [index, member] of members.entries()) {
    const target = assignment[index];
    if (target !== undefined && !sameKeys(target, member.target)) targets.push([member.id, packPlaces(target)]);
  }
  return {
    group: group.name,
    type: 'target',
    epoch: group.epoch + 1,
    assignor,
    topics: [...view].map(([id, { name, partitions }]) => [id, name, partitions]),
    targets,
  };
}

/**
 * The next step of a member, or null when it has to wait or has arrived.
 * @param owned what it says it holds; undefined when it says nothing.
 */
export function reconcile(group: Group, member: Member, owned: ReadonlySet<PlaceKey> | undefined): Step | null {
  if (member.away) return null;
  const released = member.revoking.size > 0;
  if (released && (owned === undefined || intersects(owned, member.revoking))) return null;
  const step = { group: group.name, type: 'step', member: member.id, released } as const;
  const { epoch, previous } = member;
  const revoke = [...member.assigned].filter((key) => !member.target.has(key));
  // Its epoch stays until it has given up: what it commits meanwhile counts.
  if (revoke.length > 0) return { ...step, epoch, previous, revoke: packPlaces(revoke), give: [] };
  const give = [...member.target].filter((key) => !member.assigned.has(key) && isFree(group, key, member));
  if (give.length === 0 && !released && epoch === group.epoch) return null;
  const moved = epoch === group.epoch ? previous : epoch;
  return { ...step, epoch: group.epoch, previous: moved, revoke: [], give: packPlaces(give) };
}

/** Does it own what it should, and nothing else? It may have to hear of the epoch yet. */
export function settled(member: Member): boolean {
  return member.away || (member.revoking.size === 0 && sameKeys(member.assigned, member.target));
}

/** Is a guest to come for its next step? It has something to give up, or could have more than it has. */
export function isBehind(group: Group, member: Member): boolean {
  if (member.epoch < group.epoch || member.revoking.size > 0) return true;
  for (const key of member.target) if (!member.assigned.has(key) && isFree(group, key, member)) return true;
  return false;
}

/** Called only when the member has nothing to give up any more, so that what it revokes is free, too. */
function isFree(group: Group, key: PlaceKey, member: Member): boolean {
  const owner = group.owner(key);
  return owner === undefined || owner === member.id;
}

/** The topics that exist out of those that anybody wants, by rising id. */
export function viewOf(group: Group, topics: Topics): Map<TopicId, GroupTopic> {
  const known = [...named(group.wanted(), group.patterns(), topics)].sort((a, b) => a.id - b.id);
  return new Map(known.map(({ id, name, partitions }) => [id, { name, partitions }]));
}

function wishes({ subscription }: Member, topics: Topics): Set<TopicId> {
  const patterns = subscription.pattern === '' ? [] : [subscription.pattern];
  return new Set([...named(subscription.topics, patterns, topics)].map(({ id }) => id));
}

/** Those that exist, each once. */
function named(names: Iterable<string>, patterns: Iterable<string>, topics: Topics): Set<KnownTopic> {
  const known = new Set<KnownTopic>();
  for (const name of names) {
    const topic = topics.byName(name);
    if (topic !== undefined) known.add(topic);
  }
  for (const pattern of patterns) for (const topic of topics.matching(pattern).values()) known.add(topic);
  return known;
}

/** Does a topic of this name concern the group, as it comes or grows? */
export function wants(group: Group, topics: Topics, name: string): boolean {
  if (group.wants(name)) return true;
  const topic = topics.byName(name);
  if (topic !== undefined)
    for (const pattern of group.patterns()) if (topics.matching(pattern).has(topic.id)) return true;
  return false;
}

/** Static members keep their place in the order when they come back with another member id. */
function rank(member: Member): string {
  return member.subscription.instance ?? member.id;
}

function sameView(a: ReadonlyMap<TopicId, GroupTopic>, b: ReadonlyMap<TopicId, GroupTopic>): boolean {
  if (a.size !== b.size) return false;
  for (const [id, { partitions }] of a) if (b.get(id)?.partitions !== partitions) return false;
  return true;
}

export function sameKeys(a: ReadonlySet<PlaceKey>, b: ReadonlySet<PlaceKey>): boolean {
  return a.size === b.size && isSubset(a, b);
}

function intersects(a: ReadonlySet<PlaceKey>, b: ReadonlySet<PlaceKey>): boolean {
  for (const key of a) if (b.has(key)) return true;
  return false;
}
