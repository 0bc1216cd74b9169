/** Requests of every call, drawn from its codec; and the same with one length or count that the bytes behind it can't hold. */
import fc from 'fast-check';
import type { AnyCall } from '../../../src/protocols/kafka/call.ts';
import { Reading } from '../../../src/protocols/kafka/reading.ts';
import type { Codec } from '../../../src/protocols/kafka/schema.ts';
import { Writing } from '../../../src/protocols/kafka/writing.ts';
import { anyOf, editions } from './calls.ts';

export function varint(value: number): readonly number[] {
  return value >>> 0 < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >>> 7)];
}

const writing = new Writing();
/** Some of every version. */
export const bodiesOf = (call: AnyCall): [version: number, body: Uint8Array][] =>
  editions
    .filter(([one]) => one === call)
    .flatMap(([, version]) => {
      const codec = call.request.at(version) as Codec<unknown, unknown>;
      return fc.sample(anyOf(codec as Codec<unknown, never>), { numRuns: 20, seed: version }).map((value) => {
        writing.begin();
        codec.write(writing, value);
        return [version, new Uint8Array(Buffer.concat(writing.finish())).subarray(4)] as [number, Uint8Array];
      });
    });

interface Mark {
  readonly from: number;
  readonly to: number;
  /** Of the length that stands there: 0 for varints. */
  readonly width: 0 | 2 | 4;
}

/** Notes where the lengths and counts of a message stand. */
class Mapping extends Reading {
  readonly marks: Mark[] = [];

  override stringLength(compact: boolean): number {
    const from = this.position;
    return this.#note(from, compact ? 0 : 2, super.stringLength(compact));
  }
  override length(compact: boolean): number {
    const from = this.position;
    return this.#note(from, compact ? 0 : 4, super.length(compact));
  }
  override tagged(...given: Parameters<Reading['tagged']>): void {
    const from = this.position;
    super.varint();
    this.#note(from, 0, 0);
    this.position = from;
    super.tagged(...given);
  }

  #note(from: number, width: Mark['width'], found: number): number {
    this.marks.push({ from, to: this.position, width });
    return found;
  }
}

const TOO_MUCH = {
  0: [varint(0xffff_ffff), varint(0x7fff_ffff)],
  2: [
    [0x7f, 0xff],
    [0xff, 0xfe],
  ],
  4: [
    [0x7f, 0xff, 0xff, 0xff],
    [0xff, 0xff, 0xff, 0xfe],
    [0x80, 0, 0, 0],
  ],
} as const;

/** One more than there are bytes behind the mark. */
function oneTooMany({ to, width }: Mark, bytes: Uint8Array): readonly number[] {
  const count = bytes.length - to + 1;
  if (width === 0) return varint(count + 1);
  return width === 2 ? [count >> 8, count & 0xff] : [0, count >> 16, (count >> 8) & 0xff, count & 0xff];
}

/** @returns each with its place. */
export function liesOf(call: AnyCall, version: number, body: Uint8Array): { at: number; bytes: Uint8Array }[] {
  const mapping = new Mapping(body);
  (call.request.at(version) as Codec<unknown, never>).read(mapping);
  return mapping.marks.flatMap((mark) =>
    [...TOO_MUCH[mark.width], oneTooMany(mark, body)].map((wrong) => ({
      at: mark.from,
      bytes: Uint8Array.from([...body.subarray(0, mark.from), ...wrong, ...body.subarray(mark.to)]),
    })),
  );
}
