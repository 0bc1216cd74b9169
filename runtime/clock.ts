/** Node's clock. Never calls back early: the event loop's timers may fire a fraction of a millisecond before their time. */
import type { Clock, TimerHandle } from './ports.ts';

/** Node takes a longer delay for 1 ms. */
const DELAY_MS_MAX = 2_147_483_647;

class NodeTimer implements TimerHandle {
  readonly #due: number;
  readonly #run: () => void;
  #timeout: NodeJS.Timeout | null = null;

  constructor(ms: number, run: () => void) {
    this.#due = performance.now() + Math.max(0, ms);
    this.#run = run;
    this.#arm();
  }

  cancel(): void {
    if (this.#timeout !== null) clearTimeout(this.#timeout);
    this.#timeout = null;
  }

  #arm(): void {
    const delay = Math.min(Math.ceil(this.#due - performance.now()), DELAY_MS_MAX);
    this.#timeout = setTimeout(fire, delay, this);
  }

  fire(): void {
    if (performance.now() < this.#due) {
      this.#arm();
      return;
    }
    this.#timeout = null;
    this.#run();
  }
}

/** One for all: a closure of its own costs each timer more than Node's own object. */
function fire(timer: NodeTimer): void {
  timer.fire();
}

export class NodeClock implements Clock {
  now(): number {
    return Date.now();
  }

  monotonic(): number {
    return performance.now();
  }

  after(ms: number, run: () => void): TimerHandle {
    return new NodeTimer(ms, run);
  }

  soon(run: () => void): void {
    setImmediate(run);
  }
}
