/**
 * Members of a classic group by Kafka's protocol, eager ones: they give up everything before they join, and the leader among
 * them assigns; or the node does, where others are in the group that leave it to the node.
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
const CONSUMER = { protocolType: 'consumer', protocolName: 'range' } as const;

export class ClassicMember extends KafkaMember {
  protected readonly bearable = [errors.REBALANCE_IN_PROGRESS, errors.ILLEGAL_GENERATION];
  #member = '';
  /** -1: it has to join. */
  #generation = -1;
  /** Nobody led the group that it was in last, since the node assigns there. */
  #wasGuest: boolean | null = null;

  protected get joined(): boolean {
    return this.#generation >= 0;
  }

  protected get credentials() {
    return { memberId: this.#member, generationIdOrMemberEpoch: this.#generation };
  }

  protected forget(): void {
    this.#generation = -1;
  }

  protected override anew(): void {
    this.#member = '';
    this.#wasGuest = null;
  }

  protected join(): void {
    this.giveUp();
    const protocols = [{ name: CONSUMER.protocolName, metadata: subscriptionTo(this.topics) }];
    const times = { sessionTimeoutMs: SESSION_MS, rebalanceTimeoutMs: REBALANCE_MS };
    const who = { groupId: this.group, memberId: this.#member, protocolType: CONSUMER.protocolType };
    this.ask(joinGroup, 9, { ...who, ...times, protocols }, REBALANCE_MS + 2 * CALL_MS_MAX, (answer) => {
      if (answer?.errorCode === errors.NONE) this.#sync(answer);
      else {
        if (answer?.errorCode === errors.MEMBER_ID_REQUIRED) this.#member = answer.memberId;
        else if (answer?.errorCode === errors.UNKNOWN_MEMBER_ID) this.#member = '';
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
    const names = members.map((member) => member.memberId);
    const assignments = assigns ? assign(names, this.places) : [];
    const asked = this.now();
    const who = { groupId: this.group, generationId, memberId, ...CONSUMER };
    this.ask(syncGroup, 5, { ...who, assignments }, REBALANCE_MS + 2 * CALL_MS_MAX, (answer) => {
      if (answer?.errorCode === errors.NONE) {
        this.checker.acked += 1;
        this.#generation = generationId;
        this.#given(answer.assignment);
        this.holds(asked, SESSION_MS);
      } else if (answer?.errorCode === errors.UNKNOWN_MEMBER_ID) this.#member = '';
      this.begin();
    });
  }

  #given(assignment: Uint8Array): void {
    const given = readAssignment(assignment) ?? [];
    for (const place of this.places)
      if (given.some(({ topic, partitions }) => topic === place.topic.name && partitions.includes(place.partition)))
        this.positions.set(place, -1);
  }

  protected beat(): void {
    const asked = this.now();
    const who = { groupId: this.group, generationId: this.#generation, memberId: this.#member };
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
    if (error === errors.UNKNOWN_MEMBER_ID) this.#member = '';
    const isOver = error === errors.REBALANCE_IN_PROGRESS || error === errors.ILLEGAL_GENERATION;
    if (isOver || error === errors.UNKNOWN_MEMBER_ID) this.giveUp();
  }

  protected goodbye(done: () => void): void {
    const members = [{ memberId: this.#member }];
    this.giveUp();
    this.ask(leaveGroup, 5, { groupId: this.group, members }, CALL_MS_MAX, done);
  }
}

/** In turn. */
function assign(
  members: readonly string[],
  places: readonly PlaceHistory[],
): { memberId: string; assignment: Uint8Array }[] {
  return members.map((memberId, index) => {
    const own = places.filter((_, place) => place % members.length === index);
    const topics = [...new Set(own.map(({ topic }) => topic.name))];
    const named = topics.map((topic) => ({
      topic,
      partitions: own.filter((place) => place.topic.name === topic).map(({ partition }) => partition),
    }));
    return { memberId, assignment: writeAssignment(named) };
  });
}

/** Version 0 of what consumers tell of themselves. */
function subscriptionTo(topics: readonly string[]): Uint8Array {
  const writing = new Writing();
  writing.begin();
  writing.int16(0);
  writing.int32(topics.length);
  for (const topic of topics) writing.string(false, topic);
  writing.int32(-1);
  return Uint8Array.from(Buffer.concat(writing.finish()).subarray(4));
}
