/**
 * What members of a group by Kafka's protocol have in common, whoever assigns: a connection of their own, what they hold and
 * how far they have come in it, commits, and that they leave, vanish, stay away for a while and come back under other names;
 * static ones (KIP-345) as the same instance, of which there may be two by mistake.
 */
import type { Offset } from '../../src/model/ids.ts';
import type { Call } from '../../src/protocols/kafka/call.ts';
import { offsetCommit } from '../../src/protocols/kafka/calls/offset-commit.ts';
import { offsetFetch } from '../../src/protocols/kafka/calls/offset-fetch.ts';
import { errors } from '../../src/protocols/kafka/faults.ts';
import { NO_UUID } from '../../src/protocols/kafka/reading.ts';
import type { Members, ReadOf, WriteOf } from '../../src/protocols/kafka/schema.ts';
import type { PlaceHistory } from './checker.ts';
import type { MemberOptions } from './group.ts';
import { KafkaClient } from './kafka-client.ts';
import { CALL_MS_MAX, Party, type Surroundings } from './party.ts';

const STEP_MS = [1_500, 7_000] as const;
const AWAY_MS_LEAST = 500;
/** Longer than any session: as a process that was suspended, and goes on as if nothing had been. */
const STILL_MS = [46_000, 60_000] as const;

/** What a commit of Kafka's own consumer comes back from, by trying again or by joining anew. */
const BEARABLE: readonly number[] = [
  ...[errors.COORDINATOR_LOAD_IN_PROGRESS, errors.COORDINATOR_NOT_AVAILABLE, errors.NOT_COORDINATOR],
  ...[errors.UNKNOWN_TOPIC_OR_PARTITION, errors.REQUEST_TIMED_OUT, errors.UNKNOWN_MEMBER_ID],
];

export interface KafkaMemberOptions extends MemberOptions {
  /** So long it may stay away before it comes back, ms. */
  readonly awayMsMax?: number;
  /** It is a static member. */
  readonly instance?: string;
  /** Another one comes as the same instance: this one is the mistake, and is gone when everything heals. */
  readonly double?: boolean;
}

export abstract class KafkaMember extends Party {
  readonly topics: readonly string[];
  /** Position of each partition that it holds; -1 before it knows how far the group has come. */
  readonly positions = new Map<PlaceHistory, number>();
  readonly #options: KafkaMemberOptions;
  readonly #kafka: KafkaClient;
  #lives = 0;
  /** How long it waits for its next step. */
  #pauseMs: readonly [number, number] = STEP_MS;
  #idle = false;
  /** Neither leaves nor vanishes any more. */
  stays = false;

  constructor(name: string, around: Surroundings, options: KafkaMemberOptions) {
    super(name, around);
    this.#options = options;
    this.topics = [...new Set(options.places.map(({ topic }) => topic.name))];
    const { world, heard } = around;
    this.#kafka = new KafkaClient({ clock: world.clock, network: () => world.internet.host(name), heard });
  }

  get idle(): boolean {
    return this.#idle;
  }

  get group(): string {
    return this.#options.group;
  }

  /** Null: it is no static member. */
  protected get instance(): string | null {
    return this.#options.instance ?? null;
  }

  get places(): readonly PlaceHistory[] {
    return this.#options.places;
  }

  get held(): readonly PlaceHistory[] {
    return [...this.positions.keys()];
  }

  /** It is in the group, as far as it knows. */
  protected abstract get joined(): boolean;
  /** What a commit says of who it is. */
  protected abstract get credentials(): { readonly memberId: string; readonly generationIdOrMemberEpoch: number };
  /** What it is to the judge: of static members that may be replaced while they live, their instance. */
  protected abstract get holder(): string;
  /** Beyond those that any member bears. */
  protected abstract readonly bearable: readonly number[];
  protected abstract join(): void;
  protected abstract beat(): void;
  /** Says that it goes; `done` when it knows, or does not, whether it was heard. */
  protected abstract goodbye(done: () => void): void;
  /** It is in no group, and holds nothing. */
  protected abstract forget(): void;
  /** Its next life begins, under another name. */
  protected anew(): void {}
  /** An error to a heartbeat or a commit. */
  protected abstract refused(error: number | undefined): void;

