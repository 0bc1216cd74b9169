/** Judges variable-length integers: every safe integer there and back, the known encodings, and hostile bytes. */
import test from 'ava';
import fc from 'fast-check';
import { VarintReader, varintBytes, writeVarint } from '../../src/model/varint.ts';

const MOST = Number.MAX_SAFE_INTEGER;
/** Where encodings grow by a byte or change their way of counting. */
const EDGES = [6, 13, 20, 27, 30, 31, 32, 34, 41, 48, 52].flatMap((bits) => [
  2 ** bits,
  -(2 ** bits),
  2 ** bits - 1,
  -(2 ** bits) - 1,
]);
EDGES.push(MOST, -MOST, 0, -1);
const numbers = fc.oneof(fc.integer(), fc.maxSafeInteger(), fc.constantFrom(...EDGES));

function write(value: number): Uint8Array {
  const bytes = new Uint8Array(12);
  return bytes.subarray(0, writeVarint(bytes, 0, value));
}

function reader(bytes: Uint8Array): VarintReader {
  return new VarintReader().over(bytes, 0, bytes.length);
}

/** The definition, with bigint: zigzag, then 7 bits a byte. */
function byDefinition(value: number): number[] {
  let rest = BigInt.asUintN(64, (BigInt(value) << 1n) ^ (BigInt(value) >> 63n));
  const bytes: number[] = [];
  for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  return [...bytes, Number(rest)];
}

test('every safe integer is written as zigzag defines it, in the bytes foretold', (t) => {
  fc.assert(
    fc.property(numbers, (value) => {
      const bytes = write(value);
      t.deepEqual([...bytes], byDefinition(value));
      t.is(bytes.length, varintBytes(value));
      const back = reader(bytes);
      t.is(back.varlong(), value);
      t.false(back.failed);
      t.is(back.position, bytes.length);
    }),
    { numRuns: 2_000 },
  );
});

test('integers of 32 bits come back from a varint', (t) => {
  fc.assert(fc.property(fc.integer(), (value) => reader(write(value)).varint() === value));
  t.pass();
});

test('a varint beyond 32 bits, a varlong beyond safe integers, and what never ends, fail', (t) => {
  const beyond: [Uint8Array, 'varint' | 'varlong'][] = [
    [write(2 ** 31), 'varint'],
    [Uint8Array.of(0x80, 0x80, 0x80, 0x80, 0x10), 'varint'],
    [Uint8Array.from(byDefinition(MOST).with(-1, 0x7f)), 'varlong'],
    [new Uint8Array(10).fill(0xff), 'varlong'],
    [Uint8Array.of(0x80), 'varlong'],
    [new Uint8Array(0), 'varint'],
  ];
  for (const [bytes, kind] of beyond) {
    const broken = reader(bytes);
    t.is(broken[kind](), 0, `${kind} ${Buffer.from(bytes).toString('hex')}`);
    t.true(broken.failed);
  }
});

test('a reader never leaves its bounds and stays failed', (t) => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 30 }),
      fc.array(fc.constantFrom(0, 1, 2, 3), { maxLength: 20 }),
      (bytes, steps) => {
        const hostile = reader(bytes);
        for (const step of steps) {
          const before = hostile.failed;
          if (step === 0) hostile.varint();
          else if (step === 1) hostile.varlong();
          else if (step === 2) hostile.skip(hostile.varint());
          else hostile.byte();
          if (hostile.position > bytes.length || (before && !hostile.failed)) return false;
        }
        return true;
      },
    ),
    { numRuns: 3_000 },
  );
  t.pass();
});
