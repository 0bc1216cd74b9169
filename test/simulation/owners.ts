/**
 * Who may read what of a group, at every moment: a member from the answer that gives it a partition until the answer that
 * takes it away, and never longer than its session after the last request that was answered. Two at a time are two owners.
 * Judges with the patience of a member that keeps to its session; knows nothing of how the node decides.
 */
import type { Checker, PlaceHistory } from './checker.ts';

interface Holding {
  readonly places: ReadonlySet<PlaceHistory>;
  /** The node cannot have given it up before: its session is counted from when the node heard of it. */
  readonly until: number;
}

export class Owners {
  readonly #checker: Checker;
  readonly #now: () => number;
  /** By group, then by member. */
  readonly #groups = new Map<string, Map<string, Holding>>();

  constructor(checker: Checker, now: () => number) {
    this.#checker = checker;
    this.#now = now;
  }

  /** A heartbeat was answered: the member holds these, by what it was told, until its session ends. */
  holds(group: string, member: string, places: readonly PlaceHistory[], until: number): void {
    const members = this.#groups.get(group) ?? new Map<string, Holding>();
    this.#groups.set(group, members);
    members.set(member, { places: new Set(places), until });
    if (until <= this.#now() || this.#checker.astray) return;
    for (const [other, holding] of members) {
      if (other === member || holding.until <= this.#now()) continue;
      for (const place of places)
        if (holding.places.has(place))
          this.#checker.violate(`${place.name} is held by ${member} and by ${other} of ${group} at a time`);
    }
  }

  /** It has given up everything. */
  holdsNothing(group: string, member: string): void {
    this.#groups.get(group)?.delete(member);
  }
}
