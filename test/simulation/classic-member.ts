/**
 * Members of a classic group by Kafka's protocol, eager ones: they give up everything before they join, and the leader among
 * them assigns; or the node does, where others are in the group that leave it to the node. Static ones leave without a word.
 */
import { heartbeat } from '../../src/protocols/kafka/calls/heartbeat.ts';
import { type JoinGroupResponse, joinGroup } from '../../src/protocols/kafka/calls/join-group.ts';
import { leaveGroup } from '../../src/protocols/kafka/calls/leave-group.ts';
import { syncGroup } from '../../src/protocols/kafka/calls/sync-group.ts';
import { errors } from '../../src/protocols/kafka/faults.ts';
import { readAssignment, writeAssignment } from '../../src/protocols/kafka/subscription.ts';
import { Writing } from '../../src/protocols/kafka/writing.ts';
import type { PlaceHistory } from './checker.ts';
import { KafkaMember } from './kafka-member.ts';
import { CALL_MS_MAX } from './party.ts';

const SESSION_MS = 12_000;
/** Longer than a session: who does not hear of a rebalance loses its session first, and knows it. */
const REBALANCE_MS = 30_000;
const CONSUMER = 'consumer';

export type Roster = JoinGroupResponse['members'];
/** What each of the members is to read, in their order. */
export type Shares = readonly (readonly PlaceHistory[])[];

export class ClassicMember extends KafkaMember {
  protected readonly bearable = [errors.REBALANCE_IN_PROGRESS, errors.ILLEGAL_GENERATION];
  #member = '';
  /** -1: it has to join. */
  #generation = -1;
  /** The last that it was in. */
  #last = -1;
  #isBack = false;
  /** Nobody led the group that it was in last, since the node assigns there. */
  #wasGuest: boolean | null = null;

  protected get joined(): boolean {
    return this.#generation >= 0;
  }

