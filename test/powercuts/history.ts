/**
 * What a load asked for and what it was told, each with its place in the trace of the disk. A lane is a partition with one
 * idempotent producer: the record at offset n is the nth that was sent, or there is none.
 */
import { crc32c } from '@node-rs/crc32';
import { BatchBuilder } from '../../src/model/batch-builder.ts';
import { id, type Offset, type PartitionIndex, type ProducerId, type TopicId } from '../../src/model/ids.ts';

/** Places in the trace; infinite where it did not happen. */
export interface Times {
  readonly asked: number;
  told: number;
}

export interface SentBatch extends Times {
  readonly base: number;
  readonly timestamp: number;
  readonly values: readonly string[];
}

export interface Lane {
  readonly topic: TopicId;
  readonly partition: PartitionIndex;
  readonly producerId: ProducerId;
  /** What the topic promises at a power cut: all that was acked, or nothing but order. */
  readonly promise: 'all' | 'order';
  /** Retention may take its oldest records. */
  readonly trimmed: boolean;
  readonly batches: SentBatch[];
}

export interface TopicHistory {
  readonly name: string;
  readonly created: Times;
  readonly deleted: Times;
  id: TopicId | null;
  partitions: readonly number[];
}

export interface Commit extends Times {
  readonly group: string;
  readonly topic: TopicId;
  readonly offset: Offset;
}

export class History {
  readonly lanes: Lane[] = [];
  readonly topics: TopicHistory[] = [];
  readonly commits: Commit[] = [];
  /** Every producer that was given out, by the time it was told. */
  readonly producers: { readonly told: number; readonly producerId: ProducerId }[] = [];
}

export const endOf = (lane: Lane): number => {
  const last = lane.batches.at(-1);
  return last === undefined ? 0 : last.base + last.values.length;
};

/** What stands at `offset`, as far as it was asked for before `cut`. */
export function valueAt(lane: Lane, offset: number, cut: number): string | undefined {
  const batch = lane.batches.findLast(({ base }) => base <= offset);
  return batch === undefined || batch.asked > cut ? undefined : batch.values[offset - batch.base];
}

export function bytesOf({ producerId }: Lane, { base, timestamp, values }: SentBatch): Uint8Array {
  const builder = new BatchBuilder();
  for (const value of values) builder.add(timestamp, null, value);
  return builder.finish(crc32c, { producer: { producerId, producerEpoch: id(0), baseSequence: base } });
}
