/** What goes in and what comes out: messages as people hold them, and their form in a record. No state. */
import type { RecordHeader } from '../../model/record.ts';
import { CallboardError } from './errors.ts';

/** Text is sent as UTF-8; null and undefined both mean "none". */
export type Payload = Uint8Array | string | null | undefined;

/** A message to send. */
export interface OutgoingMessage {
  readonly topic: string;
  /** Messages of one key go to one partition, in order. */
  readonly key?: Payload;
  readonly value?: Payload;
  /** A list keeps the order and allows a name to come twice. */
  readonly headers?: Readonly<Record<string, Payload>> | readonly (readonly [string, Payload])[];
  /** Milliseconds since 1970-01-01T00:00Z; default: now. */
  readonly timestamp?: number;
  /** Sends it to this partition, whatever its key. */
  readonly partition?: number;
}

/** Where a message was stored. */
export interface Sent {
  readonly topic: string;
  readonly partition: number;
  /** -1 with `acks: 'none'`, where nobody tells. */
  readonly offset: number;
  /** Milliseconds since 1970-01-01T00:00Z. */
  readonly timestamp: number;
}

/** A message that was read. Its bytes are views on what came from the node: copy what is kept for long. */
export interface Message {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  /** Milliseconds since 1970-01-01T00:00Z; -1 where the sender gave none. */
  readonly timestamp: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  /** In the order they were sent; a name may come twice. */
  readonly headers: readonly { readonly key: string; readonly value: Buffer | null }[];
}

/** One partition of a topic, by name. */
export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

const NO_HEADERS: readonly RecordHeader[] = [];

/** Headers as a record holds them. */
export function recordHeaders(headers: OutgoingMessage['headers']): readonly RecordHeader[] {
  if (headers === undefined) return NO_HEADERS;
  const pairs: readonly (readonly [string, Payload])[] = isPairs(headers) ? headers : Object.entries(headers);
  return pairs.map(([key, value]) => ({
    key,
    value: typeof value === 'string' ? Buffer.from(value) : (value ?? null),
  }));
}

function isPairs(
  headers: Exclude<OutgoingMessage['headers'], undefined>,
): headers is readonly (readonly [string, Payload])[] {
  return Array.isArray(headers);
}

/** Roughly the memory that a message takes until it is stored, bytes. */
export function messageBytes(message: OutgoingMessage): number {
  let bytes = 64 + (message.key?.length ?? 0) + (message.value?.length ?? 0);
  if (message.headers === undefined) return bytes;
  for (const header of recordHeaders(message.headers)) bytes += 16 + header.key.length + (header.value?.length ?? 0);
  return bytes;
}

/** Why it can't be sent; null when it can. */
export function checkMessage({ topic, key, value, timestamp, headers }: OutgoingMessage): CallboardError | null {
  if (typeof topic !== 'string') return wrong(`topic must be a string, not ${typeof topic}`);
  if (!isPayload(key)) return wrong(`key must be a string, a Uint8Array or null, not ${typeof key}`);
  if (!isPayload(value)) return wrong(`value must be a string, a Uint8Array or null, not ${typeof value}`);
  if (timestamp !== undefined && !(Number.isSafeInteger(timestamp) && timestamp >= 0))
    return wrong(`timestamp ${timestamp} is not a whole number of milliseconds from 0`);
  if (headers === undefined) return null;
  const bad = recordHeaders(headers).find((header) => typeof header.key !== 'string' || !isPayload(header.value));
  return bad === undefined ? null : wrong(`header ${String(bad.key)} must be a string, a Uint8Array or null`);
}

const wrong = (message: string): CallboardError => new CallboardError('INVALID_OPTION', message);

function isPayload(payload: unknown): boolean {
  return payload === null || payload === undefined || typeof payload === 'string' || payload instanceof Uint8Array;
}
