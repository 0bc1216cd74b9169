/**
 * What consumers of classic groups tell their leader, and it tells them, as far as the node wants to know it: the topics
 * that they are subscribed to, the partitions that they hold, those that they are given. The rest is their own business.
 *
 *     subscription: | version int16 | topics: count int32, each | length int16 | UTF-8 | | user data | from version 1: places | ... |
 *     assignment:   | version int16 | places | user data |
 *     places:       | count int32, each | length int16 | UTF-8 | partitions: count int32, each int32 | |
 *     user data:    | length int32, -1: null | bytes |
 */
import { writeInt16, writeInt32 } from '../../model/bytes.ts';
import { NAME_CHARS_MAX, SUBSCRIPTIONS_MAX } from '../../model/limits.ts';
import { utf8Bytes, writeUtf8 } from '../../model/text.ts';
import type { NamedPlaces } from '../classic.ts';
import { Reading } from './reading.ts';

/** What consumers call themselves. */
export const CONSUMER = 'consumer';
/** From here on subscriptions say what their member holds. */
const OWNED_SINCE = 1;

interface Subscribed {
  readonly topics: readonly string[];
  /** Null: the metadata is no subscription. */
  readonly owned: readonly NamedPlaces[] | null;
}
const NO_SUBSCRIPTION: Subscribed = { topics: [], owned: null };

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** What is behind the topics counts only where all of it can be read. */
export function subscribed(protocolType: string, metadata: Uint8Array): Subscribed {
  if (protocolType !== CONSUMER) return NO_SUBSCRIPTION;
  const reading = new Reading(metadata);
  const version = reading.int16();
  const count = reading.count(false, 2);
  const topics: string[] = [];
  for (let n = 0; n < count && topics.length < SUBSCRIPTIONS_MAX; n++) {
    const name = readName(reading);
    if (name === null) return NO_SUBSCRIPTION;
    // No topic has a longer name.
    if (name !== '') topics.push(name);
  }
  if (reading.failed || count < 0) return NO_SUBSCRIPTION;
  skipUserData(reading);
  // Some say version 1 and leave it at the topics.
  const owned = version >= OWNED_SINCE && reading.left > 0 ? readPlaces(reading) : [];
  return { topics, owned: reading.failed || version < 0 ? null : owned };
}

/** Null: it is no assignment of partitions. A leader that has nothing for a member sends no bytes. */
export function readAssignment(bytes: Uint8Array): readonly NamedPlaces[] | null {
  if (bytes.length === 0) return [];
  const reading = new Reading(bytes);
  const version = reading.int16();
  const places = readPlaces(reading);
  return reading.failed || version < 0 ? null : places;
}

/** Of version 0, which all of them read; later ones add nothing. */
export function writeAssignment(places: readonly NamedPlaces[]): Uint8Array {
  const lengths = places.map(({ topic }) => utf8Bytes(topic));
  const sizes = places.map(({ partitions }, index) => 2 + (lengths[index] ?? 0) + 4 + 4 * partitions.length);
  const bytes = new Uint8Array(sizes.reduce((sum, size) => sum + size, 2 + 4 + 4));
  writeInt32(bytes, 2, places.length);
  let at = 6;
  for (const [index, { topic, partitions }] of places.entries()) {
    const length = lengths[index] ?? 0;
    writeInt16(bytes, at, length);
    writeUtf8(bytes, at + 2, topic, length);
    writeInt32(bytes, at + 2 + length, partitions.length);
    for (const [place, partition] of partitions.entries()) writeInt32(bytes, at + 6 + length + 4 * place, partition);
    at += sizes[index] ?? 0;
  }
  writeInt32(bytes, at, -1);
  return bytes;
}

/** Null: there is none; empty: it is longer than that of any topic. */
function readName(reading: Reading): string | null {
  const length = reading.stringLength(false);
  if (reading.failed || length < 0 || length > reading.left) return null;
  const { position } = reading;
  reading.position += length;
  return length > NAME_CHARS_MAX ? '' : decoder.decode(reading.bytes.slice(position, position + length));
}

function readPlaces(reading: Reading): NamedPlaces[] {
  const places: NamedPlaces[] = [];
  const topics = reading.count(false, 6);
  for (let n = 0; n < topics && !reading.failed; n++) {
    const topic = readName(reading);
    if (topic === null) reading.fail();
    const count = reading.count(false, 4);
    const partitions: number[] = [];
    for (let each = 0; each < count; each++) partitions.push(reading.int32());
    if (topic !== null && topic !== '') places.push({ topic, partitions });
  }
  return places;
}

function skipUserData(reading: Reading): void {
  const length = reading.left === 0 ? -1 : reading.int32();
  if (length > 0) reading.view(length);
}
