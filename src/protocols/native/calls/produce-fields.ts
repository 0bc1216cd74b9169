/**
 * The fields of a produce request read straight from their bytes, where they are written as this codec writes them. There
 * is one such request for each batch, and a map that is decoded, checked and copied costs more than all else that a
 * small one needs before its checksum. Whatever is written in another order or form, or is wrong in any way, is left to
 * the general reading, which says why; nothing is taken here that it would refuse.
 */
import { id, type PartitionIndex, type TopicId } from '../../../model/ids.ts';
import {
  FRAME_BYTES_MAX,
  PARTITIONS_PER_REQUEST_MAX,
  PARTITIONS_PER_TOPIC_MAX,
  WAIT_MS_MAX,
} from '../../../model/limits.ts';
import type { Acks, ProduceRequest } from '../../request.ts';

type Part = ProduceRequest['parts'][number];

/** msgpack: a map of so many fields, a string, and what else begins a value here. */
const mapOf = (fields: number): number => 0x80 | fields;
const text = (ascii: string): readonly number[] => [0xa0 | ascii.length, ...Array.from(ascii, (c) => c.charCodeAt(0))];
const FIXED_ARRAY = 0x90;
const FIXED_ARRAY_MAX = 15;
const UINT8 = 0xcc;
const UINT16 = 0xcd;
const UINT32 = 0xce;

const BEFORE_ACKS = [mapOf(3), ...text('acks')];
const ACKS: readonly (readonly [Acks, readonly number[]])[] = [
  ['all', text('all')],
  ['leader', text('leader')],
  ['none', text('none')],
];
const BEFORE_TIMEOUT = text('timeoutMs');
const BEFORE_PARTS = text('parts');
const BEFORE_TOPIC = [mapOf(3), ...text('topic')];
const BEFORE_PARTITION = text('partition');
const BEFORE_LENGTH = text('length');

/** @returns undefined for the general reading to find out. */
export function readUsualProduce(fields: Uint8Array, raw: Uint8Array): ProduceRequest | undefined {
  const cursor = new Cursor(fields);
  if (!cursor.passes(BEFORE_ACKS)) return undefined;
  const acks = ACKS.find(([, bytes]) => cursor.passes(bytes))?.[0];
  if (acks === undefined || !cursor.passes(BEFORE_TIMEOUT)) return undefined;
  const timeoutMs = cursor.natural();
  if (timeoutMs < 1 || timeoutMs > WAIT_MS_MAX || !cursor.passes(BEFORE_PARTS)) return undefined;
  const parts = readParts(cursor, raw);
  return parts === undefined || !cursor.ended ? undefined : { call: 'produce', acks, timeoutMs, parts };
}

/** Few: with many the places must be compared, and the fields are no longer what costs. */
function readParts(cursor: Cursor, raw: Uint8Array): readonly Part[] | undefined {
  const count = cursor.arrayLength();
  if (count < 0 || count > Math.min(FIXED_ARRAY_MAX, PARTITIONS_PER_REQUEST_MAX)) return undefined;
  const parts: Part[] = [];
  let at = 0;
  for (let index = 0; index < count; index++) {
    const topic = cursor.passes(BEFORE_TOPIC) ? cursor.natural() : -1;
    const partition = cursor.passes(BEFORE_PARTITION) ? cursor.natural() : -1;
    const length = cursor.passes(BEFORE_LENGTH) ? cursor.natural() : -1;
    if (topic < 0 || partition < 0 || partition >= PARTITIONS_PER_TOPIC_MAX) return undefined;
    if (length < 1 || length > Math.min(FRAME_BYTES_MAX, raw.length - at)) return undefined;
    if (parts.some((part) => part.partition === partition && part.topic === topic)) return undefined;
    const place = { topic: id<TopicId>(topic), partition: id<PartitionIndex>(partition) };
    parts.push({ ...place, batch: raw.subarray(at, at + length) });
    at += length;
  }
  return at === raw.length ? parts : undefined;
}

class Cursor {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get ended(): boolean {
    return this.#at === this.#bytes.length;
  }

  /** Steps over exactly these bytes; stays where others stand. */
  passes(expected: readonly number[]): boolean {
    for (let i = 0; i < expected.length; i++) if (this.#bytes[this.#at + i] !== expected[i]) return false;
    this.#at += expected.length;
    return true;
  }

  /** A whole number from 0 below 2³², -1 for anything else. */
  natural(): number {
    const first = this.#bytes[this.#at++] ?? 0xff;
    if (first < 0x80) return first;
    const length = first === UINT8 ? 1 : first === UINT16 ? 2 : first === UINT32 ? 4 : 0;
    if (length === 0 || this.#at + length > this.#bytes.length) return -1;
    let value = 0;
    for (const end = this.#at + length; this.#at < end; this.#at++) value = value * 256 + (this.#bytes[this.#at] ?? 0);
    return value;
  }

  /** -1 for anything but a short array. */
  arrayLength(): number {
    const first = this.#bytes[this.#at++] ?? 0xff;
    return (first & 0xf0) === FIXED_ARRAY ? first & 0x0f : -1;
  }
}
