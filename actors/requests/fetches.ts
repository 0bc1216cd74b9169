/**
 * fetch: the sessions of one connection, and the effects of their machine as questions to partitions. Records go from
 * the partition's memory to the socket by lease; none is copied here.
 */
import type { Lease } from '../../runtime/actor.ts';
import { assert, unreachable } from '../../src/model/assert.ts';
import { fault } from '../../src/model/faults.ts';
import { FETCH_SESSIONS_MAX, OUTBOX_BYTES_MAX, PARTITIONS_PER_REQUEST_MAX } from '../../src/model/limits.ts';
import { NumberMap } from '../../src/model/number-map.ts';
import { type FetchEffect, FetchSession, type Followed } from '../../src/protocols/fetching.ts';
import type { FetchRequest } from '../../src/protocols/request.ts';
import { FOLLOWED_BYTES } from '../heap-room.ts';
import type { PartitionAnswer, PartitionRequest } from '../partition/contract.ts';
import { ANSWER_MS_MAX, type Desk, type Done, NO_HOLDS, refuse } from './desk.ts';
import { partitionAt } from './topics.ts';

type Records = Extract<PartitionAnswer, { readonly type: 'records' }>;
type Ready = Extract<PartitionAnswer, { readonly type: 'ready' }>;

/** So many are told that what they gave was taken: a client that does not read makes nobody remember more. */
const GIVERS_MAX = 1_024;
/** Nobody answers it. */
const TAKEN: PartitionRequest = { type: 'taken', request: 0 };

interface Waiting {
  readonly done: Done;
  readonly alarm: number;
}

/** A session, and what is under way for it. */
class Following {
  readonly number: number;
  readonly machine = new FetchSession<Lease>();
  /** Fetches by token: the one being answered and the one queued behind it. */
  readonly waiting = new NumberMap<Waiting>();
  busy = false;
  /** Bytes of the shard's room that it has taken for what it follows, or is about to. */
  roomTaken = 0;

  constructor(number: number) {
    this.number = number;
  }
}

type Read = Extract<FetchEffect<Lease>, { readonly type: 'read' }>;
type Watch = Extract<FetchEffect<Lease>, { readonly type: 'watch' }>;

export class Fetches {
  readonly #desk: Desk;
  /** Reads that wait until the client has taken what it was given. */
  readonly #readsWaiting: { readonly session: Following; readonly read: Read }[] = [];
  /** Bytes that reads in flight may bring, and of records read and not answered. */
  #bytesHeld = 0;
  /** Partitions, by id, that have given records since the client had taken all that there was. */
  readonly #givers = new NumberMap<Followed>();
  readonly #sessions = new Map<number, Following>();
  #lastSession = 0;
  #token = 0;

  constructor(desk: Desk) {
    this.#desk = desk;
  }

  /** Nothing is followed. */
  get idle(): boolean {
    return this.#sessions.size === 0;
  }

