/**
 * Puts together the reader and the writer of one struct in one version: its fields in their order, then, in flexible
 * versions, its tagged fields. Tagged fields that are not known are stepped over.
 *
 *     fields …
 *     tagged count varint, { tag varint, size varint, size bytes }*     flexible versions; tags rise
 */
import type { Reading } from './reading.ts';
import type { Codec, Edition, Field, Member, Members } from './schema.ts';
import type { Writing } from './writing.ts';

/** One field in one version. */
export interface Part {
  readonly name: string;
  readonly codec: Codec<unknown, unknown>;
  readonly default: unknown;
  readonly tag: number;
}

export type Values = Record<string, unknown>;

export function compileStruct<R, W>(members: Members, edition: Edition): Codec<R, W> {
  const fields = Object.entries(members).map(([name, member]): [string, Field<unknown, unknown>] => [
    name,
    fieldOf(member),
  ]);
  const parts = fields
    .filter(([, { from, to }]) => from <= edition.version && edition.version <= to)
    .map(([name, field]): Part => {
      const codec = field.type.compile({ ...edition, nullable: false });
      return { name, codec, default: field.default, tag: field.tag };
    });
  const plain = parts.filter(({ tag }) => tag < 0);
  // Copied for every value, so that all have one layout in memory, with what the version does not have.
  const template: Values = Object.fromEntries(fields.map(([name, field]) => [name, field.default]));
  const tagged = parts.filter(({ tag }) => tag >= 0).sort((one, other) => one.tag - other.tag);
  return {
    least: plain.reduce((sum, { codec }) => sum + codec.least, edition.flexible ? 1 : 0),
    read: compileRead(template, plain, edition.flexible ? tagged : undefined) as (reading: Reading) => R,
    write: compileWrite(plain, edition.flexible ? tagged : undefined) as (writing: Writing, value: W) => void,
  };
}

function fieldOf(member: Member): Field<unknown, unknown> {
  // Writers take what the types of the struct allow, which the caller holds.
  if ('tag' in member) return member as Field<unknown, unknown>;
  const type = member as Field<unknown, unknown>['type'];
  return { type, from: 0, to: Number.POSITIVE_INFINITY, optional: false, default: type.zero, tag: -1 };
}

function compileRead(
  template: Values,
  plain: readonly Part[],
  tagged: readonly Part[] | undefined,
): (reading: Reading) => Values {
  const count = plain.length;
  const names = plain.map(({ name }) => name);
  const codecs = plain.map(({ codec }) => codec);
  return (reading) => {
    const values = { ...template };
    for (let index = 0; index < count; index++)
      values[names[index] as string] = (codecs[index] as Codec<unknown, unknown>).read(reading);
    if (tagged !== undefined) reading.tagged(tagged, values);
    return values;
  };
}

function compileWrite(
  plain: readonly Part[],
  tagged: readonly Part[] | undefined,
): (writing: Writing, value: Readonly<Values>) => void {
  const count = plain.length;
  return (writing, values) => {
    for (let index = 0; index < count; index++) {
      const part = plain[index] as Part;
      const value = values[part.name];
      part.codec.write(writing, value === undefined ? part.default : value);
    }
    if (tagged !== undefined) writeTagged(writing, tagged, values);
  };
}

function writeTagged(writing: Writing, known: readonly Part[], values: Readonly<Values>): void {
  const given = known.length === 0 ? known : known.filter((one) => isGiven(one, values[one.name]));
  writing.varint(given.length);
  for (const part of given) {
    writing.varint(part.tag);
    const from = writing.beginSized();
    part.codec.write(writing, values[part.name]);
    writing.endSized(from);
  }
}

/** As Kafka's own writers, which leave out what is the default. An empty array is one, whoever made it. */
const isGiven = (part: Part, value: unknown): boolean =>
  value !== undefined && value !== part.default && !(Array.isArray(value) && value.length === 0);
