/**
 * Committed offsets that nobody has needed for too long, and with the last of them their group. What counts is when they were
 * committed and when the group was found empty; where it has members, only offsets of topics that they do not read grow old.
 */
import type { Steps } from './beat.ts';
import { CONSUMER } from './classic/member.ts';
import type { Group } from './group.ts';
import type { Groups, Topics } from './groups.ts';
import { type PlaceKey, packPlaces, topicOf } from './places.ts';

/** Of one record: a group may have committed very many. */
const PLACES_MAX = 5_000;

/** @param at ms since 1970. */
export function* expire(groups: Groups, topics: Topics, group: Group, at: number, retentionMs: number): Steps {
  const vacant = groups.vacant(group.name);
  if (vacant && group.emptiedAt === null) yield { group: group.name, type: 'emptied', at };
  const since = vacant ? (group.emptiedAt ?? at) : 0;
  const old: PlaceKey[] = [];
  if (at - since >= retentionMs)
    for (const [key, committed] of group.offsets)
      if (
        at - committed.at >= retentionMs &&
        !group.pending.has(key) &&
        (vacant || isUnread(groups, topics, group, key))
      )
        old.push(key);
  for (let from = 0; from < old.length; from += PLACES_MAX)
    yield { group: group.name, type: 'dropped', places: packPlaces(old.slice(from, from + PLACES_MAX)) };
  if (groups.forgettable(group.name)) yield { group: group.name, type: 'deleted' };
  return null;
}

/** Between two generations nobody can tell. */
function isUnread(groups: Groups, topics: Topics, group: Group, key: PlaceKey): boolean {
  if (group.members.size > 0) return !group.topics.has(topicOf(key));
  const barrier = groups.barriers.get(group.name);
  if (barrier?.phase !== 'stable' || barrier.protocolType !== CONSUMER) return false;
  const name = topics.byId(topicOf(key))?.name;
  return name !== undefined && !barrier.subscribes(name);
}
