/**
 * Who should own what: the assignor that most members want, applied to members in an order that does not depend on when
 * they came. Every partition of a topic goes to exactly one of its subscribers, if it has any.
 */
import { unreachable } from '../../model/assert.ts';
import type { TopicId } from '../../model/ids.ts';
import { type PlaceKey, placeKey } from '../places.ts';
import { ASSIGNORS, type Assignor } from '../record.ts';
import { assignRange } from './range.ts';
import { assignRoundRobin } from './round-robin.ts';
import { assignSticky } from './sticky.ts';

export interface Candidate {
  readonly member: string;
  readonly topics: ReadonlySet<TopicId>;
  /** Its target so far. Disjoint from all others'. */
  readonly before: ReadonlySet<PlaceKey>;
}
export interface TopicShape {
  readonly topic: TopicId;
  readonly partitions: number;
}
/** By the candidates' order. */
export type Assignment = readonly ReadonlySet<PlaceKey>[];

/** @param candidates in the order in which leftovers are dealt out. @param topics by rising id. */
export function assign(
  assignor: Assignor,
  candidates: readonly Candidate[],
  topics: readonly TopicShape[],
): Assignment {
  switch (assignor) {
    case 'sticky':
      return assignSticky(candidates, topics);
    case 'range':
      return assignRange(candidates, topics);
    case 'roundrobin':
      return assignRoundRobin(candidates, topics);
    default:
      return unreachable(assignor);
  }
}

/** The one with most votes; with equally many, the first of {@link ASSIGNORS}. */
export function elect(votes: Iterable<Assignor | null>): Assignor {
  const counts = new Map<Assignor, number>();
  for (const vote of votes) if (vote !== null) counts.set(vote, (counts.get(vote) ?? 0) + 1);
  let elected: Assignor = ASSIGNORS[0];
  for (const assignor of ASSIGNORS) if ((counts.get(assignor) ?? 0) > (counts.get(elected) ?? 0)) elected = assignor;
  return elected;
}

/** The candidates that want a topic, by their index. */
export function subscribersOf(topic: TopicId, candidates: readonly Candidate[]): number[] {
  const subscribers: number[] = [];
  for (const [index, candidate] of candidates.entries()) if (candidate.topics.has(topic)) subscribers.push(index);
  return subscribers;
}

export function placesOf(topics: readonly TopicShape[]): PlaceKey[] {
  const places: PlaceKey[] = [];
  for (const { topic, partitions } of topics)
    for (let partition = 0; partition < partitions; partition++) places.push(placeKey(topic, partition));
  return places;
}
