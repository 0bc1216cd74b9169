/**
 * What a topic demands of batches beyond being whole: keys, times near the node's, a codec; and the time that the node
 * gives them where the topic says so. Judges batches that {@link checkBatch} found sound; never opens compressed records,
 * which a job thread does and hands in.
 */
import {
  BATCH_CHECKED_FROM,
  BATCH_HEADER_BYTES,
  CODEC_MASK,
  CODECS,
  type Codec,
  codecOf,
  LOG_APPEND_TIME_FLAG,
  readAttributes,
  readBaseTimestamp,
  readRecordCount,
} from './batch.ts';
import { writeInt16, writeInt32, writeInt64 } from './bytes.ts';
import type { Crc32c } from './crc.ts';
import { type Fault, failed, fault, type RecordFault, type Result } from './faults.ts';
import { OPENED_BATCH_BYTES_MAX, RECORD_FAULTS_MAX } from './limits.ts';
import { type Decompress, skipNullable } from './record.ts';
import { isCompacted, type TopicSettings } from './topic.ts';
import { VarintReader } from './varint.ts';

/** Plain values: they go to job threads. */
export interface Demands {
  /** Without a key a record could neither replace another nor be replaced. */
  readonly keyed: boolean;
  /** Bounds of the records' times, ms since 1970. */
  readonly timeLeast: number;
  readonly timeMost: number;
  /** Batches are stored with this codec; null: as they came. */
  readonly codec: Codec | null;
  /** Of a batch that is written anew. */
  readonly bytesMax: number;
  /** So many wrong records are named. */
  readonly namedMax: number;
}

/**
 * Null: the topic takes every sound batch as it is.
 * @param batches that the request has; they share what is named of them.
 */
export function demandsOf(settings: TopicSettings, now: number, batches: number): Demands | null {
  const { timestamps, timestampBeforeMsMax: before, timestampAfterMsMax: after, compression } = settings;
  const keyed = isCompacted(settings);
  // The node's own time is always near.
  const bounded = timestamps === 'create' && (before >= 0 || after >= 0);
  if (!keyed && !bounded && compression === 'producer') return null;
  return {
    keyed,
    timeLeast: bounded && before >= 0 ? now - before : Number.NEGATIVE_INFINITY,
    timeMost: bounded && after >= 0 ? now + after : Number.POSITIVE_INFINITY,
    codec: compression === 'producer' ? null : compression,
    bytesMax: settings.batchBytesMax,
    namedMax: Math.ceil(RECORD_FAULTS_MAX / batches),
  };
}

/** Does a batch have to be opened, or written anew, in a job thread? */
export function needsJob(batch: Uint8Array, demands: Demands): boolean {
  const own = codecOf(readAttributes(batch));
  return (demands.codec !== null && demands.codec !== own) || (looksInside(demands) && own !== 'none');
}

/** Is anything demanded of the records themselves? */
export function looksInside({ keyed, timeLeast, timeMost }: Demands): boolean {
  return keyed || Number.isFinite(timeLeast) || Number.isFinite(timeMost);
}

/** Of a record whose producer gave none. */
const NO_TIME = -1;

const reader = new VarintReader();

/** @param records of the batch, not compressed. */
export function checkDemands(batch: Uint8Array, records: Uint8Array, demands: Demands): Fault | null {
  const base = readBaseTimestamp(batch);
  const least = demands.timeLeast - base;
  const most = demands.timeMost - base;
  const wrong = new WrongRecords(demands);
  reader.over(records, 0, records.length);
  for (let index = 0; index < readRecordCount(batch); index++) {
    const length = reader.varint();
    const start = reader.skip(length);
    const end = reader.position;
    if (reader.failed) break;
    reader.position = start + 1;
    const sinceBase = reader.varlong();
    reader.varint();
    const keyBytes = reader.varint();
    skipNullable(reader, keyBytes);
    if (reader.failed || reader.position > end) return unreadable;
    reader.position = end;
    if (demands.keyed && keyBytes < 0) wrong.keyless(index);
    else if ((sinceBase < least || sinceBase > most) && base + sinceBase !== NO_TIME)
      wrong.late(index, base + sinceBase);
  }
  return reader.failed || reader.position !== records.length ? unreadable : wrong.fault;
}

