/**
 * The words in which calls are written down: types of fields, and beside a field the versions that have it. TypeScript
 * infers the values' types from them; for each version a reader and a writer are put together once, of closures that
 * look at no version any more. Names of fields come from the calls alone, never from the wire.
 *
 * A field that states its default may be left out when writing; reading gives the default where the version has no
 * such field. Flexible versions have compact lengths, and tagged fields behind every struct.
 */
import { assert } from '../../model/assert.ts';
import { NO_UUID, type Reading } from './reading.ts';
import { compileStruct } from './struct.ts';
import type { Writing } from './writing.ts';

/** One version's reader and writer. */
export interface Codec<R, W = R> {
  /** Bytes that any value takes: bounds the counts of arrays. */
  readonly least: number;
  read(reading: Reading): R;
  write(writing: Writing, value: W): void;
}

/** What a codec is put together for. */
export interface Edition {
  readonly version: number;
  readonly flexible: boolean;
  readonly nullable: boolean;
}

/** `R` is what reading gives, `W` what writing takes. */
export interface Type<R, W = R> {
  /** What reading gives where a version has no such field and no default is stated. */
  readonly zero: R;
  compile(edition: Edition): Codec<R, W>;
}

/** A type that has a null on the wire. */
export interface Nullable<R, W = R> extends Type<R, W> {
  /** With {@link Edition.nullable} it reads and writes null. */
  readonly canBeNull: true;
}

/** A type in some versions. */
export interface Field<R, W = R, Left extends boolean = boolean> {
  readonly type: Type<R, W>;
  readonly from: number;
  readonly to: number;
  /** Has a default, and so may be left out when writing. */
  readonly optional: Left;
  readonly default: R;
  /** Number of a tagged field; -1 for others. */
  readonly tag: number;
}

export type Member = Type<unknown, never> | Field<unknown, never>;
export type Members = Readonly<Record<string, Member>>;

type ReadOfMember<M> = M extends Field<infer R, never> ? R : M extends Type<infer R, never> ? R : never;
type WriteOfMember<M> =
  M extends Field<unknown, infer W> ? W : M extends { compile(edition: Edition): Codec<unknown, infer W> } ? W : never;
type MayBeLeftOut<F extends Members> = {
  [K in keyof F]: F[K] extends { readonly optional: true } ? K : never;
}[keyof F];

export type ReadOf<F extends Members> = { readonly [K in keyof F]: ReadOfMember<F[K]> };
export type WriteOf<F extends Members> = {
  readonly [K in Exclude<keyof F, MayBeLeftOut<F>>]: WriteOfMember<F[K]>;
} & { readonly [K in MayBeLeftOut<F>]?: WriteOfMember<F[K]> };

// ---- versions beside fields

const ALWAYS = Number.POSITIVE_INFINITY;

/** In the versions from `from` to `to`. */
export function range<R, W>(from: number, to: number, type: Type<R, W>): Field<R, W, false>;
export function range<R, W>(from: number, to: number, type: Type<R, W>, absent: NoInfer<R>): Field<R, W, true>;
export function range<R, W>(from: number, to: number, type: Type<R, W>, absent?: R): Field<R, W> {
  const optional = absent !== undefined;
  return { type, from, to, optional, default: optional ? absent : type.zero, tag: -1 };
}

/** From version `from` on. */
export function since<R, W>(from: number, type: Type<R, W>): Field<R, W, false>;
export function since<R, W>(from: number, type: Type<R, W>, absent: NoInfer<R>): Field<R, W, true>;
export function since<R, W>(from: number, type: Type<R, W>, absent?: R): Field<R, W> {
  return absent === undefined ? range(from, ALWAYS, type) : range(from, ALWAYS, type, absent);
}

/** Up to version `to`. */
export function until<R, W>(to: number, type: Type<R, W>): Field<R, W, false>;
export function until<R, W>(to: number, type: Type<R, W>, absent: NoInfer<R>): Field<R, W, true>;
export function until<R, W>(to: number, type: Type<R, W>, absent?: R): Field<R, W> {
  return absent === undefined ? range(0, to, type) : range(0, to, type, absent);
}

/** In every version, and `absent` where it is left out when writing. */
export const or = <R, W>(type: Type<R, W>, absent: NoInfer<R>): Field<R, W, true> => range(0, ALWAYS, type, absent);

/** Tagged field `tag`, in the flexible versions that `field` says: on the wire only where it is given. */
export const tag = <R, W>(tag: number, field: Field<R, W, true>): Field<R, W, true> => ({ ...field, tag });

/** Null besides, from version `from` on. */
export function nullable<R, W>(type: Nullable<R, W>, from = 0): Type<R | null, W | null> {
  return {
    zero: from === 0 ? null : type.zero,
    compile: (edition) => {
      const codec = type.compile({ ...edition, nullable: edition.version >= from });
      // A codec of a nullable edition knows null.
      return codec as Codec<R | null, W | null>;
    },
  };
}

// ---- primitive types

function primitive<T>(
  zero: T,
  least: number,
  read: (reading: Reading) => T,
  write: (writing: Writing, value: T) => void,
): Type<T> {
  const codec: Codec<T> = { least, read, write };
  return { zero, compile: () => codec };
}

