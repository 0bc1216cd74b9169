/**
 * The judge of a history: what was sent, acknowledged and read, with the times of asking and hearing. Knows what each topic
 * promises and which faults excuse what; never talks to the node. A violation is a sentence; the first one ends the run.
 */
import type { PartitionId, PartitionIndex, TopicId } from '../../src/model/ids.ts';
import type { Topic } from '../../src/model/topic.ts';
import type { Place } from '../../src/protocols/place.ts';

/** Longest time that a flush of an `interval` topic may take beyond its setting, ms: the disk can be slow. */
const FLUSH_SLACK_MS = 8_000;
/** What a record takes at most beside its value: its name, its fields, the header of its batch. */
const RECORD_OVERHEAD_BYTES = 256;
/** Around a misdirected write, ms: what was written then may be nowhere. */
const MISDIRECTED_MS = 20_000;

/** A record that somebody has sent. */
interface Sent {
  readonly place: PlaceHistory;
  readonly bytes: number;
  /** How often it went out. */
  sends: number;
  /** A retry of it must not be stored again. */
  readonly idempotent: boolean;
  /** Where it was found. */
  readonly at: Set<number>;
}

/** What is known of an offset: first heard at `seen`, by a request of `asked`. */
interface Known {
  readonly record: string;
  readonly asked: number;
  readonly seen: number;
}

/** How far a group has come in a partition. */
interface Progress {
  least: number;
  since: number;
  /** The highest offset that anybody has tried to commit. */
  tried: number;
}

export class PlaceHistory {
  readonly topic: Topic;
  readonly partition: PartitionIndex;
  readonly known = new Map<number, Known>();
  /** Offsets that the node calls damaged. */
  readonly damaged = new Set<number>();
  /** Found by the last reader, who reads everything. */
  readonly last = new Set<number>();
  /** Where it began when somebody was told last: what lies before was taken by retention. */
  begin = 0;
  /** What readers were shown, and since when. */
  end = 0;
  endSeen = 0;
  /** Nobody reads it any more. */
  deleted = false;
  /** When memory that held it was last lost, ms; -1 for never. Only of topics in memory. */
  forgottenAt = -1;

  constructor(topic: Topic, partition: PartitionIndex) {
    this.topic = topic;
    this.partition = partition;
  }

  get id(): PartitionId {
    return this.topic.partitions[this.partition] as PartitionId;
  }

  get name(): string {
    return `${this.topic.name}/${this.partition}`;
  }

  /** May it forget its oldest records? */
  get retains(): boolean {
    return this.topic.settings.retentionBytes >= 0;
  }

  get inMemory(): boolean {
    return this.topic.settings.engine === 'memory';
  }

  /** What readers were shown is gone, as its topic allows: the end is to be found anew. */
  shrunk(): void {
    this.end = 0;
  }
}

export class Checker {
  readonly violations: string[] = [];
  /** Operations that were acknowledged. */
  acked = 0;
  recordsRead = 0;
  /** Times at which what was written and not fsynced may have gone. */
  readonly #losses: number[] = [];
  readonly #misdirected: number[] = [];
  /** Partitions with bits flipped at rest. */
  readonly #flipped = new Set<number>();
  /** And those whose producers may be forgotten. */
  readonly #forgetful = new Set<number>();
  #ownFlipped = false;
  /** The wall clock of the node has jumped: what is old, and what is not, nobody can say. */
  jumped = false;
  /** By so much at the most it went ahead, ms. */
  aheadMs = 0;
  readonly #places = new Map<string, PlaceHistory>();
  readonly #sent = new Map<string, Sent>();
  /** Producer ids that were given out, and to whom. */
  readonly #producerIds = new Map<number, string>();
  readonly #progress = new Map<string, Progress>();
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  violate(what: string): void {
    this.violations.push(`${(this.#now() / 1_000).toFixed(3)} s: ${what}`);
  }

  // ---- what has happened to the node

  power(): void {
    this.#losses.push(this.#now());
  }

  misdirected(): void {
    this.#misdirected.push(this.#now());
  }

  /** @param forgetful a producer's past may go with it. */
  flipped(partition: number, forgetful: boolean): void {
    this.#flipped.add(partition);
    if (forgetful) this.#forgetful.add(partition);
  }

  /** Bits flipped in the node's own logs, of which there is one copy: it may refuse to serve, and must not make things up. */
  ownFlipped(): void {
    this.#ownFlipped = true;
  }

