/**
 * Seeded randomness: the same seed gives the same numbers on every machine. Knows no other source, and is good for
 * nothing that must not be guessed.
 */
import { assert } from '../../src/model/assert.ts';
import type { Random } from '../ports.ts';

const TWO_32 = 2 ** 32;
const TWO_21 = 2 ** 21;
const TWO_53 = 2 ** 53;

/** sfc32 (Chris Doty-Humphrey's small fast counting generator), its state filled by mixing the seed. */
export class SeededRandom implements Random {
  readonly #state = new Uint32Array(4);

  constructor(seed: number) {
    assert(Number.isSafeInteger(seed) && seed >= 0, `seed is ${seed}`);
    this.#state.set([seed % TWO_32, Math.floor(seed / TWO_32), 0x9e3779b9, 1]);
    // The first numbers still show the seed.
    for (let round = 0; round < 16; round += 1) this.uint32();
  }

  /** A generator of its own, so that what one part draws does not move what another gets. */
  fork(): SeededRandom {
    return new SeededRandom(this.uint32() * TWO_21 + (this.uint32() >>> 11));
  }

  uint32(): number {
    const s = this.#state;
    const a = s[0] as number;
    const b = s[1] as number;
    const c = s[2] as number;
    const d = s[3] as number;
    const result = (a + b + d) >>> 0;
    s[3] = d + 1;
    s[0] = b ^ (b >>> 9);
    s[1] = c + (c << 3);
    s[2] = ((c << 21) | (c >>> 11)) + result;
    return result;
  }

  next(): number {
    return (this.uint32() * TWO_21 + (this.uint32() >>> 11)) / TWO_53;
  }

  below(bound: number): number {
    assert(Number.isSafeInteger(bound) && bound > 0, `bound of a random integer is ${bound}`);
    return Math.floor(this.next() * bound);
  }

  /** Uniform in [least, most). */
  between(least: number, most: number): number {
    return least + this.next() * (most - least);
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  bytes(length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    for (let index = 0; index < length; index += 1) bytes[index] = this.uint32() >>> 24;
    return bytes;
  }
}
