/**
 * The cluster's map as a log of committed records: topics and their settings, producer ids. Kind `catalog`, at start.
 * Lives on: shard 0, beside its log (partition 0). View: the cluster.
 */

import type { Address } from '../runtime/actor.ts';
import type { Fault } from '../src/model/faults.ts';
import type { ProducerEpoch, ProducerId } from '../src/model/ids.ts';
import type { Topic, TopicSettings } from '../src/model/topic.ts';

/** Answered once the change is committed and every shard's directory has applied it, so that it can be used at once. */
export type CatalogRequest =
  /** → `changed`. `onDemand`: an existing topic is the answer, not a fault; the node's defaults apply. */
  | {
      readonly type: 'create';
      readonly request: number;
      readonly name: string;
      readonly partitions?: number;
      readonly settings: Partial<TopicSettings>;
      readonly onDemand: boolean;
    }
  | {
      readonly type: 'alter';
      readonly request: number;
      readonly name: string;
      readonly partitions?: number;
      readonly settings: Partial<TopicSettings>;
    }
  | { readonly type: 'remove'; readonly request: number; readonly name: string }
  /** → `producer` */
  | { readonly type: 'producer'; readonly request: number };

export type CatalogAnswer =
  | { readonly type: 'changed'; readonly request: number; readonly topic: Topic }
  | {
      readonly type: 'producer';
      readonly request: number;
      readonly producerId: ProducerId;
      readonly epoch: ProducerEpoch;
    }
  | { readonly type: 'refused'; readonly request: number; readonly fault: Fault };

export const catalogAddress = (node: Address['node']): Address<CatalogRequest> => ({
  node,
  name: 'catalog',
  incarnation: 0,
});
