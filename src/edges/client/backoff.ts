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
  readonly #firstMs: number;
  readonly #mostMs: number;
  #failures = 0;

  constructor(random: Random, options: BackoffOptions = {}) {
    this.#random = random;
    this.#firstMs = options.firstMs ?? 50;
    this.#mostMs = options.mostMs ?? 2_000;
  }

  /** How often in a row it failed. */
  get failures(): number {
    return this.#failures;
  }

  /** The pause before the next attempt, ms: between half and all of a ceiling that doubles with each failure. */
  nextMs(): number {
    const ceiling = Math.min(this.#mostMs, this.#firstMs * 2 ** Math.min(this.#failures, 30));
    this.#failures += 1;
    return ceiling * (0.5 + 0.5 * this.#random.next());
  }

  /** It worked: start small again. */
  reset(): void {
    this.#failures = 0;
  }
}
