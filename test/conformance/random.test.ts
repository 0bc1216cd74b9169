/** One judge for every source of randomness, and sources with one defect each that the judge must find. */
import assert from 'node:assert/strict';
import test from 'ava';
import type { Random } from '../../runtime/ports.ts';
import { AssertionError } from '../../src/model/assert.ts';
import { type Clause, firstBroken, judge, simulatedWorld } from './worlds.ts';

const DRAWS = 20_000;

/**
 * Chi-square of `DRAWS` draws over `bins`, each as likely. Far above `bins` it is no chance: with 15 degrees of freedom a
 * good source gets beyond 60 once in some millions of tries.
 */
function chiSquare(bins: number, draw: () => number): number {
  const counts = new Float64Array(bins);
  for (let index = 0; index < DRAWS; index += 1) {
    const bin = draw();
    counts[bin] = (counts[bin] as number) + 1;
  }
  const expected = DRAWS / bins;
  return counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
}

const clauses: readonly Clause[] = [
  {
    promise: 'next is uniform in [0, 1)',
    async run({ random }) {
      const square = chiSquare(16, () => {
        const value = random.next();
        assert(value >= 0 && value < 1);
        return Math.floor(value * 16);
      });
      assert(square < 80, `chi-square ${square}`);
    },
  },
  {
    promise: 'below is uniform over the integers below its bound',
    async run({ random }) {
      const square = chiSquare(16, () => {
        const value = random.below(16);
        assert(Number.isInteger(value) && value >= 0 && value < 16);
        return value;
      });
      assert(square < 80, `chi-square ${square}`);
      assert.equal(random.below(1), 0);
      let large = 0;
      for (let index = 0; index < 64; index += 1) large = Math.max(large, random.below(2 ** 53 - 1));
      assert(large > 2 ** 50 && Number.isSafeInteger(large));
    },
  },
  {
    promise: 'a bound that is none is a defect of the caller',
    async run({ random }) {
      for (const bound of [0, -1, 0.5, Number.NaN, 2 ** 53]) assert.throws(() => random.below(bound), AssertionError);
    },
  },
  {
    promise: 'bytes are as many as asked for, uniform, and no two strings the same',
    async run({ random }) {
      assert.equal(random.bytes(0).length, 0);
      const many = random.bytes(DRAWS);
      assert.equal(many.length, DRAWS);
      let next = 0;
      const low = chiSquare(16, () => (many[next++] as number) & 15);
      next = 0;
      const high = chiSquare(16, () => (many[next++] as number) >> 4);
      assert(low < 80 && high < 80, `chi-square ${low}, ${high}`);
      const seen = new Set(Array.from({ length: 1_000 }, () => Buffer.from(random.bytes(16)).toString('hex')));
      assert.equal(seen.size, 1_000);
    },
  },
  {
    promise: 'bytes are memory of their own',
    async run({ random }) {
      const first = random.bytes(8);
      const copy = [...first];
      random.bytes(8).fill(0);
      assert.deepEqual([...first], copy);
      assert.equal(first.buffer.byteLength, 8);
    },
  },
];

judge(test, clauses);

const defects: Readonly<Record<string, (random: Random) => Partial<Random>>> = {
  'a constant': () => ({ next: () => 0.5 }),
  'a bound that is reached': (random) => ({ below: (bound) => random.below(bound + 1) }),
  'one bit that never changes': (random) => ({ bytes: (length) => random.bytes(length).map((byte) => byte & 0xfe) }),
  'bytes that come again': () => ({ bytes: (length) => Uint8Array.from({ length }, (_, index) => (index * 7) & 255) }),
};

for (const [name, defect] of Object.entries(defects)) {
  test(`the judge finds ${name}`, async (t) => {
    const make = () => {
      const world = simulatedWorld();
      const { random } = world;
      const plain: Random = {
        next: () => random.next(),
        below: (bound) => random.below(bound),
        bytes: (length) => random.bytes(length),
      };
      return { ...world, random: { ...plain, ...defect(random) } };
    };
    t.not(await firstBroken(clauses, make), null);
  });
}
