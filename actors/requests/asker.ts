/**
 * Questions to other actors and the answers to them: numbers each question, keeps those that found a full mailbox in
 * order until there is room, and sees to it that each is settled once: by an answer, by `refused` when the one asked
 * went down, or when its time is over. A helper inside one actor: it lives and dies with it.
 */
import type { Address, Context, Down, Message } from '../../runtime/actor.ts';
import { type Fault, fault } from '../../src/model/faults.ts';
import { NumberMap } from '../../src/model/number-map.ts';

/** Questions and answers carry the number that joins them. */
export interface Numbered {
  readonly request: number;
}
export interface Refused {
  readonly type: 'refused';
  readonly request: number;
  readonly fault: Fault;
}
/** Anything that may answer: told apart by `request`. */
export interface Answer extends Message, Numbered {}

/** What the actor must hand back to {@link Asker.receive}. */
export type AskerMessage = { readonly type: 'writable'; readonly name: string } | Down;

/** An actor that is asked, while there is business with it. */
interface Peer {
  readonly address: Address;
  /** Found no room yet, in order. */
  readonly held: { readonly message: Message; readonly answered: boolean }[];
  watched: boolean;
  /** Questions open, and held messages that nobody answers. */
  open: number;
}

interface Open {
  readonly peer: Peer | null;
  /** On the monotonic clock, ms. */
  readonly deadline: number;
  readonly settle: (answer: Answer) => void;
}

/** Peers without business that stay watched, so that a steady customer does not watch and unwatch for each question. */
const IDLE_PEERS_MAX = 1_024;

export class Asker {
  readonly #context: Context<AskerMessage>;
  readonly #peers = new Map<string, Peer>();
  readonly #open = new NumberMap<Open>();
  #number: number;
  #idlePeers = 0;
  #next = Number.POSITIVE_INFINITY;

  /** @param number of the last question that was asked before, by another one in the same actor. */
  constructor(context: Context<AskerMessage>, number = 0) {
    this.#context = context;
    this.#number = number;
  }

  /** Nothing is under way. */
  get idle(): boolean {
    return this.#open.size === 0 && this.#idlePeers === this.#peers.size;
  }

  /** @returns the number of the last question. */
  end(): number {
    this.#forgetIdle();
    return this.#number;
  }

  /** When {@link Asker.tick} has something to do, ms on the monotonic clock; early at times, never late. */
  get nextDeadline(): number {
    return this.#next;
  }

  /**
   * @param make the question with its number
   * @param settle called once, later: with an answer of the one asked, or with `refused`
   * @param deadline on the monotonic clock, ms
   * @returns the number, for {@link Asker.forget}
   */
  ask<To extends Message, A extends Answer>(
    to: Address<To>,
    make: (request: number) => To & Numbered,
    settle: (answer: A | Refused) => void,
    deadline: number,
  ): number {
    const request = ++this.#number;
    const peer = this.#peer(to as unknown as Address);
    this.#open.set(request, { peer, deadline, settle: settle as (answer: Answer) => void });
    this.#hurry(deadline);
    if (!peer.watched) {
      peer.watched = true;
      this.#context.watch(peer.address);
    }
    this.#post(peer, make(request), true);
    return request;
  }

  /** Sends what nobody answers; held like a question where there is no room, dropped with who it was for. */
  tell<To extends Message>(to: Address<To>, message: To): void {
    this.#post(this.#peer(to as unknown as Address), message, false);
  }

  /** Calls `run` at the deadline, unless forgotten before. */
  alarm(deadline: number, run: () => void): number {
    const request = ++this.#number;
    this.#open.set(request, { peer: null, deadline, settle: run });
    this.#hurry(deadline);
    return request;
  }

  /** An answer that still comes is dropped. */
  forget(request: number): void {
    this.#take(request);
  }

  /** An answer: false when nobody waits for it any more; then its lease is the caller's to release. */
  answered(answer: Answer): boolean {
    const open = this.#take(answer.request);
    open?.settle(answer);
    return open !== undefined;
  }

  receive(message: AskerMessage): void {
    if (message.type === 'down') this.#down(message);
    else {
      const peer = this.#peers.get(message.name);
      if (peer !== undefined) this.#flush(peer);
    }
  }

