/**
 * One client's connection: frames in, requests carried out, answers out in whatever order they come. Kind `connection`,
 * key `<shard>.<listener's incarnation>.<n>`, spawned by its listener with the socket. Bounds what the client may have in
 * flight, leave unread or leave unsaid; interprets no record.
 * Lives on: the shard that accepted it. View: one client.
 */
import type { Actor, Context, Drain, Lease, Timer } from '../runtime/actor.ts';
import type { DiskError, Socket } from '../runtime/ports.ts';
import { assert } from '../src/model/assert.ts';
import { type Fault, fault } from '../src/model/faults.ts';
import { FRAME_MS_MAX, HELLO_MS_MAX, IDLE_MS_MAX, WRITE_MS_MAX } from '../src/model/limits.ts';
import { NumberMap } from '../src/model/number-map.ts';
import type { Conversation, Move } from '../src/protocols/conversation.ts';
import type { Reply } from '../src/protocols/request.ts';
import type { FrameRoom } from './connection/frame-room.ts';
import { FrameWatch } from './connection/frame-watch.ts';
import { Intake, type IntakeMessage } from './connection/intake.ts';
import { Outbox, type Writer } from './connection/outbox.ts';
import { CONNECTION_BYTES } from './heap-room.ts';
import { journalAddress } from './journal/contract.ts';
import { NO_HOLDS } from './requests/desk.ts';
import { type RequestServices, Requests, type RequestsMessage } from './requests/requests.ts';

export type Inbox =
  | IntakeMessage
  | RequestsMessage
  | Drain
  | { readonly type: 'leasable' }
  | { readonly type: 'retry' }
  | { readonly type: 'written'; readonly error: DiskError | null }
  | { readonly type: 'tick' };

export interface ConnectionInit {
  readonly socket: Socket;
  readonly conversation: Conversation;
  readonly services: RequestServices;
  readonly frameRoom: FrameRoom;
}

/** After its last words a connection waits so long for the client to close, so that they are not lost, ms. */
const LINGER_MS_MAX = 3_000;
/** Between two attempts to get room for a frame, ms. */
const ROOM_RETRY_MS = 250;
/** Requests in flight get so long after the client has gone, ms. */
const ORPHANS_MS_MAX = 5_000;
/** Between two looks at a connection in use: when nothing came in between, it gives back what it can make anew, ms. */
const LOOK_MS = 5_000;
const NEVER = Number.POSITIVE_INFINITY;
const TICK: Inbox = { type: 'tick' };

/**
 * `open`: reads and answers. `draining`: answers what is in flight, then speaks no more. `ending`: writes its last words,
 * then waits for the other side to close. `gone`: nobody listens.
 */
type State = 'open' | 'draining' | 'ending' | 'gone';

/** The business of one frame, up to its answer. */
interface Exchange {
  readonly frameBytes: number;
  /** Keeps the frame in place; none for small frames, and once nobody reads it any more. */
  lease: Lease | undefined;
  /** Keep the views of its replies in place. */
  holds: readonly Lease[];
}

class Connection implements Actor<Inbox>, Writer {
  readonly #context: Context<Inbox>;
  readonly #socket: Socket;
  readonly #conversation: Conversation;
  readonly #services: RequestServices;
  readonly #openedAt: number;
  /** Made with the first request after a rest: many a connection idles. */
  #requests: Requests | null = null;
  /** By those that were: an answer that comes late must meet no later question. */
  #questionsAsked = 0;
  readonly #outbox: Outbox;
  readonly #intake: Intake;
  #state: State = 'open';
  /** By number of their frame. Made with the first one after a rest. */
  #exchanges: NumberMap<Exchange> | null = null;
  #lastFrame = 0;
  /** Moves to be made; one that leads to others at once puts them behind. */
  readonly #moves: Move[] = [];
  #moving = false;
  #retrying = false;
  /** The client's end has been sent. */
  #finished = false;
  #timer: Timer | null = null;
  #wakesAt = NEVER;
  /** When time is over, ms on the monotonic clock: for hello or the next request, the frame begun, the write, the ending. */
  #lookAt: number;
  #framesSeen = 0;
  /** As of the last look nothing was under way, and what could be made anew was given back. */
  #resting = false;
  readonly #frameWatch = new FrameWatch();
  #writeAt = NEVER;
  #endAt = NEVER;
  /** Until then nothing is taken from the client. */
  #muteEndsAt = NEVER;

