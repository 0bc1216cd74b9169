/**
 * Members of a classic group by Kafka's protocol, eager ones: they give up everything before they join, the leader among
 * them assigns, and each commits how far it has come in what it holds. They leave, vanish and come back under other names.
 */
import type { Offset } from '../../src/model/ids.ts';
import type { Call } from '../../src/protocols/kafka/call.ts';
import { heartbeat } from '../../src/protocols/kafka/calls/heartbeat.ts';
import { type JoinGroupResponse, joinGroup } from '../../src/protocols/kafka/calls/join-group.ts';
import { leaveGroup } from '../../src/protocols/kafka/calls/leave-group.ts';
import { offsetCommit } from '../../src/protocols/kafka/calls/offset-commit.ts';
import { offsetFetch } from '../../src/protocols/kafka/calls/offset-fetch.ts';
import { syncGroup } from '../../src/protocols/kafka/calls/sync-group.ts';
import { errors } from '../../src/protocols/kafka/faults.ts';
import { NO_UUID } from '../../src/protocols/kafka/reading.ts';
import type { Members, ReadOf, WriteOf } from '../../src/protocols/kafka/schema.ts';
import { Writing } from '../../src/protocols/kafka/writing.ts';
import type { PlaceHistory } from './checker.ts';
import type { MemberOptions } from './group.ts';
import { KafkaClient } from './kafka-client.ts';
import { CALL_MS_MAX, Party, type Surroundings } from './party.ts';

const SESSION_MS = 12_000;
/** Longer than a session: who does not hear of a rebalance loses its session first, and knows it. */
const REBALANCE_MS = 30_000;
const CONSUMER = { protocolType: 'consumer', protocolName: 'range' } as const;
const STEP_MS = [500, 5_000] as const;

/** What a commit of Kafka's own consumer comes back from, by trying again or by joining anew. */
const BEARABLE: readonly number[] = [
  ...[errors.COORDINATOR_LOAD_IN_PROGRESS, errors.COORDINATOR_NOT_AVAILABLE, errors.NOT_COORDINATOR],
  ...[errors.UNKNOWN_TOPIC_OR_PARTITION, errors.REQUEST_TIMED_OUT],
  ...[errors.REBALANCE_IN_PROGRESS, errors.ILLEGAL_GENERATION, errors.UNKNOWN_MEMBER_ID],
];

export class ClassicMember extends Party {
  readonly #options: MemberOptions;
  readonly #kafka: KafkaClient;
  readonly #topics: readonly string[];
  #member = '';
  #lives = 0;
  /** -1: it has to join. */
  #generation = -1;
  /** Position of each partition that it holds; -1 before it knows how far the group has come. */
  readonly #held = new Map<PlaceHistory, number>();
  #idle = false;

  constructor(name: string, around: Surroundings, options: MemberOptions) {
    super(name, around);
    this.#options = options;
    this.#topics = [...new Set(options.places.map(({ topic }) => topic.name))];
    const { world, heard } = around;
    this.#kafka = new KafkaClient({ clock: world.clock, network: world.internet.host(`${name}-kafka`), heard });
  }

  get idle(): boolean {
    return this.#idle;
  }

  get group(): string {
    return this.#options.group;
  }

  get held(): readonly PlaceHistory[] {
    return [...this.#held.keys()];
  }

  begin(): void {
    this.later(...STEP_MS, () => this.#step());
  }

  #step(): void {
    if (this.ending) this.#idle = true;
    else if (this.#generation < 0) this.#join();
    else if (this.random.chance(0.98)) this.#beat();
    else if (this.random.chance(0.5)) this.#leave();
    else this.#vanish();
  }

  /** What it holds is known to the judge under the name of this life. */
  get #name(): string {
    return `${this.name}-${this.#lives}`;
  }

  #giveUp(): void {
    this.#generation = -1;
    this.#held.clear();
    this.#options.owners.holdsNothing(this.group, this.#name);
  }

  // ---- membership

  #join(): void {
    this.#giveUp();
    const protocols = [{ name: CONSUMER.protocolName, metadata: subscriptionTo(this.#topics) }];
    const times = { sessionTimeoutMs: SESSION_MS, rebalanceTimeoutMs: REBALANCE_MS };
    const who = { groupId: this.group, memberId: this.#member, protocolType: CONSUMER.protocolType };
    this.#ask(joinGroup, 9, { ...who, ...times, protocols }, REBALANCE_MS + 2 * CALL_MS_MAX, (answer) => {
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
    const assigns = leader === memberId && skipAssignment !== true;
    const names = members.map((member) => member.memberId);
    const assignments = assigns ? assign(names, this.#options.places) : [];
    const asked = this.now();
    const who = { groupId: this.group, generationId, memberId, ...CONSUMER };
    this.#ask(syncGroup, 5, { ...who, assignments }, REBALANCE_MS + 2 * CALL_MS_MAX, (answer) => {
      if (answer?.errorCode === errors.NONE) {
        this.checker.acked += 1;
        this.#generation = generationId;
        const given = JSON.parse(new TextDecoder().decode(answer.assignment) || '[]') as string[];
        for (const place of this.#options.places) if (given.includes(place.name)) this.#held.set(place, -1);
        this.#holds(asked);
      } else if (answer?.errorCode === errors.UNKNOWN_MEMBER_ID) this.#member = '';
      this.begin();
    });
  }

  #holds(asked: number): void {
    this.#options.owners.holds(this.group, this.#name, this.held, asked + SESSION_MS);
  }

  #beat(): void {
    const asked = this.now();
    const who = { groupId: this.group, generationId: this.#generation, memberId: this.#member };
    this.#ask(heartbeat, 4, who, CALL_MS_MAX, (answer) => {
      if (answer?.errorCode === errors.NONE) {
        this.checker.acked += 1;
        this.#holds(asked);
        this.#work();
        return;
      }
      this.#refused(answer?.errorCode);
      this.begin();
    });
  }

