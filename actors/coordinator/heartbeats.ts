/**
 * Heartbeats that wait for news, and what each member was told last. A plain class inside the coordinator, all of it
 * memory: after a restart everybody is told anew. Decides when a member has to hear something, never what.
 */
import type { Address } from '../../runtime/actor.ts';
import type { Group, Member } from '../../src/group/group.ts';
import type { Groups } from '../../src/group/groups.ts';
import { fromPlaces, toPlaces } from '../../src/group/places.ts';
import { sameKeys } from '../../src/group/reconcile.ts';
import { heartbeatMsOf } from '../../src/group/timeouts.ts';
import type { HeartbeatReply, HeartbeatRequest } from '../../src/protocols/request.ts';

export interface Asked<Ask> {
  readonly request: number;
  readonly ask: Ask;
  readonly from: Address;
}
export interface Held extends Asked<HeartbeatRequest> {
  readonly member: Member;
  /** When it is answered with nothing new, by the monotonic clock. */
  readonly until: number;
}

/** Over which connection, and what. */
interface Told {
  readonly from: Address;
  readonly epoch: number;
  readonly moves: number;
}

export class Heartbeats {
  readonly #held = new Map<string, Map<string, Held>>();
  readonly #told = new WeakMap<Member, Told>();
  readonly #groups: Groups;

  constructor(groups: Groups) {
    this.#groups = groups;
  }

  get size(): number {
    return this.#held.size;
  }

  /** Keeps a heartbeat until there is news, but never so long that the member could be taken for dead. */
  hold(asked: Asked<HeartbeatRequest>, member: Member, now: number): void {
    const { group } = asked.ask;
    const held = this.#held.get(group) ?? new Map<string, Held>();
    this.#held.set(group, held);
    const waitMs = Math.min(asked.ask.waitMs, heartbeatMsOf(this.#groups, group, member));
    held.set(member.id, { ...asked, member, until: now + waitMs });
  }

  /** Takes back the one that is held for a member. */
  take(group: string, member: string): Held | undefined {
    const held = this.#held.get(group);
    const taken = held?.get(member);
    held?.delete(member);
    if (held?.size === 0) this.#held.delete(group);
    return taken;
  }

  /** Those of one group. A copy: they may be taken on the way. */
  of(group: string): Held[] {
    return [...(this.#held.get(group)?.values() ?? [])];
  }

  all(): Held[] {
    return [...this.#held.values()].flatMap((held) => [...held.values()]);
  }

  /** Does the member have to hear something that it may not know? */
  news(asked: Asked<HeartbeatRequest>, member: Member): boolean {
    return asked.ask.epoch !== member.epoch || this.#unknown(asked, member);
  }

  /** The answer, with the assignment where it may be news; from now on the member knows. */
  reply(asked: Asked<HeartbeatRequest>, member: Member): HeartbeatReply {
    const base = {
      call: 'heartbeat',
      member: member.id,
      epoch: member.epoch,
      heartbeatMs: heartbeatMsOf(this.#groups, asked.ask.group, member),
    } as const;
    const assignment = this.news(asked, member) ? toPlaces(member.assigned) : undefined;
    this.#told.set(member, { from: asked.from, epoch: member.epoch, moves: member.moves });
    return assignment === undefined ? base : { ...base, assignment };
  }

  #unknown({ ask, from }: Asked<HeartbeatRequest>, member: Member): boolean {
    const told = this.#told.get(member);
    if (told === undefined || told.epoch !== member.epoch || told.moves !== member.moves) return true;
    // An answer over a connection that has broken since may never have come.
    if (told.from.name !== from.name || told.from.incarnation !== from.incarnation) return true;
    // It was told over this connection and gave up waiting for that answer: what it holds shows what it does not know.
    return ask.owned !== undefined && !sameKeys(fromPlaces(ask.owned), member.assigned);
  }
}

/** Answer to one who leaves, for good or for a while. */
export function farewell(ask: HeartbeatRequest): HeartbeatReply {
  return { call: 'heartbeat', member: ask.member, epoch: ask.epoch, heartbeatMs: 0 };
}

/** Is the one who was held still the same member of its group? */
export function isMember(group: Group | undefined, held: Held): boolean {
  return group?.members.get(held.member.id) === held.member;
}
