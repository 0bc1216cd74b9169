/**
 * What one connection fetches: the client's session (KIP-227) on one side, one session of the node on the other. Whatever
 * way a client asks, whole or only what changed, the node hears only of partitions that are not where the client wants
 * them: so a client without sessions that asks for the same thousand partitions again costs no more than one that has them.
 * A client that was given records and does not go on behind them gets them again.
 */
import { batchEnd, readNextOffset } from '../../model/batch.ts';
import { id, type Offset, type PartitionIndex, type TopicId } from '../../model/ids.ts';
import { FETCH_BYTES_MAX } from '../../model/limits.ts';
import type { Place } from '../place.ts';
import type { FetchReply, FetchRequest } from '../request.ts';
import type { FetchRequest as KafkaFetch } from './calls/fetch.ts';
import { type ErrorCode, errors } from './faults.ts';
import type { Named } from './topic-names.ts';

/** Of a request: asks for everything that it wants, and opens no session. */
const FINAL_EPOCH = -1;
/** Of a request: asks for everything that it wants, and opens a session. */
const INITIAL_EPOCH = 0;
const EPOCH_MAX = 0x7fff_ffff;

type Asked = KafkaFetch['topics'][number]['partitions'][number];

/** A partition that the client wants. */
export class Wanted {
  readonly topic: Named;
  readonly partition: number;
  /** Where the client is, and how much it takes. */
  offset = 0;
  bytesMax = 0;
  leaderEpoch = -1;
  /** Of the last record that it has. */
  lastFetchedEpoch = -1;
  /** The topic's number, once it was found. */
  number: TopicId | undefined;
  /** Where the node's session is; -1: it does not follow this partition. */
  next = -1;
  /** What the node follows it with. */
  followedBytesMax = 0;

  constructor(topic: Named, partition: number) {
    this.topic = topic;
    this.partition = partition;
  }

  get place(): Place | undefined {
    return this.number === undefined ? undefined : { topic: this.number, partition: this.partition as PartitionIndex };
  }

  /** Is the node's session where the client is? */
  get settled(): boolean {
    return this.next === this.offset && this.followedBytesMax === this.bytesMax;
  }
}

export class Follower {
  /** By {@link keyOf}: all that the client wants. */
  #wanted = new Map<string, Wanted>();
  /** Those that the node's session follows, by their place. */
  readonly #followed = new Map<string, Wanted>();
  /** Not, or perhaps not, where the client wants them. */
  readonly #unsettled = new Set<Wanted>();
  /** Out of {@link #unsettled} until the next request. */
  readonly #refused: Wanted[] = [];
  readonly #drop: Place[] = [];
  /** Of the node; 0: none yet. */
  #nodeSession = 0;
  /** Of the client; 0: none. */
  #session = 0;
  #sessionsOpened = 0;
  #epoch = 0;
  #byId = false;

  /** The client's session, as its answer says. */
  get session(): number {
    return this.#session;
  }

  get wanted(): Iterable<Wanted> {
    return this.#wanted.values();
  }

