/** What a call's file says of it: its kind, and how request and answer become fields and raw bytes, and back. */
import type { NativeCallName, ReplyOf, RequestOf } from '../request.ts';
import type { Reading, Shape } from './shape.ts';

/** A value as it goes into a frame. */
export interface Written {
  readonly fields: unknown;
  /** Follow the fields, untouched. */
  readonly raw: readonly Uint8Array[];
}

export interface Direction<T> {
  write(value: T): Written;
  /** Fields as decoded and raw bytes as received; `undefined` when they are wrong, and `reading` says why. */
  read(fields: unknown, raw: Uint8Array, reading: Reading): T | undefined;
}

export interface Call<C extends NativeCallName> {
  readonly kind: number;
  readonly request: Direction<RequestOf<C>>;
  readonly reply: Direction<ReplyOf<C>>;
}

const NO_RAW: readonly Uint8Array[] = [];

/** All of the value but `call` goes into fields of the same names; no raw bytes. */
export function plain<C extends NativeCallName, T extends { readonly call: C }>(
  call: C,
  shape: Shape<Omit<T, 'call'>>,
): Direction<T> {
  return {
    write({ call: _, ...fields }) {
      return { fields, raw: NO_RAW };
    },
    read(fields, raw, reading) {
      if (raw.length > 0) return reading.refuse(`${raw.length} raw bytes, where the call has none`);
      const value = shape.read(fields, reading);
      return value === undefined ? undefined : ({ call, ...value } as unknown as T);
    },
  };
}

/** Parts whose bytes stand behind the fields, one after the other: in the fields there is the length of each. */
export function splitRaw<P extends { readonly length: number }, Q>(
  parts: readonly P[],
  raw: Uint8Array,
  reading: Reading,
  join: (part: P, bytes: Uint8Array) => Q,
): readonly Q[] | undefined {
  let at = 0;
  const out: Q[] = [];
  for (const part of parts) {
    if (part.length > raw.length - at) return reading.refuse('parts are longer than the raw bytes');
    out.push(join(part, raw.subarray(at, at + part.length)));
    at += part.length;
  }
  return at === raw.length ? out : reading.refuse(`${raw.length - at} raw bytes belong to no part`);
}
