/**
 * How long to wait before trying again: exponential with full jitter above a floor, so that a thousand clients of one
 * node do not come back in the same millisecond. Pure but for the random it is given.
 */
import type { Random } from './ports.ts';

export interface BackoffOptions {
  /** First pause at most, ms. */
  readonly firstMs?: number;
  /** Longest pause, ms. */
  readonly mostMs?: number;
}

export class Backoff {
  readonly #random: Random;
  readonly #options: BackoffOptions;
  #failures = 0;

  constructor(random: Random, options: BackoffOptions = {}) {
    this.#random = random;
    this.#options = options;
  }

  /** The pause before the next attempt, ms. */
  nextMs(): number {
    return pauseMs(this.#failures++, this.#random, this.#options);
  }

  /** It worked: start small again. */
  reset(): void {
    this.#failures = 0;
  }
}

/** The pause after so many failures, ms: between half and all of a ceiling that doubles with each. */
export function pauseMs(failures: number, random: Random, { firstMs = 50, mostMs = 2_000 }: BackoffOptions): number {
  const ceiling = Math.min(mostMs, firstMs * 2 ** Math.min(failures, 30));
  return ceiling * (0.5 + 0.5 * random.next());
}
