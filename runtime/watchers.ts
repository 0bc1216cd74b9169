/**
 * Who watches one actor. One watcher is all that most actors ever have, and a map with its key would cost more than the
 * rest of an idle actor's place: so it is made for the second. Tells nobody anything.
 */
import type { Address } from './actor.ts';

export interface Watcher {
  readonly address: Address;
  /** Which watch of its own it is. */
  readonly number: number;
}

const keyOf = ({ name, incarnation }: Address): string => `${name}#${incarnation}`;

export class Watchers {
  #only: Watcher | null = null;
  #many: Map<string, Watcher> | null = null;

  /** An incarnation's watch takes the place of its former one. */
  add(watcher: Watcher): void {
    if (this.#many === null && (this.#only === null || isSame(this.#only.address, watcher.address))) {
      this.#only = watcher;
      return;
    }
    this.#many ??= new Map();
    if (this.#only !== null) this.#many.set(keyOf(this.#only.address), this.#only);
    this.#only = null;
    this.#many.set(keyOf(watcher.address), watcher);
  }

  remove(address: Address): void {
    if (this.#only !== null && isSame(this.#only.address, address)) this.#only = null;
    this.#many?.delete(keyOf(address));
  }

  /** In the order in which they came; stays as it is while watchers come and go. */
  all(): readonly Watcher[] {
    return this.#only === null ? [...(this.#many?.values() ?? [])] : [this.#only];
  }
}

const isSame = (one: Address, other: Address): boolean =>
  one.name === other.name && one.incarnation === other.incarnation;
