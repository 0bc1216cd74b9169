/** Judges what the benchmarks say of their figures: verdicts, pasted tables, flame graphs. No figure of a machine is judged. */
import test from 'ava';
import type { SeriesResult, SideResult } from './compare.ts';
import { addProfile, flameSvg, hottest, newFrame, type Profile, treeText } from './flame.ts';
import { roundsOf } from './options.ts';
import { paste } from './paste.ts';
import { showTime } from './progress.ts';
import { type Figures, figuresText, summaryText } from './report.ts';
import { allSeries, LEVELS } from './series.ts';
import { percentiles, spread } from './stats.ts';
import { SERIES_TARGETS } from './targets.ts';
import { verdictsOf } from './verdicts.ts';

const PRODUCE = 'produce 1 MiB of 1 KiB, 1 → 1, fsync';
const LATENCY = 'latency 10,000/s of 1 KiB, fsync';

interface Given {
  readonly speed?: number;
  readonly cpu?: number;
  readonly generator?: number;
  readonly p99?: number;
  readonly late?: number;
  readonly others?: number;
}

function side(label: string, { speed = 1, cpu = 1, generator = 0.5, p99, late = 0, others = 0 }: Given): SideResult {
  const one = spread([1]);
  const quantiles = (ms: number) => ({ p50: spread([ms]), p99: spread([ms]), p999: spread([ms]) });
  return {
    label,
    speed: one,
    speeds: [1],
    megabytes: one,
    recordsPerSecond: one,
    cpuPerGigabyte: one,
    cpuMicrosPerRequest: one,
    generatorCpu: spread([generator]),
    machineCpu: one,
    othersCpu: spread([others]),
    rssPeakMib: 1,
    speedRatio: spread([speed]),
    cpuRatio: spread([cpu]),
    ...(p99 === undefined ? {} : { latency: { ack: quantiles(p99), endToEnd: quantiles(p99), late: quantiles(late) } }),
  };
}

const result = (name: string, ceiling: Given, broker: Given): SeriesResult => ({
  name,
  family: name === LATENCY ? 'latency' : 'produce',
  unit: 'MB/s',
  runs: 5,
  seconds: 3,
  sides: [side('ceiling', ceiling), side('broker', broker)],
});

const states = (ceiling: Given, broker: Given, name = PRODUCE): string[] =>
  verdictsOf([result(name, ceiling, broker)], [], 0.1).map(({ state }) => state);

test('a target is reached at its limit, and missed just beyond it', (t) => {
  t.deepEqual(states({}, { speed: 0.8, cpu: 1.5 }), ['reached', 'reached']);
  t.deepEqual(states({}, { speed: 0.79, cpu: 1.51 }), ['missed', 'missed']);
});

test('no speed is judged where a bound generator could have turned the verdict', (t) => {
  t.is(states({ generator: 0.99 }, { speed: 0.9 })[0], 'not judged');
  t.is(states({ generator: 0.99 }, { speed: 0.7 })[0], 'missed');
  t.is(states({}, { speed: 0.7, generator: 0.99 })[0], 'not judged');
  t.is(states({}, { speed: 0.9, generator: 0.99 })[0], 'reached');
});

test('on a machine that others use neither speed nor latency is judged, CPU is', (t) => {
  t.deepEqual(states({}, { speed: 0.9, cpu: 2, others: 0.5 }), ['not judged', 'missed']);
  t.deepEqual(states({ p99: 1, others: 0.5 }, { p99: 4 }, LATENCY), ['not judged', 'not judged']);
});

test('latency is judged in fdatasyncs, unless the generator alone is later than that by itself', (t) => {
  t.deepEqual(states({ p99: 1 }, { p99: 1 }, LATENCY), ['reached', 'reached']);
  t.deepEqual(states({ p99: 1 }, { p99: 2 }, LATENCY), ['missed', 'reached']);
  t.deepEqual(states({ p99: 1 }, { p99: 4, late: 3.5 }, LATENCY), ['missed', 'missed']);
  t.deepEqual(states({ p99: 4, late: 3.5 }, { p99: 4, late: 3.5 }, LATENCY), ['not judged', 'not judged']);
});

test('every target belongs to a series of that name', (t) => {
  const first = { label: 'ceiling', entrant: { name: 'ceiling', shards: 1 } } as const;
  const all = allSeries({ first, shards: 1, otherShards: [2] });
  const names = all.map(({ name }) => name);
  t.is(new Set(names).size, names.length);
  const targets = all.filter(({ level }) => level === 'targets');
  t.deepEqual(targets.map(({ name }) => name).toSorted(), Object.keys(SERIES_TARGETS).toSorted());
});

const figures: Figures = {
  machine: 'a machine',
  began: '2026-01-02T03:04:05.678Z',
  minutes: 12.3,
  missing: 1,
  options: '2 shards',
  syncMs: percentiles(new Float64Array([0.1, 0.2, 0.3])),
  results: [result(PRODUCE, {}, { speed: 0.5 })],
  rows: [{ name: 'RSS', value: spread([155, 160, 170]), unit: 'MiB', atMost: 150 }],
  failures: ['rest: it fell over'],
};