export const int8: Type<number> = primitive(
  0,
  1,
  (r) => r.int8(),
  (w, value) => w.int8(value),
);
export const int16: Type<number> = primitive(
  0,
  2,
  (r) => r.int16(),
  (w, value) => w.int16(value),
);
export const uint16: Type<number> = primitive(
  0,
  2,
  (r) => r.int16() & 0xffff,
  (w, value) => w.int16(value),
);
export const int32: Type<number> = primitive(
  0,
  4,
  (r) => r.int32(),
  (w, value) => w.int32(value),
);
/** Safe integers alone. */
export const int64: Type<number> = primitive(
  0,
  8,
  (r) => r.int64(),
  (w, value) => w.int64(value),
);
export const float64: Type<number> = primitive(
  0,
  8,
  (r) => r.float64(),
  (w, value) => w.float64(value),
);
export const boolean: Type<boolean> = primitive(
  false,
  1,
  (r) => r.int8() !== 0,
  (w, value) => w.int8(value ? 1 : 0),
);
/** 32 lower-case hexadecimal digits. */
export const uuid: Type<string> = primitive(
  NO_UUID,
  16,
  (r) => r.uuid(),
  (w, value) => w.uuid(value),
);

// ---- types with a length in front; a length of -1 is null

/** Puts null around a codec's body, whose length was read; a null where there can't be one fails. */
function lengthed<R, W>(
  zero: R,
  least: (flexible: boolean) => number,
  body: (edition: Edition) => {
    length(reading: Reading): number;
    read(reading: Reading, length: number): R;
    write(writing: Writing, value: W): void;
    writeNull(writing: Writing): void;
  },
): Nullable<R, W> {
  const compile = (edition: Edition): Codec<R, W> => {
    const { length, read, write, writeNull } = body(edition);
    const { nullable } = edition;
    return {
      least: least(edition.flexible),
      read(reading) {
        const found = length(reading);
        if (found >= 0) return read(reading, found);
        if (found !== -1 || !nullable) reading.fail();
        return (nullable ? null : zero) as R;
      },
      write(writing, value) {
        if (value !== null) return write(writing, value);
        assert(nullable, 'null where the version has none');
        writeNull(writing);
      },
    };
  };
  return { zero, canBeNull: true, compile };
}

export const string: Nullable<string> = lengthed(
  '',
  (flexible) => (flexible ? 1 : 2),
  ({ flexible }) => ({
    length: (r) => r.stringLength(flexible),
    read: (r, length) => r.text(length),
    write: (w, value) => w.string(flexible, value),
    writeNull: (w) => w.stringLength(flexible, -1),
  }),
);

/** Longer ones are cut: they are for people, and quote what was sent. */
const MESSAGE_CHARS_MAX = 1_000;
/** A string that tells people what went wrong. */
export const message: Nullable<string> = {
  ...string,
  compile: (edition) => {
    const codec = string.compile(edition);
    const write = (writing: Writing, value: string): void =>
      codec.write(writing, value === null ? value : value.slice(0, MESSAGE_CHARS_MAX));
    return { ...codec, write };
  },
};

const NOTHING = new Uint8Array(0);

/** A view of the message; copied when written. */
export const bytes: Nullable<Uint8Array> = lengthed(
  NOTHING,
  (flexible) => (flexible ? 1 : 4),
  ({ flexible }) => ({
    length: (r) => r.length(flexible),
    read: (r, length) => r.view(length),
    write: (w, value) => {
      w.length(flexible, value.length);
      w.bytes(value);
    },
    writeNull: (w) => w.length(flexible, -1),
  }),
);

/** Record batches, one after the other: a view of the message, and sent as the views that are given. */
export const records: Nullable<Uint8Array, Uint8Array | readonly Uint8Array[]> = lengthed<
  Uint8Array,
  Uint8Array | readonly Uint8Array[]
>(
  NOTHING,
  (flexible) => (flexible ? 1 : 4),
  ({ flexible }) => ({
    length: (r) => r.length(flexible),
    read: (r, length) => r.view(length),
    write: (w, value) => {
      const views = value instanceof Uint8Array ? [value] : value;
      let length = 0;
      for (const view of views) length += view.length;
      w.length(flexible, length);
      for (const view of views) w.view(view);
    },
    writeNull: (w) => w.length(flexible, -1),
  }),
);

// ---- types made of others

export function arrayOf<R, W>(type: Type<R, W>): Nullable<readonly R[], readonly W[]> {
  return lengthed<readonly R[], readonly W[]>(
    [],
    (flexible) => (flexible ? 1 : 4),
    (edition) => {
      const { flexible } = edition;
      const item = type.compile({ ...edition, nullable: false });
      return {
        length: (reading) => reading.count(flexible, item.least),
        read(reading, count) {
          const items: R[] = [];
          for (let left = count; left > 0 && !reading.failed; left--) items.push(item.read(reading));
          return items;
        },
        write(writing, items) {
          writing.length(flexible, items.length);
          for (let index = 0; index < items.length; index++) item.write(writing, items[index] as W);
        },
        writeNull: (writing) => writing.length(flexible, -1),
      };
    },
  );
}

/** Where it can be null a byte in front says whether it is: 1, or -1 for null. */
export function struct<F extends Members>(members: F): Nullable<ReadOf<F>, WriteOf<F>> {
  const zero = Object.freeze(
    Object.fromEntries(Object.entries(members).map(([name, one]) => [name, 'tag' in one ? one.default : one.zero])),
  ) as ReadOf<F>;
  const compile = (edition: Edition): Codec<ReadOf<F>, WriteOf<F>> => {
    const plain = compileStruct<ReadOf<F>, WriteOf<F>>(members, edition);
    if (!edition.nullable) return plain;
    return {
      least: 1,
      read(reading) {
        if (reading.int8() >= 0) return plain.read(reading);
        return null as unknown as ReadOf<F>;
      },
      write(writing, value) {
        writing.int8(value === null ? -1 : 1);
        if (value !== null) plain.write(writing, value);
      },
    };
  };
  return { zero, canBeNull: true, compile };
}

/** An array of structs. */
export const array = <F extends Members>(members: F): Nullable<readonly ReadOf<F>[], readonly WriteOf<F>[]> =>
  arrayOf(struct(members));
