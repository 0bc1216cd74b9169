/** The members of one group that assigns by itself: who they are, who leads, what they left with us. Waits for nobody. */
import { assert } from '../../model/assert.ts';
import { bytesOf, type ClassicMember } from './member.ts';

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

  holder(instance: string): string | undefined {
    return this.#instances.get(instance);
  }

  add(member: ClassicMember): void {
    assert(!this.#members.has(member.id), `${member.id} is a member already`);
    this.#members.set(member.id, member);
    this.#shared.bytes += bytesOf(member);
    if (member.instance !== null) this.#instances.set(member.instance, member.id);
    if (this.leader === '') this.leader = member.id;
  }

  remove(member: ClassicMember): void {
    this.#members.delete(member.id);
    this.#shared.bytes -= bytesOf(member);
    if (member.instance !== null) this.#instances.delete(member.instance);
    if (this.leader === member.id) this.leader = this.#members.keys().next().value ?? '';
  }

  change(member: ClassicMember, change: Partial<ClassicMember>): void {
    this.#shared.bytes -= bytesOf(member);
    Object.assign(member, change);
    this.#shared.bytes += bytesOf(member);
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
