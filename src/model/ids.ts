/**
 * The numbers that cross walls, each with a type of its own, so that an offset can't be handed over as an epoch.
 * Every one of them is a non-negative safe integer; what is beyond 2^53 - 1 is refused at the wire.
 */
declare const brand: unique symbol;

type Branded<Name extends string> = number & { readonly [brand]: Name };

/** Position of a record in its partition, counted from 0. */
export type Offset = Branded<'Offset'>;
/** Leader epoch of a partition: the term of its Raft group. */
export type Epoch = Branded<'Epoch'>;
/** A node of the cluster. The only node of a cluster of one is 1. */
export type NodeId = Branded<'NodeId'>;
/** A shard (worker thread) of one node, from 0. */
export type ShardId = Branded<'ShardId'>;
/** A partition, unique in the cluster and never used again. Internal partitions are below {@link FIRST_USER_PARTITION}. */
export type PartitionId = Branded<'PartitionId'>;
/** A topic, unique in the cluster and never used again. */
export type TopicId = Branded<'TopicId'>;
/** Number of a partition inside its topic, from 0. */
export type PartitionIndex = Branded<'PartitionIndex'>;
/** Idempotent producer, handed out by the catalog. */
export type ProducerId = Branded<'ProducerId'>;
/** Fences older instances of one producer, 0..32767. */
export type ProducerEpoch = Branded<'ProducerEpoch'>;
/** Milliseconds since 1970-01-01T00:00Z. */
export type Timestamp = Branded<'Timestamp'>;

type Id =
  | Offset
  | Epoch
  | NodeId
  | ShardId
  | PartitionId
  | TopicId
  | PartitionIndex
  | ProducerId
  | ProducerEpoch
  | Timestamp;

/**
 * Gives a plain number its type.
 * @throws RangeError when it is no safe integer from 0: callers check input from outside before.
 */
export function id<T extends Id>(value: number): T {
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`not a non-negative safe integer: ${value}`);
  return value as T;
}

/** Partition of the catalog's own log. */
export const CATALOG_PARTITION: PartitionId = id(0);
/** Partitions 1..16 hold the state of consumer groups; a group's log is `1 + hash(group) % 16`. Part of the folder's format. */
export const GROUP_PARTITIONS = 16;
/** Partitions 17..32 hold the state of transactions, by hash of the transactional id. Part of the folder's format. */
export const FIRST_TRANSACTION_PARTITION = 17;
export const TRANSACTION_PARTITIONS = 16;
/** First partition id that topics get. */
export const FIRST_USER_PARTITION: PartitionId = id(64);
