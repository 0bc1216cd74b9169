/**
 * What the log of a coordinator says about its transactions. Each record holds the outcome of a decision, so that
 * applying needs no rules and no clock. Values that msgpack keeps as they are.
 */

/** A partition: its own id, and the topic and index under which people know it. */
export type PackedPlace = readonly [partition: number, topic: number, index: number];

/** `at`: when it was decided, ms since 1970. -1: none. */
export type TransactionRecord = { readonly transaction: string; readonly at: number } & (
  | {
      /** The id got this producer and epoch, and is in no transaction. */
      readonly type: 'opened';
      readonly producer: number;
      readonly epoch: number;
      readonly lastProducer: number;
      readonly lastEpoch: number;
      readonly timeoutMs: number;
    }
  /** These belong to the transaction, which begins with the first of them. */
  | { readonly type: 'joined'; readonly places: readonly PackedPlace[]; readonly groups: readonly string[] }
  | {
      /** Decided for good; everybody in it is to be told. */
      readonly type: 'ending';
      readonly commit: boolean;
      /** What markers carry. */
      readonly epoch: number;
      readonly lastEpoch: number;
      /** The producer id from then on, where the epochs of the present one are used up. */
      readonly next: number;
    }
  /** Everybody in it knows. */
  | { readonly type: 'ended' }
  /** Nobody has used it for long. */
  | { readonly type: 'expired' }
);

const TYPES: readonly string[] = [
  'opened',
  'joined',
  'ending',
  'ended',
  'expired',
] satisfies TransactionRecord['type'][];

/** Null for what a newer version wrote. The checksum of its batch has vouched for the rest. */
export function decodeTransactionRecord(value: unknown): TransactionRecord | null {
  if (typeof value !== 'object' || value === null || !('type' in value)) return null;
  return typeof value.type === 'string' && TYPES.includes(value.type) ? (value as TransactionRecord) : null;
}