test('what was missed, what failed and what was not come to is told', (t) => {
  const text = summaryText(figures);
  t.true(text.includes(`- ${PRODUCE}: 0.50, wanted: speed at least 0.8 of ceiling`));
  t.true(text.includes('- RSS: 160 [155..170] MiB, wanted: at most 150 MiB'));
  t.true(text.includes('- rest: it fell over'));
  t.true(text.includes('**Interrupted**: 1 '));
  t.true(figuresText(figures).includes('**0.50**'));
});

test('a verdict shows the spread of its median, of latencies too', (t) => {
  const one = result(LATENCY, { p99: 1 }, { p99: 2 });
  const [ceiling, broker] = one.sides as readonly [SideResult, SideResult];
  const latency = { ...broker.latency, ack: { p50: spread([1]), p99: spread([1, 2, 4]), p999: spread([2]) } };
  const sides = [ceiling, { ...broker, latency, speedRatio: spread([0.5, 0.9, 1]) } as SideResult];
  t.deepEqual(
    verdictsOf([{ ...one, sides }], [], 0.1).map(({ measured }) => measured),
    ['20.0 [10.0..40.0]', '20.0'],
  );
  t.is(verdictsOf([{ ...one, name: PRODUCE, sides }], [], 0.1)[0]?.measured, '0.90 [0.50..1.00]');
});

test('nothing is measured less than five times by default', (t) => {
  for (const level of LEVELS) t.true(roundsOf(level).runs >= 5);
});

test('figures are the same after a trip through JSON', (t) => {
  const again = JSON.parse(JSON.stringify(figures)) as Figures;
  t.is(summaryText(again), summaryText(figures));
  t.is(figuresText(again), figuresText(figures));
});

test('tables are pasted between their marks, again and again', (t) => {
  const file = 'a\n<!-- bench:summary -->\nold\n<!-- /bench:summary -->\nb\n';
  const pasted = paste(file, { summary: 'new', figures: 'unused' });
  t.is(pasted, 'a\n<!-- bench:summary -->\nnew\n<!-- /bench:summary -->\nb\n');
  t.is(paste(pasted, { summary: 'new', figures: 'unused' }), pasted);
  t.throws(() => paste('no marks', { summary: '', figures: '' }));
  t.throws(() => paste('<!-- bench:summary -->', { summary: '', figures: '' }));
});

test('marks that a sentence speaks of are no marks', (t) => {
  const prose = 'put between `<!-- bench:summary -->` and `<!-- /bench:summary -->`\n';
  const marked = (part: string): string => `${prose}<!-- bench:summary -->\n${part}\n<!-- /bench:summary -->\n`;
  t.is(paste(marked('old'), { summary: 'new', figures: '' }), marked('new'));
  t.throws(() => paste(prose, { summary: 'new', figures: '' }));
});

const called = (functionName: string, url = '') => ({ functionName, url, lineNumber: url === '' ? -1 : 6 });
const profile: Profile = {
  nodes: [
    { id: 1, callFrame: called('(root)'), children: [2, 4] },
    { id: 2, callFrame: called('outer', 'file:///x/src/log/journal.ts'), children: [3] },
    { id: 3, callFrame: called('a < b', 'file:///x/runtime/ring.ts') },
    { id: 4, callFrame: called('(idle)') },
  ],
  startTime: 1_000,
  samples: [2, 3, 4, 3],
  timeDeltas: [10, 20, 100, 30],
};

test('a profile becomes a tree of what was busy in the given time', (t) => {
  const root = newFrame('all');
  addProfile(root, profile, { from: 0, to: 10_000 });
  t.is(root.total, 60);
  t.is(hottest(root, 1), ' 83.3 %  a < b  runtime/ring.ts:7');
  t.is(
    treeText(root, 0.01),
    '100.0 % all\n100.0 %   outer  src/log/journal.ts:7\n 83.3 %     a < b  runtime/ring.ts:7',
  );
  const late = newFrame('all');
  addProfile(late, profile, { from: 1_010, to: 1_100 });
  t.is(late.total, 20);
});

test('a flame graph is well-formed whatever functions are called', (t) => {
  const root = newFrame('all');
  addProfile(root, profile, { from: 0, to: 10_000 });
  const svg = flameSvg(root, 'a & b');
  t.true(svg.includes('a &amp; b') && svg.includes('a &lt; b runtime/ring.ts:7 83.3 %'));
  t.is(svg.match(/<g>/g)?.length, 3);
});

test('time that is left is shown in the unit that people would take', (t) => {
  t.deepEqual([showTime(59), showTime(61), showTime(3_700)], ['59 s', '1:01 min', '1:01 h']);
});
