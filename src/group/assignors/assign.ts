/**
 * Who should own what: the assignor that most members want, applied to members in an order that does not depend on when
 * they came. Every partition of a topic goes to exactly one of its subscribers, if it has any.
 */

import { unreachable } from '../../model/assert.ts';
import { ASSIGNORS, type Assignor } from '../record.ts';
import type { Assignment, Candidate, TopicShape } from './candidates.ts';
import { assignRange } from './range.ts';
import { assignRoundRobin } from './round-robin.ts';
import { assignSticky } from './sticky.ts';

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
