/**
 * Values under whole numbers, for what comes and goes all the time: requests in flight, memory on loan. A Map lays itself
 * anew every few changes, and each table that the collector found old keeps alive the one that came after it, with all
 * that it held: whole chains of them end in the old generation. This is a table that stays, with open addressing and
 * linear probing, at most half full. It allocates nothing while its size does not grow; never keeps the order of arrival.
 */

const SLOTS_FIRST = 8;
/** An emptied table that has grown beyond this is given back. */
const SLOTS_KEPT = 256;
/** Spreads neighbours and multiples alike: 2³² divided by the golden ratio. */
const SPREAD = 0x9e3779b1;

export class NumberMap<T> {
  /** Of the slots that have a value. */
  #keys: number[] = [];
  #values: (T | undefined)[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(key: number): T | undefined {
    return this.#size === 0 ? undefined : this.#values[this.#find(key)];
  }

  set(key: number, value: T): void {
    if (2 * this.#size >= this.#values.length) this.#grow();
    const slot = this.#find(key);
    if (this.#values[slot] === undefined) this.#size++;
    this.#keys[slot] = key;
    this.#values[slot] = value;
  }

  /** Takes the value out. */
  take(key: number): T | undefined {
    if (this.#size === 0) return undefined;
    const slot = this.#find(key);
    const value = this.#values[slot];
    if (value === undefined) return undefined;
    this.#size--;
    if (this.#size === 0 && this.#values.length > SLOTS_KEPT) {
      this.#keys = [];
      this.#values = [];
    } else this.#close(slot);
    return value;
  }

  /** Ascending. */
  keys(): number[] {
    return this.#keys.filter((_, slot) => this.#values[slot] !== undefined).sort((a, b) => a - b);
  }

  /** In no order that means anything. */
  values(): T[] {
    return this.#values.filter((value) => value !== undefined);
  }

  clear(): void {
    this.#values.fill(undefined);
    this.#size = 0;
  }

  /** The slot that has the key, or the free one where it belongs. */
  #find(key: number): number {
    const mask = this.#values.length - 1;
    let slot = home(key, mask);
    while (this.#values[slot] !== undefined && this.#keys[slot] !== key) slot = (slot + 1) & mask;
    return slot;
  }

  /** Frees a slot: what was placed behind it because it was taken moves up. */
  #close(slot: number): void {
    const mask = this.#values.length - 1;
    let free = slot;
    for (let at = (slot + 1) & mask; this.#values[at] !== undefined; at = (at + 1) & mask) {
      const key = this.#keys[at] as number;
      if (((at - home(key, mask)) & mask) < ((at - free) & mask)) continue;
      this.#keys[free] = key;
      this.#values[free] = this.#values[at];
      free = at;
    }
    this.#values[free] = undefined;
  }

  #grow(): void {
    const keys = this.#keys;
    const values = this.#values;
    const slots = Math.max(SLOTS_FIRST, 2 * values.length);
    this.#keys = new Array<number>(slots).fill(0);
    this.#values = new Array<T | undefined>(slots).fill(undefined);
    for (let old = 0; old < values.length; old++) {
      const value = values[old];
      if (value === undefined) continue;
      const slot = this.#find(keys[old] as number);
      this.#keys[slot] = keys[old] as number;
      this.#values[slot] = value;
    }
  }
}

/** Where the key belongs in a table of `mask + 1` slots. */
function home(key: number, mask: number): number {
  const spread = Math.imul(key, SPREAD);
  return (spread ^ (spread >>> 15)) & mask;
}
