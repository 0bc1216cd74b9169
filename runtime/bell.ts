/**
 * Doorbells: wakes a shard that sleeps, and costs nothing for one that is awake. One word a shard in shared memory.
 * A sleeper arms its bell first and looks into its rings afterwards; a writer publishes first and rings afterwards: so
 * one of the two always sees the other.
 */

const AWAKE = 0;
const ASLEEP = 1;
/** Each word has a cache line of its own. */
const WORDS_APART = 16;

export function createBells(shards: number): SharedArrayBuffer {
  return new SharedArrayBuffer(shards * WORDS_APART * 4);
}

export class Bell {
  readonly #words: Int32Array;
  readonly #index: number;
  /** Which sleep a late wake-up belongs to. */
  #sleep = 0;

  constructor(memory: SharedArrayBuffer, shard: number) {
    this.#words = new Int32Array(memory);
    this.#index = shard * WORDS_APART;
  }

  /** Wakes the shard if it sleeps. From any thread. */
  ring(): void {
    if (Atomics.load(this.#words, this.#index) !== ASLEEP) return;
    if (Atomics.compareExchange(this.#words, this.#index, ASLEEP, AWAKE) !== ASLEEP) return;
    Atomics.notify(this.#words, this.#index);
  }

  /**
   * Goes to sleep; only by the shard itself. Afterwards it looks for work once more and disarms where it finds some.
   * @param wake called in a later turn when somebody rang.
   */
  arm(wake: () => void): void {
    const sleep = ++this.#sleep;
    Atomics.store(this.#words, this.#index, ASLEEP);
    const waiting = Atomics.waitAsync(this.#words, this.#index, ASLEEP);
    const woken = (): void => {
      if (sleep === this.#sleep) wake();
    };
    if (waiting.async) void waiting.value.then(woken);
    else queueMicrotask(woken);
  }

  /** Wakes up by itself: `wake` of the present sleep is not called any more. */
  disarm(): void {
    this.#sleep += 1;
    // Also lets go of the waiter that arm() left, so that they do not pile up.
    if (Atomics.exchange(this.#words, this.#index, AWAKE) === ASLEEP) Atomics.notify(this.#words, this.#index);
  }
}
