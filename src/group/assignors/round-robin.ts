/** Round-robin: all partitions in order, dealt out in turn, past those who do not want the topic. */
import { type PlaceKey, placeKey } from '../places.ts';
import type { Assignment, Candidate, TopicShape } from './candidates.ts';

export function assignRoundRobin(candidates: readonly Candidate[], topics: readonly TopicShape[]): Assignment {
  const assignment = candidates.map(() => new Set<PlaceKey>());
  let turn = 0;
  for (const { topic, partitions } of topics) {
    if (!candidates.some((candidate) => candidate.topics.has(topic))) continue;
    for (let partition = 0; partition < partitions; partition++) {
      while (candidates[turn]?.topics.has(topic) !== true) turn = (turn + 1) % candidates.length;
      assignment[turn]?.add(placeKey(topic, partition));
      turn = (turn + 1) % candidates.length;
    }
  }
  return assignment;
}
