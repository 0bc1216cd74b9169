/**
 * The reading half of a connection: socket data → frames in leased memory → messages to the connection's actor. Runs in
 * the socket's callback, so it only copies, counts and enqueues; it decides nothing about what a frame says. Pauses the
 * socket when there is no memory, too much in flight, or the actor says so.
 */
import type { Context, Lease } from '../../runtime/actor.ts';
import type { Socket, SocketHandlers } from '../../runtime/ports.ts';
import { type Fault, fault, type Result } from '../../src/model/faults.ts';
import { OUTBOX_BYTES_MAX, REQUEST_BYTES_IN_FLIGHT_MAX, REQUESTS_IN_FLIGHT_MAX } from '../../src/model/limits.ts';
import { Assembler, type Intake as FrameTaker, type Progress } from '../../src/protocols/assembling.ts';
import type { Conversation } from '../../src/protocols/conversation.ts';
import type { FrameRoom, Unfinished } from './frame-room.ts';
import type { Outbox } from './outbox.ts';

export type IntakeMessage =
  /** A whole frame; counted as in flight until {@link Intake.finished}. */
  | { readonly type: 'frame'; readonly bytes: Uint8Array; readonly lease?: Lease }
  /** Bytes that are no frame: the conversation is over. */
  | { readonly type: 'broken'; readonly fault: Fault; readonly head: readonly number[] }
  /** Part of a frame has come: it must be whole in time. */
  | { readonly type: 'unfinished' }
  /** Memory is wanted: `leasable` when there may be some. `room`: unfinished frames hold as much as they may. */
  | { readonly type: 'starved'; readonly of: 'memory' | 'room' }
  /** There may be room for the frame that found none. */
  | { readonly type: 'roomy' }
  | { readonly type: 'closed'; readonly reason: string };

/** What it asks of the connection's own context. */
type Desk = Pick<Context<IntakeMessage>, 'lease' | 'network'>;

export class Intake implements SocketHandlers, Unfinished, FrameTaker<Lease> {
  readonly #desk: Desk;
  readonly #socket: Socket;
  readonly #conversation: Conversation;
  readonly #assembler: Assembler<Lease>;
  readonly #room: FrameRoom;
  readonly #outbox: Outbox;
  /** News that found the mailbox full; goes out first. */
  #undelivered: IntakeMessage[] | null = null;
  /** The client is to be quiet: nothing is taken from it. */
  muted = false;
  #lacks: 'memory' | 'room' = 'memory';
  #blockedBy: 'memory' | 'taker' | null = null;
  #ended = false;
  #frameWatched = false;
  #requests = 0;
  #bytes = 0;

  /** @param outbox nothing is taken while the client leaves too much of it unread. */
  constructor(desk: Desk, socket: Socket, conversation: Conversation, room: FrameRoom, outbox: Outbox) {
    this.#desk = desk;
    this.#socket = socket;
    this.#conversation = conversation;
    this.#room = room;
    this.#outbox = outbox;
    this.#assembler = new Assembler<Lease>(this, conversation.headBytes);
  }

  /** Frames taken that are not finished. */
  get inFlight(): number {
    return this.#requests;
  }

  /** Has a frame begun that the client has not ended, while nothing here keeps it from doing so? */
  get clientOwesBytes(): boolean {
    return this.#assembler.midFrame && this.#blockedBy === null && !this.#ended;
  }

  get framesTaken(): number {
    return this.#assembler.framesTaken;
  }

  get filled(): number {
    return this.#assembler.filled;
  }

  /** Others have no memory, and the frame that has begun comes too slowly. */
  shed(): void {
    this.end();
    this.#tell({ type: 'broken', fault: fault('OVERLOADED', 'memory is short and a frame came too slowly'), head: [] });
  }

  roomy(): void {
    this.#tell({ type: 'roomy' });
  }

  data(chunk: Uint8Array): void {
    if (!this.#ended) this.#after(this.#assembler.push(chunk));
  }

  closed(reason: string): void {
    this.end();
    this.#tell({ type: 'closed', reason });
  }

  /** One frame has been answered, or needs no answer. */
  finished(frameBytes: number): void {
    this.#requests--;
    this.#bytes -= frameBytes;
  }

  /** Goes on where it was blocked, if it may. The actor calls it after whatever may have made room. */
  resume(): void {
    if (this.#undelivered !== null) this.#tellAgain(this.#undelivered);
    if (this.#blockedBy === 'taker' && this.#admits) this.#tryAgain();
  }

  /** There may be memory again. */
  leasable(): void {
    if (this.#blockedBy === 'memory') this.#tryAgain();
  }

  /** The next unfinished frame is news again. */
  unwatchFrame(): void {
    this.#frameWatched = false;
  }

  /** Takes no more frames; what still comes is thrown away, so that the other side's end is seen. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#assembler.release();
    this.#room.give(this);
    if (this.#blockedBy !== null) this.#socket.resume();
  }

  #tryAgain(): void {
    if (this.#ended) return;
    this.#blockedBy = null;
    this.#after(this.#assembler.resume());
    if (this.#blockedBy === null && !this.#ended) this.#socket.resume();
  }

  get #admits(): boolean {
    const hasRoom = this.#requests < REQUESTS_IN_FLIGHT_MAX && this.#bytes < REQUEST_BYTES_IN_FLIGHT_MAX;
    return hasRoom && !this.muted && this.#outbox.bytes < OUTBOX_BYTES_MAX;
  }

  // ---- what the assembler asks

  measure(head: Uint8Array): Result<number> {
    return this.#conversation.measure(head);
  }

  lease(length: number): Lease | null {
    this.#lacks = 'room';
    if (!this.#room.take(this, length)) return null;
    this.#lacks = 'memory';
    const lease = this.#desk.lease(length);
    if (lease === null) this.#room.give(this);
    return lease;
  }

  take(frame: Uint8Array, lease: Lease | undefined): boolean {
    // Whole: from here on the client can't hold it by being slow.
    if (lease !== undefined) this.#room.give(this);
    if (!this.#admits) return false;
    const message: IntakeMessage =
      lease === undefined ? { type: 'frame', bytes: frame } : { type: 'frame', bytes: frame, lease };
    if (this.#desk.network.deliver(message) === 'full') return false;
    this.#requests++;
    this.#bytes += frame.length;
    return true;
  }

  // ---- news for the actor

  #after(progress: Progress): void {
    if (progress.type === 'broken') {
      this.end();
      this.#tell({ type: 'broken', fault: progress.fault, head: [...progress.head] });
    } else if (progress.type === 'blocked') {
      this.#blockedBy = progress.by;
      this.#socket.pause();
      if (progress.by === 'memory') this.#tell({ type: 'starved', of: this.#lacks });
    } else if (this.#assembler.midFrame && !this.#frameWatched) {
      this.#frameWatched = true;
      this.#tell({ type: 'unfinished' });
    }
  }

  #tell(news: IntakeMessage): void {
    if (this.#undelivered !== null) this.#undelivered.push(news);
    else if (this.#desk.network.deliver(news) === 'full') this.#undelivered = [news];
  }

  #tellAgain(news: IntakeMessage[]): void {
    while (news[0] !== undefined && this.#desk.network.deliver(news[0]) === 'sent') news.shift();
    if (news.length === 0) this.#undelivered = null;
  }
}
