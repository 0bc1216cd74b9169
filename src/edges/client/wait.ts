/**
 * Waiting that can be given up: pauses, and gates that many wait at. Leaves no listener and no timer behind, and never
 * a rejected promise that nobody holds.
 */
import { aborted, type CallboardError } from './errors.ts';
import type { Clock } from './ports.ts';

/** Does nothing, for promises whose failure was told elsewhere. */
export const ignore = (): void => undefined;

/** Resolves after `ms`; rejects at once when the signal fires. */
export function pause(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(aborted(signal));
    const cancel = clock.after(ms, () => {
      signal?.removeEventListener('abort', give);
      resolve();
    });
    const give = (): void => {
      cancel();
      reject(aborted(signal as AbortSignal));
    };
    signal?.addEventListener('abort', give, { once: true });
  });
}

interface Waiter {
  resolve(): void;
  reject(error: CallboardError): void;
}

/** Those who wait for one thing to happen. */
export class Gate {
  #waiters = new Set<Waiter>();

  get waiting(): number {
    return this.#waiters.size;
  }

  /** Resolves at the next `open`, or after `timeoutMs` when given; rejects with the gate's error or when the signal fires. */
  wait(options: {
    readonly clock: Clock;
    readonly timeoutMs?: number;
    readonly signal?: AbortSignal | undefined;
  }): Promise<void> {
    const { clock, timeoutMs, signal } = options;
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(aborted(signal));
      let cancel = ignore;
      const leave = (): void => {
        this.#waiters.delete(waiter);
        cancel();
        signal?.removeEventListener('abort', give);
      };
      const waiter: Waiter = {
        resolve: () => {
          leave();
          resolve();
        },
        reject: (error) => {
          leave();
          reject(error);
        },
      };
      const give = (): void => waiter.reject(aborted(signal as AbortSignal));
      this.#waiters.add(waiter);
      // A deadline that has passed meanwhile is over with the next turn.
      if (timeoutMs !== undefined) cancel = clock.after(Math.max(timeoutMs, 0), waiter.resolve);
      signal?.addEventListener('abort', give, { once: true });
    });
  }

  /** Lets everyone through who waits now. */
  open(): void {
    for (const waiter of [...this.#waiters]) waiter.resolve();
  }

  /** Sends everyone away who waits now. */
  fail(error: CallboardError): void {
    for (const waiter of [...this.#waiters]) waiter.reject(error);
  }
}

/** The same outcome, unless the signal fires before: then the caller is let go while the work goes on for others. */
export function abortable<T>(work: Promise<T>, signal?: AbortSignal): Promise<T> {
  if (signal === undefined) return work;
  return new Promise((resolve, reject) => {
    const give = (): void => reject(aborted(signal));
    if (signal.aborted) give();
    else signal.addEventListener('abort', give, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', give));
  });
}

/** Longest run without letting sockets and timers have their turn, ms. */
const BREATH_MS = 10;

/**
 * For loops over messages that are at hand: they go from one promise to the next, and between those no heartbeat is
 * sent. Whoever asks `due` before each message, and waits for `taken` when it is, keeps the member in its group.
 */
export class Breath {
  readonly #clock: Clock;
  #lastMs: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#lastMs = clock.monotonicMs();
  }

  get due(): boolean {
    return this.#clock.monotonicMs() - this.#lastMs >= BREATH_MS;
  }

  taken(): Promise<void> {
    return new Promise((resolve) => {
      this.#clock.soon(() => {
        this.#lastMs = this.#clock.monotonicMs();
        resolve();
      });
    });
  }
}