  /**
   * Takes in what a request says.
   * @returns `whole`: the answer tells of all partitions. An error: the request is about no session that there is.
   */
  take(request: KafkaFetch, byId: boolean): 'whole' | 'changes' | ErrorCode {
    const { sessionId, sessionEpoch } = request;
    if (sessionEpoch === FINAL_EPOCH || sessionEpoch === INITIAL_EPOCH) {
      this.#replace(request, byId);
      const opens = sessionEpoch === INITIAL_EPOCH && this.#wanted.size > 0;
      this.#session = opens ? ++this.#sessionsOpened : 0;
      this.#epoch = 1;
      this.#byId = byId;
      return 'whole';
    }
    if (sessionId === 0 || sessionId !== this.#session) return errors.FETCH_SESSION_ID_NOT_FOUND;
    if (sessionEpoch !== this.#epoch) return errors.INVALID_FETCH_SESSION_EPOCH;
    if (byId !== this.#byId) return errors.FETCH_SESSION_TOPIC_ID_ERROR;
    this.#epoch = this.#epoch === EPOCH_MAX ? 1 : this.#epoch + 1;
    this.#change(request);
    return 'changes';
  }

  /** Those whose topic must be found before the node can follow them. */
  unfound(): readonly Wanted[] {
    return [...this.#unsettled].filter((one) => one.number === undefined);
  }

  /** What the node must hear, so that it follows what the client wants. */
  request(fetch: Pick<FetchRequest, 'bytesMin' | 'bytesMax' | 'waitMs' | 'uncommitted'>, whole: boolean): FetchRequest {
    const add: FetchRequest['add'][number][] = [];
    for (const one of this.#unsettled) {
      const { place } = one;
      if (place === undefined || one.settled) continue;
      add.push({ ...place, offset: id<Offset>(one.offset), bytesMax: one.bytesMax });
      one.next = one.offset;
      one.followedBytesMax = one.bytesMax;
      this.#followed.set(keyOfPlace(place), one);
    }
    this.#unsettled.clear();
    for (const one of this.#refused.splice(0)) this.#unsettled.add(one);
    const drop = this.#drop.splice(0);
    return { call: 'fetch', session: this.#nodeSession, add, drop, ...fetch, ...(whole ? { ends: true } : {}) };
  }

  /** The node can't follow it now: what stands in the way is looked at again with the next request. */
  refuse(one: Wanted): void {
    this.#unfollow(one);
    this.#unsettled.delete(one);
    this.#refused.push(one);
  }

  /** Takes in an answer. */
  answered({ session, parts }: FetchReply): void {
    this.#nodeSession = session;
    for (const part of parts) {
      const one = this.at(part);
      if (one === undefined) continue;
      if (part.fault !== undefined) this.#failed(one, part.fault.code === 'UNKNOWN_TOPIC');
      else if (part.bytes.length > 0) {
        one.next = behind(part.bytes);
        this.#unsettled.add(one);
      }
    }
  }

  /**
   * The node has refused a request: what it follows is not known any more.
   * @returns what ends its session, where it has one; the next request opens another.
   */
  lost(): FetchRequest | undefined {
    const session = this.#nodeSession;
    this.#nodeSession = 0;
    this.#drop.length = 0;
    this.#followed.clear();
    for (const one of this.#wanted.values()) {
      one.next = -1;
      this.#unsettled.add(one);
    }
    if (session === 0) return undefined;
    return { call: 'fetch', session, add: [], drop: [], bytesMin: 0, bytesMax: 1, waitMs: 0, close: true };
  }

  at(place: Place): Wanted | undefined {
    return this.#followed.get(keyOfPlace(place));
  }

  /** The node has dropped it by itself. */
  #failed(one: Wanted, topicGone: boolean): void {
    const { place } = one;
    if (place !== undefined) this.#followed.delete(keyOfPlace(place));
    one.next = -1;
    if (topicGone) one.number = undefined;
    this.#unsettled.add(one);
  }

  #unfollow(one: Wanted): void {
    const { place } = one;
    if (one.next < 0 || place === undefined) return;
    one.next = -1;
    this.#followed.delete(keyOfPlace(place));
    this.#drop.push(place);
  }

  #replace(request: KafkaFetch, byId: boolean): void {
    const before = byId === this.#byId ? this.#wanted : new Map<string, Wanted>();
    if (byId !== this.#byId) for (const one of this.#wanted.values()) this.#unfollow(one);
    this.#wanted = new Map();
    this.#unsettled.clear();
    for (const topic of request.topics) for (const asked of topic.partitions) this.#want(nameOf(topic), asked, before);
    for (const [key, one] of before) if (!this.#wanted.has(key)) this.#unfollow(one);
  }

  #change({ topics, forgottenTopicsData }: KafkaFetch): void {
    for (const topic of forgottenTopicsData)
      for (const partition of topic.partitions) {
        const key = keyOf(nameOf(topic), partition);
        const one = this.#wanted.get(key);
        if (one === undefined) continue;
        this.#unfollow(one);
        this.#unsettled.delete(one);
        this.#wanted.delete(key);
      }
    for (const topic of topics) for (const asked of topic.partitions) this.#want(nameOf(topic), asked, this.#wanted);
  }

  #want(topic: Named, asked: Asked, before: ReadonlyMap<string, Wanted>): void {
    const key = keyOf(topic, asked.partition);
    const one = before.get(key) ?? new Wanted(topic, asked.partition);
    one.offset = asked.fetchOffset;
    one.bytesMax = Math.min(Math.max(asked.partitionMaxBytes, 1), FETCH_BYTES_MAX);
    one.leaderEpoch = asked.currentLeaderEpoch;
    one.lastFetchedEpoch = asked.lastFetchedEpoch;
    this.#wanted.set(key, one);
    this.#unsettled.add(one);
  }

  /** All that may not be where the client wants it, for checks of what the client said. */
  get unsettled(): Iterable<Wanted> {
    return this.#unsettled;
  }
}

const nameOf = (topic: { readonly topic: string; readonly topicId: string }): Named => ({
  name: topic.topic,
  id: topic.topicId,
});
/** One of the two is the same for all. */
const keyOf = ({ name, id: digits }: Named, partition: number): string => `${name}/${digits}/${partition}`;
const keyOfPlace = ({ topic, partition }: Place): string => `${topic}/${partition}`;

/** Offset behind the last of whole batches. */
function behind(bytes: Uint8Array): Offset {
  let last = 0;
  for (let end = batchEnd(bytes, 0); end > 0 && end < bytes.length; end = batchEnd(bytes, end)) last = end;
  return readNextOffset(bytes, last);
}
