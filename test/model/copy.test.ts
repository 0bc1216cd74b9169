/** Judges copies between private and shared memory, at any length and alignment. */
import test from 'ava';
import fc from 'fast-check';
import { copyBytes } from '../../src/model/copy.ts';

const memories = fc.record({ fromShared: fc.boolean(), intoShared: fc.boolean() });
const memory = (shared: boolean, bytes: number): Uint8Array =>
  new Uint8Array(shared ? new SharedArrayBuffer(bytes) : new ArrayBuffer(bytes));

test('the bytes arrive where they should, and no others change', (t) => {
  const lengths = fc.oneof(fc.nat(40), fc.integer({ min: 500, max: 530 }), fc.integer({ min: 4_000, max: 9_000 }));
  const property = fc.property(
    memories,
    lengths,
    fc.nat(40),
    fc.nat(40),
    ({ fromShared, intoShared }, length, at, from) => {
      const source = memory(fromShared, from + length + 9);
      for (let index = 0; index < source.length; index++) source[index] = 1 + ((index * 7) % 251);
      const target = memory(intoShared, at + length + 9);
      const bytes = source.subarray(from, from + length);
      copyBytes(target, at, bytes);
      const expected = new Uint8Array(target.length);
      for (let index = 0; index < length; index++) expected[at + index] = bytes[index] ?? 0;
      return Buffer.compare(target, expected) === 0;
    },
  );
  t.notThrows(() => fc.assert(property));
});

test('a copy that does not fit is refused, and changes nothing', (t) => {
  for (const length of [100, 5_000]) {
    const target = new Uint8Array(length);
    t.throws(() => copyBytes(target, 1, new Uint8Array(length).fill(1)), { instanceOf: RangeError });
    t.true(target.every((byte) => byte === 0));
  }
});