  begin(): void {
    const pauseMs = this.#pauseMs;
    this.#pauseMs = STEP_MS;
    this.later(...pauseMs, () => this.#step());
  }

  #step(): void {
    if (this.ending) this.#idle = true;
    else if (this.stays && this.#options.double === true) this.#retire();
    else if (!this.joined) this.join();
    else if (this.stays || this.random.chance(0.98)) this.beat();
    else if (this.random.chance(0.4)) this.goodbye(() => this.#beginAnew());
    else if (this.random.chance(0.6)) this.#vanish();
    else this.later(...STILL_MS, () => this.#step());
  }

  /** What it holds is known to the judge under the name of this life. */
  get life(): string {
    return `${this.name}-${this.#lives}`;
  }

  protected giveUp(): void {
    this.positions.clear();
    this.#options.owners.holdsNothing(this.group, this.holder, this.life);
    this.forget();
  }

  /** A request that went out at `asked` was answered: until its session is over, what it holds is its own. */
  protected holds(asked: number, sessionMs: number): void {
    this.#options.owners.holds(this.group, this.holder, this.life, this.held, asked + sessionMs);
  }

  /** Nobody says that it has gone. */
  #vanish(): void {
    this.giveUp();
    this.disconnect();
    this.#beginAnew();
  }

  /** Nobody hears from it any more. */
  protected disconnect(): void {
    this.#kafka.leave();
  }

  #beginAnew(): void {
    this.#nextLife();
    this.begin();
  }

  #nextLife(): void {
    this.#lives += 1;
    this.anew();
    this.pause();
  }

  /** Its next step is not due for a while. */
  protected pause(): void {
    this.#pauseMs = [AWAY_MS_LEAST, this.#options.awayMsMax ?? STEP_MS[1]];
  }

  /** It asks to be let in, and whoever was there as its instance may be out by that. */
  protected comes(): void {
    this.#options.owners.comes(this.group, this.holder, this.life);
  }

  /** Somebody else has come as its instance: what it is now is over, and it is away before it tries again. */
  protected fenced(): void {
    this.mark('group: a static member was fenced by its double');
    this.giveUp();
    this.#nextLife();
  }

  #retire(): void {
    if (this.joined) {
      this.goodbye(() => this.begin());
      return;
    }
    // Cooperative ones go on holding what they had while they are to join.
    this.giveUp();
    this.begin();
  }

  // ---- offsets

  /** One thing that members do between two heartbeats. */
  protected work(): void {
    const isIgnorant = [...this.positions.values()].includes(-1);
    if (isIgnorant || this.random.chance(0.2)) this.#askCommitted();
    else if (this.positions.size > 0) this.#commit();
    else this.begin();
  }

  #askCommitted(): void {
    const asked = this.now();
    const groups = [{ groupId: this.group, topics: null }];
    this.ask(offsetFetch, 9, { groups, requireStable: true }, CALL_MS_MAX, (answer) => {
      const [found] = answer?.groups ?? [];
      if (found?.errorCode === errors.NONE) {
        this.checker.acked += 1;
        for (const place of this.places) {
          const topic = found.topics.find(({ name }) => name === place.topic.name);
          const part = topic?.partitions.find(({ partitionIndex }) => partitionIndex === place.partition);
          const offset = part?.committedOffset ?? -1;
          this.checker.committed(this.group, place, offset, asked);
          if (this.positions.get(place) === -1) this.positions.set(place, Math.max(0, offset));
        }
      }
      this.begin();
    });
  }

  #commit(): void {
    const offsets = [...this.positions].map(([place, position]) => {
      const next = Math.min(Math.max(place.end, position), position + this.random.below(30));
      this.positions.set(place, next);
      this.checker.committing(this.group, place, next);
      return { place, offset: next as Offset };
    });
    const topics = this.topics.map((name) => ({
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
    const who = { groupId: this.group, groupInstanceId: this.instance, ...this.credentials };
    const request = { ...who, topics };
    this.ask(offsetCommit, 9, request, CALL_MS_MAX, (answer) => {
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
      if (error !== undefined && !this.#bears(error))
        this.checker.violate(`${this.name}: error ${error} to a commit, by which consumers of Kafka end`);
      this.refused(error);
      this.begin();
    });
  }

  #bears(error: number): boolean {
    if (error === errors.FENCED_INSTANCE_ID) return this.instance !== null;
    return BEARABLE.includes(error) || this.bearable.includes(error) || this.checker.excusesSilence;
  }

  protected ask<Q extends Members, S extends Members>(
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
