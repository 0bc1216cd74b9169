/**
 * A client of the native protocol as a plain state machine on simulated sockets: connects when there is something to say,
 * pipelines, gives up, comes back, and goes without a word. Made of the codec alone; it has none of the manners of the real
 * client, so that what it does is what the one who drives it wants. Every call is answered exactly once.
 */
import { fieldsCodec } from '../../runtime/envelope.ts';
import type { Clock, Network, Socket, TimerHandle } from '../../runtime/ports.ts';
import { ANSWER_BYTES_MAX } from '../../src/model/limits.ts';
import { decodeAnswer, encodeHello, encodeRequest } from '../../src/protocols/native/codec.ts';
import { measure, openFrame } from '../../src/protocols/native/frame.ts';
import type { Reply, Request } from '../../src/protocols/request.ts';
import { HOST, PORT } from './node.ts';

/** `lost`: nobody knows whether it has happened; `unsent`: it has not. */
export type Outcome = { readonly type: 'reply'; readonly reply: Reply } | { readonly type: 'lost' | 'unsent' };
export type Heard = (outcome: Outcome) => void;

export interface ClientOptions {
  readonly name: string;
  /** Anew for each life of the client's host. */
  readonly network: () => Network;
  readonly clock: Clock;
  /** Every frame that comes. */
  readonly heard: (frame: Uint8Array) => void;
  /** The node broke the protocol. */
  readonly broken: (what: string) => void;
}

interface Waiting {
  readonly request: Request;
  readonly timer: TimerHandle;
  readonly done: Heard;
  sent: boolean;
}

const CONNECT_MS_MAX = 3_000;
const LOST: Outcome = { type: 'lost' };
const UNSENT: Outcome = { type: 'unsent' };

export class SimulatedClient {
  readonly #options: ClientOptions;
  readonly #waiting = new Map<number, Waiting>();
  #network: Network;
  #state: 'down' | 'connecting' | 'greeting' | 'up' = 'down';
  #socket: Socket | null = null;
  #correlation = 0;
  /** Rises with every connection: what an earlier one still says is not heard. */
  #connection = 0;
  #received: Uint8Array = new Uint8Array(0);
  /** Behind that, not put together before a frame is whole. */
  #parts: Uint8Array[] = [];
  #partBytes = 0;
  /** Without so many more bytes there is no frame. */
  #missing = 0;
  connections = 0;

  constructor(options: ClientOptions) {
    this.#options = options;
    this.#network = options.network();
  }

  /** Another number for each connection, and for none. */
  get connection(): number {
    return this.#connection;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /** `done` is never called before this returns. A call that is not answered within `timeoutMs` is lost; its connection stays. */
  call(request: Request, timeoutMs: number, done: Heard): void {
    this.#correlation += 1;
    const correlation = this.#correlation;
    const timer = this.#options.clock.after(timeoutMs, () => this.#settle(correlation));
    this.#waiting.set(correlation, { request, timer, done, sent: false });
    if (this.#state === 'down') this.#connect();
    else if (this.#state === 'up') this.#send(correlation);
  }

  /** Says something that has no answer; nothing where there is no connection. */
  tell(request: Request): boolean {
    if (this.#state !== 'up') return false;
    this.#correlation += 1;
    this.#write(encodeRequest(fieldsCodec, this.#correlation, request));
    return true;
  }

  /** The connection ends: with `silent`, only this side knows. */
  leave(silent: boolean): void {
    if (silent) this.#network = this.#options.network();
    else this.#socket?.destroy();
    this.#ended();
  }

  #connect(): void {
    this.#state = 'connecting';
    this.#connection += 1;
    this.connections += 1;
    const connection = this.#connection;
    const current = (): boolean => connection === this.#connection;
    const handlers = {
      data: (chunk: Uint8Array) => {
        if (current()) this.#data(chunk);
      },
      closed: () => {
        if (current()) this.#ended();
      },
    };
    this.#options.clock.after(CONNECT_MS_MAX, () => {
      if (current() && this.#state !== 'up') this.leave(false);
    });
    this.#network.connect(HOST, PORT, handlers, (error, socket) => {
      if (!current()) socket?.destroy();
      else if (socket === undefined || error !== null) this.#ended();
      else this.#greet(socket);
    });
  }

  #greet(socket: Socket): void {
    this.#socket = socket;
    this.#state = 'greeting';
    this.#forget();
    this.#write(encodeHello(fieldsCodec, 0, { versions: [1], client: this.#options.name, features: [] }));
  }

  /** Everything that waits hears that it is lost; the next call connects again. */
  #ended(): void {
    this.#connection += 1;
    this.#state = 'down';
    this.#socket = null;
    for (const correlation of [...this.#waiting.keys()]) this.#settle(correlation);
  }

  /** Nobody answers it any more. */
  #settle(correlation: number): void {
    const waiting = this.#waiting.get(correlation);
    if (waiting === undefined) return;
    this.#waiting.delete(correlation);
    waiting.timer.cancel();
    this.#options.clock.soon(() => waiting.done(waiting.sent ? LOST : UNSENT));
  }

  #send(correlation: number): void {
    const waiting = this.#waiting.get(correlation) as Waiting;
    waiting.sent = true;
    this.#write(encodeRequest(fieldsCodec, correlation, waiting.request));
  }

  #write(views: readonly Uint8Array[]): void {
    // Copied, since the codec's memory is used again and the socket takes its time.
    this.#socket?.write(
      views.map((view) => view.slice()),
      () => {},
    );
  }

  #data(chunk: Uint8Array): void {
    this.#parts.push(chunk);
    this.#partBytes += chunk.length;
    if (this.#partBytes < this.#missing) return;
    const all = Buffer.concat([this.#received, ...this.#parts]);
    this.#forget();
    this.#received = all;
    while (this.#state !== 'down') {
      const length = measure(this.#received, ANSWER_BYTES_MAX);
      if (!length.ok) this.#options.broken(`${this.#options.name}: ${length.fault.message}`);
      if (!length.ok || length.value === 0) return;
      this.#missing = Math.max(0, length.value - this.#received.length);
      if (this.#missing > 0) return;
      const bytes = this.#received.slice(0, length.value);
      this.#received = this.#received.slice(length.value);
      this.#frame(bytes);
    }
  }

  #forget(): void {
    this.#received = new Uint8Array(0);
    this.#parts = [];
    this.#partBytes = 0;
    this.#missing = 0;
  }

  #frame(bytes: Uint8Array): void {
    this.#options.heard(bytes);
    const frame = openFrame(bytes);
    const answer = frame.ok ? decodeAnswer(fieldsCodec, frame.value) : frame;
    if (!frame.ok || !answer.ok) {
      this.#options.broken(`${this.#options.name}: a frame that cannot be read`);
      return;
    }
    if (answer.value.type === 'hello') {
      this.#state = 'up';
      for (const [correlation, { sent }] of this.#waiting) if (!sent) this.#send(correlation);
      return;
    }
    const waiting = this.#waiting.get(frame.value.correlation);
    if (waiting === undefined) return;
    this.#waiting.delete(frame.value.correlation);
    waiting.timer.cancel();
    waiting.done({ type: 'reply', reply: answer.value.reply });
  }
}
