/**
 * Zigzag variable-length integers as Kafka's records have them: 7 bits a byte, lowest first, the high bit says that more
 * follow. Never throws on bad input: the reader remembers that it failed and answers 0 from then on.
 */

/** Numbers are split at this power of two, so that both halves stay exact without bigint. */
const HALF_BITS = 27;
const HALF = 2 ** HALF_BITS;

/** Nearly all lengths and deltas lie within: integer operations do. */
const SMALL = 2 ** 30;

/** Bytes that `value`, a safe integer, takes. */
export function varintBytes(value: number): number {
  // 7 bits a byte, rounded up; 0 takes one as well.
  if (value >= -SMALL && value < SMALL) return Math.ceil((32 - Math.clz32(zigzag(value) | 1)) / 7);
  let bytes = 1;
  // The lowest byte holds 6 bits of the number beside the sign.
  for (let rest = Math.floor(magnitude(value) / 64); rest > 0; rest = Math.floor(rest / 128)) bytes++;
  return bytes;
}

/** Writes `value`, a safe integer, and returns the position behind it. The same bytes for varint and varlong. */
export function writeVarint(bytes: Uint8Array, at: number, value: number): number {
  if (value < -SMALL || value >= SMALL) return writeLarge(bytes, at, value);
  let position = at;
  let rest = zigzag(value);
  for (; rest > 0x7f; rest >>>= 7) bytes[position++] = (rest & 0x7f) | 0x80;
  bytes[position++] = rest;
  return position;
}

function writeLarge(bytes: Uint8Array, at: number, value: number): number {
  let low = (magnitude(value) % HALF) * 2 + (value < 0 ? 1 : 0);
  let rest = Math.floor(magnitude(value) / HALF);
  let position = at;
  // Four bytes carry the 28 bits of the low half; the high half, which is not 0 here, goes on where they end.
  for (let group = 0; group < 4; group++) {
    bytes[position++] = (low & 0x7f) | 0x80;
    low >>>= 7;
  }
  for (; rest > 0x7f; rest = Math.floor(rest / 128)) bytes[position++] = (rest % 128) | 0x80;
  bytes[position++] = rest;
  return position;
}

/** The sign in the lowest bit, for {@link SMALL} numbers. */
const zigzag = (value: number): number => ((value << 1) ^ (value >> 31)) >>> 0;
/** What zigzag keeps above the sign. */
const magnitude = (value: number): number => (value < 0 ? -value - 1 : value);

/** Walks variable-length integers and raw bytes from `position` to `end`. Reused: `over` starts it anew. */
export class VarintReader {
  bytes: Uint8Array = new Uint8Array(0);
  position = 0;
  end = 0;
  /** Something did not fit: what was read since means nothing. */
  failed = false;

  over(bytes: Uint8Array, from: number, to: number): this {
    this.bytes = bytes;
    this.position = from;
    this.end = to;
    this.failed = false;
    return this;
  }

  /** 32 bits, at most 5 bytes. */
  varint(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.byte();
      if (shift === 28 && byte > 0x0f) break;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return (value >>> 1) ^ -(value & 1);
    }
    return this.fail();
  }

  /** 64 bits, at most 10 bytes; fails beyond safe integers. */
  varlong(): number {
    let low = 0;
    let high = 0;
    let weight = 1;
    for (let group = 0; group < 10; group++) {
      const byte = this.byte();
      if (group < 4) low |= (byte & 0x7f) << (7 * group);
      else {
        high += (byte & 0x7f) * weight;
        weight *= 128;
      }
      if (byte >= 0x80) continue;
      const magnitude = high * HALF + (low >>> 1);
      const value = (low & 1) === 1 ? -magnitude - 1 : magnitude;
      return Number.isSafeInteger(value) ? value : this.fail();
    }
    return this.fail();
  }

  byte(): number {
    if (this.position >= this.end) return this.fail();
    return this.bytes[this.position++] ?? 0;
  }

  /** Steps over `length` bytes and returns where they begin; a negative length or one beyond the end fails. */
  skip(length: number): number {
    if (length < 0 || length > this.end - this.position) return this.fail();
    const start = this.position;
    this.position += length;
    return start;
  }

  /** For callers that find what was read impossible. */
  fail(): number {
    this.failed = true;
    this.position = this.end;
    return 0;
  }
}