  protected get credentials() {
    return { memberId: this.#member, generationIdOrMemberEpoch: this.#generation };
  }

  protected get holder(): string {
    return this.instance ?? this.life;
  }

  /** How it assigns. */
  protected get protocolName(): string {
    return 'range';
  }

  protected forget(): void {
    this.rejoin();
  }

  protected override anew(): void {
    this.#member = '';
    this.#wasGuest = null;
    this.#isBack = this.instance !== null;
  }

  /** It is to join, whatever it holds. */
  protected rejoin(): void {
    this.#generation = -1;
  }

  /** Before it joins, and when it hears that it is to. */
  protected prepare(): void {
    this.giveUp();
  }

  /** What the others' leader is told of it. */
  protected subscription(): Uint8Array {
    return subscriptionTo(0, this.topics, []);
  }

  /** As a leader. In turn. */
  protected assign(members: Roster): Shares {
    return members.map((_, index) => this.places.filter((_place, at) => at % members.length === index));
  }

  /** It may read these, and nothing else. */
  protected given(places: readonly PlaceHistory[]): void {
    for (const place of places) this.positions.set(place, -1);
  }

  protected join(): void {
    this.prepare();
    if (this.#member === '' && this.instance !== null) this.comes();
    const protocols = [{ name: this.protocolName, metadata: this.subscription() }];
    const times = { sessionTimeoutMs: SESSION_MS, rebalanceTimeoutMs: REBALANCE_MS };
    const who = { groupId: this.group, memberId: this.#member, groupInstanceId: this.instance, protocolType: CONSUMER };
    this.ask(joinGroup, 9, { ...who, ...times, protocols }, REBALANCE_MS + 2 * CALL_MS_MAX, (answer) => {
      if (answer?.errorCode === errors.NONE) this.#sync(answer);
      else {
        if (answer?.errorCode === errors.MEMBER_ID_REQUIRED) this.#member = answer.memberId;
        else this.#lost(answer?.errorCode);
        this.begin();
      }
    });
  }

  #sync({ generationId, memberId, leader, members, skipAssignment }: JoinGroupResponse): void {
    this.#member = memberId;
    const isGuest = leader === '';
    if (this.#wasGuest === !isGuest) this.mark(isGuest ? 'group: left assigning to the node' : 'group: assigns again');
    this.#wasGuest = isGuest;
    const assigns = leader === memberId && skipAssignment !== true;
    const assignments = assigns ? written(members, this.assign(members)) : [];
    const asked = this.now();
    const kind = { protocolType: CONSUMER, protocolName: this.protocolName };
    const who = { groupId: this.group, generationId, memberId, groupInstanceId: this.instance, ...kind };
    this.ask(syncGroup, 5, { ...who, assignments }, REBALANCE_MS + 2 * CALL_MS_MAX, (answer) => {
      if (answer?.errorCode === errors.NONE) {
        this.checker.acked += 1;
        this.#generation = generationId;
        this.#told(answer.assignment);
        this.holds(asked, SESSION_MS);
      } else this.#lost(answer?.errorCode);
      this.begin();
    });
  }

  #told(assignment: Uint8Array): void {
    const named = readAssignment(assignment) ?? [];
    const isNamed = ({ topic: { name }, partition }: PlaceHistory): boolean =>
      named.some(({ topic, partitions }) => topic === name && partitions.includes(partition));
    const places = this.places.filter(isNamed);
    if (this.#isBack && places.length > 0 && this.#generation === this.#last)
      this.mark('group: a static member was back, and nobody had to join anew');
    this.#isBack = false;
    this.#last = this.#generation;
    this.given(places);
  }

  protected beat(): void {
    const asked = this.now();
    const generationId = this.#generation;
    const who = { groupId: this.group, generationId, memberId: this.#member, groupInstanceId: this.instance };
    this.ask(heartbeat, 4, who, CALL_MS_MAX, (answer) => {
      if (answer?.errorCode === errors.NONE) {
        this.checker.acked += 1;
        this.holds(asked, SESSION_MS);
        this.work();
        return;
      }
      this.refused(answer?.errorCode);
      this.begin();
    });
  }

  protected refused(error: number | undefined): void {
    if (error === errors.REBALANCE_IN_PROGRESS) this.prepare();
    else this.#lost(error);
  }

  /** It is no member any more, or not of this generation: what it held belongs to others. */
  #lost(error: number | undefined): void {
    if (error === errors.FENCED_INSTANCE_ID) this.fenced();
    if (error === errors.UNKNOWN_MEMBER_ID) this.#member = '';
    if (error === errors.UNKNOWN_MEMBER_ID || error === errors.ILLEGAL_GENERATION) this.giveUp();
  }

  /** A static one is expected back, unless an admin takes it out. */
  protected goodbye(done: () => void): void {
    const members = [{ memberId: this.#member, groupInstanceId: this.instance }];
    this.giveUp();
    if (this.instance === null || this.random.chance(0.2))
      this.ask(leaveGroup, 5, { groupId: this.group, members }, CALL_MS_MAX, done);
    else {
      this.disconnect();
      done();
    }
  }
}

/** As a leader hands it in. */
function written(members: Roster, shares: Shares): { memberId: string; assignment: Uint8Array }[] {
  return members.map(({ memberId }, index) => ({
    memberId,
    assignment: writeAssignment(byTopic(shares[index] ?? [])),
  }));
}

function byTopic(places: readonly PlaceHistory[]): { topic: string; partitions: number[] }[] {
  const topics = [...new Set(places.map(({ topic }) => topic.name))];
  return topics.map((topic) => ({
    topic,
    partitions: places.filter((place) => place.topic.name === topic).map(({ partition }) => partition),
  }));
}

/** What consumers tell of themselves; from version 1 on also what they hold. */
export function subscriptionTo(version: 0 | 1, topics: readonly string[], held: readonly PlaceHistory[]): Uint8Array {
  const writing = new Writing();
  writing.begin();
  writing.int16(version);
  writing.int32(topics.length);
  for (const topic of topics) writing.string(false, topic);
  writing.int32(-1);
  if (version === 1) {
    const owned = byTopic(held);
    writing.int32(owned.length);
    for (const { topic, partitions } of owned) {
      writing.string(false, topic);
      writing.int32(partitions.length);
      for (const partition of partitions) writing.int32(partition);
    }
  }
  return Uint8Array.from(Buffer.concat(writing.finish()).subarray(4));
}
