/** What goes into a shard's journal and what it asks for: values only, see journal.ts. */
import type { Crc32c } from '../model/crc.ts';
import type { Fault } from '../model/faults.ts';
import type { Offset, PartitionId } from '../model/ids.ts';
import type { Memory } from './chunk.ts';
import type { Preparation } from './journal-files.ts';

export interface Store<Client> {
  readonly partition: PartitionId;
  /** Of the partition's log: rises when it gave appended batches up. */
  readonly era: number;
  /** 64 bytes, sealed for the sidecar. */
  readonly entry: Uint8Array;
  /** Null for a batch that goes to its segment directly. */
  readonly body: Uint8Array | null;
  /** What `body` and `entry` lie in. */
  readonly memory: Memory | null;
  /** 0: fsync with the write. Else ms within which it is to be fsynced. */
  readonly flushIntervalMs: number;
  readonly client: Client;
}

export type JournalEffect<Client> =
  /** Write `bytes` at `position` of the current file; `durable`: so that they are, once it is answered. → `written` */
  | { readonly kind: 'write'; readonly bytes: Uint8Array; readonly position: number; readonly durable: boolean }
  /** Fsync the current file. → `synced` */
  | { readonly kind: 'sync' }
  /** Call `syncDue` after so many ms. */
  | { readonly kind: 'syncLater'; readonly ms: number }
  /** Make a file ready to be written, while the current one may still be. → `prepared` */
  | ({ readonly kind: 'prepare' } & Preparation)
  /** The file that was made ready is the current one. */
  | { readonly kind: 'use' }
  /** The current file is not written any more. */
  | { readonly kind: 'retire' }
  /** Everything of the partition below `upTo` is to get to its segments, and at most `keepBytes` of it to stay in memory. → `flushed` */
  | { readonly kind: 'flush'; readonly partition: PartitionId; readonly upTo: Offset; readonly keepBytes: number }
  /** Everything written is durable, and nothing is written until `release`. */
  | { readonly kind: 'held' }
  /** The file has nothing that is needed; it is not kept for use again. */
  | { readonly kind: 'remove'; readonly name: string }
  /** The journal has everything of the client's era below `upTo`. */
  | {
      readonly kind: 'stored';
      readonly client: Client;
      readonly partition: PartitionId;
      readonly era: number;
      readonly upTo: Offset;
      readonly durable: boolean;
    }
  /** Nothing of the client's era that was not answered is stored, nor will be. */
  | {
      readonly kind: 'failed';
      readonly client: Client;
      readonly partition: PartitionId;
      readonly era: number;
      readonly fault: Fault;
    };

/** `full`: the disk has no room; else the disk's own error. */
export type JournalError = { readonly full: boolean; readonly message: string };

export interface JournalOptions {
  readonly shard: number;
  readonly shards: number;
  /** A file is changed when it has grown to this. */
  readonly fileBytes: number;
  readonly filesMax: number;
  readonly crc32c: Crc32c;
  /** GROUP_BYTES_MAX bytes, page-aligned: every group is put together here. */
  readonly memory: Uint8Array;
  /** Number that the next group gets, and sequence that the next file gets. */
  readonly nextNumber: number;
  readonly nextSequence: number;
  /** Highest durable offset known of each partition. */
  readonly durable: ReadonlyMap<PartitionId, Offset>;
}
