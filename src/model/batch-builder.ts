/**
 * Records → one batch, for clients and for state logs. Records are encoded straight into a buffer that grows and is used
 * again; the finished batch is a copy of exactly its size. Compression and checksum are handed in.
 */
import { assert } from './assert.ts';
import {
  BATCH_CHECKED_FROM,
  BATCH_HEADER_BYTES,
  BATCH_MAGIC,
  type BatchProducer,
  CODECS,
  type Codec,
  NO_PRODUCER,
} from './batch.ts';
import { writeInt16, writeInt32, writeInt64 } from './bytes.ts';
import type { Crc32c } from './crc.ts';
import type { RecordHeader } from './record.ts';
import { utf8Bytes, writeUtf8 } from './text.ts';
import { varintBytes, writeVarint } from './varint.ts';

/** A string is written as UTF-8. */
export type Content = Uint8Array | string | null;

export interface BatchOptions {
  /** Default: not compressed. */
  readonly compression?: { readonly codec: Exclude<Codec, 'none'>; compress(records: Uint8Array): Uint8Array };
  /** Makes the batch idempotent. */
  readonly producer?: BatchProducer;
}

const NO_HEADERS: readonly RecordHeader[] = [];
const INITIAL_BYTES = 4096;
/** Strings longer than this are encoded natively, which beats looking at every character twice. */
const NATIVE_FROM_CHARS = 32;
/** Of UTF-8, for a unit of UTF-16. */
const UTF8_BYTES_MAX = 3;
const encoder = new TextEncoder();

export class BatchBuilder {
  #buffer: Uint8Array;
  #bytes = BATCH_HEADER_BYTES;
  #count = 0;
  #baseTimestamp = 0;
  #maxTimestamp = 0;
  /** Where strings of the record at hand are encoded. */
  #scratch = new Uint8Array(0);
  #scratchUsed = 0;

  constructor(bytesInitial = INITIAL_BYTES) {
    this.#buffer = new Uint8Array(Math.max(bytesInitial, BATCH_HEADER_BYTES));
  }

  /** Records so far. */
  get count(): number {
    return this.#count;
  }

