/** What everybody may ask of a shard's journal, and what it answers: the contract between actors/journal.ts and the rest. */
import type { Address, Lease } from '../../runtime/actor.ts';
import type { TailBatch } from '../../src/log/replay.ts';
import type { UnlistedRoom } from '../../src/log/unlisted.ts';
import type { Crc32c } from '../../src/model/crc.ts';
import type { Fault } from '../../src/model/faults.ts';
import type { Offset, PartitionId } from '../../src/model/ids.ts';
import type { CompactionRoom } from '../partition/compaction-room.ts';
import type { ReadAheadRoom } from '../partition/read-ahead.ts';
import type { Rereads } from '../partition/rereads.ts';

/** From partitions of the same shard; from its janitor `refuse`; from the journals of other shards `released`. */
export type JournalRequest =
  /** `bytes` is the batch, null where it goes to its segment directly → `stored`, or `storeFailed` for the whole era. */
  | {
      readonly type: 'store';
      readonly partition: PartitionId;
      readonly era: number;
      readonly entry: Uint8Array;
      readonly bytes?: Uint8Array;
      readonly lease?: Lease;
      readonly flushIntervalMs: number;
    }
  /** What is there of the partition from `offset` on → `tail` …, each answered by `tailTaken`, then `recovered` */
  | { readonly type: 'recover'; readonly partition: PartitionId; readonly offset: Offset }
  | { readonly type: 'tailTaken'; readonly partition: PartitionId }
  /** The partition cannot keep what it stored in this era and was not told to be durable → `storeFailed` */
  | { readonly type: 'abandon'; readonly partition: PartitionId; readonly era: number; readonly fault: Fault }
  /** The journal may forget what it has of the partition below `upTo`; infinite when the partition is gone. */
  | { readonly type: 'flushed'; readonly partition: PartitionId; readonly upTo: number }
  /** Memory is short: everybody is to move to segments what the journal has. */
  | { readonly type: 'hurry' }
  /** User partitions are refused with this until the next `refuse`; null: no longer. */
  | { readonly type: 'refuse'; readonly fault: Fault | null }
  /** That shard needs nothing more of the journal file `name`, which was written by another number of shards. */
  | { readonly type: 'released'; readonly name: string; readonly shard: number };

export type JournalAnswer =
  | { readonly type: 'stored'; readonly era: number; readonly upTo: Offset; readonly durable: boolean }
  | { readonly type: 'storeFailed'; readonly era: number; readonly fault: Fault }
  /** `durable`: the highest durable offset that the journal knows of the partition. The batches lie in `lease`. */
  | {
      readonly type: 'tail';
      readonly batches: readonly TailBatch[];
      readonly durable: Offset;
      readonly lease: Lease;
    }
  /** `era`: what the partition's log goes on with. */
  | { readonly type: 'recovered'; readonly era: number }
  /** → `flushed`. `keepBytes`: what may stay in memory of what is on disk. */
  | { readonly type: 'flush'; readonly upTo: Offset; readonly keepBytes: number };

/** What actors of the log get from whoever composes the shard. */
export interface StorageInit {
  readonly crc32c: Crc32c;
  /** Bytes of a journal file, and how many of them may wait for partitions; together well below the shard's arena. */
  readonly journalFileBytes: number;
  readonly journalFilesMax: number;
  /** Writes are refused below: bytes free, and part of the disk. */
  readonly freeBytesMin: number;
  readonly freeRatioMin: number;
  /** For the partitions of a shard. */
  readonly compactions: CompactionRoom;
  readonly unlisted: UnlistedRoom;
  /** What partitions may hold that they have read ahead. */
  readonly readAhead: ReadAheadRoom;
  /** What of theirs is read by way of the operating system's cache. */
  readonly rereads: Rereads;
}

export const journalAddress = (node: Address['node'], shard: number): Address<JournalRequest> => ({
  node,
  name: `journal/${shard}`,
  incarnation: 0,
});
