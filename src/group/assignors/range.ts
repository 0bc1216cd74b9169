/** Range: each topic by itself, cut into consecutive runs, longer ones first, so that topics with equal counts align. */
import { type PlaceKey, placeKey } from '../places.ts';
import { type Assignment, type Candidate, subscribersOf, type TopicShape } from './candidates.ts';

export function assignRange(candidates: readonly Candidate[], topics: readonly TopicShape[]): Assignment {
  const assignment = candidates.map(() => new Set<PlaceKey>());
  for (const { topic, partitions } of topics) {
    const subscribers = subscribersOf(topic, candidates);
    let next = 0;
    for (const [order, index] of subscribers.entries()) {
      // Those who are left share what is left: the earlier ones get one more.
      const end = next + Math.ceil((partitions - next) / (subscribers.length - order));
      for (; next < end; next++) assignment[index]?.add(placeKey(topic, next));
    }
  }
  return assignment;
}
