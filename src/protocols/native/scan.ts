/**
 * Walks msgpack bytes from outside before they are decoded, so that decoding can't cost more than a small multiple of
 * what was received: no array larger than its bytes, no deep nesting, no keys but strings, nothing behind the value.
 * Linear in the bytes, allocates nothing per value, decodes nothing.
 */

/** The deepest call nests 5. */
const DEPTH_MAX = 8;

/** Bytes behind the format byte, for formats 0xc0..0xdf whose length is fixed; -1: not allowed (never used, bin, ext). */
const FIXED_BYTES: readonly number[] = [
  0, -1, 0, 0, -1, -1, -1, -1, -1, -1, 4, 8, 1, 2, 4, 8, 1, 2, 4, 8, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0,
];

/** Is this exactly one msgpack map out of nil, booleans, numbers, strings, arrays and maps with string keys? */
export function isPlainMap(bytes: Uint8Array): boolean {
  const first = bytes[0] ?? 0xc1;
  if ((first & 0xf0) !== 0x80 && first !== 0xde && first !== 0xdf) return false;
  const walk = new Walk(bytes);
  return walk.value(0) && walk.at === bytes.length;
}

class Walk {
  readonly #bytes: Uint8Array;
  at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Steps over one value; recursion is bounded by the depth. */
  value(depth: number): boolean {
    if (depth > DEPTH_MAX || this.at >= this.#bytes.length) return false;
    const format = this.#byte();
    if (format <= 0x7f || format >= 0xe0) return true;
    if (format <= 0x8f) return this.#map(format & 0x0f, depth);
    if (format <= 0x9f) return this.#items(format & 0x0f, depth);
    if (format <= 0xbf) return this.#skip(format & 0x1f);
    if (format >= 0xd9) return this.#sized(format, depth);
    const length = FIXED_BYTES[format - 0xc0] ?? -1;
    return length >= 0 && this.#skip(length);
  }

  /** Formats whose length follows: strings, arrays, maps. */
  #sized(format: number, depth: number): boolean {
    if (format === 0xd9) return this.#skip(this.#number(1));
    if (format === 0xda) return this.#skip(this.#number(2));
    if (format === 0xdb) return this.#skip(this.#number(4));
    const count = this.#number(format === 0xdc || format === 0xde ? 2 : 4);
    return format <= 0xdd ? this.#items(count, depth) : this.#map(count, depth);
  }

  #items(count: number, depth: number): boolean {
    if (count > this.#bytes.length - this.at) return false;
    for (let left = count; left > 0; left--) if (!this.value(depth + 1)) return false;
    return true;
  }

  #map(count: number, depth: number): boolean {
    if (2 * count > this.#bytes.length - this.at) return false;
    for (let left = count; left > 0; left--) {
      const key = this.#bytes[this.at] ?? 0;
      const isString = (key & 0xe0) === 0xa0 || (key >= 0xd9 && key <= 0xdb);
      if (!isString || !this.value(depth + 1) || !this.value(depth + 1)) return false;
    }
    return true;
  }

  #skip(length: number): boolean {
    this.at += length;
    return this.at <= this.#bytes.length;
  }

  #byte(): number {
    return this.#bytes[this.at++] ?? 0;
  }

  #number(bytes: number): number {
    let value = 0;
    for (let left = bytes; left > 0; left--) value = value * 256 + this.#byte();
    return value;
  }
}
