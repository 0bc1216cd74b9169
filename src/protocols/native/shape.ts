/**
 * What stands in the fields of a call, as data: each shape checks a decoded value and answers a copy that holds only
 * what is known. Requests are read strictly (an unknown field is named and refused), answers leniently (nodes may say
 * more than a client knows). Never throws, never keeps a decoded object.
 */

import type { Fault, FaultCode } from '../../model/faults.ts';
import { fault, isFaultCode } from '../../model/faults.ts';
import { checkName, checkTopicSettings, type TopicSettings } from '../../model/topic.ts';

/** One reading of one frame: what is wrong, and where. */
export class Reading {
  readonly strict: boolean;
  #code: FaultCode = 'INVALID_REQUEST';
  #text = '';
  #path = '';

  constructor(strict: boolean) {
    this.strict = strict;
  }

  /** Notes what is wrong; answers `undefined`, so that shapes can return it. */
  refuse(text: string, code: FaultCode = 'INVALID_REQUEST'): undefined {
    this.#text = text;
    this.#code = code;
    this.#path = '';
    return undefined;
  }

  /** On the way out of a failed reading: puts one step in front of the path. */
  inside(step: string | number): undefined {
    const joint = this.#path === '' || this.#path.startsWith('[') ? '' : '.';
    this.#path = `${typeof step === 'number' ? `[${step}]` : step}${joint}${this.#path}`;
    return undefined;
  }

  fault(): Fault {
    return fault(this.#code, this.#path === '' ? this.#text : `${this.#path}: ${this.#text}`);
  }
}

export interface Shape<T> {
  /** The value checked and copied; `undefined` when it isn't one, and `reading` says why. */
  read(value: unknown, reading: Reading): T | undefined;
}
/** A field that may be missing. */
export interface OptionalShape<T> {
  readonly optional: Shape<T>;
}
/** One shape for each field of `T`, so that the type checker finds a field that the wire forgot. */
export type ShapesOf<T> = {
  readonly [K in keyof T]-?: Record<never, never> extends Pick<T, K>
    ? OptionalShape<Exclude<T[K], undefined>>
    : Shape<T[K]>;
};

export const optional = <T>(shape: Shape<T>): OptionalShape<T> => ({ optional: shape });

const shown = (value: unknown): string =>
  typeof value === 'string' ? JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value) : typeof value;

const isMap = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export function struct<T>(shapes: ShapesOf<T>): Shape<T> {
  const fields = Object.entries<Shape<unknown> | OptionalShape<unknown>>(shapes).map(([name, shape]) =>
    'optional' in shape ? { name, shape: shape.optional, required: false } : { name, shape, required: true },
  );
  const names = new Set(fields.map((field) => field.name));

  const read = (value: unknown, reading: Reading): T | undefined => {
    if (!isMap(value)) return reading.refuse('not a map');
    const out: Record<string, unknown> = {};
    for (const { name, shape, required } of fields) {
      if (!Object.hasOwn(value, name)) {
        if (!required) continue;
        return reading.refuse(`field ${name} is missing`);
      }
      const item = shape.read(value[name], reading);
      if (item === undefined) return reading.inside(name);
      out[name] = item;
    }
    if (reading.strict)
      for (const name of Object.keys(value))
        if (!names.has(name)) return reading.refuse(`unknown field ${shown(name)}`);
    return out as T;
  };
  return { read };
}

export function list<T>(item: Shape<T>, countMax: number): Shape<readonly T[]> {
  const read = (value: unknown, reading: Reading): readonly T[] | undefined => {
    if (!Array.isArray(value)) return reading.refuse('not an array');
    if (value.length > countMax) return reading.refuse(`${value.length} entries; the limit is ${countMax}`);
    const out: T[] = [];
    for (let index = 0; index < value.length; index++) {
      const one = item.read(value[index], reading);
      if (one === undefined) return reading.inside(index);
      out.push(one);
    }
    return out;
  };
  return { read };
}