  constructor(context: Context<Inbox>, { socket, conversation, services, frameRoom }: ConnectionInit) {
    this.#context = context;
    this.#socket = socket;
    this.#conversation = conversation;
    this.#outbox = new Outbox(this);
    this.#services = services;
    this.#openedAt = context.now();
    this.#lookAt = context.monotonic() + HELLO_MS_MAX;
    this.#intake = new Intake(context, socket, conversation, frameRoom, this.#outbox);
    context.network.attach(socket, this.#intake);
    this.#arm();
  }

  receive(message: Inbox): void {
    if (this.#requests?.counted === true) this.#requests.timed(() => this.#receive(message));
    else this.#receive(message);
  }

  #receive(message: Inbox): void {
    switch (message.type) {
      case 'frame':
        this.#frame(message.bytes, message.lease);
        break;
      case 'broken':
        this.#lastWords(message.fault, this.#conversation.refuse(Uint8Array.from(message.head), message.fault));
        break;
      case 'unfinished':
        this.#frameWatch.begin(this.#intake, this.#context.monotonic());
        break;
      case 'starved':
        if (message.of === 'memory') this.#awaitMemory();
        else this.#askForRoomAgain();
        break;
      case 'retry':
        this.#retrying = false;
        this.#intake.leasable();
        break;
      case 'roomy':
      case 'leasable':
        this.#intake.leasable();
        break;
      case 'closed':
        this.#clientGone();
        break;
      case 'written':
        this.#written(message.error);
        break;
      case 'tick':
        this.#tick();
        break;
      case 'drain':
        this.#drain();
        break;
      default:
        if (this.#requests !== null) this.#requests.receive(message);
        else if (message.type === 'records') message.lease?.release();
    }
  }

  /** What the messages may have made possible. */
  afterTurn(): void {
    this.#outbox.flush();
    if (this.#state === 'gone') {
      if (this.#inFlight === 0 && !this.#outbox.writing) this.#context.stop();
    } else if (this.#state !== 'open') this.#finish();
    this.#intake.resume();
    this.#arm();
  }

  /** However it ends: what it claimed, for a frame that did not come and for itself, is for others. */
  stopped(): void {
    this.#intake.end();
    this.#requests?.end();
    this.#services.heapRoom.give(CONNECTION_BYTES);
  }

  get #inFlight(): number {
    return this.#exchanges?.size ?? 0;
  }

  inspect(): unknown {
    return {
      remote: this.#socket.remote,
      client: this.#conversation.client,
      state: this.#state,
      inFlight: this.#inFlight,
      unsentBytes: this.#outbox.bytes,
    };
  }

  // ---- frames in, answers out

  /** What the journal alone has is held in memory, and nobody need write who would find that it is short. */
  #awaitMemory(): void {
    this.#context.whenLeasable({ type: 'leasable' });
    this.#context.send(journalAddress(this.#context.node, this.#context.shard), { type: 'hurry' });
  }

  /** The room tells when there is some; asking makes it shed who holds it without need. */
  #askForRoomAgain(): void {
    if (this.#retrying) return;
    this.#retrying = true;
    this.#context.after(ROOM_RETRY_MS, { type: 'retry' });
  }

  #frame(bytes: Uint8Array, lease: Lease | undefined): void {
    if (this.#state === 'ending' || this.#state === 'gone') {
      lease?.release();
      this.#intake.finished(bytes.length);
      return;
    }
    const number = ++this.#lastFrame;
    this.#exchanges ??= new NumberMap();
    this.#exchanges.set(number, { frameBytes: bytes.length, lease, holds: NO_HOLDS });
    this.#follow(this.#conversation.take(bytes, number, this.#requests?.counted === true));
  }

  #follow(moves: readonly Move[]): void {
    for (const move of moves) this.#moves.push(move);
    if (this.#moving) return;
    this.#moving = true;
    for (let next = 0; next < this.#moves.length; next++) this.#make(this.#moves[next] as Move);
    this.#moves.length = 0;
    this.#moving = false;
  }

  #make(move: Move): void {
    const exchange = this.#exchanges?.get(move.frame);
    assert(exchange !== undefined, 'a frame is answered once, and asks for nothing after');
    if (move.type === 'ask') {
      this.#ask(exchange, move);
      return;
    }
    this.#exchanges?.take(move.frame);
    // Many a client says hello and no more for a long time.
    if (this.#requests === null && this.#inFlight === 0) this.#exchanges = null;
    exchange.lease?.release();
    this.#intake.finished(exchange.frameBytes);
    if (move.type === 'end') this.#lastWords(move.fault, move.views);
    else if (move.views.length > 0) this.#outbox.send(move.views, exchange.holds);
    else assert(exchange.holds.length === 0, 'nothing is held for no answer');
    if (!this.#conversation.tellsThrottle) this.#requests?.settle();
  }

  #ask(exchange: Exchange, { frame, ask, request, last }: Move & { readonly type: 'ask' }): void {
    assert(last || request.call !== 'produce', 'a produce takes the frame over');
    const reply = (reply: Reply | null, holds: readonly Lease[]): void => {
      if (reply?.call === 'refused') this.#context.count('requests_refused', 1);
      if (holds.length > 0) exchange.holds = exchange.holds.length === 0 ? holds : [...exchange.holds, ...holds];
      this.#follow(this.#conversation.reply(frame, ask, reply));
    };
    if (this.#state === 'draining') {
      reply({ call: 'refused', fault: fault('SHUTTING_DOWN', 'the node is stopping') }, NO_HOLDS);
      return;
    }
    if (request.call !== 'throttle') this.#context.count('requests', 1);
    const lease = last ? exchange.lease : undefined;
    if (last) exchange.lease = undefined;
    this.#requests ??= this.#makeRequests();
    this.#requests.start(request, lease, reply);
  }

  #makeRequests(): Requests {
    return new Requests(this.#context, this.#questionsAsked, this.#services, {
      host: this.#socket.remote.replace(/:\d+$/, ''),
      openedAt: this.#openedAt,
      client: () => this.#conversation.client,
      unsentBytes: () => this.#outbox.bytes,
      mute: (ms) => this.#mute(ms),
      end: (why) => this.#lastWords(why, []),
    });
  }

