/** Numbers as people write them: `64KiB`, `7d`. Decides what a text means; knows nothing of what it is for. */
import { GIB, KIB, MIB } from './limits.ts';

export type Units = Readonly<Record<string, number>>;
export const NO_UNITS: Units = {};
export const BYTE_UNITS: Units = { B: 1, KiB: KIB, MiB: MIB, GiB: GIB, TiB: 1024 * GIB };
export const TIME_UNITS: Units = { ms: 1, s: 1_000, min: 60_000, h: 3_600_000, d: 86_400_000 };

/** The units that a setting's name promises: names end in their unit (`retentionMs`, `segmentBytes`, `batchBytesMax`). */
export function unitsOf(name: string): Units {
  if (/Ms(Max|Min)?$/.test(name)) return TIME_UNITS;
  return /Bytes(Max|Min)?$/.test(name) ? BYTE_UNITS : NO_UNITS;
}

/** A whole number, by itself or followed by one of `units`; undefined for anything else. */
export function parseQuantity(given: unknown, units: Units): number | undefined {
  if (typeof given !== 'string' && typeof given !== 'number') return undefined;
  const [, digits, unit = ''] = /^(-?\d+) ?([A-Za-z]*)$/.exec(String(given).trim()) ?? [];
  const factor = unit === '' ? 1 : Object.hasOwn(units, unit) ? units[unit] : undefined;
  if (digits === undefined || factor === undefined) return undefined;
  const value = Number(digits) * factor;
  return Number.isSafeInteger(value) ? value : undefined;
}

/** In the largest unit that leaves no fraction: parseQuantity reads it back. */
export function showBytes(count: number): string {
  const unit = ['GiB', 'MiB', 'KiB'].find((name) => count !== 0 && count % (BYTE_UNITS[name] ?? 1) === 0);
  return unit === undefined ? `${count}` : `${count / (BYTE_UNITS[unit] ?? 1)}${unit}`;
}
