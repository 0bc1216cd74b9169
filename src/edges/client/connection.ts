/**
 * One stream to one node, from opening to its end: hello, requests out, answers matched by correlation id. Bounds what
 * waits for an answer, and ends itself when an answer is overdue. Never reconnects and never repeats a request.
 */
import { REQUESTS_IN_FLIGHT_MAX } from '../../model/limits.ts';
import type { Reply, Request } from '../../protocols/request.ts';
import { FrameAssembler } from './assembler.ts';
import { CallboardError } from './errors.ts';
import type { Clock, ServerAddress, Socket, Transport } from './ports.ts';
import {
  type Answered,
  type Greeting,
  measureAnswer,
  readAnswer,
  readGreeting,
  writeHello,
  writeRequest,
} from './wire.ts';

/** Who waits for the answer of one request. Exactly one of the two comes, once. */
export interface Asker {
  done(reply: Reply): void;
  /** The stream ended. `sent` false: the node can't have seen the request. */
  lost(error: CallboardError, sent: boolean): void;
}

export interface ConnectionOptions {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly server: ServerAddress;
  readonly clientId: string;
  /** Longest time from opening to the answer of hello, ms. */
  readonly connectTimeoutMs: number;
  /** An answer that takes longer, beyond the wait that its request asks for, ends the stream, ms. */
  readonly requestTimeoutMs: number;
}

export interface ConnectionEvents {
  ready(greeting: Greeting): void;
  /** Comes exactly once, before the askers are told: who asks again at once must not come back here. */
  closed(error: CallboardError): void;
}

interface Entry {
  readonly request: Request;
  readonly asker: Asker;
  dueMs: number;
}

/** How often overdue answers are looked for, ms. */
const SWEEP_MS = 1_000;

export class Connection {
  readonly #options: ConnectionOptions;
  readonly #events: ConnectionEvents;
  readonly #socket: Socket;
  readonly #assembler: FrameAssembler;
  readonly #pending = new Map<number, Entry>();
  #waiting: Entry[] = [];
  #correlation = 0;
  #state: 'opening' | 'greeting' | 'ready' | 'closed' = 'opening';
  #writable = true;
  #failure: CallboardError | undefined;
  #stopTimer: () => void;

  constructor(options: ConnectionOptions, events: ConnectionEvents) {
    this.#options = options;
    this.#events = events;
    this.#assembler = new FrameAssembler(measureAnswer);
    this.#stopTimer = options.clock.after(options.connectTimeoutMs, () => this.close(this.#unreachable('no answer')));
    this.#socket = options.transport.open(options.server, {
      opened: () => this.#greet(),
      data: (chunk) => this.#receive(chunk),
      drained: () => this.#drained(),
      closed: (error) => this.#closed(error),
    });
  }

  /** Takes a request while the stream is ready; it is written as soon as there is room for it. */
  submit(request: Request, asker: Asker): void {
    const entry: Entry = { request, asker, dueMs: 0 };
    if (this.#state === 'ready') {
      this.#waiting.push(entry);
      this.#flush();
    } else asker.lost(this.#failure ?? this.#unreachable('not connected'), false);
  }

  /** Ends the stream at once: everybody who waits is told `error`. */
  close(error: CallboardError): void {
    this.#failure ??= error;
    this.#socket.close();
  }

  #greet(): void {
    this.#state = 'greeting';
    this.#socket.write(writeHello(this.#options.clientId));
  }

  #receive(chunk: Uint8Array): void {
    if (this.#state === 'closed') return;
    const frames = this.#assembler.push(chunk);
    if (frames.ok) {
      for (const frame of frames.value) this.#take(frame);
      this.#flush();
    } else this.close(CallboardError.from(frames.fault));
  }

  #take(frame: Uint8Array): void {
    if (this.#state === 'closed') return;
    if (this.#state === 'greeting') {
      this.#greeted(frame);
      return;
    }
    const answer = readAnswer(frame);
    if (answer.ok) this.#answered(answer.value);
    else this.close(CallboardError.from(answer.fault));
  }

  #greeted(frame: Uint8Array): void {
    const greeting = readGreeting(frame);
    if (!greeting.ok) {
      this.close(CallboardError.from(greeting.fault));
      return;
    }
    this.#state = 'ready';
    this.#stopTimer();
    this.#sweep();
    this.#events.ready(greeting.value);
  }

  #answered({ correlation, reply }: Answered): void {
    const entry = this.#pending.get(correlation);
    if (entry !== undefined) {
      this.#pending.delete(correlation);
      entry.asker.done(reply);
    } else if (reply.call === 'refused') {
      // A refusal without a request is how a node says why it hangs up.
      this.close(CallboardError.from(reply.fault));
    } else this.close(new CallboardError('BAD_FRAME', `answer to ${reply.call} that nobody asked for`));
  }

  #drained(): void {
    this.#writable = true;
    this.#flush();
  }

  #flush(): void {
    if (this.#waiting.length === 0 || this.#state !== 'ready') return;
    let taken = 0;
    while (taken < this.#waiting.length && this.#writable && this.#pending.size < REQUESTS_IN_FLIGHT_MAX) {
      this.#write(this.#waiting[taken++] as Entry);
    }
    this.#waiting = this.#waiting.slice(taken);
  }

  #write(entry: Entry): void {
    const correlation = this.#nextCorrelation();
    const frames = writeRequest(correlation, entry.request);
    if (expectsAnswer(entry.request)) {
      entry.dueMs = this.#options.clock.monotonicMs() + waitOf(entry.request) + this.#options.requestTimeoutMs;
      this.#pending.set(correlation, entry);
      this.#writable = this.#socket.write(frames);
    } else {
      this.#writable = this.#socket.write(frames);
      entry.asker.done({ call: 'produce', parts: [] });
    }
  }

  /** 1 to 2^32 - 1; 0 is hello's. */
  #nextCorrelation(): number {
    this.#correlation = this.#correlation === 0xffff_ffff ? 1 : this.#correlation + 1;
    return this.#correlation;
  }

  #sweep(): void {
    this.#stopTimer = this.#options.clock.after(SWEEP_MS, () => {
      const now = this.#options.clock.monotonicMs();
      for (const entry of this.#pending.values()) {
        if (entry.dueMs <= now) this.close(this.#unreachable(`no answer to ${entry.request.call}`));
      }
      if (this.#failure === undefined) this.#sweep();
    });
  }

  #closed(error?: Error): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#stopTimer();
    const failure = this.#failure ?? this.#unreachable(error?.message ?? 'the node closed the connection', error);
    this.#failure = failure;
    const sent = [...this.#pending.values()];
    const waiting = this.#waiting;
    this.#pending.clear();
    this.#waiting = [];
    this.#events.closed(failure);
    for (const entry of sent) entry.asker.lost(failure, true);
    for (const entry of waiting) entry.asker.lost(failure, false);
  }

  #unreachable(why: string, cause?: Error): CallboardError {
    const { host, port } = this.#options.server;
    return new CallboardError('DISCONNECTED', `${host}:${port}: ${why}`, { cause });
  }
}

/** What the node may take on purpose, ms. */
function waitOf(request: Request): number {
  if (request.call === 'produce') return request.timeoutMs;
  if (request.call === 'fetch' || request.call === 'heartbeat') return request.waitMs;
  return 0;
}

function expectsAnswer(request: Request): boolean {
  return request.call !== 'produce' || request.acks !== 'none';
}