/** What is wrong with the records of one batch: all are counted, the first are named. */
class WrongRecords {
  readonly #demands: Demands;
  readonly #named: RecordFault[] = [];
  #count = 0;
  #ofTime = false;

  constructor(demands: Demands) {
    this.#demands = demands;
  }

  keyless(at: number): void {
    if (++this.#count <= this.#demands.namedMax) this.#named.push({ at, why: 'no key' });
  }

  late(at: number, timestamp: number): void {
    this.#ofTime = true;
    const { namedMax, timeLeast: least, timeMost: most } = this.#demands;
    if (++this.#count <= namedMax) this.#named.push({ at, why: 'time', timestamp, least, most });
  }

  /** Null: nothing is. */
  get fault(): Fault | null {
    const [first] = this.#named;
    if (first === undefined) return null;
    const what =
      first.why === 'time'
        ? `record ${first.at} is of ${first.timestamp}, too far from the node's time`
        : `record ${first.at} has no key, and the topic is compacted`;
    const others = this.#count === 1 ? '' : `; ${this.#count - 1} more are wrong`;
    const wrong = fault(this.#ofTime ? 'INVALID_TIMESTAMP' : 'INVALID_RECORD', `${what}${others}`);
    return { ...wrong, records: { count: this.#count, named: this.#named } };
  }
}

const unreadable = fault('CORRUPT_BATCH', 'record batch: its records are not what its header says');

export interface Codecs {
  readonly decompress: Decompress;
  compress(codec: Exclude<Codec, 'none'>, bytes: Uint8Array): Uint8Array;
}

/** As it came: what a job thread is given may be memory of the node, and is not to be handed back by it. */
export type Met = Uint8Array | 'as it came';

/** A job thread's part: opens the batch, judges it and gives it the codec that is wanted. */
export function meetDemands(batch: Uint8Array, demands: Demands, codecs: Codecs, crc32c: Crc32c): Result<Met> {
  const own = codecOf(readAttributes(batch)) ?? 'none';
  const body = batch.subarray(BATCH_HEADER_BYTES);
  const opened = codecs.decompress(own, body, OPENED_BATCH_BYTES_MAX);
  if (!opened.ok) return opened;
  const wrong = checkDemands(batch, opened.value, demands);
  if (wrong !== null) return { ok: false, fault: wrong };
  if (demands.codec === null || demands.codec === own) return { ok: true, value: 'as it came' };
  const records = demands.codec === 'none' ? opened.value : codecs.compress(demands.codec, opened.value);
  const length = BATCH_HEADER_BYTES + records.length;
  if (length > demands.bytesMax)
    return failed('BATCH_TOO_LARGE', `the batch becomes ${length} bytes, ${demands.bytesMax} are allowed`);
  const written = new Uint8Array(length);
  written.set(batch.subarray(0, BATCH_HEADER_BYTES));
  written.set(records, BATCH_HEADER_BYTES);
  writeInt32(written, 8, written.length - 12);
  writeInt16(written, 21, (readAttributes(batch) & ~CODEC_MASK) | CODECS.indexOf(demands.codec));
  sealBatch(written, crc32c);
  return { ok: true, value: written };
}

/** Gives all records of the batch the time of the node: the one change that it makes to what a producer sent. */
export function stampTime(batch: Uint8Array, now: number, crc32c: Crc32c): void {
  writeInt16(batch, 21, readAttributes(batch) | LOG_APPEND_TIME_FLAG);
  writeInt64(batch, 35, now);
  sealBatch(batch, crc32c);
}

function sealBatch(batch: Uint8Array, crc32c: Crc32c): void {
  writeInt32(batch, 17, crc32c(batch.subarray(BATCH_CHECKED_FROM)));
}
