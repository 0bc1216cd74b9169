/** What a comparison says was reached and missed. */
import test from 'ava';
import { judge, type Report, summaryText, together } from './report.ts';
import { atLeast, atMost, FSYNC, INTERVAL, KAFKA } from './series.ts';

const sides = [
  { label: FSYNC.label, runs: [{ mibPerSecond: 190 }, { mibPerSecond: 210 }, { mibPerSecond: 200 }] },
  { label: KAFKA.label, runs: [{ mibPerSecond: 100 }, { mibPerSecond: 300 }, { mibPerSecond: 110 }] },
];

test('a ratio is that of the medians, beside those of the pairs', (t) => {
  const verdict = judge({ sides }, atLeast('mibPerSecond', 1.8));
  t.is(verdict?.ratio, 200 / 110);
  t.deepEqual(verdict?.pairs, [1.9, 0.7, 200 / 110]);
  t.true(verdict?.isReached);
});

test('at least is missed below, at most above', (t) => {
  t.false(judge({ sides }, atLeast('mibPerSecond', 1.9))?.isReached);
  t.true(judge({ sides }, atMost('mibPerSecond', 1.9))?.isReached);
  t.false(judge({ sides }, atMost('mibPerSecond', 1.8))?.isReached);
});

test('nothing is said of what was not measured', (t) => {
  t.is(judge({ sides }, atLeast('brokerCpu', 1)), undefined);
  t.is(judge({ sides }, atLeast('mibPerSecond', 1, INTERVAL)), undefined);
});

test('reports are put together, the last of a series counts, and misses are counted', (t) => {
  const report = (name: string, ratio: number): Report => ({
    machine: '',
    began: '',
    failures: [],
    repeated: [],
    outcomes: [{ name, share: 1, sides, targets: [atLeast('mibPerSecond', ratio)] }],
  });
  const all = together([report('a', 5), report('b', 5), report('a', 1)]);
  t.deepEqual(
    all.outcomes.map(({ name }) => name),
    ['a', 'b'],
  );
  t.regex(summaryText(all), /1 reached, 1 missed/);
});
