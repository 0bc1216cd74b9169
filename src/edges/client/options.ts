/** Checks of the numbers that callers set: what is wrong is named before anything starts. No state. */
import { CallboardError } from './errors.ts';

export function positive(name: string, value: number): number {
  if (Number.isFinite(value) && value > 0) return value;
  throw new CallboardError('INVALID_OPTION', `${name} must be a number above 0, not ${value}`);
}

export function notNegative(name: string, value: number): number {
  if (Number.isFinite(value) && value >= 0) return value;
  throw new CallboardError('INVALID_OPTION', `${name} must be a number from 0, not ${value}`);
}
