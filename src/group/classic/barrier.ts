/**
 * The barrier of one group whose members assign by themselves: all who are expected join, then all wait for the leader's
 * assignment. Who waits is memory, as are sessions; what a generation came to is a record, and after a restart its members
 * go on in it as if nothing had been. Knows no clock but the numbers that come in, and answers through effects.
 *
 *     empty ─join─▶ preparing ─all joined, or time over─▶ completing ─the leader has assigned─▶ stable
 *       ▲              ▲  │                                   │                                   │
 *       └──nobody left────┘ ◀──────────── join, leave, crash ─┴───────────────────────────────────┘
 */
import { assert } from '../../model/assert.ts';
import { type Fault, type FaultCode, fault } from '../../model/faults.ts';
import type { Generation } from '../generation.ts';
import {
  type ClassicMember,
  type Effect,
  EXPECTED_BYTES,
  type Given,
  type Joined,
  NO_BYTES,
  NOTHING,
  type Protocol,
} from './member.ts';
import { Roll, type Shared } from './roll.ts';

export type Phase = 'empty' | 'preparing' | 'completing' | 'stable';

export class Barrier {
  readonly group: string;
  readonly #shared: Shared;
  #phase: Phase = 'empty';
  /** The present one, or the last. */
  #generation: number;
  /** The highest that anybody may have heard of. */
  #last: number;
  #protocolType = '';
  #protocol = '';
  readonly #roll: Roll;
  /** Were told an id and have not come back with it yet: until when they may. */
  readonly #pending = new Map<string, number>();
  /** When the wait for joins is over. */
  #joinUntil: number | null = null;
  /** Of the first wait of a group that was empty: how much longer it may get, and whether anybody came meanwhile. */
  #initial: { leftMs: number; grown: boolean } | null = null;
  /** When those are out who have not asked for their assignment. */
  #syncUntil: number | null = null;
  readonly #unsynced = new Set<string>();
  #effects: Effect[] = [];

  /** @param last epoch or generation that the group has used. */
  constructor(group: string, last: number, shared: Shared) {
    this.group = group;
    this.#shared = shared;
    this.#roll = new Roll(shared);
    this.#generation = last;
    this.#last = last;
  }

  /** As its last generation left it; every session starts anew. */
  static restore(group: string, generation: Generation, last: number, shared: Shared, now: number): Barrier {
    const barrier = new Barrier(group, last, shared);
    barrier.#generation = generation.number;
    barrier.#protocolType = generation.protocolType;
    barrier.#protocol = generation.protocol;
    for (const stored of generation.members.values()) {
      const { metadata, topics, places, owned } = stored;
      const protocols = [{ name: generation.protocol, metadata, topics, owned: places === null ? null : owned }];
      const dueAt = now + stored.sessionMs;
      barrier.#roll.add({ ...stored, protocols, joining: null, syncing: null, fresh: false, dueAt });
    }
    if (barrier.members.size > 0) barrier.#phase = 'stable';
    // The node has assigned until now: somebody is to lead, and all have to join for it.
    if (generation.leader === '') barrier.rebalance(now);
    else barrier.#roll.leader = generation.leader;
    return barrier;
  }

  get phase(): Phase {
    return this.#phase;
  }
  get generation(): number {
    return this.#generation;
  }
  get protocolType(): string {
    return this.#protocolType;
  }
  get protocol(): string {
    return this.#protocol;
  }
  get leader(): string {
    return this.#roll.leader;
  }
  get members(): ReadonlyMap<string, ClassicMember> {
    return this.#roll.members;
  }
  get pending(): ReadonlyMap<string, number> {
    return this.#pending;
  }
  /** The way of assigning that a vote would take now. */
  get voted(): string {
    return this.#roll.vote();
  }
  /** Nobody would miss it. */
  get idle(): boolean {
    return this.members.size === 0 && this.#pending.size === 0 && this.#phase === 'empty';
  }

