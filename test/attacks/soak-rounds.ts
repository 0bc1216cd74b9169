/** What a load does again and again until it is stopped; what is refused while the node is busy is tried again later. */
import { setTimeout as pause } from 'node:timers/promises';

export class SoakRounds {
  refused = 0;
  /** Why, the last time. */
  refusal = '';
  stopping = false;
  readonly #work: Promise<void>[] = [];

  /** Does it for ever, with pauses around `pauseMs` in between. */
  again(pauseMs: number, act: () => Promise<void>): void {
    this.#work.push(this.#repeat(pauseMs, act));
  }

  refuse(reason: unknown): void {
    this.refused++;
    this.refusal = reason instanceof Error ? reason.message : String(reason);
  }

  async stop(): Promise<void> {
    this.stopping = true;
    await Promise.all(this.#work);
  }

  async #repeat(pauseMs: number, act: () => Promise<void>): Promise<void> {
    while (!this.stopping) {
      const [outcome] = await Promise.allSettled([act()]);
      if (outcome.status === 'rejected') this.refuse(outcome.reason);
      await pause(pauseMs * (0.5 + Math.random()));
    }
  }
}
