/** Segments that are read again go by the operating system's cache: bounded, never instead of one that is still read. */
import test from 'ava';
import { Rereads } from '../../../actors/partition/rereads.ts';
import { openSegment, type Segment } from '../../../src/log/segment.ts';
import { id, type Offset } from '../../../src/model/ids.ts';

const MINUTE = 60_000;

function segments(count: number, bytes: number): Segment[] {
  return Array.from({ length: count }, (_, i) => ({ ...openSegment(id<Offset>(i), 0), bytes }));
}

/** Reads each through, in pieces. */
function pass(rereads: Rereads, all: readonly Segment[], now: number): void {
  for (const segment of all)
    for (let read = 0; read < segment.bytes; read += 10) rereads.read(segment, Math.min(10, segment.bytes - read), now);
}

test('what is read once is not cached before it was read through', (t) => {
  const rereads = new Rereads(1_000);
  const [segment] = segments(1, 100) as [Segment];
  for (let read = 0; read < 90; read += 10) rereads.read(segment, 10, 0);
  t.false(rereads.isCached(segment));
  rereads.read(segment, 10, 0);
  t.true(rereads.isCached(segment));
  t.is(rereads.bytesCached, 100);
});

test('of more than the cache is to have a part stays, as long as it is read', (t) => {
  const rereads = new Rereads(250);
  const all = segments(5, 100);
  for (let round = 0; round < 4; round++) {
    pass(rereads, all, round * MINUTE);
    t.deepEqual(
      all.map((segment) => rereads.isCached(segment)),
      [true, true, false, false, false],
    );
  }
  const others = segments(2, 100);
  pass(rereads, others, 30 * MINUTE);
  t.true(others.every((segment) => rereads.isCached(segment)));
  t.is(rereads.bytesCached, 200);
});

test('what is forgotten gives its room to others', (t) => {
  const rereads = new Rereads(100);
  const [one, other] = segments(2, 100) as [Segment, Segment];
  pass(rereads, [one, other], 0);
  t.deepEqual([rereads.isCached(one), rereads.isCached(other)], [true, false]);
  rereads.forget(one);
  pass(rereads, [other], 0);
  t.deepEqual([rereads.isCached(one), rereads.isCached(other)], [false, true]);
});

test('it remembers a bounded number of segments', (t) => {
  const rereads = new Rereads(1_000_000);
  const all = segments(3_000, 100);
  pass(rereads, all, 0);
  t.is(rereads.bytesCached, 100_000);
  t.false(rereads.isCached(all[0] as Segment));
  t.true(rereads.isCached(all[2_999] as Segment));
});
