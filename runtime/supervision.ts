/**
 * Supervision decided: from the data in the tree and the crashes so far, what follows one more crash. It never acts;
 * cell.ts does.
 */
import type { Directive, Supervision } from './actor.ts';

export interface Verdict {
  readonly directive: Directive;
  /** Wait before a restart, ms. */
  readonly waitMs: number;
}

/** The crashes of one actor name, over all its incarnations. */
export class CrashHistory {
  #times: number[] = [];

  /** Crashes within the window of the last one judged. */
  get recent(): number {
    return this.#times.length;
  }

  /**
   * One more crash, at `now` (monotonic, ms). More than the budget within the window escalates, but for `stop`: what ends
   * for good has no budget.
   */
  judge(supervision: Supervision, now: number): Verdict {
    const { directive, crashesMax, windowMs, backoffMs } = supervision;
    this.#times = this.#times.filter((time) => now - time < windowMs);
    this.#times.push(now);
    if (directive !== 'stop' && this.#times.length > crashesMax) return { directive: 'escalate', waitMs: 0 };
    if (directive !== 'restart') return { directive, waitMs: 0 };
    const [first, most] = backoffMs;
    return { directive, waitMs: Math.min(most, first * 2 ** (this.#times.length - 1)) };
  }
}
