/** What consumers of classic groups tell each other, as far as the node reads it: whole, or not at all. */
import test from 'ava';
import fc from 'fast-check';
import { readAssignment, subscribed, writeAssignment } from '../../../src/protocols/kafka/subscription.ts';

const places = fc.array(
  fc.record({
    topic: fc.string({ minLength: 1, maxLength: 60, unit: 'grapheme' }),
    partitions: fc.array(fc.nat(10_000), { maxLength: 20 }),
  }),
  { maxLength: 8 },
);

/** Of a version: topics, user data, and what is behind it. */
function subscription(version: number, topics: readonly string[], behind: Uint8Array, userData = 3): Uint8Array {
  const names = topics.map((topic) => {
    const length = Buffer.alloc(2);
    length.writeInt16BE(Buffer.byteLength(topic));
    return Buffer.concat([length, Buffer.from(topic)]);
  });
  const head = Buffer.alloc(6);
  head.writeInt16BE(version);
  head.writeInt32BE(topics.length, 2);
  const data = Buffer.alloc(4 + Math.max(0, userData));
  data.writeInt32BE(userData);
  return Buffer.concat([head, ...names, data, behind]);
}
/** The places of an assignment, without its version and its user data. */
const bare = (bytes: Uint8Array): Uint8Array => bytes.subarray(2, bytes.length - 4);

test('an assignment that was written is read as it was', (t) => {
  fc.assert(fc.property(places, (given) => t.deepEqual(readAssignment(writeAssignment(given)), given) === true));
  t.deepEqual(readAssignment(new Uint8Array(0)), [], 'a leader that has nothing sends nothing');
});

test('a subscription tells topics in every version, and from version 1 on what its member holds', (t) => {
  fc.assert(
    fc.property(
      fc.array(fc.string({ minLength: 1, maxLength: 40 })),
      places,
      fc.integer({ min: -1, max: 9 }),
      (...all) => {
        const [topics, held, userData] = all;
        const behind = bare(writeAssignment(held));
        const told = subscribed('consumer', subscription(1, topics, behind, userData));
        return t.deepEqual(told, { topics, owned: held }) === true;
      },
    ),
  );
  t.deepEqual(subscribed('consumer', subscription(0, ['a'], new Uint8Array(0))), { topics: ['a'], owned: [] });
  t.deepEqual(subscribed('consumer', subscription(1, ['a'], new Uint8Array(0))), { topics: ['a'], owned: [] });
  t.deepEqual(subscribed('connect', subscription(0, ['a'], new Uint8Array(0))), { topics: [], owned: null });
});

test('what was cut off or changed is read as nothing, or as what it says, and never more than there is', (t) => {
  const whole = subscription(
    1,
    ['orders', 'payments'],
    bare(writeAssignment([{ topic: 'orders', partitions: [1, 2] }])),
  );
  for (let length = 0; length < whole.length; length++) {
    const { owned } = subscribed('consumer', whole.subarray(0, length));
    t.true(owned === null || owned.length === 0, `${length} bytes`);
  }
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      const read = readAssignment(bytes);
      const { topics } = subscribed('consumer', bytes);
      return (
        topics.length <= bytes.length && (read ?? []).flatMap(({ partitions }) => partitions).length <= bytes.length
      );
    }),
  );
  t.is(readAssignment(new TextEncoder().encode('all of it')), null);
});