  /** The node cannot be held to be there any more. */
  get excusesSilence(): boolean {
    return this.#ownFlipped || this.astray;
  }

  /** May it say of this partition that its data is damaged? */
  excusesDamage(place: PlaceHistory): boolean {
    return this.#flipped.has(place.id) || this.excusesSilence;
  }

  /** An actor, a thread or the process has ended: what it held in memory alone is gone, and counts from 0 again. */
  forgotten(held: (partition: number) => boolean): void {
    for (const place of this.#places.values()) {
      if (!place.inMemory || !held(place.id)) continue;
      place.forgottenAt = this.#now();
      place.end = 0;
      place.endSeen = this.#now();
    }
  }

  /** May acked records of a topic by interval have gone lately? A producer's sequence goes with them. */
  excusesLoss(place: PlaceHistory): boolean {
    if (place.inMemory) return place.forgottenAt >= 0;
    if (this.#flipped.has(place.id)) return true;
    return (place.topic.settings.durability === 'interval' && this.#losses.length > 0) || this.#misdirected.length > 0;
  }

  /** A write went somewhere else: what the node's own logs had promised is as uncertain as the rest. */
  get astray(): boolean {
    return this.#misdirected.length > 0;
  }

  // ---- topics

  place(topic: TopicId, partition: PartitionIndex): PlaceHistory | undefined {
    return this.#places.get(`${topic}/${partition}`);
  }

  get places(): readonly PlaceHistory[] {
    return [...this.#places.values()];
  }

  /** A topic is there, and its partitions may be used. */
  topic(topic: Topic): void {
    for (const partition of topic.partitions.keys()) {
      const key = `${topic.id}/${partition}`;
      if (!this.#places.has(key)) this.#places.set(key, new PlaceHistory(topic, partition as PartitionIndex));
    }
  }

  producerId(producerId: number, to: string): void {
    this.acked += 1;
    const other = this.#producerIds.get(producerId);
    if (other !== undefined) this.violate(`producer id ${producerId} of ${other} was given to ${to}`);
    this.#producerIds.set(producerId, to);
  }

  // ---- records

  sent(place: Place, record: string, bytes: number, idempotent: boolean): void {
    const known = this.#sent.get(record);
    if (known !== undefined) known.sends += 1;
    else {
      const history = this.place(place.topic, place.partition) as PlaceHistory;
      this.#sent.set(record, { place: history, bytes, sends: 1, idempotent, at: new Set() });
    }
  }

  /** `records` lie at `offset` and behind, so says the node. */
  acknowledged(place: PlaceHistory, offset: number, records: readonly string[], asked: number): void {
    this.acked += 1;
    records.forEach((record, index) => {
      this.#observe(place, offset + index, record, asked, 'acknowledged');
    });
    this.#raiseEnd(place, offset + records.length, asked);
  }

  read(place: PlaceHistory, offset: number, record: string, bytes: number, asked: number): void {
    this.recordsRead += 1;
    const sent = this.#sent.get(record);
    if (sent === undefined) this.violate(`${place.name} ${offset}: ${record} was read and never sent`);
    else if (sent.place !== place) this.violate(`${place.name} ${offset}: ${record} of ${sent.place.name} was read`);
    else if (sent.bytes !== bytes)
      this.violate(`${place.name} ${offset}: ${record} has ${bytes} bytes of ${sent.bytes}`);
    else this.#observe(place, offset, record, asked, 'read');
  }

  /** What an answer says of the whole partition; `asked` when its request went out. */
  bounds(place: PlaceHistory, end: number, asked: number): void {
    const binding = place.topic.settings.durability === 'fsync' && this.#misdirected.length === 0;
    if (binding && asked > place.endSeen && end < place.end)
      this.violate(`${place.name}: readers saw the end at ${place.end} and then at ${end}`);
    this.#raiseEnd(place, end, asked);
  }

  begins(place: PlaceHistory, offset: number): void {
    if (!place.retains) this.violate(`${place.name} begins at ${offset}, and nothing of it may go`);
    place.begin = Math.max(place.begin, offset);
  }

  damage(place: PlaceHistory, offset: number): void {
    place.damaged.add(offset);
    if (!this.excusesDamage(place))
      this.violate(`${place.name} ${offset}: is called damaged, and nothing was flipped there`);
  }

  #raiseEnd(place: PlaceHistory, end: number, asked: number): void {
    if (end <= place.end || asked <= place.forgottenAt) return;
    place.end = end;
    place.endSeen = this.#now();
  }

  #observe(place: PlaceHistory, offset: number, record: string, asked: number, how: string): void {
    const known = place.known.get(offset);
    if (known !== undefined && known.record !== record && !this.#excused(place, known))
      this.violate(`${place.name} ${offset}: ${record} was ${how} where ${known.record} had been`);
    this.#once(place, offset, record);
    if (known?.record !== record) place.known.set(offset, { record, asked, seen: this.#now() });
  }

  /** A record is at as many offsets as it was sent, an idempotent one at one. */
  #once(place: PlaceHistory, offset: number, record: string): void {
    const sent = this.#sent.get(record);
    if (sent === undefined || sent.at.has(offset)) return;
    for (const other of sent.at) {
      const known = place.known.get(other);
      if (known?.record !== record || this.#excused(place, known)) sent.at.delete(other);
    }
    sent.at.add(offset);
    const once = sent.idempotent && !this.#forgetful.has(place.id);
    if (sent.at.size > (once ? 1 : sent.sends))
      this.violate(`${place.name}: ${record} is at ${[...sent.at].join(' and ')}, and was sent ${sent.sends} times`);
  }

  /** May it be gone? Only what a promise did not cover yet when something happened. */
  #excused(place: PlaceHistory, { asked, seen }: Known): boolean {
    if (place.inMemory) return asked <= place.forgottenAt;
    const { durability, flushIntervalMs } = place.topic.settings;
    const window = flushIntervalMs + FLUSH_SLACK_MS;
    if (this.#misdirected.some((at) => at > asked - MISDIRECTED_MS && at < seen + MISDIRECTED_MS)) return true;
    return durability === 'interval' && this.#losses.some((at) => asked <= at && at <= seen + window);
  }

  // ---- committed offsets

  committing(group: string, place: PlaceHistory, offset: number): void {
    const progress = this.#progressOf(group, place);
    progress.tried = Math.max(progress.tried, offset);
  }

  hasCommitted(group: string, place: PlaceHistory, offset: number): void {
    const progress = this.#progressOf(group, place);
    if (offset <= progress.least) return;
    progress.least = offset;
    progress.since = this.#now();
  }

  /** The node says how far the group has come; -1: nowhere. */
  committed(group: string, place: PlaceHistory, offset: number, asked: number): void {
    const { least, since, tried } = this.#progressOf(group, place);
    if (asked > since && offset < least && !this.astray)
      this.violate(`${group} had committed ${least} of ${place.name}, and then ${offset}`);
    if (offset > tried) this.violate(`${group} has committed ${offset} of ${place.name}, and nobody told it so`);
    this.hasCommitted(group, place, offset);
  }

  #progressOf(group: string, place: PlaceHistory): Progress {
    const key = `${group} ${place.name}`;
    const progress = this.#progress.get(key) ?? { least: -1, since: 0, tried: -1 };
    this.#progress.set(key, progress);
    return progress;
  }

  // ---- the end

  /** Where a reader who has seen everything must have come to: what may be gone from the end is not waited for. */
  endDue(place: PlaceHistory): number {
    let end = place.end;
    for (let last = place.known.get(end - 1); last !== undefined && this.#excused(place, last); ) {
      end -= 1;
      last = place.known.get(end - 1);
    }
    return end;
  }

  /** Everything has been read once more: is anything missing? */
  finish(): void {
    for (const place of this.#places.values()) {
      if (place.deleted) continue;
      this.#retained(place);
      for (const [offset, known] of place.known)
        if (
          offset >= place.begin &&
          !place.last.has(offset) &&
          !place.damaged.has(offset) &&
          !this.#excused(place, known)
        )
          this.violate(`${place.name} ${offset}: ${known.record}, seen at ${known.seen} ms, is lost`);
    }
  }

  /** As long as anything is gone, at least as much as the topic asks for is there. */
  #retained(place: PlaceHistory): void {
    if (!place.retains || place.begin === 0 || this.excusesDamage(place)) return;
    let bytes = 0;
    for (const offset of place.last)
      bytes += RECORD_OVERHEAD_BYTES + (this.#sent.get(place.known.get(offset)?.record ?? '')?.bytes ?? 0);
    const { retentionBytes, segmentBytes } = place.topic.settings;
    // The segment that is written, and one that is not sealed yet, come on top.
    if (bytes < retentionBytes || bytes > retentionBytes + 3 * segmentBytes)
      this.violate(`${place.name}: ${bytes} bytes are left from ${place.begin} on, ${retentionBytes} are to be kept`);
  }
}
