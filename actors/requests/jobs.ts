/** Jobs in threads of their own that a connection waits for: each is settled once, by its result or by a fault. */
import type { Context, Message } from '../../runtime/actor.ts';
import { type Fault, fault } from '../../src/model/faults.ts';

/** The answer of a thread, to be handed back to {@link Jobs.receive}. */
export interface JobDone extends Message {
  readonly type: 'jobDone';
  readonly job: number;
  readonly error: string | null;
  readonly result: unknown;
}
type Then = (failure: Fault | null, result: unknown) => void;

export class Jobs {
  readonly #context: Context<JobDone>;
  readonly #waiting = new Map<number, Then>();
  #last = 0;

  constructor(context: Context<JobDone>) {
    this.#context = context;
  }

  get idle(): boolean {
    return this.#waiting.size === 0;
  }

  run(name: string, argument: unknown, then: Then): void {
    const job = ++this.#last;
    this.#waiting.set(job, then);
    this.#context.run(name, argument, (error, result) => ({ type: 'jobDone', job, error, result }));
  }

  /** More jobs than the threads have room for are refused by them, and so is who asked. */
  receive({ job, error, result }: JobDone): void {
    const then = this.#waiting.get(job);
    this.#waiting.delete(job);
    then?.(error === null ? null : fault('OVERLOADED', `no thread was free: ${error}`), result);
  }
}
