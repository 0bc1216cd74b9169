/**
 * What one incarnation of an actor holds of the machine: leases, timers, open files, sockets, listeners, operations in
 * flight. When it ends everything is waited for or taken back, in this order: timers, sockets and listeners at once;
 * memory and files once nothing is in flight that could still touch them. It never decides what happens next.
 */
import { assert } from '../src/model/assert.ts';
import type { Message, Timer } from './actor.ts';
import type { ArenaLease, LeaseKeeper } from './arena-lease.ts';
import type { Clock, DiskFile, Listening, Ports, Socket, TimerHandle } from './ports.ts';

/** An orderly end lets the other side read what was sent; one that does not is cut off after this. Longer than the socket's own patience. */
const LINGER_MS = 3_000;

/** Who is told when a timer fires. */
interface Hearer {
  tell(message: Message): void;
}

export interface Held {
  readonly leases: number;
  readonly timers: number;
  readonly files: number;
  readonly sockets: number;
  readonly operations: number;
}

export class Ledger implements LeaseKeeper {
  /** First of a list through the leases themselves: each message with memory comes and goes here, on both sides. */
  #leases: ArenaLease | null = null;
  #leaseCount = 0;
  // Made when first needed: most actors hold nothing most of the time.
  readonly #timers = new TimerList();
  #files: Set<DiskFile> | null = null;
  /** The only one, which is all that a connection has; all of them, once there are more. */
  #socket: Socket | null = null;
  #sockets: Set<Socket> | null = null;
  #listenings: Set<Listening> | null = null;
  #operations = 0;
  #ports: Ports | null = null;
  #settled: (() => void) | null = null;
  #released = false;
  #linger: TimerHandle | null = null;

  get ended(): boolean {
    return this.#ports !== null;
  }

  get held(): Held {
    return {
      leases: this.#leaseCount,
      timers: this.#timers.size,
      files: this.#files?.size ?? 0,
      sockets: this.#socketCount,
      operations: this.#operations,
    };
  }

  // ---- leases

