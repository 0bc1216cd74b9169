/** Judges the door: every flipped bit is seen, every lie is named, hostile bytes are faults and take linear work. */
import { crc32c } from '@node-rs/crc32';
import test from 'ava';
import fc from 'fast-check';
import { BATCH_CHECKED_FROM, BATCH_HEADER_BYTES } from '../../src/model/batch.ts';
import { checkBatch } from '../../src/model/batch-check.ts';
import { writeInt16, writeInt32, writeInt64 } from '../../src/model/bytes.ts';
import { recordsOf, smallBatch } from './batches.ts';

/** A batch with some of its bytes changed and a checksum that holds all the same. */
function forged(change: (bytes: Uint8Array) => void, from = smallBatch(3)): Uint8Array {
  change(from);
  writeInt32(from, 17, crc32c(from.subarray(BATCH_CHECKED_FROM)));
  return from;
}

function withBody(hex: string, count = 1): Uint8Array {
  const bytes = Buffer.concat([smallBatch(1).subarray(0, BATCH_HEADER_BYTES), Buffer.from(hex, 'hex')]);
  return forged((batch) => {
    writeInt32(batch, 8, batch.length - 12);
    writeInt32(batch, 23, count - 1);
    writeInt32(batch, 57, count);
  }, bytes);
}

test('every single flipped bit is found, but for base offset and epoch, which are the node’s', (t) => {
  const batch = smallBatch(4);
  for (let bit = 0; bit < batch.length * 8; bit++) {
    const at = bit >> 3;
    const flipped = batch.slice();
    flipped[at] = (flipped[at] ?? 0) ^ (1 << (bit & 7));
    const uncovered = at < 8 || (at >= 12 && at < 16);
    t.is(checkBatch(flipped, crc32c) === null, uncovered, `bit ${bit}`);
  }
});

const lies: readonly [what: string, bytes: Uint8Array, code: string, message: RegExp][] = [
  ['no bytes', new Uint8Array(0), 'CORRUPT_BATCH', /0 bytes are less than a header/],
  ['half a header', smallBatch(1).subarray(0, 40), 'CORRUPT_BATCH', /less than a header/],
  ['a byte missing', smallBatch(1).subarray(0, -1), 'CORRUPT_BATCH', /its length says/],
  ['two batches', Buffer.concat([smallBatch(1), smallBatch(1)]), 'CORRUPT_BATCH', /its length says/],
  ['a negative length', forged((b) => writeInt32(b, 8, -1)), 'CORRUPT_BATCH', /its length says/],
  ['a huge length', forged((b) => writeInt32(b, 8, 0x7fff_ffff)), 'CORRUPT_BATCH', /its length says/],
  ['a wrong checksum', smallBatch(1).with(17, 1), 'CORRUPT_BATCH', /checksum/],
  ['magic 0', smallBatch(1).with(16, 0), 'UNSUPPORTED_BATCH', /magic is 0/],
  [
    'magic 1, as short as such messages are',
    smallBatch(1).with(16, 1).subarray(0, 34),
    'UNSUPPORTED_BATCH',
    /magic is 1/,
  ],
  ['a control flag', forged((b) => writeInt16(b, 21, 0x20)), 'UNSUPPORTED_BATCH', /control/],
  ['a transactional flag without a producer', forged((b) => writeInt16(b, 21, 0x10)), 'CORRUPT_BATCH', /transactional/],
  ['log append time', forged((b) => writeInt16(b, 21, 0x08)), 'UNSUPPORTED_BATCH', /log append time/],
  ['a delete horizon', forged((b) => writeInt16(b, 21, 0x40)), 'UNSUPPORTED_BATCH', /delete horizon/],
  ['an unknown flag', forged((b) => writeInt16(b, 21, 0x80)), 'UNSUPPORTED_BATCH', /0x80 are not known/],
  ['the highest flag', forged((b) => writeInt16(b, 21, -0x8000)), 'UNSUPPORTED_BATCH', /0x8000 are not known/],
  ['codec 5', forged((b) => writeInt16(b, 21, 5)), 'UNSUPPORTED_BATCH', /compression 5/],
  ['no records counted', forged((b) => writeInt32(b, 57, 0)), 'CORRUPT_BATCH', /record count is 0/],
  ['a negative count', forged((b) => writeInt32(b, 57, -2)), 'CORRUPT_BATCH', /record count is -2/],
  [
    'a last offset delta that lies',
    forged((b) => writeInt32(b, 23, 3)),
    'CORRUPT_BATCH',
    /count is 3, its last offset delta 3/,
  ],
  ['a record too many counted', withBody('0e00000001027800', 2), 'CORRUPT_BATCH', /record 1: its length/],
  [
    'a record too few counted',
    withBody('0e000000010278000e00000201027800', 1),
    'CORRUPT_BATCH',
    /behind its last record/,
  ],
  ['2^31 - 1 records counted', withBody('0e00000001027800', 0x7fff_ffff), 'CORRUPT_BATCH', /record 1: its length/],
  ['no records at all', withBody(''), 'CORRUPT_BATCH', /no records/],
  ['a negative record length', withBody('0100000001027800'), 'CORRUPT_BATCH', /record 0: its length/],
  ['a record longer than the batch', withBody('1000000001027800'), 'CORRUPT_BATCH', /record 0: its length/],
  ['an offset delta that is not its place', withBody('0e00000201027800'), 'CORRUPT_BATCH', /offset delta is 1/],
  ['a key length of -2', withBody('0e00000003027800'), 'CORRUPT_BATCH', /do not fill/],
  ['a value longer than its record', withBody('0e000000017e7800'), 'CORRUPT_BATCH', /do not fill/],
  ['a value that leaves a byte', withBody('0e00000001007800'), 'CORRUPT_BATCH', /do not fill/],
  ['2^31 - 1 headers', withBody('1600000001027' + '8feffffff0f'), 'CORRUPT_BATCH', /do not fill/],
  ['a negative header count', withBody('0e00000001027801'), 'CORRUPT_BATCH', /header count is -1/],
  ['a header key of -1', withBody('1200000001027802' + '0101'), 'CORRUPT_BATCH', /do not fill/],
  ['a timestamp beyond the max', withBody('0e00040001027800'), 'CORRUPT_BATCH', /beyond the max timestamp/],
  ['a timestamp before 1970', withBody('0e00070001027800'), 'CORRUPT_BATCH', /timestamp is out of range/],
  ['a base timestamp before 1970', forged((b) => writeInt64(b, 27, -2)), 'CORRUPT_BATCH', /base timestamp/],
  ['a max timestamp beyond 2^53', forged((b) => writeInt32(b, 35, 0x7fff_ffff)), 'CORRUPT_BATCH', /max timestamp/],
  ['a producer id of -2', forged((b) => writeInt64(b, 43, -2)), 'CORRUPT_BATCH', /producer id/],
  ['a producer without epoch', forged((b) => writeInt64(b, 43, 5)), 'CORRUPT_BATCH', /producer epoch is -1/],
  [
    'a producer without sequence',
    forged((b) => {
      writeInt64(b, 43, 5);
      writeInt16(b, 51, 0);
    }),
    'CORRUPT_BATCH',
    /base sequence is -1/,
  ],
];

