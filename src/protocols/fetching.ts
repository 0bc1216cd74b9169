/**
 * An incremental fetch session: which partitions a consumer follows, how far it is in each, and what one fetch is
 * answered with. Idle partitions cost one watch each and nothing a fetch; those that have something take turns. Values
 * in, effects out: it reads nothing, knows no time and copies no record.
 */
import { assert } from '../model/assert.ts';
import type { Fault } from '../model/faults.ts';
import { id, type Offset, type PartitionId, type PartitionIndex, type TopicId } from '../model/ids.ts';
import type { Place } from './place.ts';
import type { AbortedRecords, FetchReply, FetchRequest } from './request.ts';

/** Reads of one session at a time: bounds how far an answer may grow beyond what was asked for, by a batch each. */
const READS_MAX = 4;
const NO_BYTES = new Uint8Array(0);

/** One partition of a session. Effects name it, and what is told about it names it again. */
export class Followed implements Place {
  readonly topic: TopicId;
  readonly partition: PartitionIndex;
  readonly bytesMax: number;
  /** Where the next read begins. */
  next: Offset;
  /**
   * `locating`: its id is not known. `ready`: may have records. `reading`. `watched`: has none beyond `next`, and will
   * say when it has. `gone`: left the session; what still comes for it is dropped.
   */
  state: 'locating' | 'ready' | 'reading' | 'watched' | 'gone' = 'locating';
  id: PartitionId | undefined;
  begin: Offset = id(0);
  end: Offset = id(0);
  stable: Offset = id(0);
  /** `begin` and `end` are known. */
  looked = false;
  /** Bytes given in the fetch of that number. */
  given = 0;
  givenIn = 0;
  /** Bytes that the read in flight may bring. */
  reserved = 0;
  /** Of whoever carries out the effects: number of the watch at the partition. */
  watch: number | undefined;

  constructor(place: Place, next: Offset, bytesMax: number) {
    this.topic = place.topic;
    this.partition = place.partition;
    this.next = next;
    this.bytesMax = bytesMax;
  }
}

/** `Hold` keeps the memory of records in place, until the answer has been written or `release`. */
export type FetchEffect<Hold> =
  | { readonly type: 'locate'; readonly of: Followed }
  | {
      readonly type: 'read';
      readonly of: Followed;
      readonly offset: Offset;
      readonly bytesMax: number;
      readonly uncommitted: boolean;
    }
  | { readonly type: 'watch'; readonly of: Followed; readonly offset: Offset; readonly uncommitted: boolean }
  | { readonly type: 'unwatch'; readonly of: Followed }
  | { readonly type: 'release'; readonly hold: Hold }
  | {
      readonly type: 'answer';
      readonly token: number;
      readonly parts: FetchReply['parts'];
      readonly holds: readonly Hold[];
    };

export interface Records {
  readonly begin: Offset;
  readonly end: Offset;
  readonly stable: Offset;
  readonly aborted?: readonly AbortedRecords[];
  /** Behind the last batch given. */
  readonly next: Offset;
  readonly bytes: Uint8Array;
}

type Part = FetchReply['parts'][number];

/** The fetch that is being answered. */
interface Fetch<Hold> {
  readonly token: number;
  readonly bytesMin: number;
  readonly bytesMax: number;
  /** Tells also of those that have given nothing. */
  readonly ends: boolean;
  /** Waits no longer for more. */
  expired: boolean;
  /** Reads no more: it is answered with what it has. */
  cut: boolean;
  bytes: number;
  readonly parts: Part[];
  readonly holds: Hold[];
}

export class FetchSession<Hold> {
  /** What is to be done, in order; whoever does it empties it. */
  readonly effects: FetchEffect<Hold>[] = [];
  readonly #followed = new Map<string, Followed>();
  /**
   * In the order of their turns; those that are gone are passed over. A set would lay itself anew every few of them, and
   * each of its tables that has grown old keeps the next one alive.
   */
  readonly #ready: Followed[] = [];
  /** Have more, but have given all that one answer takes from them. */
  readonly #spent = new Set<Followed>();
  /** Faults of partitions that failed while no fetch was there to tell. */
  #untold: Part[] = [];
  #fetch: Fetch<Hold> | null = null;
  /** Comes as soon as the present one is answered, which it hurries. */
  #queued: { readonly token: number; readonly request: FetchRequest } | null = null;
  /** Of the present fetch, rising. */
  #number = 0;
  #reads = 0;
  #reserved = 0;
  #locating = 0;
  /** The client reads what is not committed, too. */
  #uncommitted = false;