  /** Settles what is over its time. */
  tick(now: number): void {
    if (now < this.#next) return;
    this.#next = Number.POSITIVE_INFINITY;
    const late = this.#askedBy(({ deadline }) => {
      if (deadline > now) this.#hurry(deadline);
      return deadline <= now;
    });
    for (const request of late) this.#refuse(request, null);
  }

  /** Settles a question before its answer; that is dropped when it comes. */
  giveUp(request: number, why: Fault): void {
    this.#refuse(request, why);
  }

  #refuse(request: number, why: Fault | null): void {
    const open = this.#open.get(request);
    if (open === undefined) return;
    const sent = open.peer === null || !dropHeld(open.peer, request);
    this.#take(request);
    open.settle(refused(request, why ?? lateFault(sent, open.peer?.address.name ?? '')));
  }

  #down(message: Down): void {
    const peer = this.#peers.get(message.address.name);
    if (peer === undefined || !peer.watched) return;
    peer.watched = false;
    for (const { message: lost, answered } of peer.held.splice(0)) {
      lost.lease?.release();
      if (!answered) this.#leave(peer);
    }
    const asked = this.#askedBy((open) => open.peer === peer);
    const settles = asked.map((request) => this.#take(request)?.settle);
    const why = fault('UNAVAILABLE', `${message.address.name}: ${message.reason}`);
    for (let i = 0; i < asked.length; i++) settles[i]?.(refused(asked[i] ?? 0, why));
  }

  #post(peer: Peer, message: Message, answered: boolean): void {
    if (peer.held.length === 0 && this.#context.send(peer.address, message) === 'sent') {
      if (!answered) this.#leave(peer);
      return;
    }
    peer.held.push({ message, answered });
    if (peer.held.length === 1) this.#waitForRoom(peer);
  }

  #flush(peer: Peer): void {
    let sent = 0;
    for (const { message, answered } of peer.held) {
      if (this.#context.send(peer.address, message) === 'full') break;
      sent++;
      if (!answered) this.#leave(peer);
    }
    peer.held.splice(0, sent);
    if (peer.held.length > 0) this.#waitForRoom(peer);
  }

  #waitForRoom(peer: Peer): void {
    this.#context.whenWritable(peer.address, { type: 'writable', name: peer.address.name });
  }

  #hurry(deadline: number): void {
    if (deadline < this.#next) this.#next = deadline;
  }

  /** Questions that are meant, in the order in which they were asked. */
  #askedBy(isMeant: (open: Open) => boolean): number[] {
    return this.#open.keys().filter((request) => isMeant(this.#open.get(request) as Open));
  }

  #take(request: number): Open | undefined {
    const open = this.#open.take(request);
    if (open !== undefined && open.peer !== null) this.#leave(open.peer);
    return open;
  }

  #peer(address: Address): Peer {
    let peer = this.#peers.get(address.name);
    if (peer === undefined) {
      peer = { address, held: [], watched: false, open: 0 };
      this.#peers.set(address.name, peer);
    } else if (peer.open === 0) this.#idlePeers--;
    peer.open++;
    return peer;
  }

  #leave(peer: Peer): void {
    if (--peer.open > 0) return;
    this.#idlePeers++;
    if (this.#idlePeers > IDLE_PEERS_MAX) this.#forgetIdle();
  }

  #forgetIdle(): void {
    for (const [name, peer] of this.#peers) {
      if (peer.open > 0) continue;
      if (peer.watched) this.#context.unwatch(peer.address);
      this.#peers.delete(name);
    }
    this.#idlePeers = 0;
  }
}

function refused(request: number, why: Fault): Refused {
  return { type: 'refused', request, fault: why };
}

function lateFault(sent: boolean, name: string): Fault {
  return sent
    ? fault('TIMED_OUT', `${name} did not answer in time`)
    : fault('OVERLOADED', `${name} had no room for the request in time`);
}

/** Takes a held question back, with its lease. */
function dropHeld(peer: Peer, request: number): boolean {
  const at = peer.held.findIndex(
    ({ message, answered }) => answered && (message as Message & Numbered).request === request,
  );
  if (at < 0) return false;
  const [dropped] = peer.held.splice(at, 1);
  dropped?.message.lease?.release();
  return true;
}
