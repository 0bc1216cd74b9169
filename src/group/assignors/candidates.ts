/** What all assignors are given, and what they answer. Chooses nothing. */
import type { TopicId } from '../../model/ids.ts';
import { type PlaceKey, placeKey } from '../places.ts';

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
