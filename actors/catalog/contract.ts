/** What everybody may ask of the catalog, what it answers, and what it tells directories by itself. */
import type { Address } from '../../runtime/actor.ts';
import type { Fault } from '../../src/model/faults.ts';
import type { ProducerEpoch, ProducerId, TopicId } from '../../src/model/ids.ts';
import type { Quota, QuotaChange, QuotaKind, QuotaLimits } from '../../src/model/quota.ts';
import type { Topic, TopicSettings } from '../../src/model/topic.ts';
import type { AlteredDefaults, DefaultsChange } from '../../src/model/topic-defaults.ts';

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
      /** Decided, and answered at once; nothing is changed. */
      readonly validateOnly?: boolean;
    }
  | {
      readonly type: 'alter';
      readonly request: number;
      readonly name: string;
      readonly partitions?: number;
      readonly settings: Partial<TopicSettings>;
      readonly validateOnly?: boolean;
    }
  | { readonly type: 'remove'; readonly request: number; readonly name: string }
  /** → `producer` */
  | { readonly type: 'producer'; readonly request: number }
  /** → `limits`: which quotas hold for a client */
  | { readonly type: 'limits'; readonly request: number; readonly client: string }
  /** A client has used so much, bytes or ms → `charged` */
  | {
      readonly type: 'charge';
      readonly request: number;
      readonly client: string;
      readonly kind: QuotaKind;
      readonly amount: number;
    }
  /** → `quotas`, all that there are */
  | { readonly type: 'quotas'; readonly request: number }
  /** → `quotas`, none of them, once the change is committed */
  | {
      readonly type: 'alterQuota';
      readonly request: number;
      readonly change: QuotaChange;
      readonly validateOnly: boolean;
    }
  /** → `defaults`, as they were altered */
  | { readonly type: 'defaults'; readonly request: number }
  /** → `defaults`, once the change is committed; only to be validated: as they were */
  | {
      readonly type: 'alterDefaults';
      readonly request: number;
      readonly change: DefaultsChange;
      readonly validateOnly: boolean;
    }
  /** From a directory → `copy`, then `change` and `gone` for good. */
  | { readonly type: 'subscribe'; readonly shard: number }
  /** From a directory, over the reply lane: it knows all up to this version. */
  | { readonly type: 'applied'; readonly version: number };

export type CatalogAnswer =
  | { readonly type: 'changed'; readonly request: number; readonly topic: Topic }
  | {
      readonly type: 'producer';
      readonly request: number;
      readonly producerId: ProducerId;
      readonly epoch: ProducerEpoch;
    }
  | { readonly type: 'limits'; readonly request: number; readonly limits: QuotaLimits }
  /** For so long the client is to be quiet. */
  | { readonly type: 'charged'; readonly request: number; readonly throttleMs: number }
  | { readonly type: 'quotas'; readonly request: number; readonly quotas: readonly Quota[] }
  | { readonly type: 'defaults'; readonly request: number; readonly altered: AlteredDefaults }
  | { readonly type: 'refused'; readonly request: number; readonly fault: Fault };

/**
 * What the catalog tells directories. `version` rises with every change, in the life of one catalog actor.
 * `nextPartition`: partitions from there on belong to topics that the directory has not heard of yet.
 */
export type CatalogPush =
  /** All topics, in portions that fit a ring record. */
  | {
      readonly type: 'copy';
      readonly version: number;
      readonly nextPartition: number;
      readonly first: boolean;
      readonly last: boolean;
      readonly topics: readonly Topic[];
    }
  | { readonly type: 'change'; readonly version: number; readonly nextPartition: number; readonly topic: Topic }
  | {
      readonly type: 'gone';
      readonly version: number;
      readonly nextPartition: number;
      readonly topic: TopicId;
      readonly name: string;
    };

export const catalogAddress = (node: Address['node']): Address<CatalogRequest> => ({
  node,
  name: 'catalog',
  incarnation: 0,
});
