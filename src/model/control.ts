/**
 * Control batches: what a node writes into a partition to say how a transaction ended there. One record, as Kafka's
 * clients know it; readers step over it, and its offset stays without a message.
 *
 * ```
 * key: version i16 = 0, type i16 (0: abort, 1: commit) | value: version i16 = 0, coordinator epoch i32
 * ```
 */
import {
  BATCH_CHECKED_FROM,
  BATCH_HEADER_BYTES,
  CONTROL_FLAG,
  readAttributes,
  stampProducer,
  TRANSACTIONAL_FLAG,
} from './batch.ts';
import { BatchBuilder } from './batch-builder.ts';
import { readInt16, writeInt16, writeInt32 } from './bytes.ts';
import type { Crc32c } from './crc.ts';
import type { ProducerEpoch, ProducerId } from './ids.ts';
import { Records } from './record.ts';

const ABORT = 0;
const COMMIT = 1;

export interface Marker {
  readonly producer: number;
  readonly epoch: number;
  readonly commit: boolean;
  readonly coordinatorEpoch: number;
  /** Ms since 1970. */
  readonly at: number;
}

export function markerBatch({ producer, epoch, commit, coordinatorEpoch, at }: Marker, crc32c: Crc32c): Uint8Array {
  const key = new Uint8Array(4);
  writeInt16(key, 2, commit ? COMMIT : ABORT);
  const value = new Uint8Array(6);
  writeInt32(value, 2, coordinatorEpoch);
  const builder = new BatchBuilder(BATCH_HEADER_BYTES + BATCH_CHECKED_FROM);
  builder.add(at, key, value);
  const batch = builder.finish(crc32c);
  writeInt16(batch, 21, TRANSACTIONAL_FLAG | CONTROL_FLAG);
  const who = { producerId: producer as ProducerId, producerEpoch: epoch as ProducerEpoch, baseSequence: -1 };
  stampProducer(batch, who, crc32c);
  return batch;
}

/** Is the batch at `at` written by a node for itself? */
export function isControl(bytes: Uint8Array, at = 0): boolean {
  return (readAttributes(bytes, at) & CONTROL_FLAG) !== 0;
}

/** Do the records of the batch at `at` count only when their transaction is committed? */
export function isTransactional(bytes: Uint8Array, at = 0): boolean {
  return (readAttributes(bytes, at) & TRANSACTIONAL_FLAG) !== 0;
}

/** Of a control batch: how the transaction ended; null: it says something else. */
export function readMarker(batch: Uint8Array): 'commit' | 'abort' | null {
  const records = new Records(batch, batch.subarray(BATCH_HEADER_BYTES));
  const key = records.next() ? records.key : null;
  if (key === null || key.length < 4) return null;
  const type = readInt16(key, 2);
  return type === COMMIT ? 'commit' : type === ABORT ? 'abort' : null;
}
