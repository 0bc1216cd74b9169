/** Figures → tables: every series with its sides, and what was reached of what is to be reached. Measures nothing. */
import { short, showSpread, spread, table } from '../stats.ts';
import { type Figures, type Measure, UNITS } from './clients.ts';
import type { Outcome, SideRuns } from './rounds.ts';
import type { Target } from './series.ts';

export interface Report {
  readonly machine: string;
  readonly began: string;
  readonly outcomes: readonly Outcome[];
  readonly failures: readonly string[];
  /** Runs that failed and were made once more. */
  readonly repeated: readonly string[];
}

const values = ({ runs }: SideRuns, measure: Measure): number[] =>
  runs.map((run) => run[measure] ?? Number.NaN).filter(Number.isFinite);

export function figuresText({ machine, began, outcomes, failures, repeated }: Report): string {
  return [
    `${began.slice(0, 16).replace('T', ' ')} UTC, ${machine}. Medians, [min..max].`,
    ...outcomes.map((outcome) => `### ${outcome.name}\n\n${lengthText(outcome)}\n\n${outcomeTable(outcome)}`),
    ...failures.map((failure) => `**Failed:** ${failure}`),
    ...repeated.map((failure) => `**Failed, and was run once more:** ${failure}`),
  ].join('\n\n');
}

/** Several reports of one machine as one; of a series that stands in several the last counts. */
export function together(reports: readonly Report[]): Report {
  const outcomes = new Map(reports.flatMap((one) => one.outcomes.map((outcome) => [outcome.name, outcome])));
  const failures = reports.flatMap((one) => one.failures);
  const repeated = reports.flatMap((one) => one.repeated);
  const [first] = reports;
  if (first === undefined) throw new Error('there is no report');
  return { ...first, outcomes: [...outcomes.values()], failures, repeated };
}

function lengthText({ sides, share }: Outcome): string {
  const length = share === 1 ? '' : `, runs of ${Math.round(100 * share)} % of their length`;
  return `${Math.max(...sides.map(({ runs }) => runs.length))} pairs${length}`;
}

function outcomeTable({ sides }: Outcome): string {
  const measures = (Object.keys(UNITS) as Measure[]).filter((measure) =>
    sides.some(({ runs }) => runs.some((run: Figures) => run[measure] !== undefined)),
  );
  return table(
    ['', ...measures.map((measure) => UNITS[measure])],
    sides.map((side) => [side.label, ...measures.map((measure) => showSpread(spread(values(side, measure))))]),
  );
}

export const figuresLine = (figures: Figures): string =>
  Object.entries(figures)
    .map(([measure, value]) => `${short(value)} ${UNITS[measure as Measure]}`)
    .join(', ');

export interface Verdict {
  readonly isReached: boolean;
  /** Of the medians. */
  readonly ratio: number;
  /** Round by round. */
  readonly pairs: readonly number[];
}

/** `undefined` where one of the sides was not measured. */
export function judge({ sides }: Pick<Outcome, 'sides'>, target: Target): Verdict | undefined {
  const side = (label: string): number[] => {
    const found = sides.find((one) => one.label === label);
    return found === undefined ? [] : values(found, target.measure);
  };
  const [of, against] = [side(target.of), side(target.against)];
  if (of.length === 0 || against.length === 0) return undefined;
  const ratio = spread(of).median / spread(against).median;
  const pairs = of.map((value, round) => value / (against[round] ?? Number.NaN)).filter(Number.isFinite);
  return { isReached: ratio >= (target.atLeast ?? 0) && ratio <= (target.atMost ?? Infinity), ratio, pairs };
}

export function summaryText({ outcomes }: Report): string {
  const rows: string[][] = [];
  let missed = 0;
  for (const outcome of outcomes)
    for (const target of outcome.targets) {
      const verdict = judge(outcome, target);
      if (verdict === undefined) continue;
      if (!verdict.isReached) missed++;
      const { min, max } = spread(verdict.pairs);
      const wanted = target.atLeast === undefined ? `≤ ${target.atMost}` : `≥ ${target.atLeast}`;
      const ratio = `${short(verdict.ratio)} [${short(min)}..${short(max)}]`;
      const what = `${UNITS[target.measure]}: ${target.of} / ${target.against}`;
      rows.push([outcome.name, what, wanted, ratio, verdict.isReached ? 'reached' : '**missed**']);
    }
  const head = ['series', 'ratio of medians', 'wanted', 'measured [of single pairs]', ''];
  return `${table(head, rows)}\n\n${rows.length - missed} reached, ${missed} missed.`;
}
