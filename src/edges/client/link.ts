/**
 * A connection that comes back: opens, reconnects with jittered back-off over the given servers, and carries calls whose
 * repetition is harmless over a disconnect, inside their deadline. Never repeats a call that could happen twice.
 */
import type { Reply, ReplyOf, Request } from '../../protocols/request.ts';
import { Backoff, type BackoffOptions } from './backoff.ts';
import { Call, type CallOptions, type Carrier } from './call.ts';
import { type Asker, Connection } from './connection.ts';
import { CallboardError } from './errors.ts';
import type { ServerAddress, World } from './ports.ts';
import { Gate } from './wait.ts';
import type { Greeting } from './wire.ts';

export interface LinkOptions {
  readonly world: World;
  /** Tried one after the other. */
  readonly servers: readonly ServerAddress[];
  readonly clientId: string;
  readonly connectTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly backoff: BackoffOptions;
}

export class Link implements Carrier {
  readonly options: LinkOptions;
  readonly #backoff: Backoff;
  readonly #ready = new Gate();
  readonly #listeners = new Set<() => void>();
  #connection: Connection | null = null;
  #greeting: Greeting | null = null;
  #server = 0;
  #closed: CallboardError | null = null;
  #lastFailure: CallboardError | null = null;
  #stopTimer: (() => void) | null = null;

  constructor(options: LinkOptions) {
    this.options = options;
    this.#backoff = new Backoff(options.world.random, options.backoff);
    this.#connect();
  }

  /** What the node said of itself; null while there is no connection. */
  get greeting(): Greeting | null {
    return this.#greeting;
  }

  get isReady(): boolean {
    return this.#greeting !== null;
  }

  /** Why there is no connection, as far as known. */
  get failure(): CallboardError | null {
    return this.#closed ?? this.#lastFailure;
  }

  get closed(): boolean {
    return this.#closed !== null;
  }

  /** Where those wait who need a connection. */
  get ready(): Gate {
    return this.#ready;
  }

  /** Runs at every new connection; the answer takes it back. */
  onReady(run: () => void): () => void {
    this.#listeners.add(run);
    return () => void this.#listeners.delete(run);
  }

  /** One attempt on the connection that is there: lost at once when there is none. */
  submit(request: Request, asker: Asker): void {
    if (this.#connection === null || this.#greeting === null) {
      asker.lost(this.failure ?? new CallboardError('DISCONNECTED', 'not connected yet'), false);
    } else this.#connection.submit(request, asker);
  }

  /** Carries out a request inside its deadline; see {@link CallOptions} for what is repeated. */
  call<R extends Request>(request: R, options: CallOptions = {}): Promise<ReplyOf<R['call']>> {
    return new Promise<Reply>((resolve, reject) => {
      new Call(this, request, options, resolve, reject).start();
    }) as Promise<ReplyOf<R['call']>>;
  }

  /** Ends the connection at once and for good; calls that wait are told. */
  close(): void {
    if (this.#closed !== null) return;
    this.#closed = new CallboardError('CLOSED', 'the client was closed');
    this.#stopTimer?.();
    this.#connection?.close(this.#closed);
    this.#ready.fail(this.#closed);
  }

  #connect(): void {
    const { servers, world, ...rest } = this.options;
    const server = servers[this.#server % servers.length] as ServerAddress;
    const connection: Connection = new Connection(
      { ...rest, server, transport: world.transport, clock: world.clock },
      {
        ready: (greeting) => this.#opened(greeting),
        closed: (error) => this.#lost(error),
      },
    );
    this.#connection = connection;
  }

  #opened(greeting: Greeting): void {
    this.#backoff.reset();
    this.#greeting = greeting;
    this.#lastFailure = null;
    this.#ready.open();
    for (const listener of this.#listeners) listener();
  }

  #lost(error: CallboardError): void {
    this.#connection = null;
    this.#greeting = null;
    if (this.#closed !== null) return;
    this.#lastFailure = error;
    this.#server += 1;
    this.#stopTimer = this.options.world.clock.after(this.#backoff.nextMs(), () => this.#connect());
  }
}
