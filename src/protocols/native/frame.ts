/**
 * Bytes ↔ frames. Knows the header and nothing of calls; decides how many bytes a frame needs before anybody leases
 * memory for it. Never copies raw bytes.
 *
 *     u32 length          of what follows this field
 *     u8  version         1
 *     u8  kind            the call; 0x80 added in its answer; 0xff: refused
 *     u16 flags           0
 *     u32 correlation     chosen by the client, repeated in the answer
 *     u32 fields length
 *     …   fields          one msgpack map
 *     …   raw bytes       record batches, one after the other
 *
 * All numbers are big-endian.
 */
import { type Fault, failed, fault, ok, type Result } from '../../model/faults.ts';
import { FIELDS_BYTES_MAX } from '../../model/limits.ts';

export const FRAME_VERSION = 1;
export const HEADER_BYTES = 16;
/** What `length` counts of the header. */
const COUNTED_HEADER_BYTES = HEADER_BYTES - 4;
/** Set in the kind of every answer. */
export const ANSWER_BIT = 0x80;
/** Kind of the answer to a request that was not carried out; its fields are a fault. */
export const REFUSED_KIND = 0xff;

export interface Frame {
  readonly kind: number;
  readonly correlation: number;
  /** One msgpack map. */
  readonly fields: Uint8Array;
  readonly raw: Uint8Array;
}

/** Turns msgpack into values and back; handed in, so that nothing here depends on a package. */
export interface FieldsCodec {
  /** The answer may lie in memory that the next call uses again. */
  encode(value: unknown): Uint8Array;
  /** `undefined` for what is no msgpack value, or has bytes behind it. Never throws. */
  decode(bytes: Uint8Array): unknown;
}

/**
 * How long the frame that starts with `head` is, as soon as that is known: 0 while fewer than four bytes are there.
 * Everything wrong that the bytes so far show is a fault, after which the connection can't go on.
 */
export function measure(head: Uint8Array, frameBytesMax: number): Result<number> {
  if (head.length < 4) return ok(0);
  const counted = u32(head, 0);
  if (counted < COUNTED_HEADER_BYTES)
    return failed('BAD_FRAME', `frame length ${counted} is below ${COUNTED_HEADER_BYTES}`);
  if (counted + 4 > frameBytesMax)
    return failed('FRAME_TOO_LARGE', `frame of ${counted + 4} bytes; the limit is ${frameBytesMax}`);
  const wrong = checkHeader(head, counted);
  return wrong === null ? ok(counted + 4) : { ok: false, fault: wrong };
}

function checkHeader(head: Uint8Array, counted: number): Fault | null {
  if (head.length >= 5 && head[4] !== FRAME_VERSION)
    return fault('UNSUPPORTED_VERSION', `frame of version ${head[4]}; this node speaks ${FRAME_VERSION}`);
  if (head.length >= 8 && (head[6] !== 0 || head[7] !== 0)) return fault('BAD_FRAME', 'flags are not 0');
  if (head.length < HEADER_BYTES) return null;
  const fields = u32(head, 12);
  if (fields > counted - COUNTED_HEADER_BYTES)
    return fault('BAD_FRAME', `fields of ${fields} bytes do not fit in the frame`);
  if (fields > FIELDS_BYTES_MAX && ((head[5] ?? 0) & ANSWER_BIT) === 0)
    return fault('FRAME_TOO_LARGE', `fields of ${fields} bytes; the limit is ${FIELDS_BYTES_MAX}`);
  return null;
}

/** Opens a whole frame, as long as {@link measure} said. The parts are views on `bytes`. */
export function openFrame(bytes: Uint8Array): Result<Frame> {
  const length = measure(bytes, Number.MAX_SAFE_INTEGER);
  if (!length.ok) return length;
  if (bytes.length < HEADER_BYTES || length.value !== bytes.length)
    return failed('BAD_FRAME', `frame of ${bytes.length} bytes says ${length.value}`);
  const fieldsEnd = HEADER_BYTES + u32(bytes, 12);
  return ok({
    kind: bytes[5] ?? 0,
    correlation: u32(bytes, 8),
    fields: bytes.subarray(HEADER_BYTES, fieldsEnd),
    raw: bytes.subarray(fieldsEnd),
  });
}

/** The frame as views to write one after the other: header with fields, then the raw bytes where they lie. */
export function buildFrame(
  kind: number,
  correlation: number,
  fields: Uint8Array,
  raw: readonly Uint8Array[],
): readonly Uint8Array[] {
  let rawBytes = 0;
  for (const part of raw) rawBytes += part.length;
  // From Node's pool: an array of its own would have to be registered with the collector, which costs more than all else.
  const head = Buffer.allocUnsafe(HEADER_BYTES + fields.length);
  putU32(head, 0, COUNTED_HEADER_BYTES + fields.length + rawBytes);
  head[4] = FRAME_VERSION;
  head[5] = kind;
  head[6] = 0;
  head[7] = 0;
  putU32(head, 8, correlation);
  putU32(head, 12, fields.length);
  head.set(fields, HEADER_BYTES);
  return [head, ...raw];
}

/** Correlation of a frame whose start is bad, for the answer that says so: 0 where it has not come. */
export function correlationOf(head: Uint8Array): number {
  return head.length >= 12 ? u32(head, 8) : 0;
}

function u32(bytes: Uint8Array, at: number): number {
  return (
    (((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0)) >>> 0
  );
}

function putU32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}