  /** For the outbox. */
  write(views: readonly Uint8Array[]): void {
    this.#writeAt = this.#context.monotonic() + WRITE_MS_MAX;
    this.#context.network.write(this.#socket, views, (error) => ({ type: 'written', error }));
  }

  #written(error: DiskError | null): void {
    this.#writeAt = NEVER;
    if (error !== null) this.#outbox.close();
    this.#outbox.written();
    this.#requests?.written();
  }

  // ---- ends

  /** What comes behind can't be understood: says why, and waits until that has been read. */
  #lastWords(why: Fault, views: readonly Uint8Array[]): void {
    if (this.#state === 'ending' || this.#state === 'gone') return;
    this.#context.log.info({ remote: this.#socket.remote, code: why.code, reason: why.message }, 'connection ends');
    this.#requests?.giveUpWaiting();
    this.#outbox.send(views, []);
    this.#state = 'ending';
    this.#intake.end();
  }

  #drain(): void {
    if (this.#state !== 'open') return;
    this.#state = 'draining';
    this.#requests?.giveUpWaiting();
    this.#intake.end();
  }

  #clientGone(): void {
    if (this.#state === 'gone') return;
    this.#state = 'gone';
    this.#outbox.close();
    this.#requests?.giveUpWaiting();
    this.#endAt = this.#context.monotonic() + ORPHANS_MS_MAX;
  }

  #close(reason: string): void {
    this.#context.log.info({ remote: this.#socket.remote, reason }, 'connection closed');
    this.#socket.destroy();
    this.#clientGone();
  }

  /** Ends the socket once all has been said. */
  #finish(): void {
    const answered = this.#state === 'ending' || this.#inFlight === 0;
    if (this.#finished || !answered || this.#outbox.bytes > 0 || this.#outbox.writing) return;
    this.#finished = true;
    this.#outbox.close();
    this.#state = 'ending';
    this.#socket.end();
    this.#endAt = this.#context.monotonic() + LINGER_MS_MAX;
  }

  // ---- time

  /** The client is ahead of its quota; what it sends meanwhile stays in its socket. */
  #mute(ms: number): void {
    const endsAt = this.#context.monotonic() + ms;
    if (this.#muteEndsAt === NEVER || endsAt > this.#muteEndsAt) this.#muteEndsAt = endsAt;
    this.#intake.muted = true;
  }

  #tick(): void {
    const now = this.#context.monotonic();
    if (now >= this.#muteEndsAt) {
      this.#muteEndsAt = NEVER;
      this.#intake.muted = false;
    }
    this.#timer?.cancel();
    this.#wakesAt = NEVER;
    this.#requests?.tick(now);
    if (now >= this.#endAt) {
      this.#socket.destroy();
      this.#context.stop();
    } else if (this.#state !== 'gone') this.#checkClient(now);
  }

  #checkClient(now: number): void {
    if (now >= this.#writeAt) this.#close(`the client has not read for ${WRITE_MS_MAX} ms`);
    else if (this.#frameWatch.isLate(this.#intake, now)) this.#close(`a frame was not whole after ${FRAME_MS_MAX} ms`);
    else if (now >= this.#lookAt) this.#look(now);
  }

  /** Who is quiet rests first, and is closed when it goes on. */
  #look(now: number): void {
    const { framesTaken } = this.#intake;
    const isBusy = this.#inFlight > 0 || framesTaken !== this.#framesSeen;
    this.#framesSeen = framesTaken;
    if (!this.#conversation.begun) this.#close(`no hello within ${HELLO_MS_MAX} ms`);
    else if (!isBusy && this.#resting) this.#close(`no request for ${IDLE_MS_MAX} ms`);
    else {
      this.#resting = !isBusy;
      this.#lookAt = now + (isBusy ? LOOK_MS : IDLE_MS_MAX - LOOK_MS);
      if (!isBusy) this.#rest();
    }
  }

  #rest(): void {
    this.#exchanges = null;
    this.#conversation.rest();
    if (this.#requests?.idle !== true) return;
    this.#questionsAsked = this.#requests.end();
    this.#requests = null;
  }

  /** One timer, for whatever comes first. */
  #arm(): void {
    const answersAt = this.#requests?.nextDeadline ?? NEVER;
    const next = Math.min(answersAt, this.#lookAt, this.#frameWatch.at, this.#writeAt, this.#endAt, this.#muteEndsAt);
    if (next >= this.#wakesAt) return;
    this.#timer?.cancel();
    this.#wakesAt = next;
    // Whole milliseconds: the rest of one can be too small to move the clock, and the tick would come too early for ever.
    const waitMs = Math.max(1, Math.ceil(next - this.#context.monotonic()));
    this.#timer = this.#context.after(waitMs, TICK);
  }
}

export function makeConnection(context: Context<Inbox>, _key: string, init: unknown): Actor<Inbox> {
  return new Connection(context, init as ConnectionInit);
}
