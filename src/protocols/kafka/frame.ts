/**
 * Bytes ↔ frames: the length in front and the headers. Knows calls by what they say of themselves, and does not decide
 * which of them are served.
 *
 *     int32 length          of what follows this field
 *     int16 key             of the call
 *     int16 version
 *     int32 correlation     chosen by the client, repeated in the answer
 *     nullable_string       client id; its length is never compact
 *     tagged fields         in flexible versions
 *     …     body
 *
 * An answer has length, correlation and, in flexible versions of all calls but ApiVersions, tagged fields.
 */
import { failed, ok, type Result } from '../../model/faults.ts';
import type { AnyCall, RequestOf, ResponseOf } from './call.ts';
import { Reading } from './reading.ts';
import type { Codec } from './schema.ts';
import type { Writing } from './writing.ts';

/** Length, key, version, correlation: what says which call it is. */
export const HEAD_BYTES = 12;
/** What `length` counts of these. */
const LEAST_BYTES = 8;
/** Its answers never have tagged fields in the header: who asks for versions knows none yet. */
export const API_VERSIONS_KEY = 18;

/** How long the frame that starts with `head` is, length included; 0 while fewer than four bytes are there. */
export function measure(head: Uint8Array, frameBytesMax: number): Result<number> {
  if (head.length < 4) return ok(0);
  const counted = new Reading(head).int32();
  if (counted < LEAST_BYTES) return failed('BAD_FRAME', `frame length ${counted} is below ${LEAST_BYTES}`);
  if (counted + 4 > frameBytesMax)
    return failed('FRAME_TOO_LARGE', `frame of ${counted + 4} bytes; the limit is ${frameBytesMax}`);
  return ok(counted + 4);
}

/** The part of a header that all versions share. */
export interface Head {
  readonly key: number;
  readonly version: number;
  readonly correlation: number;
}

/** `frame` is as long as {@link measure} said. */
export function readHead(frame: Uint8Array): Head {
  const reading = new Reading(frame, 4);
  return { key: reading.int16(), version: reading.int16(), correlation: reading.int32() };
}

/** A request's fields. What is bytes or records in them is a view of the frame. */
export interface Opened<R> {
  readonly client: string;
  readonly request: R;
}

/**
 * Opens a frame whose head names a version of `call`. Bytes behind the last field are left alone, as Kafka does.
 */
export function openRequest<C extends AnyCall>(
  call: C,
  version: number,
  frame: Uint8Array,
): Result<Opened<RequestOf<C>>> {
  const reading = new Reading(frame, HEAD_BYTES);
  const length = reading.stringLength(false);
  const client = length < 0 ? '' : reading.text(length);
  if (version >= call.flexible) reading.tagged([], {});
  const codec = call.request.at(version) as Codec<RequestOf<C>, never>;
  const request = codec.read(reading);
  if (reading.failed) return failed('BAD_FRAME', `${call.name} version ${version} does not match its fields`);
  return ok({ client, request });
}

/** The answer's frame, as views to be sent one after the other. */
export function buildResponse<C extends AnyCall>(
  writing: Writing,
  call: C,
  { version, correlation }: Omit<Head, 'key'>,
  response: ResponseOf<C>,
): readonly Uint8Array[] {
  writing.begin();
  writing.int32(correlation);
  if (version >= call.flexible && call.key !== API_VERSIONS_KEY) writing.varint(0);
  (call.response.at(version) as Codec<unknown, ResponseOf<C>>).write(writing, response);
  return writing.finish();
}