  keep(lease: ArenaLease): void {
    assert(!this.#released, 'a lease for an actor that is gone');
    lease.previous = null;
    lease.next = this.#leases;
    if (this.#leases !== null) this.#leases.previous = lease;
    this.#leases = lease;
    this.#leaseCount += 1;
  }

  /** Of a lease that is kept here. */
  forget(lease: ArenaLease): void {
    if (lease.previous === null) this.#leases = lease.next;
    else lease.previous.next = lease.next;
    if (lease.next !== null) lease.next.previous = lease.previous;
    lease.previous = null;
    lease.next = null;
    this.#leaseCount -= 1;
  }

  holdsOf(arena: number): boolean {
    for (let lease = this.#leases; lease !== null; lease = lease.next) if (lease.home.index === arena) return true;
    return false;
  }

  // ---- operations

  begin(): void {
    assert(!this.#released, 'an operation of an actor that is gone');
    this.#operations += 1;
  }

  /** @returns false when the actor has ended meanwhile: nobody wants the answer. */
  finish(): boolean {
    assert(this.#operations > 0, 'finished what was not begun');
    this.#operations -= 1;
    if (!this.ended) return true;
    this.#settle();
    return false;
  }

  // ---- timers, files, sockets

  startTimer(clock: Clock, ms: number, to: Hearer, message: Message): Timer {
    const timer = new ActorTimer(this.#timers, to, message);
    this.#timers.add(timer);
    timer.handle = clock.after(ms, timer.fire);
    return timer;
  }

  addFile(file: DiskFile): void {
    this.#files ??= new Set();
    this.#files.add(file);
  }

  removeFile(file: DiskFile): void {
    this.#files?.delete(file);
  }

  addSocket(socket: Socket): void {
    if (this.#socketCount === 0) this.#socket = socket;
    else {
      this.#sockets ??= new Set();
      if (this.#socket !== null) this.#sockets.add(this.#socket);
      this.#sockets.add(socket);
      this.#socket = null;
    }
  }

  /** Its connection is over, or it belongs to somebody else now. */
  removeSocket(socket: Socket): void {
    if (this.#socket === socket) this.#socket = null;
    else this.#sockets?.delete(socket);
    if (this.ended) this.#settle();
  }

  addListening(listening: Listening): void {
    this.#listenings ??= new Set();
    this.#listenings.add(listening);
    if (this.ended) this.#closeListenings();
  }

  removeListening(listening: Listening): void {
    this.#listenings?.delete(listening);
  }

  // ---- the end

  /**
   * The actor has ended.
   * @param orderly what was written to sockets is still sent; otherwise they are cut.
   * @param settled called once, perhaps before this returns, when nothing is held any more.
   */
  end(ports: Ports, orderly: boolean, settled: () => void): void {
    assert(!this.ended, 'ended twice');
    this.#ports = ports;
    this.#settled = settled;
    this.#timers.cancelAll();
    this.#closeListenings();
    this.#closeSockets(ports.clock, orderly);
    this.#settle();
  }

  get #socketCount(): number {
    return this.#socket === null ? (this.#sockets?.size ?? 0) : 1;
  }

  #closeListenings(): void {
    for (const listening of this.#listenings ?? []) {
      this.begin();
      listening.close(() => this.finish());
    }
    this.#listenings = null;
  }

  #closeSockets(clock: Clock, orderly: boolean): void {
    if (this.#socketCount === 0) return;
    // A copy: some are gone before destroy() has returned.
    const sockets = this.#socket === null ? [...(this.#sockets ?? [])] : [this.#socket];
    for (const socket of sockets) {
      if (orderly) socket.end();
      else socket.destroy();
    }
    if (!orderly) return;
    this.#linger = clock.after(LINGER_MS, () => {
      for (const socket of sockets) if (this.#socket === socket || this.#sockets?.has(socket)) socket.destroy();
    });
  }

  #settle(): void {
    if (this.#operations > 0 || this.#socketCount > 0) return;
    if (!this.#released) this.#release();
    if (this.#operations > 0) return;
    const settled = this.#settled;
    this.#settled = null;
    settled?.();
  }

  /** Nothing is in flight: what it could have touched is given back. */
  #release(): void {
    const ports = this.#ports;
    assert(ports !== null, 'releases only at the end');
    this.#released = true;
    this.#linger?.cancel();
    while (this.#leases !== null) this.#leases.release();
    for (const file of this.#files ?? []) {
      this.#operations += 1;
      ports.disk.close(file, (error) => {
        if (error !== null) ports.logger.warn({ path: file.path, error }, 'a file left open was not closed cleanly');
        this.finish();
      });
    }
    this.#files = null;
  }
}

/** Timers that run, linked to each other: a set would cost more than the one timer that most actors have. */
class TimerList {
  #first: ActorTimer | null = null;
  size = 0;

  add(timer: ActorTimer): void {
    timer.next = this.#first;
    if (this.#first !== null) this.#first.previous = timer;
    this.#first = timer;
    this.size += 1;
  }

  remove(timer: ActorTimer): void {
    if (timer.previous === null) this.#first = timer.next;
    else timer.previous.next = timer.next;
    if (timer.next !== null) timer.next.previous = timer.previous;
    timer.previous = null;
    timer.next = null;
    this.size -= 1;
  }

  cancelAll(): void {
    while (this.#first !== null) this.#first.cancel();
  }
}

class ActorTimer implements Timer {
  readonly #among: TimerList;
  readonly #to: Hearer;
  readonly #message: Message;
  #running = true;
  handle: TimerHandle | null = null;
  previous: ActorTimer | null = null;
  next: ActorTimer | null = null;

  constructor(among: TimerList, to: Hearer, message: Message) {
    this.#among = among;
    this.#to = to;
    this.#message = message;
  }

  readonly fire = (): void => {
    this.#leave();
    this.#to.tell(this.#message);
  };

  cancel(): void {
    if (this.#leave()) this.handle?.cancel();
  }

  /** False when it has fired or was cancelled. */
  #leave(): boolean {
    if (!this.#running) return false;
    this.#running = false;
    this.#among.remove(this);
    return true;
  }
}