  start(request: FetchRequest, done: Done): void {
    const session = this.#session(request, done);
    if (session === undefined) return;
    session.roomTaken += request.add.length * FOLLOWED_BYTES;
    if (request.close === true) {
      this.#close(session);
      done({ call: 'fetch', session: session.number, parts: [] }, NO_HOLDS);
      return;
    }
    const token = ++this.#token;
    const until = this.#desk.monotonic() + request.waitMs;
    const alarm = this.#desk.asker.alarm(until, () => this.#step(session, () => session.machine.expire(token)));
    session.waiting.set(token, { done, alarm });
    this.#step(session, () => {
      if (session.machine.fetch(token, request)) return;
      this.#desk.asker.forget(alarm);
      session.waiting.take(token);
      refuse(done, fault('TOO_MANY_REQUESTS', `two fetches of session ${session.number} wait already`));
    });
  }

  /** Answers every fetch with what it has and ends the sessions. */
  closeAll(): void {
    for (const session of this.#sessions.values()) this.#close(session);
  }

  /** Finds or opens the session, or refuses. */
  #session(request: FetchRequest, done: Done): Following | undefined {
    const session = this.#sessions.get(request.session);
    if (session === undefined && request.session !== 0) {
      refuse(done, fault('INVALID_REQUEST', `session: there is no session ${request.session}`));
      return undefined;
    }
    if ((session?.machine.size ?? 0) + request.add.length - request.drop.length > PARTITIONS_PER_REQUEST_MAX) {
      refuse(done, fault('INVALID_REQUEST', `add: a session follows ${PARTITIONS_PER_REQUEST_MAX} partitions at most`));
      return undefined;
    }
    if (session !== undefined) return this.#takeRoom(request, done) ? session : undefined;
    if (this.#sessions.size >= FETCH_SESSIONS_MAX) {
      refuse(done, fault('TOO_MANY_REQUESTS', `this connection has ${FETCH_SESSIONS_MAX} fetch sessions; close one`));
      return undefined;
    }
    if (!this.#takeRoom(request, done)) return undefined;
    const opened = new Following(++this.#lastSession);
    this.#sessions.set(opened.number, opened);
    return opened;
  }

  #takeRoom({ add }: FetchRequest, done: Done): boolean {
    if (this.#desk.heapRoom.take(add.length * FOLLOWED_BYTES)) return true;
    refuse(done, fault('OVERLOADED', `clients follow too many partitions here for ${add.length} more; drop some`));
    return false;
  }

  /** Gives back what was taken for partitions that were followed already, are dropped or have failed. */
  #giveRoom(session: Following): void {
    const bytes = session.machine.wanted * FOLLOWED_BYTES;
    if (bytes >= session.roomTaken) return;
    this.#desk.heapRoom.give(session.roomTaken - bytes);
    session.roomTaken = bytes;
  }

  /** Nothing is carried out any more: only the room goes back. */
  forfeit(): void {
    for (const session of this.#sessions.values()) this.#desk.heapRoom.give(session.roomTaken);
    this.#sessions.clear();
  }

  #close(session: Following): void {
    this.#sessions.delete(session.number);
    this.#step(session, () => session.machine.close());
  }

  /** One input to the machine, then its effects; an effect that leads to another input at once is put behind. */
  #step(session: Following, input: () => void): void {
    input();
    if (session.busy) return;
    session.busy = true;
    const effects = session.machine.effects;
    for (let next = 0; next < effects.length; next++) {
      const effect = effects[next];
      assert(effect !== undefined, 'effects are dense');
      this.#perform(session, effect);
    }
    effects.length = 0;
    session.busy = false;
    this.#giveRoom(session);
  }

  #perform(session: Following, effect: FetchEffect<Lease>): void {
    switch (effect.type) {
      case 'locate':
        this.#locate(session, effect.of);
        break;
      case 'read':
        this.#readsWaiting.push({ session, read: effect });
        this.readOn();
        break;
      case 'watch':
        this.#watch(session, effect);
        break;
      case 'unwatch':
        this.#unwatch(effect.of);
        break;
      case 'release':
        effect.hold.release();
        break;
      case 'answer':
        this.#answer(session, effect);
        break;
      default:
        unreachable(effect);
    }
  }

  #locate(session: Following, of: Followed): void {
    this.#desk.topics.lookUp(of.topic, (topic) => {
      const where = topic.ok ? partitionAt(topic.value, of) : topic;
      this.#step(session, () => {
        if (where.ok) session.machine.located(of, where.value);
        else session.machine.failed(of, where.fault);
      });
    });
  }

  /** The client has taken answers. */
  written(): void {
    if (this.#givers.size > 0 && this.#desk.unsentBytes() === 0) {
      for (const of of this.#givers.values()) this.#desk.asker.tell<PartitionRequest>(this.#address(of), TAKEN);
      this.#givers.clear();
    }
    this.readOn();
  }

  /**
   * Begins the reads that there is room for, in order. What takes the room is being read, being written, or is answered now:
   * were it kept for a larger answer, those who have something would wait for each other.
   */
  readOn(): void {
    for (let first = this.#readsWaiting[0]; first !== undefined; first = this.#readsWaiting[0]) {
      const bytes = this.#bytesHeld + this.#desk.unsentBytes();
      if (bytes > 0 && bytes + first.read.bytesMax > OUTBOX_BYTES_MAX) break;
      this.#readsWaiting.shift();
      this.#read(first.session, first.read);
    }
    if (this.#readsWaiting.length > 0) this.#cutShort();
  }

  #cutShort(): void {
    for (const waiting of [...this.#readsWaiting]) {
      this.#step(waiting.session, () => {
        const at = this.#readsWaiting.indexOf(waiting);
        if (at >= 0 && waiting.session.machine.crowded(waiting.read.of)) this.#readsWaiting.splice(at, 1);
      });
    }
  }

  #read(session: Following, { of, offset, bytesMax, uncommitted }: Read): void {
    this.#bytesHeld += bytesMax;
    this.#desk.asker.ask<PartitionRequest, Records>(
      this.#address(of),
      (request) => ({ type: 'read', request, offset, bytesMax, uncommitted }),
      (answer) => {
        this.#bytesHeld -= bytesMax;
        this.#step(session, () => {
          if (answer.type === 'refused') session.machine.failed(of, answer.fault);
          else {
            if (of.state !== 'gone') this.#bytesHeld += answer.bytes.length;
            if (answer.bytes.length > 0) this.#gave(of);
            session.machine.records(of, answer, answer.lease);
          }
        });
        this.readOn();
      },
      this.#desk.monotonic() + ANSWER_MS_MAX,
    );
  }

  #gave(of: Followed): void {
    if (of.id !== undefined && this.#givers.size < GIVERS_MAX) this.#givers.set(of.id, of);
  }

  #watch(session: Following, { of, offset, uncommitted }: Watch): void {
    of.watch = this.#desk.asker.ask<PartitionRequest, Ready>(
      this.#address(of),
      (request) => ({ type: 'watch', request, offset, uncommitted }),
      (answer) => {
        of.watch = undefined;
        // A partition that went down is read again, which starts it or tells why not.
        if (answer.type === 'ready' || answer.fault.code === 'UNAVAILABLE')
          this.#step(session, () => session.machine.ready(of));
        else this.#step(session, () => session.machine.failed(of, answer.fault));
      },
      Number.POSITIVE_INFINITY,
    );
  }

  #unwatch(of: Followed): void {
    const number = of.watch;
    if (number === undefined) return;
    of.watch = undefined;
    this.#desk.asker.forget(number);
    this.#desk.asker.tell<PartitionRequest>(this.#address(of), { type: 'unwatch', request: number });
  }

  #answer(session: Following, effect: Extract<FetchEffect<Lease>, { readonly type: 'answer' }>): void {
    const waiting = session.waiting.take(effect.token);
    assert(waiting !== undefined, 'a fetch is answered once');
    this.#desk.asker.forget(waiting.alarm);
    for (const part of effect.parts) this.#bytesHeld -= part.bytes.length;
    waiting.done({ call: 'fetch', session: session.number, parts: effect.parts }, effect.holds);
  }

  #address(of: Followed) {
    assert(of.id !== undefined, 'located before it is asked');
    return this.#desk.topics.addressOf(of.id);
  }
}
