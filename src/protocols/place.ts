/** Where records lie, as all requests name it. */
import type { PartitionIndex, Timestamp, TopicId } from '../model/ids.ts';

/** One partition, as clients name it. */
export interface Place {
  readonly topic: TopicId;
  readonly partition: PartitionIndex;
}

/** A place in a partition, as clients name it who know no offset. */
export type OffsetAt = 'begin' | 'end' | { readonly timestamp: Timestamp };
