/** The members of one group that assigns by itself: who they are, who leads, what they left with us. Waits for nobody. */
import { assert } from '../../model/assert.ts';
import { bytesOf, type ClassicMember, type Protocol } from './member.ts';

/** What all barriers of a coordinator share. */
export interface Shared {
  /** Metadata and assignments that members left with us. */
  bytes: number;
  /** How long a group that was empty waits for more members, ms. */
  readonly initialRebalanceMs: number;
}

export class Roll {
  readonly #shared: Shared;
  readonly #members = new Map<string, ClassicMember>();
  readonly #instances = new Map<string, string>();
  /** Ways of assigning, with the number of members that know each. */
  readonly #known = new Map<string, number>();
  /** Empty where there is nobody. */
  leader = '';

  constructor(shared: Shared) {
    this.#shared = shared;
  }

  get members(): ReadonlyMap<string, ClassicMember> {
    return this.#members;
  }

  /** All wait for the others. */
  get complete(): boolean {
    for (const { joining } of this.#members.values()) if (joining === null) return false;
    return true;
  }

  /** The slowest member's. */
  get rebalanceMs(): number {
    let most = 0;
    for (const { rebalanceMs } of this.#members.values()) most = Math.max(most, rebalanceMs);
    return most;
  }

  /** Is there a way that all know, and one more who knows these? */
  agrees(offered: readonly Protocol[]): boolean {
    return offered.some(({ name }) => (this.#known.get(name) ?? 0) === this.#members.size);
  }

  /** The way that all know and most of them like best; with equally many votes, the one that was voted for first. */
  vote(): string {
    const votes = new Map<string, number>();
    for (const { protocols } of this.#members.values()) {
      const liked = protocols.find(({ name }) => this.#known.get(name) === this.#members.size);
      if (liked !== undefined) votes.set(liked.name, (votes.get(liked.name) ?? 0) + 1);
    }
    let elected = '';
    for (const [name, count] of votes) if (count > (votes.get(elected) ?? 0)) elected = name;
    return elected;
  }

  holder(instance: string): string | undefined {
    return this.#instances.get(instance);
  }

  add(member: ClassicMember): void {
    assert(!this.#members.has(member.id), `${member.id} is a member already`);
    this.#members.set(member.id, member);
    this.#shared.bytes += bytesOf(member);
    this.#count(member.protocols, 1);
    if (member.instance !== null) this.#instances.set(member.instance, member.id);
    if (this.leader === '') this.leader = member.id;
  }

  remove(member: ClassicMember): void {
    this.#members.delete(member.id);
    this.#shared.bytes -= bytesOf(member);
    this.#count(member.protocols, -1);
    if (member.instance !== null) this.#instances.delete(member.instance);
    if (this.leader === member.id) this.leader = this.#members.keys().next().value ?? '';
  }

  change(member: ClassicMember, change: Partial<ClassicMember>): void {
    this.#shared.bytes -= bytesOf(member);
    this.#count(member.protocols, -1);
    Object.assign(member, change);
    this.#count(member.protocols, 1);
    this.#shared.bytes += bytesOf(member);
  }

  #count(protocols: readonly Protocol[], by: 1 | -1): void {
    for (const name of new Set(protocols.map((one) => one.name))) {
      const count = (this.#known.get(name) ?? 0) + by;
      if (count > 0) this.#known.set(name, count);
      else this.#known.delete(name);
    }
  }

  /** The leader stays, if it has joined. False: nobody has. */
  elect(): boolean {
    if ((this.#members.get(this.leader)?.joining ?? null) !== null) return true;
    for (const { id, joining } of this.#members.values()) {
      if (joining === null) continue;
      this.leader = id;
      return true;
    }
    return false;
  }
}
