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
  /** Called when somebody rings; null while the shard is awake. */
  #wake: (() => void) | null = null;
  /** It stays when the shard wakes up by itself, for the next sleep: to take it back costs as much as to be woken. */
  #hasWaiter = false;

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
   * @param wake called in a later turn when somebody rang; at times also when nobody did.
   */
  arm(wake: () => void): void {
    this.#wake = wake;
    Atomics.store(this.#words, this.#index, ASLEEP);
    if (this.#hasWaiter) return;
    this.#hasWaiter = true;
    const waiting = Atomics.waitAsync(this.#words, this.#index, ASLEEP);
    if (waiting.async) void waiting.value.then(this.#rung);
    else queueMicrotask(this.#rung);
  }

  /** Wakes up by itself: `wake` is not called any more. */
  disarm(): void {
    this.#wake = null;
    Atomics.store(this.#words, this.#index, AWAKE);
  }

  /**
   * The waiter is used up. It may have been rung for a sleep that ended by itself, and a later sleep may rely on it: a
   * ring in between found no waiter, so that sleep ends now, whoever it was.
   */
  readonly #rung = (): void => {
    this.#hasWaiter = false;
    const wake = this.#wake;
    if (wake === null) return;
    this.disarm();
    wake();
  };
}