for (const [what, bytes, code, message] of lies) {
  test(`${what}: refused by name`, (t) => {
    const fault = checkBatch(bytes, crc32c);
    t.is(fault?.code, code as 'CORRUPT_BATCH');
    t.regex(fault?.message ?? '', message);
  });
}

test('compressed records are not opened, whatever they are', (t) => {
  const batch = withBody('0102030405');
  t.not(checkBatch(batch, crc32c), null);
  t.is(
    checkBatch(
      forged((bytes) => writeInt16(bytes, 21, 4), batch),
      crc32c,
    ),
    null,
  );
});

test('a time that was not given is let in', (t) => {
  const batch = withBody('0e00000001027800');
  const timeless = forged((bytes) => {
    writeInt64(bytes, 27, -1);
    writeInt64(bytes, 35, -1);
  }, batch);
  t.is(checkBatch(timeless, crc32c), null);
});

/** Changes to a good batch, with or without a checksum that holds, and plain garbage. */
const hostile = fc.oneof(
  fc.uint8Array({ maxLength: 200 }),
  fc
    .tuple(fc.array(fc.tuple(fc.nat(150), fc.nat(255)), { maxLength: 6 }), fc.nat(5), fc.boolean())
    .map(([changes, cut, resealed]) => {
      const batch = smallBatch(3);
      for (const [at, byte] of changes) if (at < batch.length) batch[at] = byte;
      const bytes = batch.subarray(0, batch.length - cut);
      return resealed ? forged((each) => writeInt32(each, 8, each.length - 12), bytes) : bytes;
    }),
);

test('ten thousand hostile inputs are faults or sound batches, never an error', (t) => {
  let sound = 0;
  fc.assert(
    fc.property(hostile, (bytes) => {
      const fault = checkBatch(bytes, crc32c);
      if (fault !== null) return fault.code === 'CORRUPT_BATCH' || fault.code === 'UNSUPPORTED_BATCH';
      sound++;
      // What passes the door uncompressed can be read by every consumer.
      return (bytes[22] ?? 0) !== 0 || Array.isArray(recordsOf(bytes));
    }),
    { numRuns: 10_000 },
  );
  t.true(sound > 100, 'the generator reaches sound batches too');
});

test('the walk takes work in proportion to the bytes, whatever they claim', (t) => {
  /** Reads of single bytes, counted by a proxy that behaves like the array. */
  function reads(batch: Uint8Array): number {
    let count = 0;
    const watched = new Proxy(batch, {
      get(target, name) {
        if (typeof name === 'string' && /^\d+$/.test(name)) count++;
        const value: unknown = Reflect.get(target, name, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
    checkBatch(watched, () => crc32c(batch.subarray(BATCH_CHECKED_FROM)));
    return count;
  }
  t.true(reads(smallBatch(1_000)) > 1_000, 'the count counts');
  // 2^31 - 1 records, each with 2^31 - 1 headers claimed.
  const bombs = [withBody('0e00000001027800', 0x7fff_ffff), withBody('1600000001027' + '8feffffff0f', 0x7fff_ffff)];
  for (const bytes of [smallBatch(10), smallBatch(1_000), ...bombs]) t.true(reads(bytes) <= 2 * bytes.length + 200);
});
