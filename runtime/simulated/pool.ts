/**
 * The pool of threads without threads: a job runs in one go when its time has come. Arguments and results are copied as
 * between threads, so that nobody comes to share what he could not.
 */
import type { Clock, Pool } from '../ports.ts';
import type { SeededRandom } from './random.ts';

export interface SimulatedPoolOptions {
  /** The host's: its jobs end with it. */
  readonly clock: Clock;
  readonly random: SeededRandom;
  /** The functions themselves, by job; they must not be asynchronous. */
  readonly jobs: Readonly<Record<string, (argument: never) => unknown>>;
  /** Each job takes something between; default 1 to 10. */
  readonly latencyMs?: readonly [least: number, most: number];
}

export class SimulatedPool implements Pool {
  readonly #options: SimulatedPoolOptions;
  readonly #jobs: ReadonlyMap<string, (argument: never) => unknown>;

  constructor(options: SimulatedPoolOptions) {
    this.#options = options;
    this.#jobs = new Map(Object.entries(options.jobs));
  }

  run(job: string, argument: unknown, done: (error: string | null, result?: unknown) => void): void {
    const { clock, random, latencyMs = [1, 10] } = this.#options;
    clock.after(random.between(...latencyMs), () => {
      const { error, result } = this.#perform(job, argument);
      if (error === null) done(null, result);
      else done(error);
    });
  }

  #perform(job: string, argument: unknown): { readonly error: string | null; readonly result?: unknown } {
    const perform = this.#jobs.get(job);
    if (perform === undefined) return { error: `no job is named ${job}` };
    try {
      return { error: null, result: structuredClone(perform(structuredClone(argument) as never)) };
    } catch (error) {
      // The loop of a thread: what a job throws is its answer.
      return { error: error instanceof Error ? error.message : String(error) };
    }
  }
}