  /** Effects since the last call. */
  take(): Effect[] {
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  /** Is there a way of assigning that all know, and one more who knows these? */
  agrees(offered: readonly Protocol[]): boolean {
    return this.#roll.agrees(offered);
  }

  holder(instance: string): string | undefined {
    return this.#roll.holder(instance);
  }

  /** Is a member subscribed to a topic, by the way of assigning that the group has taken? */
  subscribes(topic: string): boolean {
    for (const member of this.members.values()) if (this.protocolOf(member)?.topics.includes(topic)) return true;
    return false;
  }

  protocolOf(member: ClassicMember): Protocol | undefined {
    return member.protocols.find(({ name }) => name === this.#protocol);
  }

  // ---- for the calls beside this file

  /** No generation up to this one is used any more. */
  skipTo(last: number): void {
    this.#last = Math.max(this.#last, last);
    if (this.members.size === 0) this.#generation = this.#last;
  }

  /** A new member waits: the first of a group says what kind of group it is. */
  admit(member: ClassicMember, protocolType: string, now: number): void {
    this.#expected(member.id);
    if (this.members.size === 0) this.#protocolType = protocolType;
    if (this.#initial !== null) this.#initial.grown = true;
    this.#roll.add(member);
    this.rebalance(now);
  }

  expect(id: string, until: number): void {
    this.#shared.bytes += EXPECTED_BYTES;
    this.#pending.set(id, until);
  }

  /** Takes a static member's place, and all that it had. */
  succeed(old: ClassicMember, successor: ClassicMember): void {
    const led = this.leader === old.id;
    this.#remove(old, 'FENCED_INSTANCE', `${successor.id} has taken over instance id ${old.instance}`);
    this.#roll.add(successor);
    if (led) this.#roll.leader = successor.id;
  }

  update(member: ClassicMember, change: Pick<ClassicMember, 'protocols' | 'sessionMs' | 'rebalanceMs'>): void {
    this.#roll.change(member, change);
  }

  /** Waits for the others; a request of it that waited before is told to. */
  wait(member: ClassicMember, request: number): void {
    if (member.joining !== null) this.refuse(member.joining, 'REBALANCE_IN_PROGRESS', 'the member has joined anew');
    member.joining = request;
  }

  /** Begins a rebalance, or goes on with the one there is. */
  rebalance(now: number): void {
    if (this.#phase !== 'preparing') this.#prepare(now);
    else if (this.#initial === null) this.#completeIfAll(now);
  }

  /** Out, or given up. Returns false for a stranger. */
  drop(id: string, now: number): boolean {
    if (this.#expected(id)) {
      if (this.#phase === 'preparing') this.rebalance(now);
      return true;
    }
    const member = this.members.get(id);
    if (member === undefined) return false;
    this.#remove(member, 'UNKNOWN_MEMBER', `${id} is no longer a member of ${this.group}`);
    if (this.members.size === 0) this.#complete(now);
    else this.rebalance(now);
    return true;
  }

  #expected(id: string): boolean {
    if (!this.#pending.delete(id)) return false;
    this.#shared.bytes -= EXPECTED_BYTES;
    return true;
  }

  refuse(request: number, code: FaultCode, message: string): void {
    this.#effects.push({ type: 'refused', request, fault: fault(code, message) });
  }

  /** The answer to a member's join, as the group is now. */
  welcome(member: ClassicMember, request: number, more: Partial<Joined> = {}): void {
    const leads = this.leader === member.id;
    const { id } = member;
    const base = { member: id, generation: this.#generation, protocolType: this.#protocolType };
    const joined = { ...base, protocol: this.#protocol, leader: this.leader, skip: false };
    const members = leads && more.members === undefined ? this.roster() : [];
    this.#effects.push({ type: 'joined', request, joined: { ...joined, members, ...more } });
  }

  /** Tells a new member its id and no more. */
  name(request: number, id: string, reason: Fault): void {
    const nothing = { generation: -1, protocolType: '', protocol: '', leader: '', skip: false, members: [] };
    this.#effects.push({ type: 'joined', request, joined: { member: id, fault: reason, ...nothing } });
  }

  /** Everybody with the metadata of the way that was taken: for the leader. */
  roster(): Joined['members'] {
    return [...this.members.values()].map((member) => {
      const metadata = this.protocolOf(member)?.metadata ?? NO_BYTES;
      const entry = { member: member.id, metadata };
      return member.instance === null ? entry : { ...entry, instance: member.instance };
    });
  }

  /** The member has asked for its assignment. */
  synced(member: ClassicMember): void {
    this.#unsynced.delete(member.id);
    if (this.#unsynced.size === 0) this.#syncUntil = null;
  }

  /** What the leader says holds from now on. */
  settle(assignments: ReadonlyMap<string, Given>, now: number): void {
    assert(this.#phase === 'completing', `group ${this.group} is assigned while ${this.#phase}`);
    this.#phase = 'stable';
    for (const member of this.members.values()) this.#roll.change(member, assignments.get(member.id) ?? NOTHING);
    this.persist();
    for (const member of this.members.values()) {
      if (member.syncing === null) continue;
      this.give(member, member.syncing);
      member.syncing = null;
      member.dueAt = now + member.sessionMs;
    }
  }

  give(member: ClassicMember, request: number): void {
    const synced = { protocolType: this.#protocolType, protocol: this.#protocol, assignment: member.assignment };
    this.#effects.push({ type: 'synced', request, synced });
  }

  /** The generation as it is, for the log. */
  persist(): void {
    const { group } = this;
    const head = { protocolType: this.#protocolType, protocol: this.#protocol, leader: this.leader };
    this.#record({ group, type: 'generation', generation: this.#generation, ...head });
    for (const member of this.members.values()) {
      const { id, instance, client, host, sessionMs, rebalanceMs, assignment, places } = member;
      const { metadata, topics, owned } = this.protocolOf(member) ?? { metadata: NO_BYTES, topics: [], owned: null };
      const told = { metadata, topics, owned: owned ?? [] };
      const stored = { instance, client, host, sessionMs, rebalanceMs, ...told, assignment, places };
      this.#record({ group, type: 'assigned', member: id, ...stored });
    }
  }

  /** Time has passed. */
  tick(now: number): void {
    for (const [id, until] of [...this.#pending]) if (now >= until) this.drop(id, now);
    for (const member of [...this.members.values()]) {
      const waits = !member.fresh && (member.joining !== null || member.syncing !== null);
      if (!waits && now >= member.dueAt) this.drop(member.id, now);
    }
    if (this.#joinUntil !== null && now >= this.#joinUntil) this.#joinTimeOver(now);
    if (this.#syncUntil !== null && now >= this.#syncUntil) this.#syncTimeOver(now);
  }

  /** The node assigns from now on: nobody is a member here any more, and who waits is to join again. */
  dissolve(): void {
    for (const id of [...this.#pending.keys()]) this.#expected(id);
    for (const member of [...this.members.values()])
      this.#remove(member, 'REBALANCE_IN_PROGRESS', `the node assigns the partitions of ${this.group} from now on`);
    this.#phase = 'empty';
    this.#initial = null;
    this.#joinUntil = null;
    this.#syncUntil = null;
  }

  /** Everybody who waits is told so and waits no more. */
  refuseAll(reason: Fault): void {
    for (const member of this.members.values()) {
      for (const request of [member.joining, member.syncing])
        if (request !== null) this.#effects.push({ type: 'refused', request, fault: reason });
      member.joining = null;
      member.syncing = null;
    }
  }

  // ---- phases

  #prepare(now: number): void {
    for (const member of this.members.values()) {
      if (member.syncing !== null)
        this.refuse(member.syncing, 'REBALANCE_IN_PROGRESS', `group ${this.group} is being rebalanced`);
      member.syncing = null;
    }
    this.#syncUntil = null;
    this.#unsynced.clear();
    const wasEmpty = this.#phase === 'empty';
    this.#phase = 'preparing';
    const { initialRebalanceMs } = this.#shared;
    if (wasEmpty && initialRebalanceMs > 0) {
      this.#initial = { leftMs: Math.max(0, this.#roll.rebalanceMs - initialRebalanceMs), grown: false };
      this.#joinUntil = now + initialRebalanceMs;
    } else {
      this.#joinUntil = now + this.#roll.rebalanceMs;
      this.#completeIfAll(now);
    }
  }

  #joinTimeOver(now: number): void {
    const { initialRebalanceMs } = this.#shared;
    if (this.#initial?.grown === true && this.#initial.leftMs > 0) {
      const moreMs = Math.min(initialRebalanceMs, this.#initial.leftMs);
      this.#initial = { leftMs: this.#initial.leftMs - moreMs, grown: false };
      this.#joinUntil = now + moreMs;
    } else this.#complete(now);
  }

  #completeIfAll(now: number): void {
    if (this.#pending.size > 0) return;
    if (this.#roll.complete) this.#complete(now);
  }

  /** Whoever has not joined is out, static members aside: they have their session. */
  #complete(now: number): void {
    this.#initial = null;
    this.#joinUntil = null;
    for (const member of [...this.members.values()])
      if (member.joining === null && member.instance === null)
        this.#remove(member, 'UNKNOWN_MEMBER', `${member.id} has not joined in time`);
    if (this.members.size > 0 && !this.#roll.elect()) {
      this.#joinUntil = now + this.#roll.rebalanceMs;
      return;
    }
    this.#generation = ++this.#last;
    if (this.members.size === 0) this.#empty();
    else this.#open(now);
  }

  #empty(): void {
    this.#phase = 'empty';
    this.#syncUntil = null;
    this.#protocol = '';
    this.persist();
  }

  /** The generation begins. Its number goes to the log first, so that none is ever used twice. */
  #open(now: number): void {
    this.#phase = 'completing';
    this.#protocol = this.#roll.vote();
    this.#syncUntil = now + this.#roll.rebalanceMs;
    this.#record({ group: this.group, type: 'epoch', epoch: this.#generation });
    for (const member of this.members.values()) {
      this.#roll.change(member, NOTHING);
      this.#unsynced.add(member.id);
      if (member.joining !== null) {
        this.welcome(member, member.joining);
        member.dueAt = now + member.sessionMs;
      }
      member.joining = null;
      member.fresh = false;
    }
  }

  #syncTimeOver(now: number): void {
    this.#syncUntil = null;
    for (const id of this.#unsynced) {
      const member = this.members.get(id);
      if (member !== undefined)
        this.#remove(member, 'UNKNOWN_MEMBER', `${id} has not asked for its assignment in time`);
    }
    this.#unsynced.clear();
    if (this.members.size === 0) this.#complete(now);
    else this.rebalance(now);
  }

  #remove(member: ClassicMember, code: FaultCode, message: string): void {
    this.#roll.remove(member);
    this.#unsynced.delete(member.id);
    for (const request of [member.joining, member.syncing]) if (request !== null) this.refuse(request, code, message);
  }

  #record(record: Extract<Effect, { readonly type: 'record' }>['record']): void {
    this.#effects.push({ type: 'record', record });
  }
}
