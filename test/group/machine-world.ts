/**
 * Groups with pretended members, for properties and transcripts: carries the machine's steps out and keeps the records;
 * members do what they are told, late if they like. No log, no clock but a number.
 */
import { type Beat, beat, expel, nudge, type Steps, settle } from '../../src/group/beat.ts';
import type { Group } from '../../src/group/group.ts';
import { Groups, Topics } from '../../src/group/groups.ts';
import { forgetTopics } from '../../src/group/offsets.ts';
import { type PlaceKey, toPlaces } from '../../src/group/places.ts';
import type { Assignor, GroupRecord } from '../../src/group/record.ts';
import { overdue, touch } from '../../src/group/timeouts.ts';
import type { Fault } from '../../src/model/faults.ts';
import { id } from '../../src/model/ids.ts';

export const GROUP = 'g';

export class MachineWorld {
  groups = new Groups();
  readonly topics = new Topics();
  readonly records: GroupRecord[] = [];
  now = 1;

  /** Records are kept as msgpack would give them back: as plain values. */
  carryOut(steps: Steps | readonly GroupRecord[]): Fault | null {
    const iterator = steps[Symbol.iterator]();
    for (;;) {
      const next = iterator.next();
      if (next.done === true) return next.value ?? null;
      const record = JSON.parse(JSON.stringify(next.value)) as GroupRecord;
      this.records.push(record);
      this.groups.apply(record);
    }
  }

  topic(number: number, name: string, partitions: number): void {
    this.topics.put({ id: id(number), name, partitions });
    this.carryOut(settle(this.groups, this.topics, GROUP));
  }

  dropTopic(number: number): void {
    this.topics.drop(id(number));
    const { group } = this;
    if (group !== undefined)
      this.carryOut(forgetTopics(this.groups, group, (topic) => this.topics.byId(topic) !== undefined));
    this.carryOut(settle(this.groups, this.topics, GROUP));
  }

  get group(): Group | undefined {
    return this.groups.get(GROUP);
  }

  /** Time passes; who is out of it is out. */
  pass(ms: number): string[] {
    this.now += ms;
    const { group } = this;
    const out = group === undefined ? [] : overdue(this.groups, group, this.now);
    if (group !== undefined && out.length > 0) this.carryOut(expel(this.groups, this.topics, group, out));
    return out;
  }

  beat(request: Omit<Beat, 'group'>): Fault | null {
    const refused = this.carryOut(
      beat(this.groups, this.topics, { group: GROUP, ...request }, { client: 'test', host: '' }),
    );
    const member = this.group?.members.get(request.member);
    if (refused === null && member !== undefined) touch(this.groups, GROUP, member, this.now);
    return refused;
  }
}

/** One consumer. Holds what it was told to; gives up when asked to. */
export class Pretender {
  readonly id: string;
  readonly instance: string | undefined;
  topics: string[];
  readonly assignor: Assignor | undefined;
  epoch = 0;
  holds = new Set<PlaceKey>();
  /** Told to give these up, and still at it. */
  givingUp = new Set<PlaceKey>();
  joined = false;

  constructor(id: string, topics: string[], assignor?: Assignor, instance?: string) {
    this.id = id;
    this.topics = topics;
    this.assignor = assignor;
    this.instance = instance;
  }

  join(world: MachineWorld): Fault | null {
    this.lose();
    const { topics, assignor, instance } = this;
    const refused = world.beat({
      member: this.id,
      epoch: 0,
      topics,
      sessionMs: 10_000,
      rebalanceMs: 20_000,
      ...(assignor === undefined ? {} : { assignor }),
      ...(instance === undefined ? {} : { instance }),
    });
    if (refused === null) this.#hear(world);
    return refused;
  }

  /** A heartbeat that says what it holds, and does what the answer says. */
  beat(world: MachineWorld): Fault | null {
    const owned = toPlaces([...this.holds, ...this.givingUp]);
    const refused = world.beat({ member: this.id, epoch: this.epoch, owned });
    if (refused === null) this.#hear(world);
    else this.lose();
    return refused;
  }

  /** What a coordinator does while it holds a heartbeat: it is answered when there is something to tell. */
  nudge(world: MachineWorld): void {
    const member = world.group?.members.get(this.id);
    if (world.group === undefined || member === undefined || member.epoch !== this.epoch) return;
    world.carryOut(nudge(world.group, member));
    this.#hear(world);
  }

  leave(world: MachineWorld, epoch: -1 | -2): Fault | null {
    const refused = world.beat({ member: this.id, epoch });
    this.lose();
    return refused;
  }

  giveUp(): void {
    this.givingUp.clear();
  }

  lose(): void {
    this.joined = false;
    this.epoch = 0;
    this.holds.clear();
    this.givingUp.clear();
  }

  #hear(world: MachineWorld): void {
    const member = world.group?.members.get(this.id);
    if (member === undefined) throw new Error(`${this.id} was welcomed and is no member`);
    this.joined = true;
    this.epoch = member.epoch;
    for (const key of this.holds) {
      if (member.assigned.has(key)) continue;
      this.holds.delete(key);
      this.givingUp.add(key);
    }
    for (const key of member.assigned) {
      this.givingUp.delete(key);
      this.holds.add(key);
    }
  }
}
