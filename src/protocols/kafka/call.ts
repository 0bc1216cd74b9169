/** What a call is: a number, a name, the versions in use, and the fields of both directions. Knows nothing of who answers. */
import { type Codec, type Members, type ReadOf, struct, type WriteOf } from './schema.ts';

/** For calls that ended before flexible versions began. */
export const NEVER: number = Number.POSITIVE_INFINITY;

/** Stands for "the operations that are allowed were not asked for". */
export const NO_OPERATIONS = -2_147_483_648;

/** One direction of a call. */
export interface Message<R, W> {
  /** The codec of `version`, one of the call's; put together when it is first wanted. */
  at(version: number): Codec<R, W>;
}

export interface Call<Q extends Members = Members, S extends Members = Members> {
  readonly key: number;
  readonly name: string;
  /** First and last, both in use. */
  readonly versions: readonly [number, number];
  /** From this version on lengths are compact and structs have tagged fields. */
  readonly flexible: number;
  readonly request: Message<ReadOf<Q>, WriteOf<Q>>;
  readonly response: Message<ReadOf<S>, WriteOf<S>>;
}

/** Any call, where only its frame matters. */
export type AnyCall = Omit<Call, 'request' | 'response'> & {
  readonly request: Message<unknown, never>;
  readonly response: Message<unknown, never>;
};

/** What a client asked: as it is read. */
export type RequestOf<C> = C extends { readonly request: Message<infer R, never> } ? R : never;
/** What it is answered: as it is written, so that defaults may be left out. */
export type ResponseOf<C> = C extends { readonly response: { at(version: number): Codec<unknown, infer W> } }
  ? W
  : never;

export function call<const Q extends Members, const S extends Members>(about: {
  readonly key: number;
  readonly name: string;
  readonly versions: readonly [number, number];
  readonly flexible: number;
  readonly request: Q;
  readonly response: S;
}): Call<Q, S> {
  const { flexible } = about;
  return { ...about, request: compiled(about.request, flexible), response: compiled(about.response, flexible) };
}

function compiled<F extends Members>(members: F, flexible: number): Message<ReadOf<F>, WriteOf<F>> {
  const type = struct(members);
  const codecs: Codec<ReadOf<F>, WriteOf<F>>[] = [];
  const at = (version: number): Codec<ReadOf<F>, WriteOf<F>> => {
    const known = codecs[version];
    if (known !== undefined) return known;
    const codec = type.compile({ version, flexible: version >= flexible, nullable: false });
    codecs[version] = codec;
    return codec;
  };
  return { at };
}
