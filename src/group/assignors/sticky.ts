/**
 * Sticky: everybody keeps what it has, as far as that leaves the loads balanced; only the rest moves. Balanced means that
 * no partition can go, directly or by way of others, to a member with at least two less: within one of each other where
 * all want the same topics. Where they do, the fewest possible partitions move.
 */
import type { TopicId } from '../../model/ids.ts';
import { type PlaceKey, topicOf } from '../places.ts';
import { type Assignment, type Candidate, placesOf, subscribersOf, type TopicShape } from './candidates.ts';

export function assignSticky(candidates: readonly Candidate[], topics: readonly TopicShape[]): Assignment {
  const wanted = topics.filter(({ topic }) => candidates.some((candidate) => candidate.topics.has(topic)));
  const free = new Set(placesOf(wanted));
  const uniform = candidates.every((candidate) => wanted.every(({ topic }) => candidate.topics.has(topic)));
  return uniform ? byQuota(candidates, free) : byLoad(candidates, wanted, free);
}

/** All want the same: each gets the floor of the average, some one more. `free` is used up. */
function byQuota(candidates: readonly Candidate[], free: Set<PlaceKey>): Assignment {
  if (candidates.length === 0) return [];
  const least = Math.floor(free.size / candidates.length);
  let extras = free.size % candidates.length;
  const assignment: Set<PlaceKey>[] = [];
  for (const { before } of candidates) {
    const had = [...before].filter((key) => free.has(key));
    // The ones that may have one more are first of all those that have it already.
    const quota = had.length > least && extras > 0 ? least + 1 : least;
    if (quota > least) extras--;
    assignment.push(new Set(had.slice(0, quota)));
  }
  for (const kept of assignment) for (const key of kept) free.delete(key);
  const rest = free.values();
  for (const kept of assignment) {
    let quota = least;
    if (kept.size <= least && extras > 0) {
      quota = least + 1;
      extras--;
    }
    while (kept.size < quota) {
      const next = rest.next();
      if (next.done === true) break;
      kept.add(next.value);
    }
  }
  return assignment;
}

/** Wishes differ: the rest goes to whoever has least of those who want it; then chains of moves even out the loads. */
function byLoad(candidates: readonly Candidate[], topics: readonly TopicShape[], free: Set<PlaceKey>): Assignment {
  const assignment = candidates.map(({ before, topics: wanted }) => {
    const kept = [...before].filter((key) => wanted.has(topicOf(key)) && free.has(key));
    for (const key of kept) free.delete(key);
    return new Set(kept);
  });
  const subscribers = new Map(topics.map(({ topic }) => [topic, subscribersOf(topic, candidates)]));
  for (const key of free) leastLoaded(assignment, subscribers.get(topicOf(key)) ?? [])?.add(key);
  while (evenOut(assignment, subscribers)) {
    // Every chain makes the sum of the squares of the loads smaller, so this ends.
  }
  return assignment;
}

function leastLoaded(assignment: readonly Set<PlaceKey>[], among: readonly number[]): Set<PlaceKey> | undefined {
  let best: Set<PlaceKey> | undefined;
  for (const index of among) {
    const load = assignment[index];
    if (load !== undefined && (best === undefined || load.size < best.size)) best = load;
  }
  return best;
}

type Subscribers = ReadonlyMap<TopicId, readonly number[]>;
/** `key` goes from one member to another. */
interface Move {
  readonly key: PlaceKey;
  readonly from: number;
}

/** Carries out one chain of moves that takes a partition from a heavy member to one with two less. False: there is none. */
function evenOut(assignment: readonly Set<PlaceKey>[], subscribers: Subscribers): boolean {
  const heaviestFirst = [...assignment.keys()].sort((a, b) => loadOf(assignment, b) - loadOf(assignment, a));
  const lightest = loadOf(assignment, heaviestFirst.at(-1) ?? 0);
  return heaviestFirst.some((start) => {
    if (loadOf(assignment, start) < lightest + 2) return false;
    const moves = new Map<number, Move>();
    const light = search(start, assignment, subscribers, moves);
    for (let at = light; at !== start && at >= 0; ) {
      const move = moves.get(at);
      if (move === undefined) break;
      assignment[move.from]?.delete(move.key);
      assignment[at]?.add(move.key);
      at = move.from;
    }
    return light >= 0;
  });
}

/** Breadth first over members: from one to all who want a topic it has. -1 when nobody is light enough. */
function search(
  start: number,
  assignment: readonly Set<PlaceKey>[],
  subscribers: Subscribers,
  moves: Map<number, Move>,
): number {
  const enough = loadOf(assignment, start) - 2;
  const seenTopics = new Set<TopicId>();
  const line = [start];
  for (const from of line) {
    for (const key of assignment[from] ?? []) {
      const topic = topicOf(key);
      if (seenTopics.has(topic)) continue;
      seenTopics.add(topic);
      for (const to of subscribers.get(topic) ?? []) {
        if (to === start || moves.has(to)) continue;
        moves.set(to, { key, from });
        if (loadOf(assignment, to) <= enough) return to;
        line.push(to);
      }
    }
  }
  return -1;
}

function loadOf(assignment: readonly Set<PlaceKey>[], index: number): number {
  return assignment[index]?.size ?? 0;
}
