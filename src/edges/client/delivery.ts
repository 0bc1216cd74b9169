/**
 * Who waits for a record to be stored: one object a record that somebody waits for, none for one-way sends. A rejection
 * that nobody listens to never ends the process: the producer reports every failure to `onError` as well.
 */
import type { CallboardError } from './errors.ts';
import type { Sent } from './message.ts';
import { ignore } from './wait.ts';

/** Told once. `index` is the record's place in its batch. */
export interface Receipt {
  delivered(topic: string, partition: number, baseOffset: number): void;
  failed(error: CallboardError): void;
  /** Where the record stands: told when it enters a batch. */
  placed(index: number, timestamp: number): void;
}

const sentOf = (topic: string, partition: number, baseOffset: number, index: number, timestamp: number): Sent => ({
  topic,
  partition,
  offset: baseOffset < 0 ? -1 : baseOffset + index,
  timestamp,
});

/** One message, one promise. */
export class SingleDelivery implements Receipt {
  readonly promise: Promise<Sent>;
  #resolve: (sent: Sent) => void = ignore;
  #reject: (error: CallboardError) => void = ignore;
  #index = 0;
  #timestamp = 0;

  constructor() {
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  placed(index: number, timestamp: number): void {
    this.#index = index;
    this.#timestamp = timestamp;
  }

  delivered(topic: string, partition: number, baseOffset: number): void {
    this.#resolve(sentOf(topic, partition, baseOffset, this.#index, this.#timestamp));
  }

  failed(error: CallboardError): void {
    this.promise.catch(ignore);
    this.#reject(error);
  }
}

/** Many messages, one promise: all stored, or the first failure. */
export class GroupDelivery {
  readonly promise: Promise<readonly Sent[]>;
  readonly #sent: Sent[];
  #resolve: (sent: readonly Sent[]) => void = ignore;
  #reject: (error: CallboardError) => void = ignore;
  #left: number;

  constructor(count: number) {
    this.#sent = new Array(count);
    this.#left = count;
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    if (count === 0) this.#resolve([]);
  }

  /** The receipt of the message at `slot`. */
  member(slot: number): Receipt {
    let index = 0;
    let timestamp = 0;
    return {
      placed: (at, time) => {
        index = at;
        timestamp = time;
      },
      delivered: (topic, partition, baseOffset) =>
        this.#stored(slot, sentOf(topic, partition, baseOffset, index, timestamp)),
      failed: (error) => this.failed(error),
    };
  }

  failed(error: CallboardError): void {
    this.promise.catch(ignore);
    this.#reject(error);
  }

  #stored(slot: number, sent: Sent): void {
    this.#sent[slot] = sent;
    this.#left -= 1;
    if (this.#left === 0) this.#resolve(this.#sent);
  }
}