  /** Partitions followed. */
  get size(): number {
    return this.#followed.size;
  }

  /** Those, and what the queued fetch will add. */
  get wanted(): number {
    return this.#followed.size + (this.#queued?.request.add.length ?? 0);
  }

  /**
   * Starts a fetch; `token` comes back with its answer. One that waits is answered at once with what it has. False:
   * another one waits for that already.
   */
  fetch(token: number, request: FetchRequest): boolean {
    if (this.#fetch === null) {
      this.#start(token, request);
      return true;
    }
    if (this.#queued !== null) return false;
    this.#queued = { token, request };
    this.expire(this.#fetch.token);
    return true;
  }

  /** The time of the fetch is over. */
  expire(token: number): void {
    if (this.#fetch === null || this.#fetch.token !== token) return;
    this.#fetch.expired = true;
    this.#go();
  }

  located(of: Followed, partition: PartitionId): void {
    if (of.state !== 'locating') return;
    this.#locating--;
    of.id = partition;
    of.state = 'ready';
    this.#ready.push(of);
    this.#go();
  }

  /** A watched partition has something. */
  ready(of: Followed): void {
    if (of.state !== 'watched') return;
    of.state = 'ready';
    this.#ready.push(of);
    this.#go();
  }

  records(of: Followed, read: Records, hold: Hold | undefined): void {
    const { begin, end, stable, aborted, next, bytes } = read;
    this.#readEnds(of);
    if (of.state === 'gone' || this.#fetch === null || bytes.length === 0) {
      if (hold !== undefined) this.effects.push({ type: 'release', hold });
    } else {
      assert(next > of.next, 'a read that gives records goes forward');
      const part = { topic: of.topic, partition: of.partition, begin, end, stable, bytes };
      this.#fetch.parts.push(aborted === undefined ? part : { ...part, aborted });
      if (hold !== undefined) this.#fetch.holds.push(hold);
      this.#fetch.bytes += bytes.length;
      of.given += bytes.length;
    }
    if (of.state !== 'gone') this.#goOnBehind(of, read);
    this.#go();
  }

  /**
   * There is no room for the read before the client has taken more of what it was given. Where the fetch has something it is
   * answered with that and the read comes with a later one; else it is to wait: false.
   */
  crowded(of: Followed): boolean {
    if (of.state !== 'gone') {
      if (this.#fetch === null || this.#fetch.bytes === 0) return false;
      this.#fetch.cut = true;
      of.state = 'ready';
      this.#ready.push(of);
    }
    this.#readEnds(of);
    this.#go();
    return true;
  }

  /** The partition leaves the session, and the client hears why. */
  failed(of: Followed, why: Fault): void {
    if (of.state === 'reading' || of.reserved > 0) this.#readEnds(of);
    if (of.state !== 'gone') {
      const part = {
        topic: of.topic,
        partition: of.partition,
        fault: why,
        begin: of.begin,
        end: of.end,
        stable: of.stable,
        bytes: NO_BYTES,
      };
      if (this.#fetch === null) this.#untold.push(part);
      else this.#fetch.parts.push(part);
      this.#remove(of);
    }
    this.#go();
  }

  /** Answers what waits, follows nothing any more. */
  close(): void {
    for (const of of this.#followed.values()) this.#leave(of);
    this.#followed.clear();
    this.#untold = [];
    const queued = this.#queued;
    this.#queued = null;
    if (this.#fetch !== null) this.#answer(this.#fetch);
    if (queued !== null) this.effects.push({ type: 'answer', token: queued.token, parts: [], holds: [] });
  }

  #start(token: number, request: FetchRequest): void {
    for (const place of request.drop) {
      const old = this.#followed.get(keyOf(place));
      if (old !== undefined) this.#remove(old);
    }
    this.#see(request.uncommitted ?? false);
    for (const added of request.add) this.#follow(added);
    if (this.#spent.size > 0) {
      for (const of of this.#spent) this.#ready.push(of);
      this.#spent.clear();
    }
    this.#number++;
    const { bytesMin, bytesMax, waitMs, ends = false } = request;
    this.#fetch = {
      token,
      bytesMin,
      bytesMax,
      ends,
      expired: waitMs === 0,
      cut: false,
      bytes: 0,
      parts: this.#untold,
      holds: [],
    };
    this.#untold = [];
    this.#go();
  }

  /** Those that wait for something to see look anew. */
  #see(uncommitted: boolean): void {
    if (uncommitted === this.#uncommitted) return;
    this.#uncommitted = uncommitted;
    for (const of of this.#followed.values()) {
      if (of.state !== 'watched') continue;
      this.effects.push({ type: 'unwatch', of });
      of.state = 'ready';
      this.#ready.push(of);
    }
  }

  #follow(added: FetchRequest['add'][number]): void {
    const key = keyOf(added);
    const old = this.#followed.get(key);
    if (old !== undefined) this.#remove(old);
    const of = new Followed(added, added.offset, added.bytesMax);
    this.#followed.set(key, of);
    this.#locating++;
    this.effects.push({ type: 'locate', of });
  }

  /** Reads while there is room in the answer, then answers when there is enough, or nothing more to wait for. */
  #go(): void {
    const fetch = this.#fetch;
    if (fetch === null) return;
    for (let of = this.#ready[0]; of !== undefined; of = this.#ready[0]) {
      const room = fetch.bytesMax - fetch.bytes - this.#reserved;
      if (fetch.cut || this.#reads === READS_MAX || room <= 0) break;
      this.#ready.shift();
      if (of.state === 'gone') continue;
      if (of.givenIn !== this.#number) {
        of.givenIn = this.#number;
        of.given = 0;
      }
      if (hasGivenEnough(of, fetch)) this.#spent.add(of);
      else this.#read(of, Math.min(of.bytesMax - of.given, room));
    }
    if (this.#reads > 0 || this.#locating > 0) return;
    const full = fetch.bytes >= Math.min(fetch.bytesMin, fetch.bytesMax) || this.#spent.size > 0;
    if (full || fetch.cut || fetch.expired || fetch.parts.some((part) => part.fault !== undefined)) this.#answer(fetch);
  }

  #read(of: Followed, bytesMax: number): void {
    of.state = 'reading';
    of.reserved = bytesMax;
    this.#reads++;
    this.#reserved += bytesMax;
    this.effects.push({ type: 'read', of, offset: of.next, bytesMax, uncommitted: this.#uncommitted });
  }

  #readEnds(of: Followed): void {
    this.#reads--;
    this.#reserved -= of.reserved;
    of.reserved = 0;
    assert(this.#reads >= 0 && this.#reserved >= 0, 'reads end once');
  }

  #goOnBehind(of: Followed, { begin, end, stable, next, bytes }: Records): void {
    of.begin = begin;
    of.end = end;
    of.stable = stable;
    of.looked = true;
    of.next = next;
    if (bytes.length > 0 && next < (this.#uncommitted ? end : stable)) {
      of.state = 'ready';
      this.#ready.push(of);
    } else {
      of.state = 'watched';
      this.effects.push({ type: 'watch', of, offset: next, uncommitted: this.#uncommitted });
    }
  }

  #answer(fetch: Fetch<Hold>): void {
    this.#fetch = null;
    const { token, parts, holds } = fetch;
    if (fetch.ends) this.#tellEnds(parts);
    this.effects.push({ type: 'answer', token, parts, holds });
    const queued = this.#queued;
    this.#queued = null;
    if (queued !== null) this.#start(queued.token, queued.request);
  }

  #tellEnds(parts: Part[]): void {
    for (const of of this.#followed.values()) {
      const { topic, partition, begin, end, stable } = of;
      const gave = of.givenIn === this.#number && of.given > 0;
      if (of.looked && !gave) parts.push({ topic, partition, begin, end, stable, bytes: NO_BYTES });
    }
  }

  #remove(of: Followed): void {
    this.#leave(of);
    this.#followed.delete(keyOf(of));
  }

  #leave(of: Followed): void {
    if (of.state === 'watched') this.effects.push({ type: 'unwatch', of });
    if (of.state === 'locating') this.#locating--;
    this.#spent.delete(of);
    of.state = 'gone';
  }
}

/**
 * Batches are given whole: one more would often be beyond what was asked for, in an answer that needs two writes where
 * one would do. So half of it is enough, unless the fetch waits for more.
 */
function hasGivenEnough({ given, bytesMax }: Followed, fetch: Pick<Fetch<unknown>, 'bytes' | 'bytesMin'>): boolean {
  return given >= bytesMax || (2 * given > bytesMax && fetch.bytes >= fetch.bytesMin);
}

function keyOf(place: Place): string {
  return `${place.topic}/${place.partition}`;
}
