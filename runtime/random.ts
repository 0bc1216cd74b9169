/** Node's randomness: the engine's fast generator for choices, the system's for bytes that nobody may guess. */
import { randomBytes } from 'node:crypto';
import { assert } from '../src/model/assert.ts';
import type { Random } from './ports.ts';

export class NodeRandom implements Random {
  next(): number {
    return Math.random();
  }

  below(bound: number): number {
    assert(Number.isSafeInteger(bound) && bound > 0, `bound of a random integer is ${bound}`);
    return Math.floor(Math.random() * bound);
  }

  bytes(length: number): Uint8Array {
    return new Uint8Array(randomBytes(length));
  }
}
