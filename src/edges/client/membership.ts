/**
 * A member's life in its group: joins, keeps its session alive by heartbeats that the node holds while nothing changes,
 * reports what it holds, joins again when fenced, leaves. Says what to hold; never touches a partition itself.
 */
import type { FaultCode } from '../../model/faults.ts';
import { WAIT_MS_MAX } from '../../model/limits.ts';
import type { GroupPlaces, HeartbeatReply, HeartbeatRequest } from '../../protocols/request.ts';
import { Backoff } from './backoff.ts';
import { type CallboardError, toError } from './errors.ts';
import type { Link } from './link.ts';
import { Gate, ignore, pause } from './wait.ts';

export interface MembershipOptions {
  readonly group: string;
  readonly topics: readonly string[];
  readonly instance: string | undefined;
  readonly assignor: 'range' | 'roundrobin' | 'sticky';
  readonly sessionMs: number;
  readonly rebalanceMs: number;
}

export interface MembershipEvents {
  /** Hold exactly this; answer with {@link Membership.holds} as it gets done. */
  assigned(places: readonly GroupPlaces[]): void;
  /** Everything held belongs to others by now. */
  fenced(error: CallboardError): void;
  /** It can't go on. */
  failed(error: CallboardError): void;
  /** It goes on by itself. */
  troubled(error: CallboardError): void;
}

const REJOIN: ReadonlySet<CallboardError['code']> = new Set<FaultCode>(['FENCED_MEMBER', 'UNKNOWN_MEMBER']);
/** Longest pause between heartbeats while partitions change hands, ms: soon enough to hear of a newer assignment. */
const BUSY_MS_MAX = 500;
/** What leaving may take, ms: a node that is away finds out by itself. */
const LEAVE_MS_MAX = 5_000;

export class Membership {
  readonly member: string;
  readonly #link: Link;
  readonly #options: MembershipOptions;
  readonly #events: MembershipEvents;
  readonly #backoff: Backoff;
  readonly #stop = new AbortController();
  readonly #news = new Gate();
  #epoch = 0;
  #owned: readonly GroupPlaces[] | null = null;
  #busy = false;
  #heartbeatMs = BUSY_MS_MAX;
  /** Monotonic: since when another member holds our instance id. */
  #rivalSinceMs: number | null = null;
  #running: Promise<void> | null = null;

  constructor(link: Link, options: MembershipOptions, events: MembershipEvents) {
    this.#link = link;
    this.#options = options;
    this.#events = events;
    this.#backoff = new Backoff(link.options.world.random, link.options.backoff);
    this.member = link.options.world.random.uuid();
  }

  /** 0 while it is not in the group. */
  get epoch(): number {
    return this.#epoch;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** What is held now. `settled`: that is all that was assigned. */
  holds(places: readonly GroupPlaces[], settled: boolean): void {
    this.#owned = places;
    this.#busy = !settled;
    this.#news.open();
  }

  /** Ends the heartbeats and tells the group. `forGood` false: a static member that will be back. */
  async leave(forGood: boolean, signal?: AbortSignal): Promise<void> {
    const epoch = this.#epoch;
    this.#stop.abort();
    await this.#running;
    this.#epoch = 0;
    if (epoch === 0) return;
    const request = { call: 'heartbeat', group: this.#options.group, member: this.member, waitMs: 0 } as const;
    await this.#link.call({ ...request, epoch: forGood ? -1 : -2 }, { timeoutMs: LEAVE_MS_MAX, signal });
  }

  async #run(): Promise<void> {
    const { clock } = this.#link.options.world;
    while (!this.#stop.signal.aborted) {
      try {
        await this.#beat();
        if (this.#busy) {
          const timeoutMs = Math.min(this.#heartbeatMs, BUSY_MS_MAX);
          await this.#news.wait({ clock, timeoutMs, signal: this.#stop.signal });
        }
      } catch (thrown) {
        if (this.#stop.signal.aborted || !this.#survives(toError(thrown))) return;
        await pause(clock, this.#backoff.nextMs(), this.#stop.signal).catch(ignore);
      }
    }
  }

  async #beat(): Promise<void> {
    const owned = this.#owned;
    const request = this.#request(owned);
    const timeoutMs = request.waitMs + this.#options.sessionMs;
    const reply = await this.#link.call(request, { timeoutMs, signal: this.#stop.signal });
    if (owned !== null && this.#owned === owned) this.#owned = null;
    this.#answered(reply);
  }

  #answered(reply: HeartbeatReply): void {
    this.#backoff.reset();
    this.#rivalSinceMs = null;
    this.#epoch = reply.epoch;
    this.#heartbeatMs = reply.heartbeatMs;
    if (reply.assignment === undefined) return;
    this.#busy = true;
    this.#events.assigned(reply.assignment);
  }

  #request(owned: readonly GroupPlaces[] | null): HeartbeatRequest {
    const { group, topics, instance, assignor, sessionMs, rebalanceMs } = this.#options;
    const who = { call: 'heartbeat', group, member: this.member, epoch: this.#epoch } as const;
    const named = instance === undefined ? who : { ...who, instance };
    if (this.#epoch === 0) return { ...named, topics, assignor, sessionMs, rebalanceMs, waitMs: 0 };
    const waitMs = this.#busy ? 0 : Math.min(this.#heartbeatMs, WAIT_MS_MAX);
    return owned === null ? { ...named, waitMs } : { ...named, owned, waitMs };
  }

  /** What an error means; false: the end. */
  #survives(error: CallboardError): boolean {
    if (REJOIN.has(error.code)) {
      this.#epoch = 0;
      this.#owned = null;
      this.#busy = false;
      this.#events.fenced(error);
    } else if (error.code === 'MEMBER_EXISTS' && this.#mayOutlive()) this.#events.troubled(error);
    else if (error.retryable) this.#events.troubled(error);
    else {
      this.#events.failed(error);
      return false;
    }
    return true;
  }

  /** A static member that crashed is in the group until its session ends: wait for that, but not for one that lives. */
  #mayOutlive(): boolean {
    const now = this.#link.options.world.clock.monotonicMs();
    this.#rivalSinceMs ??= now;
    return now - this.#rivalSinceMs <= 1.5 * this.#options.sessionMs;
  }
}
