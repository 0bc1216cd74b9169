/** Every call in every version, request and answer, comes back from its bytes as it went in. */
import test from 'ava';
import fc from 'fast-check';
import { Reading } from '../../../src/protocols/kafka/reading.ts';
import type { Codec } from '../../../src/protocols/kafka/schema.ts';
import { Writing } from '../../../src/protocols/kafka/writing.ts';
import { sized } from '../../long.ts';
import { anyOf, calls, editions } from './calls.ts';

const writing = new Writing();

/** The bytes of a message that holds `value` alone, joined where they went out as views. */
function bytesOf(codec: Codec<unknown, unknown>, value: unknown): Uint8Array {
  writing.begin();
  codec.write(writing, value);
  return new Uint8Array(Buffer.concat(writing.finish()));
}

for (const call of calls) {
  test(`${call.name}: both directions of every version come back as they went in`, (t) => {
    for (const [, version] of editions.filter(([one]) => one === call)) {
      for (const message of [call.request, call.response]) {
        const codec = message.at(version) as Codec<unknown, unknown>;
        fc.assert(
          fc.property(anyOf(codec as Codec<unknown, never>), (value) => {
            const bytes = bytesOf(codec, value);
            const reading = new Reading(bytes);
            t.is(reading.int32(), bytes.length - 4);
            t.deepEqual(codec.read(reading), value);
            t.false(reading.failed);
            t.is(reading.left, 0);
            t.true(bytes.length - 4 >= codec.least);
          }),
          { numRuns: sized(20, 2_000) },
        );
      }
    }
  });
}

test('numbers and names of calls are their own', (t) => {
  t.true(calls.length >= 14);
  t.is(new Set(calls.map(({ key }) => key)).size, calls.length);
  t.is(new Set(calls.map(({ name }) => name)).size, calls.length);
});
