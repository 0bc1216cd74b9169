/** Runs one series: its sides in turn, a first round that does not count, then as many as were asked for. */
import type { Field } from './field.ts';
import type { Measured } from './load.ts';
import type { Progress } from './progress.ts';
import type { Series, Side, Times } from './series.ts';
import { type Spread, spread } from './stats.ts';

/** Figures of one side over all rounds. */
export interface SideResult {
  readonly label: string;
  /** In the unit of the series. */
  readonly speed: Spread;
  /** Round by round: speeds that still rise would tell of too little warm-up. */
  readonly speeds: readonly number[];
  readonly megabytes: Spread;
  readonly recordsPerSecond: Spread;
  readonly cpuPerGigabyte: Spread;
  readonly cpuMicrosPerRequest: Spread;
  /** Share of one core: of the generator's thread, and of all processes together. */
  readonly generatorCpu: Spread;
  readonly machineCpu: Spread;
  /** Cores that neither the side nor the generator used: other processes, the kernel, the host. */
  readonly othersCpu: Spread;
  readonly rssPeakMib: number;
  readonly latency?: Latency;
  /** To the first side, round by round. */
  readonly speedRatio: Spread;
  readonly cpuRatio: Spread;
}
export interface Quantiles {
  readonly p50: Spread;
  readonly p99: Spread;
  readonly p999: Spread;
}
export interface Latency {
  readonly ack: Quantiles;
  readonly endToEnd: Quantiles;
  /** Of the generator itself. */
  readonly late: Quantiles;
}
export interface SeriesResult {
  readonly name: string;
  readonly family: Series['family'];
  readonly unit: Series['unit'];
  readonly runs: number;
  readonly seconds: number;
  readonly sides: readonly SideResult[];
}

export interface Rounds {
  readonly times: Times;
  readonly runs: number;
}

/** What a run takes beside its own times: topics, filling, settling. */
const AROUND_SECONDS: Readonly<Record<Series['family'], number>> = {
  produce: 0.3,
  consume: 0.6,
  single: 1,
  latency: 0.3,
};

/** The first round has no figures; it is as long as the others, so that the second one finds compiled code. */
export function plannedSeconds(series: Series, { times, runs }: Rounds): number {
  return (runs + 1) * series.sides.length * runSeconds(series, times);
}

function runSeconds({ longer, family }: Series, { warmSeconds, seconds }: Times): number {
  return longer * (warmSeconds + seconds) + AROUND_SECONDS[family];
}

export async function compare(series: Series, field: Field, rounds: Rounds, progress: Progress): Promise<SeriesResult> {
  const { runs } = rounds;
  const { longer } = series;
  const times = { warmSeconds: longer * rounds.times.warmSeconds, seconds: longer * rounds.times.seconds };
  const measured: Measured[][] = series.sides.map(() => []);
  for (let round = 0; round <= runs; round++) {
    for (const [index, side] of series.sides.entries()) {
      const turn = round === 0 ? 'warm-up' : `run ${round} of ${runs}`;
      progress.step(`${series.name}: ${turn}, ${side.label}`, runSeconds(series, rounds.times));
      const result = await runSide(field, side, times);
      if (round > 0) measured[index]?.push(result);
    }
  }
  const { name, family, unit } = series;
  return { name, family, unit, runs, seconds: times.seconds, sides: summary(series, measured) };
}

let topics = 0;

async function runSide(field: Field, side: Side, times: Times): Promise<Measured> {
  const candidate = await field.candidate(side.entrant);
  return await field.generator.run(candidate, side.plan(`bench-${++topics}`, times));
}

function summary({ unit, sides }: Series, measured: readonly Measured[][]): SideResult[] {
  const speed = speedOf(unit);
  const cost = (one: Measured): number => one.cpuSeconds / (unit === 'MB/s' ? one.bytes : one.requests);
  const first = measured[0] ?? [];
  return sides.map(({ label }, index) => {
    const runs = measured[index] ?? [];
    const ratio = (of: (one: Measured) => number): Spread =>
      spread(runs.map((one, round) => of(one) / of(first[round] ?? one)));
    return { ...sideSummary(label, runs, speed), speedRatio: ratio(speed), cpuRatio: ratio(cost) };
  });
}

function speedOf(unit: Series['unit']): (one: Measured) => number {
  if (unit === 'MB/s') return (one) => one.bytes / one.seconds / 1e6;
  return (one) => (unit === 'requests/s' ? one.requests : one.records) / one.seconds;
}

function sideSummary(
  label: string,
  runs: readonly Measured[],
  speed: (one: Measured) => number,
): Omit<SideResult, 'speedRatio' | 'cpuRatio'> {
  const over = (of: (one: Measured) => number): Spread => spread(runs.map(of));
  return {
    label,
    speed: over(speed),
    speeds: runs.map(speed),
    megabytes: over((one) => one.bytes / one.seconds / 1e6),
    recordsPerSecond: over((one) => one.records / one.seconds),
    cpuPerGigabyte: over((one) => (one.cpuSeconds / one.bytes) * 1e9),
    cpuMicrosPerRequest: over((one) => (one.cpuSeconds / one.requests) * 1e6),
    generatorCpu: over((one) => one.threadCpuSeconds / one.seconds),
    machineCpu: over((one) => one.machineCpuSeconds / one.seconds),
    othersCpu: over((one) => othersSeconds(one) / one.seconds),
    rssPeakMib: Math.max(...runs.map((one) => one.rssPeakMib)),
    ...(runs[0]?.ack === undefined ? {} : { latency: latencyOf(runs) }),
  };
}

/** Never below none: ticks of 10 ms are counted here and there. */
function othersSeconds({ machineCpuSeconds, stolenSeconds, cpuSeconds, ownCpuSeconds }: Measured): number {
  return Math.max(0, machineCpuSeconds + stolenSeconds - cpuSeconds - ownCpuSeconds);
}

function latencyOf(runs: readonly Measured[]): Latency {
  const quantiles = (kind: keyof Latency): Quantiles => ({
    p50: spread(runs.map((one) => one[kind]?.p50 ?? Number.NaN)),
    p99: spread(runs.map((one) => one[kind]?.p99 ?? Number.NaN)),
    p999: spread(runs.map((one) => one[kind]?.p999 ?? Number.NaN)),
  });
  return { ack: quantiles('ack'), endToEnd: quantiles('endToEnd'), late: quantiles('late') };
}
