/**
 * Members of a consumer group: they join, hold what they are given, commit how far they have come, leave without a word and
 * come back. What they commit is made up from what readers were shown; the records themselves are the readers' business.
 */
import { id, type Offset } from '../../src/model/ids.ts';
import type {
  CommitReply,
  CommittedReply,
  GroupPlaces,
  HeartbeatReply,
  HeartbeatRequest,
} from '../../src/protocols/request.ts';
import type { PlaceHistory } from './checker.ts';
import type { Owners } from './owners.ts';
import { CALL_MS_MAX, Party, refusalOf, type Surroundings } from './party.ts';

export interface MemberOptions {
  readonly group: string;
  readonly owners: Owners;
  /** Of the topics that it subscribes to. */
  readonly places: readonly PlaceHistory[];
  /** There are members of another protocol in its group. */
  readonly beside?: boolean;
}

const SESSION_MS = 12_000;
/** Long enough to hear of a partition that is to be given up, whatever happens to the answers. */
const REBALANCE_MS = 120_000;
const REJOIN: ReadonlySet<string> = new Set(['FENCED_MEMBER', 'UNKNOWN_MEMBER']);

export class Member extends Party {
  readonly #options: MemberOptions;
  readonly #member: string;
  #epoch = 0;
  /** Position of each partition that it holds; -1 before it knows how far the group has come. */
  readonly #held = new Map<PlaceHistory, number>();
  #ownedChanged = false;
  #flying = 0;

  constructor(name: string, surroundings: Surroundings, options: MemberOptions) {
    super(name, surroundings);
    this.#options = options;
    this.#member = `${options.group}-${name}`;
  }

  get idle(): boolean {
    return this.#flying === 0;
  }

  get group(): string {
    return this.#options.group;
  }

  get held(): readonly PlaceHistory[] {
    return [...this.#held.keys()];
  }

  begin(): void {
    this.#beat();
    this.#work();
  }

  // ---- membership

  #beat(): void {
    if (this.ending) return;
    const owned = this.#ownedChanged ? { owned: this.#owned() } : {};
    this.#ownedChanged = false;
    const who = { call: 'heartbeat', group: this.#options.group, member: this.#member, epoch: this.#epoch } as const;
    const topics = [...new Set(this.#options.places.map(({ topic }) => topic.name))];
    const joining = {
      topics,
      assignor: 'sticky',
      sessionMs: SESSION_MS,
      rebalanceMs: REBALANCE_MS,
      waitMs: 0,
    } as const;
    const request: HeartbeatRequest =
      this.#epoch === 0 ? { ...who, ...joining } : { ...who, ...owned, waitMs: this.random.below(5_000) };
    const asked = this.now();
    this.#flying += 1;
    this.client.call(request, request.waitMs + CALL_MS_MAX, (outcome) => {
      this.#flying -= 1;
      const refusal = refusalOf(outcome, 'heartbeat');
      if (refusal === null) this.#answered((outcome as { readonly reply: HeartbeatReply }).reply, asked);
      else {
        // Nobody knows whether the group has heard what this member holds.
        this.#ownedChanged = true;
        this.trace(`${this.name}: ${refusal} to a heartbeat`);
        if (REJOIN.has(refusal)) this.#start();
      }
      this.later(10, 4_500, () => this.#beat());
    });
  }

  #start(): void {
    this.#epoch = 0;
    this.#held.clear();
    this.#ownedChanged = false;
    this.#options.owners.holdsNothing(this.#options.group, this.#member, this.#member);
  }

  #answered(reply: HeartbeatReply, asked: number): void {
    this.checker.acked += 1;
    this.#epoch = reply.epoch;
    this.#assigned(reply);
    const { group, owners } = this.#options;
    owners.holds(group, this.#member, this.#member, this.held, asked + SESSION_MS);
  }

  #assigned({ assignment }: HeartbeatReply): void {
    if (assignment === undefined) return;
    const given = new Set(
      assignment.flatMap(({ topic, partitions }) =>
        partitions.map((partition) => this.checker.place(topic, partition) as PlaceHistory),
      ),
    );
    for (const place of [...this.#held.keys()]) if (!given.has(place)) this.#withdrawn(place);
    for (const place of given) if (!this.#held.has(place)) this.#held.set(place, -1);
    this.#ownedChanged = true;
  }

  #withdrawn(place: PlaceHistory): void {
    this.#held.delete(place);
    if (this.#options.beside === true) this.mark("group: a native member gave up a partition beside one of Kafka's");
  }

  #owned(): GroupPlaces[] {
    const topics = [...new Set(this.held.map(({ topic }) => topic.id))];
    return topics.map((topic) => ({
      topic,
      partitions: this.held.filter((place) => place.topic.id === topic).map(({ partition }) => partition),
    }));
  }

  // ---- offsets

  #work(): void {
    this.later(1_000, 15_000, () => {
      if (this.ending) return;
      const ignorant = this.held.filter((place) => this.#held.get(place) === -1);
      if (ignorant.length > 0 || this.random.chance(0.2)) this.#ask();
      else if (this.#epoch > 0 && this.#held.size > 0) this.#commit();
      this.#work();
    });
  }

  #ask(): void {
    const asked = this.now();
    const { group } = this.#options;
    this.client.call({ call: 'committed', group }, CALL_MS_MAX, (outcome) => {
      if (refusalOf(outcome, 'committed') !== null) return;
      const { parts } = (outcome as { readonly reply: CommittedReply }).reply;
      this.checker.acked += 1;
      for (const place of this.#options.places) {
        const part = parts.find(({ topic, partition }) => topic === place.topic.id && partition === place.partition);
        const offset = part?.offset ?? -1;
        this.checker.committed(group, place, offset, asked);
        if (this.#held.get(place) === -1) this.#held.set(place, Math.max(0, offset));
      }
    });
  }

  #commit(): void {
    const { group } = this.#options;
    const offsets = [...this.#held].map(([place, position]) => {
      // Now and then an older one, which must change nothing.
      const back = this.random.chance(0.1) ? this.random.below(20) : 0;
      const next = Math.min(Math.max(place.end, position), position + this.random.below(30));
      this.#held.set(place, next);
      return { place, offset: Math.max(0, next - back) };
    });
    const parts = offsets.map(({ place, offset }) => ({
      topic: place.topic.id,
      partition: place.partition,
      offset: id<Offset>(offset),
    }));
    for (const { place, offset } of offsets) this.checker.committing(group, place, offset);
    const request = { call: 'commit', group, member: this.#member, epoch: this.#epoch, offsets: parts } as const;
    this.client.call(request, CALL_MS_MAX, (outcome) => {
      const refusal = refusalOf(outcome, 'commit');
      if (refusal !== null) this.trace(`${this.name}: ${refusal} to a commit`);
      if (refusal !== null) return;
      const reply = (outcome as { readonly reply: CommitReply }).reply;
      this.checker.acked += 1;
      reply.parts.forEach(({ fault }, index) => {
        const { place, offset } = offsets[index] as { place: PlaceHistory; offset: number };
        if (fault === undefined) this.checker.hasCommitted(group, place, offset);
      });
    });
  }
}
