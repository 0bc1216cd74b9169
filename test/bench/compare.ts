/** Runs one series: its sides in turn, a first round that does not count, then as many as were asked for. */
import { Candidate, type CandidateName, type CandidateOptions } from './candidate.ts';
import { type Measured, run } from './load.ts';
import type { Series, Times } from './series.ts';
import { type Spread, spread } from './stats.ts';

/** Figures of one side over all rounds. */
export interface SideResult {
  readonly label: string;
  /** In the unit of the series. */
  readonly speed: Spread;
  readonly megabytes: Spread;
  readonly cpuPerGigabyte: Spread;
  readonly cpuMicrosPerRequest: Spread;
  /** Share of one core. */
  readonly generatorCpu: Spread;
  readonly rssPeakMib: number;
  readonly ack?: Quantiles;
  readonly endToEnd?: Quantiles;
}
export interface Quantiles {
  readonly p50: Spread;
  readonly p99: Spread;
  readonly p999: Spread;
}
export interface SeriesResult {
  readonly series: Series;
  readonly sides: readonly SideResult[];
  /** Of the last side to the first, round by round. */
  readonly speedRatio: Spread;
  readonly cpuRatio: Spread;
}

export interface Rounds {
  readonly times: Times;
  readonly runs: number;
  readonly progress: (text: string) => void;
}

export async function compare(series: Series, options: CandidateOptions, rounds: Rounds): Promise<SeriesResult> {
  const names = new Set(series.sides.map((side) => side.candidate));
  const candidates = new Map<CandidateName, Candidate>();
  try {
    for (const name of names) {
      const candidate = new Candidate(name, options);
      candidates.set(name, candidate);
      await candidate.start();
    }
    return summary(series, await measure(series, candidates, rounds));
  } finally {
    for (const candidate of candidates.values()) await candidate.dispose();
  }
}

/** @returns by side, then by round. */
async function measure(
  series: Series,
  candidates: ReadonlyMap<CandidateName, Candidate>,
  { times, runs, progress }: Rounds,
): Promise<Measured[][]> {
  const measured: Measured[][] = series.sides.map(() => []);
  for (let round = 0; round <= runs; round++) {
    for (const [index, side] of series.sides.entries()) {
      const candidate = candidates.get(side.candidate);
      if (candidate === undefined) throw new Error(`no ${side.candidate}`);
      progress(`${series.name}: ${round === 0 ? 'warm-up' : `run ${round} of ${runs}`}, ${side.label}`);
      const result = await run(candidate, side.plan(`bench-${index}-${round}`, times));
      if (round > 0) measured[index]?.push(result);
    }
  }
  return measured;
}

function summary(series: Series, measured: readonly Measured[][]): SeriesResult {
  const first = measured[0] ?? [];
  const last = measured.at(-1) ?? [];
  const ratio = (of: (one: Measured) => number): Spread =>
    spread(last.map((one, index) => of(one) / of(first[index] ?? one)));
  const speed = speedOf(series);
  return {
    series,
    sides: series.sides.map(({ label }, index) => sideSummary(label, measured[index] ?? [], speed)),
    speedRatio: ratio(speed),
    cpuRatio: ratio((one) => one.cpuSeconds / (series.unit === 'MB/s' ? one.bytes : one.requests)),
  };
}

function speedOf({ unit }: Series): (one: Measured) => number {
  if (unit === 'MB/s') return (one) => one.bytes / one.seconds / 1e6;
  return (one) => (unit === 'requests/s' ? one.requests : one.records) / one.seconds;
}

function sideSummary(label: string, runs: readonly Measured[], speed: (one: Measured) => number): SideResult {
  const over = (of: (one: Measured) => number): Spread => spread(runs.map(of));
  const quantiles = (kind: 'ack' | 'endToEnd'): Quantiles => ({
    p50: over((one) => one[kind]?.p50 ?? Number.NaN),
    p99: over((one) => one[kind]?.p99 ?? Number.NaN),
    p999: over((one) => one[kind]?.p999 ?? Number.NaN),
  });
  return {
    label,
    speed: over(speed),
    megabytes: over((one) => one.bytes / one.seconds / 1e6),
    cpuPerGigabyte: over((one) => (one.cpuSeconds / one.bytes) * 1e9),
    cpuMicrosPerRequest: over((one) => (one.cpuSeconds / one.requests) * 1e6),
    generatorCpu: over((one) => one.ownCpuSeconds / one.seconds),
    rssPeakMib: Math.max(...runs.map((one) => one.rssPeakMib)),
    ...(runs[0]?.ack === undefined ? {} : { ack: quantiles('ack'), endToEnd: quantiles('endToEnd') }),
  };
}
