/**
 * The barriers of one coordinator's groups: memory beside its state, made when somebody joins and after a replay, gone
 * with the last member. Decides nothing.
 */
import type { Group } from '../group.ts';
import { Barrier } from './barrier.ts';
import type { Effect } from './member.ts';
import type { Shared } from './roll.ts';

export class Barriers {
  readonly #barriers = new Map<string, Barrier>();
  readonly #shared: Shared;

  /** @param initialRebalanceMs how long a group that was empty waits for more members. */
  constructor(initialRebalanceMs: number) {
    this.#shared = { bytes: 0, initialRebalanceMs };
  }

  get size(): number {
    return this.#barriers.size;
  }

  /** Metadata and assignments of all. */
  get bytes(): number {
    return this.#shared.bytes;
  }

  get(group: string): Barrier | undefined {
    return this.#barriers.get(group);
  }

  all(): IterableIterator<Barrier> {
    return this.#barriers.values();
  }

  /** Has the group members that assign by themselves? */
  occupied(group: string): boolean {
    return (this.#barriers.get(group)?.members.size ?? 0) > 0;
  }

  /** @param group undefined: there is none of that name yet. */
  open(name: string, group: Group | undefined): Barrier {
    const barrier = this.#barriers.get(name) ?? new Barrier(name, 0, this.#shared);
    this.#barriers.set(name, barrier);
    // Members of the other kind may have been there meanwhile.
    barrier.skipTo(group?.epoch ?? 0);
    return barrier;
  }

  /** After a replay: the members go on, each with a new session. */
  restore(groups: Iterable<Group>, now: number): void {
    for (const { name, generation, epoch } of groups) {
      if (generation === null || generation.members.size === 0 || this.#barriers.has(name)) continue;
      this.#barriers.set(name, Barrier.restore(name, generation, epoch, this.#shared, now));
    }
  }

  /** What the last step of a group led to. A barrier at which nobody is left is forgotten. */
  take(name: string): readonly Effect[] {
    const barrier = this.#barriers.get(name);
    if (barrier?.idle === true) this.#barriers.delete(name);
    return barrier?.take() ?? [];
  }
}
