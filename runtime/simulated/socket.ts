/**
 * One end of a simulated TCP connection: bytes in order, cut into segments of any size, within a window; ends, resets and
 * silence as TCP has them. What travels, how long and whether at all is the internet's to say.
 */
import { assert } from '../../src/model/assert.ts';
import type { Done, Socket, SocketHandlers, TimerHandle } from '../ports.ts';
import type { SimulatedClock } from './clock.ts';
import type { SeededRandom } from './random.ts';

/** What an end needs to know of the world between it and the other. */
export interface Wire {
  readonly clock: SimulatedClock;
  readonly random: SeededRandom;
  /** Bytes sent and not yet taken by the other side's handler; a write beyond is not done before there is room. */
  readonly windowBytes: number;
  /** A side that hears nothing of what it has sent for so long gives up. */
  readonly timeoutMs: number;
  delayMs(from: string, to: string): number;
  passes(from: string, to: string): boolean;
  isUp(host: string): boolean;
  trace(line: string): void;
}
interface Write {
  readonly views: readonly Uint8Array[];
  readonly length: number;
  readonly done: Done;
  taken: number;
}

const SEGMENT_BYTES_MAX = 65_536;
/** As Node's sockets here: after `end` the other side has this long to close. */
const LINGER_MS = 2_000;

export class SimulatedSocket implements Socket {
  readonly host: string;
  readonly local: string;
  readonly remote: string;
  readonly #wire: Wire;
  #peer: SimulatedSocket | null = null;
  #handlers: SocketHandlers | null = null;
  #state: 'open' | 'ending' | 'closed' = 'open';
  /** Its host has crashed: it never answers and is never called. */
  #vanished = false;
  #reason: string | null = null;
  // sending
  readonly #writes: Write[] = [];
  #unread = 0;
  #endSent = false;
  readonly #travelling: (() => void)[] = [];
  #arrivals = 0;
  #nextArrivalMs = 0;
  #overdue: TimerHandle | null = null;
  // receiving
  readonly #inbox: Uint8Array[] = [];
  #paused = false;
  #deaf = false;
  #peerEnded = false;

  constructor(host: string, local: string, remote: string, wire: Wire) {
    this.host = host;
    this.local = local;
    this.remote = remote;
    this.#wire = wire;
  }

  /** Two ends of one connection. */
  static join(a: SimulatedSocket, b: SimulatedSocket): void {
    a.#peer = b;
    b.#peer = a;
  }

  attach(handlers: SocketHandlers): void {
    this.#handlers = handlers;
    this.#later(() => this.#drain());
  }

  write(views: readonly Uint8Array[], done: Done): void {
    if (this.#state !== 'open') {
      this.#later(() => done({ code: 'OTHER', message: 'the connection is closed' }));
      return;
    }
    const length = views.reduce((sum, view) => sum + view.length, 0);
    this.#writes.push({ views, length, done, taken: 0 });
    this.#pump();
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#later(() => this.#drain());
  }

