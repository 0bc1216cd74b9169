/** Numbers of several runs → one line: median, spread, percentiles, ratios; and lines → a table. Knows nothing of what was measured. */

export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export function spread(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  return { median: atShare(sorted, 0.5), min: sorted[0] ?? Number.NaN, max: sorted.at(-1) ?? Number.NaN };
}

/** The value that `share` of the sorted `values` stay below or meet; between two of them for a median of an even count. */
export function atShare(sorted: ArrayLike<number>, share: number): number {
  const place = (sorted.length - 1) * share;
  const below = sorted[Math.floor(place)] ?? Number.NaN;
  const above = sorted[Math.ceil(place)] ?? Number.NaN;
  return below + (above - below) * (place - Math.floor(place));
}

/** Latencies in ms that were gathered in one run. */
export interface Percentiles {
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
  readonly count: number;
}

export function percentiles(values: Float64Array): Percentiles {
  const sorted = values.toSorted();
  return {
    p50: atShare(sorted, 0.5),
    p99: atShare(sorted, 0.99),
    p999: atShare(sorted, 0.999),
    max: sorted.at(-1) ?? Number.NaN,
    count: sorted.length,
  };
}

/** Three digits that count, as people read them. */
export function short(value: number): string {
  if (!Number.isFinite(value)) return '–';
  const size = Math.abs(value);
  if (size >= 100) return Math.round(value).toLocaleString('en');
  return size >= 10 ? value.toFixed(1) : value.toFixed(2);
}

/** One value alone has no spread. */
export const showSpread = ({ median, min, max }: Spread): string =>
  min === max ? short(median) : `${short(median)} [${short(min)}..${short(max)}]`;

export function table(columns: readonly string[], lines: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(columns), `|${'---|'.repeat(columns.length)}`, ...lines.map(line)].join('\n');
}
