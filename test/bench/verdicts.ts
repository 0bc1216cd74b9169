/**
 * Figures → verdicts: which targets were reached, which were missed, and which cannot be judged because it was not the
 * broker that was measured. Knows no tables.
 */
import type { SeriesResult, SideResult } from './compare.ts';
import type { Row } from './standing.ts';
import { type Spread, short, showSpread } from './stats.ts';
import { SERIES_TARGETS, type Target } from './targets.ts';

export interface Verdict {
  readonly name: string;
  /** What is judged, and how much of it is wanted. */
  readonly wanted: string;
  readonly measured: string;
  readonly state: 'reached' | 'missed' | 'not judged';
  /** What else is to be known of it. */
  readonly note: string;
}

/** A generator whose thread works that much of the time is what was measured. */
const GENERATOR_BOUND = 0.95;
/** So many cores taken by others, and neither speed nor latency is that of the sides. */
const OTHERS_CORES_MAX = 0.3;

export function verdictsOf(results: readonly SeriesResult[], rows: readonly Row[], syncMs: number): Verdict[] {
  const series = results.flatMap((result) => {
    const target = SERIES_TARGETS[result.name];
    return target === undefined ? [] : seriesVerdicts(result, target, syncMs);
  });
  return [...series, ...rows.flatMap(rowVerdict)];
}

function seriesVerdicts({ name, sides }: SeriesResult, target: Target, syncMs: number): Verdict[] {
  const [first, judged] = sides;
  if (first === undefined || judged === undefined) return [];
  const verdicts: Verdict[] = [];
  if (target.speed !== undefined) verdicts.push(speedVerdict(name, first, judged, target.speed));
  if (target.cpu !== undefined) {
    const isReached = judged.cpuRatio.median <= target.cpu;
    verdicts.push({
      name,
      wanted: `CPU at most ${target.cpu} times that of ${first.label}`,
      measured: showSpread(judged.cpuRatio),
      state: isReached ? 'reached' : 'missed',
      note: '',
    });
  }
  if (target.p99 !== undefined)
    verdicts.push(ackVerdict(name, first, judged, { kind: 'p99', times: target.p99, syncMs }));
  if (target.p999 !== undefined)
    verdicts.push(ackVerdict(name, first, judged, { kind: 'p999', times: target.p999, syncMs }));
  return verdicts;
}

/** A bound generator hides how fast a side is: where that could turn the verdict, there is none. */
function speedVerdict(name: string, first: SideResult, judged: SideResult, least: number): Verdict {
  const isReached = judged.speedRatio.median >= least;
  const hidden = isReached ? first : judged;
  const isHidden = hidden.generatorCpu.median >= GENERATOR_BOUND;
  const share = Math.round(100 * hidden.generatorCpu.median);
  const shared = sharedNote(first, judged);
  return {
    name,
    wanted: `speed at least ${least} of ${first.label}`,
    measured: showSpread(judged.speedRatio),
    state: isHidden || shared !== '' ? 'not judged' : isReached ? 'reached' : 'missed',
    note: isHidden ? `beside ${hidden.label} the generator used ${share} % of its core` : shared,
  };
}

function sharedNote(first: SideResult, judged: SideResult): string {
  const others = Math.max(first.othersCpu.median, judged.othersCpu.median);
  return others <= OTHERS_CORES_MAX ? '' : `other programs used ${short(others)} cores`;
}

interface AckTarget {
  readonly kind: 'p99' | 'p999';
  readonly times: number;
  readonly syncMs: number;
}

function ackVerdict(name: string, first: SideResult, judged: SideResult, { kind, times, syncMs }: AckTarget): Verdict {
  const inSyncs = (side: SideResult, of: 'ack' | 'late'): number =>
    (side.latency?.[of][kind].median ?? Number.NaN) / syncMs;
  const isReached = inSyncs(judged, 'ack') <= times;
  // Beside the first side, so that a broker that takes the generator's core from it has no excuse.
  const isLate = !isReached && inSyncs(first, 'late') > times;
  const shared = sharedNote(first, judged);
  const late = `the generator alone was late by ${short(inSyncs(judged, 'late'))}`;
  const lateFirst = `beside ${first.label} by ${short(inSyncs(first, 'late'))}`;
  const beside = `${first.label}: ${short(inSyncs(first, 'ack'))}; ${late}, ${lateFirst}`;
  return {
    name,
    wanted: `ack ${kind === 'p99' ? 'p99' : 'p99.9'} at most ${times} times the machine's fdatasync`,
    measured: judged.latency === undefined ? '–' : showSpread(scaled(judged.latency.ack[kind], 1 / syncMs)),
    state: isLate || shared !== '' ? 'not judged' : isReached ? 'reached' : 'missed',
    note: shared === '' ? beside : `${beside}; ${shared}`,
  };
}

const scaled = ({ median, min, max }: Spread, by: number): Spread => ({
  median: median * by,
  min: min * by,
  max: max * by,
});

function rowVerdict({ name, value, unit, atMost }: Row): Verdict[] {
  if (atMost === undefined) return [];
  const state = value.median <= atMost ? 'reached' : 'missed';
  return [
    { name, wanted: `at most ${short(atMost)} ${unit}`, measured: `${showSpread(value)} ${unit}`, state, note: '' },
  ];
}