  end(): void {
    if (this.#state !== 'open') return;
    this.#reason ??= 'ended';
    this.#deaf = true;
    this.#state = 'ending';
    this.#pump();
    this.#drain();
  }

  destroy(): void {
    if (this.#state === 'closed') return;
    this.#reason ??= 'destroyed';
    this.#travel((peer) => peer.#reset());
    this.#close(this.#reason);
  }

  // ---- what the internet does to it

  /** Silent from now on: the other side finds out by itself. */
  vanish(): void {
    this.#vanished = true;
    this.#state = 'closed';
  }

  /** Its thread has ended: the other side is told, this one hears nothing more. */
  abandon(): void {
    this.destroy();
    this.#vanished = true;
  }

  /** The connection breaks in the middle: both sides hear it. */
  break(): void {
    this.#reset();
  }

  /** What was held up goes on, in order. */
  flow(): void {
    while (this.#arrivals > 0 && this.#travelling.length > 0 && this.#outgoingPasses()) {
      this.#arrivals -= 1;
      this.#travelling.shift()?.();
    }
    if (this.#arrivals > 0) this.#startOverdue();
  }

  get closed(): boolean {
    return this.#state === 'closed';
  }

  get peer(): SimulatedSocket {
    assert(this.#peer !== null, 'a socket without another end');
    return this.#peer;
  }

  // ---- sending

  #pump(): void {
    for (;;) {
      const write = this.#writes[0];
      if (write === undefined) break;
      const room = this.#wire.windowBytes - this.#unread;
      const left = write.length - write.taken;
      if (left > 0 && room <= 0) return;
      const count = Math.min(room, left, 1 + this.#wire.random.below(SEGMENT_BYTES_MAX));
      if (left > 0) this.#sendSegment(write, count);
      if (write.taken < write.length) continue;
      this.#writes.shift();
      this.#later(() => write.done(null));
    }
    if (this.#state === 'ending' && !this.#endSent) this.#sendEnd();
  }

  #sendSegment(write: Write, count: number): void {
    const segment = copyOf(write.views, write.taken, count);
    write.taken += count;
    this.#unread += count;
    this.#travel((peer) => peer.#receive(segment));
  }

  #sendEnd(): void {
    this.#endSent = true;
    this.#travel((peer) => peer.#receiveEnd());
    if (this.#peerEnded) this.#close(this.#reason ?? 'ended');
    else this.#wire.clock.after(LINGER_MS, () => this.destroy());
  }

  /** In order, whatever the delays are. */
  #travel(arrive: (peer: SimulatedSocket) => void): void {
    const { clock } = this.#wire;
    const peer = this.peer;
    this.#travelling.push(() => arrive(peer));
    this.#nextArrivalMs = Math.max(this.#nextArrivalMs, clock.monotonic() + this.#wire.delayMs(this.host, peer.host));
    clock.after(this.#nextArrivalMs - clock.monotonic(), () => {
      this.#arrivals += 1;
      this.flow();
    });
  }

  #outgoingPasses(): boolean {
    return this.#wire.passes(this.host, this.peer.host);
  }

  /** Nothing comes back for what was sent: waits, then gives up. */
  #startOverdue(): void {
    if (this.#overdue !== null || this.#state === 'closed') return;
    this.#overdue = this.#wire.clock.after(this.#wire.timeoutMs, () => {
      this.#overdue = null;
      const silent = this.peer.#vanished || !this.#outgoingPasses() || !this.#wire.passes(this.peer.host, this.host);
      if (silent) this.#close('timed out');
    });
  }

  // ---- receiving

  #receive(segment: Uint8Array): void {
    if (this.#vanished) this.#unheard();
    else if (this.#state === 'closed') this.#travel((peer) => peer.#reset());
    else {
      this.#inbox.push(segment);
      this.#drain();
      if (!this.#outgoingPasses()) this.peer.#startOverdue();
    }
  }

  /** Something came for an end that is no more: its host says so when it is back, and nothing while it is down. */
  #unheard(): void {
    if (this.#wire.isUp(this.host)) this.#travel((peer) => peer.#reset());
    else this.peer.#startOverdue();
  }

  #receiveEnd(): void {
    if (this.#vanished) {
      this.#unheard();
      return;
    }
    this.#peerEnded = true;
    this.#drain();
  }

  #reset(): void {
    this.#inbox.length = 0;
    this.#close('connection reset');
  }

  #drain(): void {
    if (this.#handlers === null) return;
    while (this.#state !== 'closed' && (!this.#paused || this.#deaf)) {
      const segment = this.#inbox.shift();
      if (segment === undefined) {
        if (this.#peerEnded) this.#otherSideEnded();
        return;
      }
      this.#wire.trace(`${this.remote} > ${this.local} ${segment.length}`);
      if (!this.#deaf) this.#handlers.data(segment);
      this.peer.#taken(segment.length);
    }
  }

  #taken(count: number): void {
    this.#unread -= count;
    this.#pump();
  }

  /** No half-open connections: what is written goes out, then this side closes too. */
  #otherSideEnded(): void {
    this.#reason ??= 'ended by the other side';
    if (this.#endSent) this.#close(this.#reason);
    else if (this.#state === 'open') {
      this.#state = 'ending';
      this.#deaf = true;
      this.#pump();
    }
  }

  #close(reason: string): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#overdue?.cancel();
    this.#wire.trace(`${this.local} closed to ${this.remote}: ${reason}`);
    for (const write of this.#writes.splice(0)) this.#later(() => write.done({ code: 'OTHER', message: reason }));
    this.#later(() => this.#handlers?.closed(reason));
  }

  #later(run: () => void): void {
    this.#wire.clock.soon(() => {
      if (!this.#vanished) run();
    });
  }
}

/** `count` bytes of all views together, from the one at `from`. */
function copyOf(views: readonly Uint8Array[], from: number, count: number): Uint8Array {
  const copy = new Uint8Array(count);
  let filled = 0;
  let skip = from;
  for (const view of views) {
    const part = view.subarray(skip, skip + count - filled);
    copy.set(part, filled);
    filled += part.length;
    skip = Math.max(0, skip - view.length);
  }
  return copy;
}
