/** All calls of Kafka's protocol there are, found by their files; and any values of a call's version, drawn from its codec. */
import { readdirSync } from 'node:fs';
import fc from 'fast-check';
import type { AnyCall } from '../../../src/protocols/kafka/call.ts';
import { Reading } from '../../../src/protocols/kafka/reading.ts';
import type { Codec } from '../../../src/protocols/kafka/schema.ts';
import type { Part, Values } from '../../../src/protocols/kafka/struct.ts';

const folder = new URL('../../../src/protocols/kafka/calls/', import.meta.url);

export const calls: readonly AnyCall[] = await Promise.all(
  readdirSync(folder)
    .filter((file) => file !== 'index.ts')
    .map(async (file) => {
      const [call] = Object.values((await import(new URL(file, folder).href)) as Record<string, AnyCall>);
      if (call === undefined) throw new Error(`${file} has no call`);
      return call;
    }),
);

/** Every version of every call. */
export const editions: readonly (readonly [call: AnyCall, version: number])[] = calls.flatMap((call) => {
  const [first, last] = call.versions;
  return Array.from({ length: last - first + 1 }, (_none, index) => [call, first + index] as const);
});

/** Answers a codec's questions with drawn values, where a {@link Reading} would look at bytes. */
class Drawing extends Reading {
  readonly #draw: fc.GeneratorValue;

  constructor(draw: fc.GeneratorValue) {
    super(new Uint8Array(0));
    this.#draw = draw;
  }

  /** A null was drawn where there is none: the codec goes on with its zero. */
  override fail(): number {
    return 0;
  }
  override int8(): number {
    return this.#draw(fc.integer, { min: -0x80, max: 0x7f });
  }
  override int16(): number {
    return this.#draw(fc.integer, { min: -0x8000, max: 0x7fff });
  }
  override int32(): number {
    return this.#draw(fc.integer, { min: -0x8000_0000, max: 0x7fff_ffff });
  }
  override int64(): number {
    return this.#draw(fc.maxSafeInteger);
  }
  override float64(): number {
    return this.#draw(fc.double);
  }
  override stringLength(): number {
    return this.#draw(fc.integer, { min: -1, max: 40 });
  }
  override length(): number {
    return this.#draw(fc.integer, { min: -1, max: 200 });
  }
  override count(): number {
    return this.#draw(fc.integer, { min: -1, max: 2 });
  }
  override view(length: number): Uint8Array {
    return this.#draw(fc.uint8Array, { minLength: length, maxLength: length });
  }
  override text(length: number): string {
    return this.#draw(fc.string, { unit: 'binary', minLength: length, maxLength: length });
  }
  override uuid(): string {
    return Buffer.from(this.view(16)).toString('hex');
  }
  override tagged(known: readonly Part[], values: Values): void {
    for (const part of known) if (this.#draw(fc.boolean)) values[part.name] = part.codec.read(this);
  }
}

/** Any value that `codec` can carry. */
export const anyOf = <R>(codec: Codec<R, never>): fc.Arbitrary<R> =>
  fc.gen().map((draw) => codec.read(new Drawing(draw)));
