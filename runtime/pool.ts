/**
 * CPU-heavy jobs in threads of their own, by piscina; the one file that imports it. No thread before the first job, none
 * long after the last. A job is an exported function, found by its name in the module that main names for it; it gets
 * copies, or shares what lies in shared memory. Costs about 70 µs a call: never on the path of a message.
 */
import { fileURLToPath } from 'node:url';
import type { Piscina } from 'piscina';
import type { Pool } from './ports.ts';

export interface PoolOptions {
  /** URL of the module that exports the function, by job. Either form: `.ts` of a clone, `.js` of a build. */
  readonly jobs: Readonly<Record<string, string>>;
  readonly threadsMax: number;
  /** Jobs that wait for a thread; one more is answered with an error. */
  readonly queueMax: number;
}

/** A thread without work ends after this: long enough that a burst of compactions starts it once. */
const IDLE_MS = 10_000;
/** Of a thread: where objects are born. */
const YOUNG_HEAP_MIB = 6;

export class ThreadPool implements Pool {
  readonly #options: PoolOptions;
  readonly #modules: ReadonlyMap<string, string>;
  /** Loaded with the first job: most nodes never have one. */
  #threads: Promise<Piscina> | null = null;
  #closed = false;

  constructor(options: PoolOptions) {
    this.#options = options;
    this.#modules = new Map(Object.entries(options.jobs).map(([job, url]) => [job, fileURLToPath(url)]));
  }

  run(job: string, argument: unknown, done: (error: string | null, result?: unknown) => void): void {
    const filename = this.#modules.get(job);
    if (filename === undefined || this.#closed) {
      setImmediate(done, this.#closed ? 'the pool is closed' : `no job is named ${job}`);
      return;
    }
    this.#threads ??= startThreads(this.#options);
    this.#threads
      .then((threads) => threads.run(argument, { filename, name: job }))
      .then(
        (result: unknown) => later(done, null, result),
        (error: unknown) => later(done, error instanceof Error ? error.message : String(error)),
      );
  }

  /** Ends the threads; jobs under way, and any later one, answer with an error. */
  close(done: () => void): void {
    this.#closed = true;
    const ended = (): void => {
      setImmediate(done);
    };
    if (this.#threads === null) ended();
    else this.#threads.then((threads) => threads.destroy()).then(ended, ended);
  }
}

async function startThreads({ threadsMax, queueMax }: PoolOptions): Promise<Piscina> {
  const { Piscina } = await import('piscina');
  return new Piscina({
    minThreads: 0,
    maxThreads: threadsMax,
    maxQueue: queueMax,
    idleTimeout: IDLE_MS,
    // A large one would hold what jobs have left behind long after them.
    resourceLimits: { maxYoungGenerationSizeMb: YOUNG_HEAP_MIB },
    // Where an idle thread waits in Atomics.wait, it cannot be ended gently.
    atomics: 'disabled',
  });
}

/** Out of the promise, where a throw of `done` would become an unhandled rejection instead of the kernel's affair. */
function later(done: (error: string | null, result?: unknown) => void, error: string | null, result?: unknown): void {
  setImmediate(done, error, result);
}
