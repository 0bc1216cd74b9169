/** Figures → Markdown for people: verdicts, tables, what failed. Measures nothing and judges nothing. */
import type { Quantiles, SeriesResult, SideResult } from './compare.ts';
import type { Row } from './standing.ts';
import { type Percentiles, type Spread, short, showSpread, spread, table } from './stats.ts';
import { type Verdict, verdictsOf } from './verdicts.ts';

/** All that a run found; what `--json` writes and `--from` reads. */
export interface Figures {
  readonly machine: string;
  readonly began: string;
  readonly minutes: number;
  /** Series and groups of figures that the run did not come to. */
  readonly missing: number;
  readonly options: string;
  /** fdatasync of the machine after 4 KiB, some before each series. */
  readonly syncMs: Percentiles;
  readonly results: readonly SeriesResult[];
  readonly rows: readonly Row[];
  readonly failures: readonly string[];
}

/** Below that it is the kernel's own work. */
const SHARED_CORES = 0.15;

/** The verdicts, and what has to be known of the run to read them. */
export function summaryText(figures: Figures): string {
  const verdicts = verdictsOf(figures.results, figures.rows, figures.syncMs.p50);
  const missed = verdicts.filter(({ state }) => state === 'missed');
  const lists = [
    missesList('Missed', missed),
    missesList(
      'Not judged',
      verdicts.filter(({ state }) => state === 'not judged'),
    ),
    figures.failures.length === 0 ? '' : `Failed:\n\n${figures.failures.map((one) => `- ${one}`).join('\n')}`,
  ].filter((text) => text !== '');
  if (verdicts.length > 0 && verdicts.every(({ state }) => state === 'reached'))
    lists.unshift('All targets were reached.');
  return [head(figures), verdictTable(verdicts), ...lists].filter((text) => text !== '').join('\n\n');
}

export function figuresText({ results, rows }: Figures): string {
  const latencies = results.filter(({ family }) => family === 'latency');
  const loads = results.filter(({ family }) => family !== 'latency');
  const scaled = loads.filter(({ sides }) => sides.length > 2);
  const tables = [
    loads.length === 0 ? '' : loadTable(loads),
    latencies.length === 0 ? '' : latencyTable(latencies),
    scaled.length === 0 ? '' : scalingTable(scaled),
    rows.length === 0 ? '' : standingTable(rows),
  ];
  return tables.filter((text) => text !== '').join('\n\n');
}

function head({ machine, began, minutes, missing, options, syncMs, results }: Figures): string {
  const others = spread(results.flatMap(({ sides }) => sides.map((side) => side.othersCpu.median)));
  const lines = [
    `${machine}; ${began.slice(0, 16).replace('T', ' ')} UTC, ${Math.ceil(minutes)} minutes; ${options}.`,
    `fdatasync after 4 KiB in that time: p50 ${short(syncMs.p50)} ms, p99 ${short(syncMs.p99)}, p99.9 ${short(syncMs.p999)}.`,
  ];
  if (results.length > 0) lines.push(`Cores used by anything else during the runs: ${showSpread(others)}.`);
  if (others.median > SHARED_CORES) lines.push('**The machine was shared: believe little of it.**');
  if (missing > 0) lines.push(`**Interrupted**: ${missing} series or groups of figures were not come to.`);
  return lines.join(' ');
}

function missesList(title: string, verdicts: readonly Verdict[]): string {
  if (verdicts.length === 0) return '';
  const lines = verdicts.map(
    ({ name, measured, wanted, note }) => `- ${name}: ${measured}, wanted: ${wanted}${note === '' ? '' : ` (${note})`}`,
  );
  return `${title}:\n\n${lines.join('\n')}`;
}

function verdictTable(verdicts: readonly Verdict[]): string {
  if (verdicts.length === 0) return '';
  const lines = verdicts.map(({ name, wanted, measured, state, note }) => [
    name,
    wanted,
    measured,
    state === 'reached' ? state : `**${state}**`,
    note,
  ]);
  return table(['target', 'wanted', 'measured', 'verdict', 'beside it'], lines);
}

const ratioOf = (index: number, ratio: Spread): string => (index === 0 ? '' : `**${showSpread(ratio)}**`);
const percent = ({ median }: Spread): string => `${Math.round(100 * median)} %`;

function loadTable(results: readonly SeriesResult[]): string {
  const columns = [
    'series',
    'side',
    'speed',
    'of the first',
    'records/s',
    'CPU s/GB',
    'CPU µs/request',
    'CPU of the first',
    'peak RSS, MiB',
    "generator's core",
    'cores busy',
  ];
  const line = ({ name, unit }: SeriesResult, side: SideResult, index: number): string[] => [
    index === 0 ? name : '',
    side.label,
    `${showSpread(side.speed)} ${unit}`,
    ratioOf(index, side.speedRatio),
    short(side.recordsPerSecond.median),
    showSpread(side.cpuPerGigabyte),
    short(side.cpuMicrosPerRequest.median),
    ratioOf(index, side.cpuRatio),
    short(side.rssPeakMib),
    percent(side.generatorCpu),
    short(side.machineCpu.median),
  ];
  return table(
    columns,
    results.flatMap((result) => result.sides.map((side, index) => line(result, side, index))),
  );
}

const showQuantiles = (of: Quantiles | undefined): string[] =>
  of === undefined ? ['', '', ''] : [showSpread(of.p50), showSpread(of.p99), showSpread(of.p999)];

function latencyTable(results: readonly SeriesResult[]): string {
  const columns = [
    'series',
    'side',
    'ack p50, ms',
    'p99',
    'p99.9',
    'end to end p50, ms',
    'p99',
    'p99.9',
    'CPU µs/request',
    'CPU of the first',
    'generator late p99',
  ];
  const line = ({ name }: SeriesResult, side: SideResult, index: number): string[] => [
    index === 0 ? name : '',
    side.label,
    ...showQuantiles(side.latency?.ack),
    ...showQuantiles(side.latency?.endToEnd),
    short(side.cpuMicrosPerRequest.median),
    ratioOf(index, side.cpuRatio),
    side.latency === undefined ? '' : showSpread(side.latency.late.p99),
  ];
  return table(
    columns,
    results.flatMap((result) => result.sides.map((side, index) => line(result, side, index))),
  );
}

/** What another number of shards brings, of medians: beside the judged side. */
function scalingTable(results: readonly SeriesResult[]): string {
  const lines = results.flatMap(({ name, unit, sides }) => {
    const [, judged, ...others] = sides;
    if (judged === undefined) return [];
    return others.map((other) => [
      name,
      `${judged.label}: ${short(judged.speed.median)} ${unit}`,
      `${other.label}: ${short(other.speed.median)} ${unit}`,
      short(other.speed.median / judged.speed.median),
      short(other.cpuMicrosPerRequest.median / judged.cpuMicrosPerRequest.median),
    ]);
  });
  return table(['scaling', 'judged', 'beside it', 'speed', 'CPU a request'], lines);
}

function standingTable(rows: readonly Row[]): string {
  const lines = rows.map(({ name, value, unit, atMost }) => [
    name,
    `${showSpread(value)} ${unit}`,
    atMost === undefined ? '' : short(atMost),
  ]);
  return table(['figure', 'value', 'at most'], lines);
}
