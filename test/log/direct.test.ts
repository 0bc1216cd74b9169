/** Which batches go past the journal. */
import test from 'ava';
import { DirectBatches } from '../../src/log/direct.ts';
import { openSegment, type Segment } from '../../src/log/segment.ts';
import { id } from '../../src/model/ids.ts';
import { KIB } from '../../src/model/limits.ts';

const SMALL = 10 * KIB;
const LARGE = 100 * KIB;

function begin(): { direct: DirectBatches; segment: Segment; way(length: number): 'direct' | 'journal' } {
  const direct = new DirectBatches();
  const segment = openSegment(id(0), 0);
  const way = (length: number): 'direct' | 'journal' => {
    const wanted = direct.wants(length, segment);
    segment.bytes += length;
    if (wanted) direct.add(id(segment.bytes - length), segment, segment.bytes);
    return wanted ? 'direct' : 'journal';
  };
  return { direct, segment, way };
}

test('large batches go past the journal, small ones do not', (t) => {
  const { way } = begin();
  t.deepEqual([LARGE, LARGE, SMALL, LARGE].map(way), ['direct', 'direct', 'journal', 'direct']);
});

test('behind much that only the journal has a large one goes there, too, unless it is very large', (t) => {
  const { direct, segment, way } = begin();
  for (let i = 0; i < 25; i++) way(SMALL);
  t.is(way(LARGE), 'journal');
  t.is(way(SMALL), 'journal');
  t.is(way(300 * KIB), 'direct');
  t.is(way(LARGE), 'direct', 'all before it is on its way to the segment');
  segment.written = segment.bytes;
  segment.synced = segment.bytes;
  direct.settle();
  t.is(way(LARGE), 'direct', 'the segment has all before it');
  t.is(way(SMALL), 'journal');
  t.is(way(LARGE), 'direct', 'there is little before it');
});

test('many large ones in a row go past the journal, whatever is before them', (t) => {
  const { way } = begin();
  for (let i = 0; i < 25; i++) way(SMALL);
  const ways = Array.from({ length: 10 }, () => way(LARGE));
  t.deepEqual(ways, [...Array<string>(8).fill('journal'), 'direct', 'direct']);
});
