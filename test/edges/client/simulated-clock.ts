/** A clock that goes on only when told, for the client's tests; between two timers all that is waiting runs. */
import { setImmediate as turn } from 'node:timers/promises';
import type { Clock, Random } from '../../../src/edges/client/ports.ts';

interface Timer {
  readonly atMs: number;
  readonly run: () => void;
}

export class SimulatedClock implements Clock {
  #nowMs = 0;
  #timers: Timer[] = [];

  now(): number {
    return 1_700_000_000_000 + Math.floor(this.#nowMs);
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  after(ms: number, run: () => void): () => void {
    const timer = { atMs: this.#nowMs + ms, run };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((each) => each !== timer);
    };
  }

  /** Time that somebody spends without letting go of the processor. */
  pass(ms: number): void {
    this.#nowMs += ms;
  }

  pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.after(ms, resolve);
    });
  }

  soon(run: () => void): void {
    setImmediate(run);
  }

  get timers(): number {
    return this.#timers.length;
  }

  /** Lets what is under way come to rest, then goes on, timer by timer. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms;
    await settle();
    for (;;) {
      const due = this.#timers
        .filter((timer) => timer.atMs <= Math.max(untilMs, this.#nowMs))
        .sort((a, b) => a.atMs - b.atMs)[0];
      if (due === undefined) break;
      this.#timers = this.#timers.filter((each) => each !== due);
      this.#nowMs = Math.max(this.#nowMs, due.atMs);
      due.run();
      await settle();
    }
    this.#nowMs = Math.max(this.#nowMs, untilMs);
  }

  /** Goes on in steps of 10 ms until the promise is settled, at most `msMax`. */
  async until<T>(work: Promise<T>, msMax = 300_000): Promise<T> {
    let settled = false;
    const mark = (): void => {
      settled = true;
    };
    work.then(mark, mark);
    for (let ms = 0; ms < msMax && !settled; ms += 10) await this.advance(10);
    if (!settled) throw new Error(`not settled within ${msMax} ms`);
    return work;
  }
}

/** Enough turns of the event loop for a request to reach the fake node and its answer to come back. */
async function settle(): Promise<void> {
  for (let left = 6; left > 0; left--) await turn();
}

/** The same numbers for the same seed. */
export class SeededRandom implements Random {
  #state: number;
  #uuids = 0;

  constructor(seed = 1) {
    this.#state = seed;
  }

  next(): number {
    this.#state = (Math.imul(this.#state, 1_664_525) + 1_013_904_223) >>> 0;
    return this.#state / 2 ** 32;
  }

  uuid(): string {
    return `member-${++this.#uuids}`;
  }
}
