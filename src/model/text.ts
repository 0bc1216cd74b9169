/** UTF-8 written straight into a growing buffer, so that a string costs no array of its own. A lone surrogate becomes U+FFFD. */

const encoder = new TextEncoder();

/** Bytes that `text` takes in UTF-8. */
export function utf8Bytes(text: string): number {
  let bytes = text.length;
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    if (unit < 0x80) continue;
    if (unit < 0x800) bytes += 1;
    else bytes += 2;
    // A pair of surrogates is two units and four bytes.
    if (unit >= 0xd800 && unit < 0xdc00 && isLowSurrogate(text.charCodeAt(index + 1))) index++;
  }
  return bytes;
}

/** Writes `text`, whose {@link utf8Bytes} are `length`, and returns the position behind it. */
export function writeUtf8(bytes: Uint8Array, at: number, text: string, length: number): number {
  if (length === text.length) {
    for (let index = 0; index < length; index++) bytes[at + index] = text.charCodeAt(index);
  } else {
    encoder.encodeInto(text, bytes.subarray(at, at + length));
  }
  return at + length;
}

function isLowSurrogate(unit: number): boolean {
  return unit >= 0xdc00 && unit < 0xe000;
}

/** FNV-1a (32 bit) over UTF-16 units, low byte first: places in the folder's format follow from it. */
export function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    hash = Math.imul(hash ^ (unit & 0xff), 0x01000193);
    if (unit > 0xff) hash = Math.imul(hash ^ (unit >>> 8), 0x01000193);
  }
  return hash >>> 0;
}
