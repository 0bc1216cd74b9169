/**
 * Who may read what of a group, at every moment: a member from the answer that gives it a partition until the answer that
 * takes it away, and never longer than its session after the last request that was answered. Two at a time are two owners.
 * Judges with the patience of a member that keeps to its session; knows nothing of how the node decides. Of several that
 * come as the same static member the last that came counts: who was there before has yet to hear that it is fenced.
 */
import type { Checker, PlaceHistory } from './checker.ts';

interface Holding {
  /** Whoever came last as this member; nobody else's word counts. */
  readonly by: string;
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
  holds(group: string, member: string, by: string, places: readonly PlaceHistory[], until: number): void {
    const members = this.#membersOf(group);
    if ((members.get(member)?.by ?? by) !== by) return;
    members.set(member, { by, places: new Set(places), until });
    if (until <= this.#now() || this.#checker.astray) return;
    for (const [other, holding] of members) {
      if (other === member || holding.until <= this.#now()) continue;
      for (const place of places)
        if (holding.places.has(place))
          this.#checker.violate(`${place.name} is held by ${member} and by ${other} of ${group} at a time`);
    }
  }

  /** It asks to be let in, as a static member that somebody else may be at the moment. */
  comes(group: string, member: string, by: string): void {
    const members = this.#membersOf(group);
    if (members.get(member)?.by !== by) members.set(member, { by, places: new Set(), until: 0 });
  }

  /** It has given up everything. */
  holdsNothing(group: string, member: string, by: string): void {
    const members = this.#membersOf(group);
    if (members.get(member)?.by !== by) return;
    // What somebody else may come as is remembered to be this one's.
    if (member === by) members.delete(member);
    else members.set(member, { by, places: new Set(), until: 0 });
  }

  #membersOf(group: string): Map<string, Holding> {
    const members = this.#groups.get(group) ?? new Map<string, Holding>();
    this.#groups.set(group, members);
    return members;
  }
}
