/** Judges integers and text in place against DataView, Buffer and TextEncoder. */
import test from 'ava';
import fc from 'fast-check';
import {
  readInt16,
  readInt32,
  readInt64,
  readUint32,
  writeInt16,
  writeInt32,
  writeInt64,
} from '../../src/model/bytes.ts';
import { utf8Bytes, writeUtf8 } from '../../src/model/text.ts';

test('integers are read and written as a DataView does', (t) => {
  fc.assert(
    fc.property(fc.integer(), fc.maxSafeInteger(), fc.nat(7), (small, large, at) => {
      const bytes = new Uint8Array(16);
      const view = new DataView(bytes.buffer);
      writeInt64(bytes, at, large);
      if (view.getBigInt64(at) !== BigInt(large) || readInt64(bytes, at) !== large) return false;
      writeInt32(bytes, at, small);
      if (view.getInt32(at) !== small || readInt32(bytes, at) !== small) return false;
      if (readUint32(bytes, at) !== view.getUint32(at)) return false;
      writeInt16(bytes, at, small);
      return view.getInt16(at) === (small << 16) >> 16 && readInt16(bytes, at) === view.getInt16(at);
    }),
    { numRuns: 2_000 },
  );
  t.pass();
});

test('what is beyond safe integers is told apart', (t) => {
  const bytes = new Uint8Array(8);
  for (const value of [2n ** 53n, -(2n ** 53n), 2n ** 63n - 1n, -(2n ** 63n)]) {
    new DataView(bytes.buffer).setBigInt64(0, value);
    t.false(Number.isSafeInteger(readInt64(bytes, 0)), String(value));
  }
});

test('text takes the bytes foretold and is the UTF-8 of TextEncoder, lone surrogates included', (t) => {
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.string(),
    fc.constantFrom('\ud800', 'a\udc00b', '\ud800\ud800', '😀\ud83d'),
  );
  fc.assert(
    fc.property(text, (value) => {
      const expected = new TextEncoder().encode(value);
      const bytes = new Uint8Array(expected.length + 2);
      return (
        utf8Bytes(value) === expected.length &&
        writeUtf8(bytes, 1, value, expected.length) === expected.length + 1 &&
        Buffer.compare(bytes.subarray(1, -1), expected) === 0
      );
    }),
    { numRuns: 2_000 },
  );
  t.pass();
});