  #refused(error: number | undefined): void {
    if (error === errors.UNKNOWN_MEMBER_ID) this.#member = '';
    const isOver = error === errors.REBALANCE_IN_PROGRESS || error === errors.ILLEGAL_GENERATION;
    if (isOver || error === errors.UNKNOWN_MEMBER_ID) this.#giveUp();
  }

  #leave(): void {
    const members = [{ memberId: this.#member }];
    this.#giveUp();
    this.#ask(leaveGroup, 5, { groupId: this.group, members }, CALL_MS_MAX, () => this.#beginAnew());
  }

  /** Nobody says that it has gone. */
  #vanish(): void {
    this.#giveUp();
    this.#kafka.leave();
    this.#beginAnew();
  }

  #beginAnew(): void {
    this.#member = '';
    this.#lives += 1;
    this.begin();
  }

  // ---- offsets

  #work(): void {
    const isIgnorant = [...this.#held.values()].includes(-1);
    if (isIgnorant || this.random.chance(0.2)) this.#askCommitted();
    else if (this.#held.size > 0) this.#commit();
    else this.begin();
  }

  #askCommitted(): void {
    const asked = this.now();
    const groups = [{ groupId: this.group, topics: null }];
    this.#ask(offsetFetch, 9, { groups, requireStable: true }, CALL_MS_MAX, (answer) => {
      const [found] = answer?.groups ?? [];
      if (found?.errorCode === errors.NONE) {
        this.checker.acked += 1;
        for (const place of this.#options.places) {
          const topic = found.topics.find(({ name }) => name === place.topic.name);
          const part = topic?.partitions.find(({ partitionIndex }) => partitionIndex === place.partition);
          const offset = part?.committedOffset ?? -1;
          this.checker.committed(this.group, place, offset, asked);
          if (this.#held.get(place) === -1) this.#held.set(place, Math.max(0, offset));
        }
      }
      this.begin();
    });
  }

  #commit(): void {
    const offsets = [...this.#held].map(([place, position]) => {
      const next = Math.min(Math.max(place.end, position), position + this.random.below(30));
      this.#held.set(place, next);
      this.checker.committing(this.group, place, next);
      return { place, offset: next as Offset };
    });
    const topics = this.#topics.map((name) => ({
      name,
      topicId: NO_UUID,
      partitions: offsets
        .filter(({ place }) => place.topic.name === name)
        .map(({ place, offset }) => ({
          partitionIndex: place.partition,
          committedOffset: offset,
          committedMetadata: null,
        })),
    }));
    const who = { groupId: this.group, generationIdOrMemberEpoch: this.#generation, memberId: this.#member };
    this.#ask(offsetCommit, 9, { ...who, topics }, CALL_MS_MAX, (answer) => {
      const parts = (answer?.topics ?? []).flatMap(({ name, partitions }) =>
        partitions.map((part) => ({ ...part, name })),
      );
      for (const { name, partitionIndex, errorCode } of parts) {
        const done = offsets.find(({ place }) => place.topic.name === name && place.partition === partitionIndex);
        if (errorCode === errors.NONE && done !== undefined)
          this.checker.hasCommitted(this.group, done.place, done.offset);
      }
      if (parts.length > 0) this.checker.acked += 1;
      const error = parts.find(({ errorCode }) => errorCode !== errors.NONE)?.errorCode;
      if (error !== undefined && !BEARABLE.includes(error) && !this.checker.excusesSilence)
        this.checker.violate(`${this.name}: error ${error} to a commit, by which consumers of Kafka end`);
      this.#refused(error);
      this.begin();
    });
  }

  #ask<Q extends Members, S extends Members>(
    call: Call<Q, S>,
    version: number,
    request: WriteOf<Q>,
    msMax: number,
    done: (answer: ReadOf<S> | null) => void,
  ): void {
    this.#kafka.ask(call, version, request, msMax, (answer) => {
      this.trace(`${this.name}: ${call.name} ${JSON.stringify(answer)}`);
      done(answer);
    });
  }
}

/** In turn; what a member gets is for members alone to read. */
function assign(
  members: readonly string[],
  places: readonly PlaceHistory[],
): { memberId: string; assignment: Uint8Array }[] {
  return members.map((memberId, index) => {
    const own = places.filter((_, place) => place % members.length === index).map(({ name }) => name);
    return { memberId, assignment: new TextEncoder().encode(JSON.stringify(own)) };
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
