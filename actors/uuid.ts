/** Ids that nobody had before, for who has none yet. */
import type { Random } from '../runtime/ports.ts';

/** 16 unpredictable bytes, as UUIDs are written. */
export function freshUuid(random: Random): string {
  const hex = [...random.bytes(16)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}
