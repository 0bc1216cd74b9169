/**
 * Members that leave it to the node who reads what, by Kafka's protocol (KIP-848): a heartbeat says what they hold, and its
 * answer what they may read from now on. Alone in a group, beside native members, or with classic ones in one that changes
 * over while it runs. Static ones say that they will be back.
 */
import { consumerGroupHeartbeat } from '../../src/protocols/kafka/calls/consumer-group-heartbeat.ts';
import { metadata } from '../../src/protocols/kafka/calls/metadata.ts';
import { errors } from '../../src/protocols/kafka/faults.ts';
import { NO_UUID } from '../../src/protocols/kafka/reading.ts';
import type { PlaceHistory } from './checker.ts';
import { KafkaMember } from './kafka-member.ts';
import { CALL_MS_MAX } from './party.ts';

/** The node's own. */
const SESSION_MS = 45_000;
/** Long enough to hear of a partition that is to be given up, whatever happens to the answers. */
const REBALANCE_MS = 120_000;
const [LEAVES_FOR_A_WHILE, LEAVES, JOINS] = [-2, -1, 0] as const;
const REJOINS: readonly (number | undefined)[] = [errors.UNKNOWN_MEMBER_ID, errors.FENCED_MEMBER_EPOCH];

type Given = readonly { readonly topicId: string; readonly partitions: readonly number[] }[];

export class ConsumerMember extends KafkaMember {
  protected readonly bearable = [errors.STALE_MEMBER_EPOCH, errors.FENCED_MEMBER_EPOCH];
  #epoch: number = JOINS;
  /** The node has to be told all there is to tell: what it has heard of the last time nobody knows. */
  #tellsAll = false;
  /** It holds other partitions than it has told. */
  #ownedChanged = false;
  /** The last epoch that it had, also in the life before. */
  #last: number = JOINS;
  /** It has said that it would be. */
  #isBack = false;
  /** Names by id, as the node says. */
  readonly #names = new Map<string, string>();

  protected get joined(): boolean {
    return this.#epoch > JOINS;
  }

  protected get credentials() {
    return { memberId: this.life, generationIdOrMemberEpoch: this.#epoch };
  }

  /** Nobody else comes as its instance while it lives. */
  protected get holder(): string {
    return this.life;
  }

  protected forget(): void {
    this.#epoch = JOINS;
    this.#tellsAll = false;
    this.#ownedChanged = false;
  }

  protected join(): void {
    if (this.#names.size === this.topics.length) this.beat();
    else this.#learnNames();
  }

  #learnNames(): void {
    const topics = this.topics.map((name) => ({ topicId: NO_UUID, name }));
    this.ask(metadata, 12, { topics }, CALL_MS_MAX, (answer) => {
      for (const { errorCode, name, topicId } of answer?.topics ?? [])
        if (errorCode === errors.NONE && name !== null) this.#names.set(topicId, name);
      this.begin();
    });
  }

  protected beat(): void {
    const asked = this.now();
    const joins = this.#epoch === JOINS;
    const tells = joins || this.#ownedChanged || this.#tellsAll;
    const wishes = joins || this.#tellsAll ? this.#wishes() : { rebalanceTimeoutMs: -1, ...NO_WISHES };
    const who = { groupId: this.group, ...this.#who(this.#epoch) };
    const request = { ...who, ...wishes, topicPartitions: tells ? this.#owned() : null };
    [this.#ownedChanged, this.#tellsAll] = [false, false];
    this.ask(consumerGroupHeartbeat, 1, request, CALL_MS_MAX, (answer) => {
      if (answer?.errorCode === errors.NONE) {
        this.checker.acked += 1;
        if (joins) this.#isIn(answer.memberEpoch, answer.assignment?.topicPartitions ?? []);
        this.#epoch = answer.memberEpoch;
        this.#last = this.#epoch;
        if (answer.assignment !== null) this.#given(answer.assignment.topicPartitions);
        this.holds(asked, SESSION_MS);
        this.work();
        return;
      }
      this.#tellsAll = true;
      this.refused(answer?.errorCode);
      this.begin();
    });
  }

  #who(memberEpoch: number) {
    return { memberId: this.life, memberEpoch, instanceId: this.instance };
  }

  #isIn(epoch: number, given: Given): void {
    if (this.#isBack && epoch === this.#last && given.length > 0)
      this.mark('group: a static consumer was back, and nobody else had to move');
    this.#isBack = false;
  }

  /** Some say their topics by a pattern. */
  #wishes() {
    const byPattern = this.name.endsWith('p');
    return {
      rebalanceTimeoutMs: REBALANCE_MS,
      subscribedTopicNames: byPattern ? null : this.topics,
      subscribedTopicRegex: byPattern ? this.topics.join('|') : null,
      serverAssignor: this.random.chance(0.5) ? 'uniform' : 'range',
    };
  }

  #owned(): { topicId: string; partitions: number[] }[] {
    const all = [...this.#names].map(([topicId, name]) => ({
      topicId,
      partitions: this.held.filter(({ topic }) => topic.name === name).map(({ partition }) => partition as number),
    }));
    return all.filter(({ partitions }) => partitions.length > 0);
  }

  #given(given: Given): void {
    const named = given.map(({ topicId, partitions }) => ({ topic: this.#names.get(topicId), partitions }));
    const isGiven = (topic: string, partition: number): boolean =>
      named.some((one) => one.topic === topic && one.partitions.includes(partition));
    for (const place of this.places)
      if (!isGiven(place.topic.name, place.partition)) this.#withdrawn(place);
      else if (!this.positions.has(place)) this.positions.set(place, -1);
    this.#ownedChanged = true;
  }

  #withdrawn(place: PlaceHistory): void {
    if (this.positions.delete(place)) this.mark('group: a consumer gave up a partition for another one');
  }

  protected refused(error: number | undefined): void {
    if (error === errors.UNRELEASED_INSTANCE_ID) {
      this.mark('group: a double of a static consumer was kept out');
      this.pause();
    }
    if (error === errors.FENCED_INSTANCE_ID) this.fenced();
    if (!REJOINS.includes(error)) return;
    this.mark('group: a consumer was put out');
    this.giveUp();
  }

  protected goodbye(done: () => void): void {
    this.#isBack = this.instance !== null && this.random.chance(0.8);
    const who = { groupId: this.group, ...this.#who(this.#isBack ? LEAVES_FOR_A_WHILE : LEAVES) };
    this.giveUp();
    const nothing = { rebalanceTimeoutMs: -1, ...NO_WISHES, topicPartitions: null };
    this.ask(consumerGroupHeartbeat, 1, { ...who, ...nothing }, CALL_MS_MAX, done);
  }
}

const NO_WISHES = { subscribedTopicNames: null, serverAssignor: null } as const;
