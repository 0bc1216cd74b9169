/**
 * One record, and the walk over the records of a batch. Key, value and headers are decoded when asked for, as views on
 * the batch's bytes (or on the decompressed copy). Decompression is handed in, with a bound on what it may produce.
 *
 * ```
 * length varint | attributes i8 | timestamp delta varlong | offset delta varint
 * | key length varint (-1: null), key | value length varint (-1: null), value
 * | header count varint, { key length varint, key, value length varint (-1: null), value }*
 * ```
 */
import {
  BATCH_HEADER_BYTES,
  CONTROL_FLAG,
  type Codec,
  codecOf,
  LOG_APPEND_TIME_FLAG,
  readAttributes,
  readBaseOffset,
  readBaseTimestamp,
  readLastOffsetDelta,
  readMaxTimestamp,
  readRecordCount,
} from './batch.ts';
import { failed, ok, type Result } from './faults.ts';
import type { Offset, Timestamp } from './ids.ts';
import { VarintReader } from './varint.ts';

export interface RecordHeader {
  readonly key: string;
  readonly value: Uint8Array | null;
}

/** Undoes a codec. Fails when the bytes are not its format or would give more than `bytesMax` bytes. */
export type Decompress = (codec: Codec, bytes: Uint8Array, bytesMax: number) => Result<Uint8Array>;

/**
 * Opens the one batch that `batch` is, whose checksum and header counts were checked by whoever wrote or received it.
 * `bytesMax` bounds the decompressed records, so that a small batch cannot fill the memory.
 */
export function openRecords(batch: Uint8Array, decompress: Decompress, bytesMax: number): Result<Records> {
  const codec = codecOf(readAttributes(batch));
  if (codec === undefined) return failed('UNSUPPORTED_BATCH', 'record batch: compression is not known');
  const body = batch.subarray(BATCH_HEADER_BYTES);
  if (codec === 'none') return ok(new Records(batch, body));
  const opened = decompress(codec, body, bytesMax);
  return opened.ok ? ok(new Records(batch, opened.value)) : opened;
}

const decoder = new TextDecoder();

/** Cursor over the records of one batch: `next`, then read what is needed of the record it stands on. */
export class Records {
  /** Written by a node for itself (the end of a transaction, a new leader): consumers step over it. */
  readonly control: boolean;
  readonly #body: Uint8Array;
  readonly #reader = new VarintReader();
  readonly #lastOffsetDelta: number;
  readonly #baseOffset: number;
  readonly #baseTimestamp: number;
  /** Timestamp of all records where the node set it, else -1. */
  readonly #appendTimestamp: number;
  #left: number;
  #offsetDelta = -1;
  #timestamp = -1;
  #keyAt = 0;
  #keyBytes = -1;
  #valueAt = 0;
  #valueBytes = -1;
  #headersAt = 0;
  #headerCount = 0;

  constructor(batch: Uint8Array, body: Uint8Array) {
    const attributes = readAttributes(batch);
    this.control = (attributes & CONTROL_FLAG) !== 0;
    this.#body = body;
    this.#reader.over(body, 0, body.length);
    this.#left = readRecordCount(batch);
    this.#lastOffsetDelta = readLastOffsetDelta(batch);
    this.#baseOffset = readBaseOffset(batch);
    this.#baseTimestamp = readBaseTimestamp(batch);
    this.#appendTimestamp = (attributes & LOG_APPEND_TIME_FLAG) !== 0 ? readMaxTimestamp(batch) : -1;
  }

  /** Steps to the next record; false behind the last one, or where the bytes are {@link damaged}. */
  next(): boolean {
    const reader = this.#reader;
    if (reader.failed) return false;
    if (this.#left === 0) {
      if (reader.position !== this.#body.length) reader.fail();
      return false;
    }
    this.#left--;
    const length = reader.varint();
    const start = reader.skip(length);
    if (reader.failed) return false;
    reader.position = start;
    reader.end = start + length;
    this.#readFields();
    if (reader.position !== reader.end) reader.fail();
    reader.end = this.#body.length;
    return !reader.failed;
  }

  /** The body does not hold exactly the records that the header counts. */
  get damaged(): boolean {
    return this.#reader.failed;
  }

  get offset(): Offset {
    return (this.#baseOffset + this.#offsetDelta) as Offset;
  }

  /** -1 where the producer gave none. */
  get timestamp(): Timestamp {
    return (this.#appendTimestamp >= 0 ? this.#appendTimestamp : this.#timestamp) as Timestamp;
  }

  get key(): Uint8Array | null {
    return view(this.#body, this.#keyAt, this.#keyBytes);
  }

  get value(): Uint8Array | null {
    return view(this.#body, this.#valueAt, this.#valueBytes);
  }

  /** In the order they were given; a key may come more than once. */
  get headers(): readonly RecordHeader[] {
    const headers: RecordHeader[] = [];
    if (this.#headerCount === 0) return headers;
    const reader = new VarintReader().over(this.#body, this.#headersAt, this.#body.length);
    for (let left = this.#headerCount; left > 0; left--) {
      const keyBytes = reader.varint();
      const key = decoder.decode(view(this.#body, reader.skip(keyBytes), keyBytes) ?? undefined);
      const valueBytes = reader.varint();
      headers.push({ key, value: view(this.#body, skipNullable(reader, valueBytes), valueBytes) });
    }
    return headers;
  }

  #readFields(): void {
    const reader = this.#reader;
    reader.byte();
    this.#timestamp = this.#baseTimestamp + reader.varlong();
    const delta = reader.varint();
    // Offsets rise and stay inside the batch, or a consumer would commit what it never read.
    if (delta <= this.#offsetDelta || delta > this.#lastOffsetDelta) reader.fail();
    if (!Number.isSafeInteger(this.#timestamp)) reader.fail();
    this.#offsetDelta = delta;
    this.#keyBytes = reader.varint();
    this.#keyAt = skipNullable(reader, this.#keyBytes);
    this.#valueBytes = reader.varint();
    this.#valueAt = skipNullable(reader, this.#valueBytes);
    this.#headerCount = reader.varint();
    this.#headersAt = reader.position;
    if (this.#headerCount < 0) reader.fail();
    for (let left = this.#headerCount; left > 0 && !reader.failed; left--) {
      reader.skip(reader.varint());
      skipNullable(reader, reader.varint());
    }
  }
}

/** Steps over a key or value of which `length` was read; -1 is null and has no bytes. Returns where it begins. */
export function skipNullable(reader: VarintReader, length: number): number {
  return length === -1 ? reader.position : reader.skip(length);
}

function view(body: Uint8Array, at: number, length: number): Uint8Array | null {
  return length < 0 ? null : body.subarray(at, at + length);
}
