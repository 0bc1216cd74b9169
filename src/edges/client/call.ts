/**
 * One call of a caller: attempts, pauses between them, deadline and signal. It ends exactly once, with the answer or a
 * typed error, and leaves no timer or listener behind.
 */
import type { FaultCode } from '../../model/faults.ts';
import type { Reply, Request } from '../../protocols/request.ts';
import { Backoff, type BackoffOptions } from './backoff.ts';
import type { Asker } from './connection.ts';
import { aborted, CallboardError } from './errors.ts';
import type { World } from './ports.ts';
import { type Gate, ignore } from './wait.ts';

export interface CallOptions {
  /** The whole call with all repetitions, ms; default 30,000. */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What carries a call: a connection that comes back. */
export interface Carrier {
  readonly options: { readonly world: World; readonly backoff: BackoffOptions };
  readonly isReady: boolean;
  readonly closed: boolean;
  readonly failure: CallboardError | null;
  /** Where those wait who need a connection. */
  readonly ready: Gate;
  submit(request: Request, asker: Asker): void;
}

const TIMEOUT_MS_DEFAULT = 30_000;

/** Calls that may happen twice without harm: reads, and writes that say what shall be and not what shall change. */
const REPEATABLE: ReadonlySet<Request['call']> = new Set([
  'offsets',
  'resolve',
  'topics',
  'describeTopic',
  'producer',
  'heartbeat',
  'commit',
  'committed',
  'groups',
  'describeGroup',
  'node',
]);

/** Refusals that time alone may heal. Others that are called retryable need the caller to do something in between. */
const HEALED_BY_TIME: ReadonlySet<FaultCode> = new Set([
  'UNAVAILABLE',
  'OVERLOADED',
  'TIMED_OUT',
  'SHUTTING_DOWN',
  'TOO_MANY_REQUESTS',
  'DISK_FULL',
  'STORAGE_FAILED',
]);

export class Call implements Asker {
  readonly #link: Carrier;
  readonly #request: Request;
  readonly #signal: AbortSignal | undefined;
  readonly #resolve: (reply: Reply) => void;
  readonly #reject: (error: CallboardError) => void;
  readonly #timeoutMs: number;
  readonly #backoff: Backoff;
  readonly #gaveUp = new AbortController();
  #cancelDeadline = ignore;
  #cancelPause = ignore;
  #last: CallboardError | null = null;
  #ended = false;

  constructor(
    link: Carrier,
    request: Request,
    options: CallOptions,
    resolve: (reply: Reply) => void,
    reject: (error: CallboardError) => void,
  ) {
    this.#link = link;
    this.#request = request;
    this.#signal = options.signal;
    this.#timeoutMs = options.timeoutMs ?? TIMEOUT_MS_DEFAULT;
    this.#backoff = new Backoff(link.options.world.random, link.options.backoff);
    this.#resolve = resolve;
    this.#reject = reject;
  }

  start(): void {
    if (this.#signal?.aborted) {
      this.#fail(aborted(this.#signal));
      return;
    }
    this.#signal?.addEventListener('abort', this.#abort, { once: true });
    this.#cancelDeadline = this.#link.options.world.clock.after(this.#timeoutMs, () => this.#fail(this.#late()));
    this.#attempt();
  }

  done(reply: Reply): void {
    if (this.#ended) return;
    if (reply.call !== 'refused') {
      this.#end();
      this.#resolve(reply);
      return;
    }
    this.#last = CallboardError.from(reply.fault);
    if (REPEATABLE.has(this.#request.call) && HEALED_BY_TIME.has(reply.fault.code)) {
      this.#cancelPause = this.#link.options.world.clock.after(this.#backoff.nextMs(), () => this.#attempt());
    } else this.#fail(this.#last);
  }

  lost(error: CallboardError, sent: boolean): void {
    if (this.#ended) return;
    this.#last = error;
    if (this.#link.closed || (sent && !REPEATABLE.has(this.#request.call))) this.#fail(error);
    else this.#attempt();
  }

  #attempt(): void {
    if (this.#link.isReady) this.#link.submit(this.#request, this);
    else if (this.#link.closed) this.#fail(this.#link.failure ?? this.#late());
    else this.#wait();
  }

  #wait(): void {
    const { clock } = this.#link.options.world;
    this.#link.ready.wait({ clock, signal: this.#gaveUp.signal }).then(
      () => {
        if (!this.#ended) this.#attempt();
      },
      (error: CallboardError) => {
        if (!this.#ended) this.#fail(error);
      },
    );
  }

  readonly #abort = (): void => this.#fail(aborted(this.#signal as AbortSignal));

  #late(): CallboardError {
    const cause = this.#last ?? this.#link.failure;
    const why = cause === null ? '' : `; last: ${cause.message}`;
    const code = cause?.code === 'DISCONNECTED' ? 'DISCONNECTED' : 'TIMED_OUT';
    return new CallboardError(code, `${this.#request.call}: no answer within ${this.#timeoutMs} ms${why}`, { cause });
  }

  #fail(error: CallboardError): void {
    this.#end();
    this.#reject(error);
  }

  #end(): void {
    this.#ended = true;
    this.#cancelDeadline();
    this.#cancelPause();
    this.#signal?.removeEventListener('abort', this.#abort);
    this.#gaveUp.abort();
  }
}
