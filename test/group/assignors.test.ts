/** Assignors: every wanted partition goes to one who wants it; sticky is balanced and moves as little as possible. */
import test from 'ava';
import fc from 'fast-check';
import { assign, elect } from '../../src/group/assignors/assign.ts';
import { type Candidate, placesOf, type TopicShape } from '../../src/group/assignors/candidates.ts';
import { type PlaceKey, placeKey, topicOf } from '../../src/group/places.ts';
import { ASSIGNORS } from '../../src/group/record.ts';
import { id, type TopicId } from '../../src/model/ids.ts';

const NOTHING: ReadonlySet<PlaceKey> = new Set();
const shapes = fc
  .array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 5 })
  .map((sizes) => sizes.map((partitions, index): TopicShape => ({ topic: id(index + 1), partitions })));

const candidatesOf = (wishes: readonly (readonly number[])[], before: readonly ReadonlySet<PlaceKey>[]): Candidate[] =>
  wishes.map((topics, index) => ({
    member: `m${index}`,
    topics: new Set(topics.map((topic) => id<TopicId>(topic + 1))),
    before: before[index] ?? NOTHING,
  }));

const wishes = fc.array(fc.uniqueArray(fc.nat({ max: 4 }), { maxLength: 5 }), { minLength: 1, maxLength: 7 });
const everything = [0, 1, 2, 3, 4];

const movesBetween = (from: readonly ReadonlySet<PlaceKey>[], to: readonly ReadonlySet<PlaceKey>[]): number =>
  to.reduce((sum, set, index) => sum + [...set].filter((key) => from[index]?.has(key) !== true).length, 0);

for (const assignor of ASSIGNORS) {
  test(`${assignor}: each partition that anybody wants has one owner, who wants it`, (t) => {
    fc.assert(
      fc.property(shapes, wishes, (topics, members) => {
        const candidates = candidatesOf(members, []);
        const assignment = assign(assignor, candidates, topics);
        const owned = assignment.flatMap((set) => [...set]);
        const wanted = placesOf(topics).filter((key) => candidates.some((each) => each.topics.has(topicOf(key))));
        t.deepEqual(
          owned.sort((a, b) => a - b),
          wanted,
        );
        for (const [index, set] of assignment.entries())
          for (const key of set) if (candidates[index]?.topics.has(topicOf(key)) !== true) throw new Error('unwanted');
      }),
    );
  });
}

test('sticky: loads are within one where all want the same, and the fewest possible partitions move', (t) => {
  fc.assert(
    fc.property(shapes, fc.integer({ min: 1, max: 8 }), fc.integer({ min: 1, max: 8 }), (topics, first, second) => {
      const before = assign('sticky', candidatesOf(Array(first).fill(everything), []), topics);
      const after = assign('sticky', candidatesOf(Array(second).fill(everything), before), topics);
      const loads = after.map((set) => set.size);
      if (Math.max(...loads) - Math.min(...loads) > 1) throw new Error(`unbalanced: ${loads.join(' ')}`);
      // Who had more than the most that anybody may have gives up the rest; who is gone, everything. No more than that.
      const total = placesOf(topics).length;
      const least = Math.floor(total / second);
      let extras = total % second;
      let kept = 0;
      for (const load of before
        .slice(0, second)
        .map((set) => set.size)
        .sort((a, b) => b - a)) {
        kept += Math.min(load, least + (load > least && extras > 0 ? 1 : 0));
        if (load > least && extras > 0) extras--;
      }
      t.is(movesBetween(before, after), total - kept);
    }),
  );
});

test('sticky: where wishes differ, no partition can go to somebody with two less', (t) => {
  fc.assert(
    fc.property(shapes, wishes, wishes, (topics, first, second) => {
      const before = assign('sticky', candidatesOf(first, []), topics);
      const candidates = candidatesOf(second, before);
      const after = assign('sticky', candidates, topics);
      for (const [from, set] of after.entries()) {
        for (const key of set) {
          for (const [to, other] of after.entries()) {
            if (to === from || candidates[to]?.topics.has(topicOf(key)) !== true) continue;
            if (other.size < set.size - 1) throw new Error(`${key} should go from ${from} to ${to}`);
          }
        }
      }
      t.deepEqual(assign('sticky', candidatesOf(second, after), topics), after, 'balance is at rest');
    }),
  );
});

test('range: runs of consecutive partitions, the same ones of topics with the same size', (t) => {
  const topics: TopicShape[] = [
    { topic: id(1), partitions: 5 },
    { topic: id(2), partitions: 5 },
  ];
  const assignment = assign('range', candidatesOf([everything, everything], []), topics);
  t.deepEqual(
    assignment.map((set) => [...set]),
    [
      [0, 1, 2].flatMap((partition) => [placeKey(1, partition)]).concat([0, 1, 2].map((p) => placeKey(2, p))),
      [3, 4].flatMap((partition) => [placeKey(1, partition)]).concat([3, 4].map((p) => placeKey(2, p))),
    ],
  );
});

test('the assignor that most want is taken; members without a wish do not vote', (t) => {
  t.is(elect([]), 'sticky');
  t.is(elect([null, null, 'range']), 'range');
  t.is(elect(['range', 'roundrobin', 'roundrobin']), 'roundrobin');
  t.is(elect(['range', 'sticky']), 'sticky');
});

test('ten thousand partitions and a thousand members are assigned in a moment', (t) => {
  const topics: TopicShape[] = [{ topic: id(1), partitions: 10_000 }];
  const members = Array(1_000).fill([0]);
  const before = assign('sticky', candidatesOf(members, []), topics);
  const after = assign('sticky', candidatesOf([...members, [0]], before), topics);
  t.is(movesBetween(before, after), 9);
});
