/**
 * One batch without some of its records, for compaction: what stays keeps its offset, and the batch its range of offsets.
 * Decompresses and compresses by what is handed in. A batch that cannot be opened stays as it is. Decides nothing about
 * keys: whoever calls says of each record whether it stays.
 */
import {
  BATCH_CHECKED_FROM,
  BATCH_HEADER_BYTES,
  CODEC_MASK,
  codecOf,
  DELETE_HORIZON_FLAG,
  LOG_APPEND_TIME_FLAG,
  readAttributes,
  readBaseTimestamp,
  readMaxTimestamp,
  readRecordCount,
  TRANSACTIONAL_FLAG,
} from '../model/batch.ts';
import type { Codecs } from '../model/batch-demands.ts';
import { writeInt16, writeInt32, writeInt64 } from '../model/bytes.ts';
import type { Crc32c } from '../model/crc.ts';
import { OPENED_BATCH_BYTES_MAX } from '../model/limits.ts';
import { skipNullable } from '../model/record.ts';
import { VarintReader, varintBytes, writeVarint } from '../model/varint.ts';

/** One record of an opened batch; the object is used again for the next. */
export interface RawRecord {
  offsetDelta: number;
  timestampDelta: number;
  key: Uint8Array | null;
  isTombstone: boolean;
}

/** The records of a batch as bytes. */
export class OpenBatch {
  readonly header: Uint8Array;
  readonly #body: Uint8Array;
  readonly #reader = new VarintReader();

  private constructor(header: Uint8Array, body: Uint8Array) {
    this.header = header;
    this.#body = body;
  }

  /** `null` when the records are not what the header says, or cannot be decompressed. */
  static open(batch: Uint8Array, codecs: Codecs): OpenBatch | null {
    const codec = codecOf(readAttributes(batch));
    const packed = batch.subarray(BATCH_HEADER_BYTES);
    if (codec === undefined) return null;
    const body =
      codec === 'none'
        ? { ok: true as const, value: packed }
        : codecs.decompress(codec, packed, OPENED_BATCH_BYTES_MAX);
    if (!body.ok) return null;
    const open = new OpenBatch(batch, body.value);
    return open.each(() => {}) ? open : null;
  }

  /** @returns false when the bytes are not exactly the records that the header counts. */
  each(visit: (record: RawRecord, bytes: Uint8Array) => void): boolean {
    const body = this.#body;
    const reader = this.#reader.over(body, 0, body.length);
    const record: RawRecord = { offsetDelta: -1, timestampDelta: 0, key: null, isTombstone: false };
    for (let left = readRecordCount(this.header); left > 0; left--) {
      const from = reader.position;
      const length = reader.varint();
      const start = reader.skip(length);
      if (reader.failed) return false;
      const end = reader.position;
      reader.position = start;
      const before = record.offsetDelta;
      this.#read(record);
      if (reader.failed || reader.position > end || record.offsetDelta <= before) return false;
      reader.position = end;
      visit(record, body.subarray(from, end));
    }
    return !reader.failed && reader.position === body.length;
  }

  #read(record: RawRecord): void {
    const reader = this.#reader;
    reader.byte();
    record.timestampDelta = reader.varlong();
    record.offsetDelta = reader.varint();
    const keyBytes = reader.varint();
    const keyAt = skipNullable(reader, keyBytes);
    record.key = keyBytes < 0 ? null : this.#body.subarray(keyAt, keyAt + keyBytes);
    record.isTombstone = reader.varint() < 0;
  }
}

export interface Rewritten {
  readonly stays: (record: RawRecord) => boolean;
  /** When its tombstones may go, ms since 1970; -1: as the batch says so far. */
  readonly horizon: number;
}

/** The batch with the records that stay; of no records it is a header alone, which keeps the range of offsets. */
export function rewriteBatch(
  batch: OpenBatch,
  { stays, horizon }: Rewritten,
  codecs: Codecs,
  crc32c: Crc32c,
): Uint8Array {
  const { header } = batch;
  const attributes = readAttributes(header);
  const oldBase = readBaseTimestamp(header);
  // A batch whose tombstones have a time says it where others have their first timestamp (KIP-534).
  const base = horizon < 0 ? oldBase : horizon;
  const kept: Uint8Array[] = [];
  let bytes = 0;
  let newest = -1;
  batch.each((record, raw) => {
    if (!stays(record)) return;
    newest = Math.max(newest, oldBase + record.timestampDelta);
    const moved = base === oldBase ? raw : withTimestampDelta(raw, oldBase + record.timestampDelta - base);
    kept.push(moved);
    bytes += moved.length;
  });
  const codec = codecOf(attributes) ?? 'none';
  const records = join(kept, bytes);
  const body = codec === 'none' || kept.length === 0 ? records : codecs.compress(codec, records);
  const written = new Uint8Array(BATCH_HEADER_BYTES + body.length);
  written.set(header.subarray(0, BATCH_HEADER_BYTES));
  written.set(body, BATCH_HEADER_BYTES);
  writeInt32(written, 8, written.length - 12);
  // Of no records it has nothing to compress, and belongs to no transaction that would have to end.
  const flags =
    (horizon < 0 ? attributes : attributes | DELETE_HORIZON_FLAG) &
    (kept.length === 0 ? ~(CODEC_MASK | TRANSACTIONAL_FLAG) : -1);
  writeInt16(written, 21, flags);
  writeInt64(written, 27, base);
  const isStamped = (attributes & LOG_APPEND_TIME_FLAG) !== 0 && kept.length > 0;
  writeInt64(written, 35, isStamped ? readMaxTimestamp(header) : newest);
  writeInt32(written, 57, kept.length);
  writeInt32(written, 17, crc32c(written.subarray(BATCH_CHECKED_FROM)));
  return written;
}

/** The same record, so much behind another base timestamp. */
function withTimestampDelta(raw: Uint8Array, delta: number): Uint8Array {
  const reader = new VarintReader().over(raw, 0, raw.length);
  const length = reader.varint();
  const attributes = reader.byte();
  const deltaAt = reader.position;
  reader.varlong();
  const rest = raw.subarray(reader.position);
  const longer = varintBytes(delta) - (reader.position - deltaAt);
  const moved = new Uint8Array(varintBytes(length + longer) + length + longer);
  let at = writeVarint(moved, 0, length + longer);
  moved[at++] = attributes;
  at = writeVarint(moved, at, delta);
  moved.set(rest, at);
  return moved;
}

function join(parts: readonly Uint8Array[], length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
