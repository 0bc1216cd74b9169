/**
 * A small JSON file that carries a checksum of itself: readable for people, and no flipped bit of it goes unnoticed. Says
 * how it is written and what is wrong with one; neither reads nor writes files.
 */

/** Over the text, as an unsigned 32-bit number. */
export type TextChecksum = (text: string) => number;

const seal = (fields: Readonly<Record<string, unknown>>, checksum: TextChecksum): string =>
  checksum(JSON.stringify(fields)).toString(16).padStart(8, '0');

/** The fields in their order, and last the checksum over them. */
export function checkedText(fields: Readonly<Record<string, unknown>>, checksum: TextChecksum): string {
  return `${JSON.stringify({ ...fields, checksum: seal(fields, checksum) }, null, 2)}\n`;
}

/** What stands there, as far as it can be read, and what is wrong with it, in words; null when it is as it was written. */
export function readChecked(
  text: string,
  checksum: TextChecksum,
): { readonly value: Readonly<Record<string, unknown>>; readonly wrong: string | null } {
  const parsed = parse(text);
  if (typeof parsed === 'string') return { value: {}, wrong: parsed };
  const { checksum: stated, ...value } = parsed;
  if (stated === undefined) return { value, wrong: 'it has no checksum' };
  const isSound = stated === seal(value, checksum) && text === checkedText(value, checksum);
  return { value, wrong: isSound ? null : 'it does not match its checksum' };
}

function parse(text: string): Record<string, unknown> | string {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return `it is no JSON (${(error as Error).message})`;
  }
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  return isObject ? { ...(value as object) } : 'it is no object';
}
