/** Batches made once and sent many times: bytes that do not compress, records of one size, a batch of about the size asked for. */
import { createHash } from 'node:crypto';
import { crc32c } from '@node-rs/crc32';
import { BatchBuilder } from '../../src/model/batch-builder.ts';

/** Noise that is the same in every run. */
function noise(bytes: number, seed: string): Buffer {
  return createHash('shake256', { outputLength: bytes }).update(seed).digest();
}

export interface Batch {
  readonly bytes: Uint8Array;
  readonly records: number;
}

/** @param recordBytes of each value. */
export function batchOf(recordBytes: number, records: number): Batch {
  const builder = new BatchBuilder();
  const values = noise(recordBytes + 64, 'callboard');
  for (let index = 0; index < records; index++)
    builder.add(Date.now(), null, values.subarray(index % 64, (index % 64) + recordBytes));
  return { bytes: builder.finish(crc32c), records };
}

/** As many records as fit in `batchBytes`, one at least. */
export function batchOfSize(batchBytes: number, recordBytes: number): Batch {
  const one = batchOf(recordBytes, 1).bytes.length - 61;
  // Length and offset delta of later records take up to three bytes more than the first.
  return batchOf(recordBytes, Math.max(1, Math.floor((batchBytes - 61) / (one + 3))));
}
