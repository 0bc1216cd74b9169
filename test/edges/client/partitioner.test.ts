/** Judges the partitioners: Kafka's own vectors, and what keyless messages do. */
import test from 'ava';
import { CallboardError } from '../../../src/edges/client/errors.ts';
import { checkPartition, murmur2, partitionOfKey, Sticky } from '../../../src/edges/client/partitioner.ts';
import { SeededRandom } from './simulated-clock.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

for (const [key, hash] of [
  ['21', -973932308],
  ['foobar', -790332482],
  ['a-little-bit-long-string', -985981536],
  ['a-little-bit-longer-string', -1486304829],
  ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
  ['abc', 479470107],
] as const) {
  test(`murmur2 of ${key} is Kafka's`, (t) => {
    t.is(murmur2(bytes(key)), hash);
    t.is(partitionOfKey(bytes(key), 7), (hash & 0x7fffffff) % 7);
  });
}

test('keyless messages stay with a partition until its batch is closed, then go on to the next', (t) => {
  const sticky = new Sticky(new SeededRandom());
  const first = sticky.of(3);
  t.is(sticky.of(3), first);
  sticky.turn((first + 1) % 3, 3);
  t.is(sticky.of(3), first, 'another partition closed a batch');
  sticky.turn(first, 3);
  t.is(sticky.of(3), (first + 1) % 3);
  sticky.turn((first + 1) % 3, 3);
  sticky.turn((first + 2) % 3, 3);
  t.is(sticky.of(3), first);
});

test('a partition that the topic does not have is refused by name', (t) => {
  t.is(checkPartition(2, 3, 'orders'), 2);
  for (const wrong of [3, -1, 1.5, Number.NaN]) {
    const error = t.throws(() => checkPartition(wrong, 3, 'orders'), { instanceOf: CallboardError });
    t.is(error?.code, 'UNKNOWN_PARTITION');
  }
});
