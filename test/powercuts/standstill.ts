/**
 * Notices that this process did not run for a while: it was stopped, or the machine slept. Whoever waited for an answer
 * with a clock then has waited for nothing. Judges nothing.
 */
const TICK_MS = 100;
/** Longer between two ticks is no load any more. */
const STOOD_MS = 2_000;

export class Standstill {
  readonly #timer: ReturnType<typeof setInterval>;
  #last = performance.now();
  #stood = false;

  constructor() {
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  #tick(): void {
    const now = performance.now();
    if (now - this.#last > STOOD_MS) this.#stood = true;
    this.#last = now;
  }

  /** @returns whether it stood still since it was made. */
  end(): boolean {
    clearInterval(this.#timer);
    this.#tick();
    return this.#stood;
  }
}