/** A whole number; `T` is its type on our side of the wall. */
export function integer<T extends number = number>(least: number, most: number): Shape<T> {
  const read = (value: unknown, reading: Reading): T | undefined => {
    if (!Number.isSafeInteger(value) || (value as number) < least || (value as number) > most)
      return reading.refuse(`not a whole number from ${least} to ${most}`);
    return ((value as number) + 0) as T; // + 0 makes 0 of -0
  };
  return { read };
}

/** Any safe integer from 0: ids, offsets, counts, times. */
export const natural = <T extends number = number>(): Shape<T> => integer<T>(0, Number.MAX_SAFE_INTEGER);

/** A finite number from 0, fractions allowed. */
export const amount: Shape<number> = {
  read: (value, reading) =>
    typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : reading.refuse('not a number from 0'),
};

export const flag: Shape<boolean> = {
  read: (value, reading) => (typeof value === 'boolean' ? value : reading.refuse('not true or false')),
};

/** Well-formed text without control characters: what ends in logs and on terminals. */
export function text(charsMin: number, charsMax: number): Shape<string> {
  const read = (value: unknown, reading: Reading): string | undefined => {
    if (typeof value !== 'string') return reading.refuse('not a string');
    if (value.length < charsMin || value.length > charsMax)
      return reading.refuse(`${value.length} characters; allowed are ${charsMin} to ${charsMax}`);
    if (hasControls(value) || !value.isWellFormed())
      return reading.refuse('has control characters or is not well-formed');
    return value;
  };
  return { read };
}

function hasControls(value: string): boolean {
  for (let at = 0; at < value.length; at++) {
    const unit = value.charCodeAt(at);
    if (unit < 0x20 || (unit >= 0x7f && unit < 0xa0)) return true;
  }
  return false;
}

/** What the node says to people, as long as it likes. */
export const prose: Shape<string> = {
  read: (value, reading) => (typeof value === 'string' ? value : reading.refuse('not a string')),
};

export function oneOf<const T extends string>(...allowed: readonly T[]): Shape<T> {
  const read = (value: unknown, reading: Reading): T | undefined =>
    allowed.find((name) => name === value) ?? reading.refuse(`${shown(value)} is none of ${allowed.join(', ')}`);
  return { read };
}

export function name(what: 'topic' | 'group'): Shape<string> {
  const read = (value: unknown, reading: Reading): string | undefined => {
    const checked = checkName(what, value);
    return checked.ok ? checked.value : reading.refuse(checked.fault.message, checked.fault.code);
  };
  return { read };
}

export const topicSettings: Shape<Partial<TopicSettings>> = {
  read(value, reading) {
    if (!isMap(value)) return reading.refuse('not a map');
    const checked = checkTopicSettings(value);
    return checked.ok ? checked.value : reading.refuse(checked.fault.message, checked.fault.code);
  },
};

/** A map with `field` is read as the one, any other as the other. */
export function byField<A, B>(field: string, withField: Shape<A>, without: Shape<B>): Shape<A | B> {
  const read = (value: unknown, reading: Reading): A | B | undefined =>
    isMap(value) && Object.hasOwn(value, field) ? withField.read(value, reading) : without.read(value, reading);
  return { read };
}

/** A string stands for itself, a map for something larger. */
export function textOrMap<A extends string, B>(asText: Shape<A>, asMap: Shape<B>): Shape<A | B> {
  const read = (value: unknown, reading: Reading): A | B | undefined =>
    typeof value === 'string' ? asText.read(value, reading) : asMap.read(value, reading);
  return { read };
}

/** A fault as a map. A code that a newer node has is INTERNAL here, and keeps what it says of itself. */
export const faultShape: Shape<Fault> = {
  read(value, reading) {
    const given = faultFields.read(value, reading);
    if (given === undefined || isFaultCode(given.code)) return given as Fault | undefined;
    return { ...given, code: 'INTERNAL', message: `${given.code}: ${given.message}` };
  },
};
const faultFields = struct<{ code: string; message: string; retryable: boolean; hint: string }>({
  code: text(1, 64),
  message: prose,
  retryable: flag,
  hint: prose,
});