  /** Size of the batch so far, before compression. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Adds a record; `timestamp` in ms since 1970, a safe integer from 0. Its offset in the batch is the count before. */
  add(timestamp: number, key: Content, value: Content, headers: readonly RecordHeader[] = NO_HEADERS): void {
    assert(Number.isSafeInteger(timestamp) && timestamp >= 0, 'a record needs a timestamp');
    if (this.#count === 0) {
      this.#baseTimestamp = timestamp;
      this.#maxTimestamp = timestamp;
    }
    this.#write(timestamp - this.#baseTimestamp, this.#encoded(key), this.#encoded(value), headers);
    this.#scratchUsed = 0;
    this.#count++;
    if (timestamp > this.#maxTimestamp) this.#maxTimestamp = timestamp;
  }

  #write(delta: number, key: Content, value: Content, headers: readonly RecordHeader[]): void {
    const keyBytes = contentBytes(key);
    const valueBytes = contentBytes(value);
    const length =
      1 +
      varintBytes(delta) +
      varintBytes(this.#count) +
      fieldBytes(keyBytes) +
      fieldBytes(valueBytes) +
      headersBytes(headers);
    this.#reserve(varintBytes(length) + length);
    const buffer = this.#buffer;
    let at = writeVarint(buffer, this.#bytes, length);
    buffer[at++] = 0;
    at = writeVarint(buffer, at, delta);
    at = writeVarint(buffer, at, this.#count);
    at = writeField(buffer, at, key, keyBytes);
    at = writeField(buffer, at, value, valueBytes);
    this.#bytes = writeHeaders(buffer, at, headers);
  }

  /** The batch, with base offset 0 and epoch 0. The builder is empty afterwards. */
  finish(crc32c: Crc32c, options: BatchOptions = {}): Uint8Array {
    assert(this.#count > 0, 'a batch has at least one record');
    const batch = this.#assemble(options.compression);
    writeInt32(batch, 8, batch.length - 12);
    batch[16] = BATCH_MAGIC;
    writeInt16(batch, 21, CODECS.indexOf(options.compression?.codec ?? 'none'));
    writeInt32(batch, 23, this.#count - 1);
    writeInt64(batch, 27, this.#baseTimestamp);
    writeInt64(batch, 35, this.#maxTimestamp);
    writeInt64(batch, 43, options.producer?.producerId ?? NO_PRODUCER);
    writeInt16(batch, 51, options.producer?.producerEpoch ?? NO_PRODUCER);
    writeInt32(batch, 53, options.producer?.baseSequence ?? NO_PRODUCER);
    writeInt32(batch, 57, this.#count);
    writeInt32(batch, 17, crc32c(batch.subarray(BATCH_CHECKED_FROM)));
    this.clear();
    return batch;
  }

  /** Forgets the records; the buffer stays. */
  clear(): void {
    this.#bytes = BATCH_HEADER_BYTES;
    this.#count = 0;
  }

  /** A batch whose header is still zeros. */
  #assemble(compression: BatchOptions['compression']): Uint8Array {
    const records = this.#buffer.subarray(BATCH_HEADER_BYTES, this.#bytes);
    const body = compression === undefined ? records : compression.compress(records);
    const batch = new Uint8Array(BATCH_HEADER_BYTES + body.length);
    batch.set(body, BATCH_HEADER_BYTES);
    return batch;
  }

  /** Long strings as bytes, which stay as they are until the record is written. */
  #encoded(content: Content): Content {
    if (typeof content !== 'string' || content.length <= NATIVE_FROM_CHARS) return content;
    const needed = UTF8_BYTES_MAX * content.length;
    if (this.#scratch.length - this.#scratchUsed < needed) {
      this.#scratch = new Uint8Array(2 * needed);
      this.#scratchUsed = 0;
    }
    const from = this.#scratchUsed;
    this.#scratchUsed += encoder.encodeInto(content, this.#scratch.subarray(from)).written;
    return this.#scratch.subarray(from, this.#scratchUsed);
  }

  #reserve(bytes: number): void {
    const needed = this.#bytes + bytes;
    if (needed <= this.#buffer.length) return;
    const larger = new Uint8Array(Math.max(needed, 2 * this.#buffer.length));
    larger.set(this.#buffer.subarray(0, this.#bytes));
    this.#buffer = larger;
  }
}

/** Bytes that a record takes in a batch at most, before compression: for those who close a batch before it grows too large. */
export function recordBytesMax(key: Content, value: Content, headers: readonly RecordHeader[] = NO_HEADERS): number {
  // Length, attributes, timestamp delta and offset delta at their longest.
  return 5 + 1 + 10 + 5 + fieldBytes(contentBytes(key)) + fieldBytes(contentBytes(value)) + headersBytes(headers);
}

/** -1 for null, as on the wire. */
function contentBytes(content: Content): number {
  if (content === null) return -1;
  return typeof content === 'string' ? utf8Bytes(content) : content.length;
}

/** With its length in front. */
function fieldBytes(contentLength: number): number {
  return varintBytes(contentLength) + Math.max(contentLength, 0);
}

function headersBytes(headers: readonly RecordHeader[]): number {
  let bytes = varintBytes(headers.length);
  for (const header of headers) bytes += fieldBytes(utf8Bytes(header.key)) + fieldBytes(contentBytes(header.value));
  return bytes;
}

function writeField(buffer: Uint8Array, at: number, content: Content, length: number): number {
  const position = writeVarint(buffer, at, length);
  if (content === null) return position;
  if (typeof content === 'string') return writeUtf8(buffer, position, content, length);
  buffer.set(content, position);
  return position + length;
}

function writeHeaders(buffer: Uint8Array, at: number, headers: readonly RecordHeader[]): number {
  let position = writeVarint(buffer, at, headers.length);
  for (const header of headers) {
    position = writeField(buffer, position, header.key, utf8Bytes(header.key));
    position = writeField(buffer, position, header.value, contentBytes(header.value));
  }
  return position;
}
