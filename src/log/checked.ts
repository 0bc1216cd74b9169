/**
 * Small files that are replaced whole: one line of JSON (for people with nothing but `cat`), then one line with its
 * CRC-32C in eight hexadecimal digits. Knows nothing of what the values mean.
 */
import type { Crc32c } from '../model/crc.ts';

/** Of the line with the checksum. */
export const CHECK_BYTES = 9;
const NEWLINE = 0x0a;

export function encodeChecked(value: unknown, crc32c: Crc32c): Uint8Array {
  const line = new TextEncoder().encode(`${JSON.stringify(value)}\n`);
  const bytes = new Uint8Array(line.length + CHECK_BYTES);
  bytes.set(line);
  new TextEncoder().encodeInto(checkOf(line, crc32c), bytes.subarray(line.length));
  return bytes;
}

/** @returns the value, or why there is none: a bit has changed, or bytes are missing. */
export function decodeChecked(bytes: Uint8Array, crc32c: Crc32c): { readonly value: unknown } | string {
  const lineEnd = bytes.length - CHECK_BYTES;
  if (lineEnd <= 0 || bytes[lineEnd - 1] !== NEWLINE || bytes[bytes.length - 1] !== NEWLINE) return 'it is not whole';
  const line = bytes.subarray(0, lineEnd);
  if (new TextDecoder().decode(bytes.subarray(lineEnd)) !== checkOf(line, crc32c)) return 'its checksum does not hold';
  return { value: JSON.parse(new TextDecoder().decode(line)) };
}

function checkOf(line: Uint8Array, crc32c: Crc32c): string {
  return `${crc32c(line)
    .toString(16)
    .padStart(CHECK_BYTES - 1, '0')}\n`;
}
