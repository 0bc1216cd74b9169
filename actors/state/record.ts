/**
 * How the records of a state log lie in record batches: one batch record for each, its value msgpack of
 * `[format, mark, record]`. A snapshot is a run of records between two marks that leads from the empty state to the one
 * it was taken of, so that there is no second format. Knows nothing of what the records say.
 */
import { BATCH_HEADER_BYTES, batchesIn } from '../../src/model/batch.ts';
import { BatchBuilder } from '../../src/model/batch-builder.ts';
import type { Crc32c } from '../../src/model/crc.ts';
import { type Fault, fault } from '../../src/model/faults.ts';
import { KIB } from '../../src/model/limits.ts';
import { Records } from '../../src/model/record.ts';

/** msgpack and the checksum, handed in by whoever composes the node. */
export interface StateCodec {
  encode(value: unknown): Uint8Array;
  decode(bytes: Uint8Array): unknown;
  readonly crc32c: Crc32c;
}

const FORMAT = 1;
const PLAIN = 0;
const SNAPSHOT_BEGIN = 1;
const SNAPSHOT_PART = 2;
const SNAPSHOT_END = 3;

/** A batch is closed at this size; a larger record has one to itself. */
const BATCH_BYTES = 512 * KIB;

export interface Packed {
  readonly bytes: Uint8Array;
  /** Records in it. */
  readonly count: number;
}

/** Records as batches, each as full as may be. */
export function packRecords(records: Iterable<unknown>, codec: StateCodec, timestamp: number): Packed[] {
  return pack(marked(PLAIN, records), codec, timestamp);
}

export function packSnapshot(records: Iterable<unknown>, codec: StateCodec, timestamp: number): Packed[] {
  return pack(snapshotted(records), codec, timestamp);
}

function* marked(mark: number, records: Iterable<unknown>): Generator<readonly unknown[]> {
  for (const record of records) yield [FORMAT, mark, record];
}

function* snapshotted(records: Iterable<unknown>): Generator<readonly unknown[]> {
  yield [FORMAT, SNAPSHOT_BEGIN];
  yield* marked(SNAPSHOT_PART, records);
  yield [FORMAT, SNAPSHOT_END];
}

function pack(values: Iterable<readonly unknown[]>, codec: StateCodec, timestamp: number): Packed[] {
  const batches: Packed[] = [];
  const builder = new BatchBuilder();
  const close = (): void => {
    const count = builder.count;
    if (count > 0) batches.push({ count, bytes: builder.finish(codec.crc32c) });
  };
  for (const value of values) {
    const bytes = codec.encode(value);
    if (builder.bytes + bytes.length > BATCH_BYTES) close();
    builder.add(timestamp, null, bytes);
  }
  close();
  return batches;
}

/** What a replay needs of the machine. */
export interface Replayed<Entry> {
  reset(): void;
  apply(record: Entry): void;
  decode(value: unknown): Entry | null;
}

/** Feeds the batches of a log, in order, to a machine. */
export class Replay<Entry> {
  readonly #codec: StateCodec;
  readonly #machine: Replayed<Entry>;
  /** Records of the snapshot that is being read; null outside of one. */
  #snapshot: Entry[] | null = null;
  /** The log's beginning was trimmed: until a whole snapshot has come, its records have nothing to stand on. */
  #headless: boolean;

  constructor(codec: StateCodec, machine: Replayed<Entry>, trimmed: boolean) {
    this.#codec = codec;
    this.#machine = machine;
    this.#headless = trimmed;
  }

  /** The state is what the log says: it began at its beginning or at a whole snapshot. */
  get whole(): boolean {
    return !this.#headless;
  }

  /** @param from records below were in an earlier call, or before the log's beginning. */
  add(bytes: Uint8Array, from: number): Fault | null {
    for (const batch of batchesIn(bytes)) {
      const records = new Records(batch, batch.subarray(BATCH_HEADER_BYTES));
      while (records.next()) {
        if (records.control || records.offset < from) continue;
        if (!this.#take(records.value)) return fault('UNSUPPORTED_VERSION', `record ${records.offset} of a state log`);
      }
      if (records.damaged) return fault('DATA_DAMAGED', 'a batch of a state log does not hold what its header counts');
    }
    return null;
  }

  /** False for what a newer version wrote. */
  #take(bytes: Uint8Array | null): boolean {
    // A copy: what a record has of bytes would point into memory that was leased for the read.
    const value = bytes === null ? null : this.#codec.decode(new Uint8Array(bytes));
    if (!Array.isArray(value) || value[0] !== FORMAT) return false;
    const [, mark, content] = value;
    if (mark === SNAPSHOT_BEGIN) {
      this.#snapshot = [];
      return true;
    }
    if (mark === SNAPSHOT_END) {
      this.#restore();
      return true;
    }
    const record = this.#machine.decode(content);
    if (record === null || (mark !== PLAIN && mark !== SNAPSHOT_PART)) return false;
    if (mark === SNAPSHOT_PART) this.#snapshot?.push(record);
    else this.#applyPlain(record);
    return true;
  }

  /** A snapshot whose end never came was cut short by a crash: the records behind it go on from those before it. */
  #applyPlain(record: Entry): void {
    this.#snapshot = null;
    if (!this.#headless) this.#machine.apply(record);
  }

  /** Parts without a beginning are the rest of a snapshot that was trimmed, with a newer one behind it. */
  #restore(): void {
    if (this.#snapshot === null) return;
    this.#machine.reset();
    for (const record of this.#snapshot) this.#machine.apply(record);
    this.#snapshot = null;
    this.#headless = false;
  }
}
