/**
 * A cursor over the bytes of one message, in Kafka's primitive types. Never throws on bad input and never reads or
 * allocates beyond the bytes that are there: it remembers that it failed, and answers zeros and empty things from then on.
 */
import { readInt16, readInt32, readInt64 } from '../../model/bytes.ts';
import { utf8Bytes, writeUtf8 } from '../../model/text.ts';
import type { Part, Values } from './struct.ts';

/** Also of compact strings, whose length would have room for more: as Kafka's own readers. */
export const STRING_BYTES_MAX = 0x7fff;
/**
 * Elements of all arrays of one message: an empty struct takes two bytes on the wire and a hundred in memory. Room for
 * ten elements for each of the partitions that a request may name.
 */
export const ELEMENTS_MAX = 100_000;
/** A topic id that is not known. */
export const NO_UUID = '00000000000000000000000000000000';

/** Strings up to this many bytes are put together from their characters, longer ones by the decoder. */
const SHORT_STRING_BYTES = 32;
const NOTHING = new Uint8Array(0);
/** Characters of the string that is being put together. */
const codes: number[] = [];
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
const scratch = new DataView(new ArrayBuffer(8));

export class Reading {
  readonly bytes: Uint8Array;
  position: number;
  end: number;
  /** Something did not fit: what was read since means nothing. */
  failed = false;
  #elements = 0;

  constructor(bytes: Uint8Array, from = 0) {
    this.bytes = bytes;
    this.position = from;
    this.end = bytes.length;
  }

  get left(): number {
    return this.end - this.position;
  }

  /** For callers that find what was read impossible. */
  fail(): number {
    this.failed = true;
    this.position = this.end;
    return 0;
  }

  int8(): number {
    const at = this.position;
    if (at >= this.end) return this.fail();
    this.position = at + 1;
    return ((this.bytes[at] ?? 0) << 24) >> 24;
  }

  int16(): number {
    const at = this.position;
    if (at + 2 > this.end) return this.fail();
    this.position = at + 2;
    return readInt16(this.bytes, at);
  }

  int32(): number {
    const at = this.position;
    if (at + 4 > this.end) return this.fail();
    this.position = at + 4;
    return readInt32(this.bytes, at);
  }

  /** Fails beyond safe integers. */
  int64(): number {
    const at = this.position;
    if (at + 8 > this.end) return this.fail();
    this.position = at + 8;
    const value = readInt64(this.bytes, at);
    return Number.isSafeInteger(value) ? value : this.fail();
  }

  float64(): number {
    const high = this.int32();
    scratch.setInt32(0, high);
    scratch.setInt32(4, this.int32());
    return this.failed ? 0 : scratch.getFloat64(0);
  }

  /** Unsigned, 32 bits in at most 5 bytes, 7 bits each, lowest first. */
  varint(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const at = this.position;
      if (at >= this.end) return this.fail();
      this.position = at + 1;
      const byte = this.bytes[at] ?? 0;
      if (byte < 0x80 && shift === 0) return byte;
      if (shift === 28 && byte > 0x0f) break;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value >>> 0;
    }
    return this.fail();
  }

  /** Length of a string, or -1 for null: two bytes, or compact as a varint of one more than it is. */
  stringLength(compact: boolean): number {
    const length = compact ? this.varint() - 1 : this.int16();
    return length > STRING_BYTES_MAX ? this.fail() : length;
  }

  /** Length of bytes or count of an array, or -1 for null: four bytes, or compact as a varint of one more than it is. */
  length(compact: boolean): number {
    return compact ? this.varint() - 1 : this.int32();
  }

  /** Count of an array each of whose elements takes at least `least` bytes, or -1 for null. */
  count(compact: boolean, least: number): number {
    const count = this.length(compact);
    if (count <= 0) return count;
    if (count * least > this.left || this.#elements + count > ELEMENTS_MAX) return this.fail();
    this.#elements += count;
    return count;
  }

  /** Views the next `length` bytes where they lie. */
  view(length: number): Uint8Array {
    const at = this.position;
    if (length < 0 || length > this.end - at) {
      this.fail();
      return NOTHING;
    }
    this.position = at + length;
    return this.bytes.subarray(at, at + length);
  }

  /** UTF-8; fails where it is malformed, so that no two names become one, and none gets longer when it is sent back. */
  text(length: number): string {
    const at = this.position;
    if (length < 0 || length > this.end - at) {
      this.fail();
      return '';
    }
    this.position = at + length;
    if (length === 0) return '';
    return (length <= SHORT_STRING_BYTES && asciiText(this.bytes, at, length)) || this.#decode(at, length);
  }

  /** 32 lower-case hexadecimal digits. */
  uuid(): string {
    const at = this.position;
    if (at + 16 > this.end) {
      this.fail();
      return NO_UUID;
    }
    this.position = at + 16;
    codes.length = 32;
    for (let index = 0; index < 16; index++) {
      const byte = this.bytes[at + index] ?? 0;
      codes[2 * index] = hexDigit(byte >> 4);
      codes[2 * index + 1] = hexDigit(byte & 0x0f);
    }
    return String.fromCharCode.apply(null, codes);
  }

  /** The tagged fields behind a struct: puts those that are `known` into `values`, steps over the others. Tags rise. */
  tagged(known: readonly Part[], values: Values): void {
    const count = this.varint();
    if (count === 0) return;
    // Each takes two bytes at least.
    if (count * 2 > this.left) this.fail();
    let last = -1;
    for (let left = count; left > 0 && !this.failed; left--) {
      const tag = this.varint();
      const size = this.varint();
      if (tag <= last || size > this.left) this.fail();
      else this.#sized(size, known, tag, values);
      last = tag;
    }
  }

  /** A tagged field fills its size exactly, and sees nothing behind it. */
  #sized(size: number, known: readonly Part[], tag: number, values: Values): void {
    const { end } = this;
    const next = this.position + size;
    const part = known.find((one) => one.tag === tag);
    if (part === undefined) {
      this.position = next;
      return;
    }
    this.end = next;
    values[part.name] = part.codec.read(this);
    this.end = end;
    if (this.failed || this.position !== next) this.fail();
  }

  #decode(at: number, length: number): string {
    // A copy: decoders take no views of shared memory.
    const bytes = this.bytes.slice(at, at + length);
    const text = decoder.decode(bytes);
    if (text.includes('\ufffd') && !isEncoded(text, bytes)) this.fail();
    return this.failed ? '' : text;
  }
}

/** '' where a byte is not ASCII. */
function asciiText(bytes: Uint8Array, at: number, length: number): string {
  codes.length = length;
  for (let index = 0; index < length; index++) {
    const byte = bytes[at + index] ?? 0;
    if (byte >= 0x80) return '';
    codes[index] = byte;
  }
  return String.fromCharCode.apply(null, codes);
}

/** Character code of a digit below 16: `0` to `9`, `a` to `f`. */
const hexDigit = (digit: number): number => digit + (digit < 10 ? 0x30 : 0x57);

/** Do `bytes` hold exactly `text`? A replacement character may have been sent, or stand for what was malformed. */
function isEncoded(text: string, bytes: Uint8Array): boolean {
  const length = utf8Bytes(text);
  if (length !== bytes.length) return false;
  const again = new Uint8Array(length);
  writeUtf8(again, 0, text, length);
  return again.every((byte, index) => byte === bytes[index]);
}
