/** Figures → tables for people, in Markdown, and the list of targets that were missed. */
import type { Quantiles, SeriesResult, SideResult } from './compare.ts';
import type { Target } from './series.ts';
import type { Row } from './standing.ts';
import { short, showSpread } from './stats.ts';

export function seriesTable(results: readonly SeriesResult[]): string {
  const lines = [
    '| series | side | speed | MB/s | CPU s/GB | CPU µs/request | peak RSS, MiB | ack p50 / p99 / p99.9, ms | end to end, ms |',
    '|---|---|---|---|---|---|---|---|---|',
  ];
  for (const { series, sides, speedRatio, cpuRatio } of results) {
    for (const side of sides) lines.push(sideLine(series.name, series.unit, side));
    lines.push(`| | **ratio** | **${showSpread(speedRatio)}** | | CPU **${showSpread(cpuRatio)}** | | | | |`);
  }
  return lines.join('\n');
}

function sideLine(name: string, unit: string, side: SideResult): string {
  const cells = [
    name,
    side.label,
    `${showSpread(side.speed)} ${unit}`,
    short(side.megabytes.median),
    showSpread(side.cpuPerGigabyte),
    short(side.cpuMicrosPerRequest.median),
    short(side.rssPeakMib),
    showQuantiles(side.ack),
    showQuantiles(side.endToEnd),
  ];
  return `| ${cells.join(' | ')} |`;
}

const showQuantiles = (of: Quantiles | undefined): string =>
  of === undefined ? '' : `${showSpread(of.p50)} / ${showSpread(of.p99)} / ${showSpread(of.p999)}`;

export function standingTable(rows: readonly Row[]): string {
  const lines = ['| figure | value | at most |', '|---|---|---|'];
  for (const { name, value, unit, atMost } of rows) {
    const shown = value.min === value.max ? short(value.median) : showSpread(value);
    lines.push(`| ${name} | ${shown} ${unit} | ${atMost === undefined ? '' : short(atMost)} |`);
  }
  return lines.join('\n');
}

/** One line for each target that the medians do not reach. */
export function missesOf(results: readonly SeriesResult[], rows: readonly Row[], syncMs: number): string[] {
  const series = results.flatMap((result) =>
    seriesMisses(result, result.series.target, syncMs).map((miss) => `- ${result.series.name}: ${miss}`),
  );
  const standing = rows
    .filter(({ value, atMost }) => atMost !== undefined && value.median > atMost)
    .map(({ name, value, unit, atMost }) => `- ${name}: ${short(value.median)} ${unit}, at most ${atMost}`);
  return [...series, ...standing];
}

function seriesMisses({ sides, speedRatio, cpuRatio }: SeriesResult, target: Target, syncMs: number): string[] {
  const misses: string[] = [];
  const { speed, cpu, p99, p999 } = target;
  const ack = sides.at(-1)?.ack;
  if (speed !== undefined && speedRatio.median < speed)
    misses.push(`speed ${short(speedRatio.median)} of ${sides[0]?.label}, at least ${speed}`);
  if (cpu !== undefined && cpuRatio.median > cpu)
    misses.push(`CPU ${short(cpuRatio.median)} times that of ${sides[0]?.label}, at most ${cpu}`);
  if (p99 !== undefined && ack !== undefined && ack.p99.median > p99 * syncMs)
    misses.push(`ack p99 ${short(ack.p99.median / syncMs)} times an fdatasync, at most ${p99}`);
  if (p999 !== undefined && ack !== undefined && ack.p999.median > p999 * syncMs)
    misses.push(`ack p99.9 ${short(ack.p999.median / syncMs)} times an fdatasync, at most ${p999}`);
  return misses;
}
