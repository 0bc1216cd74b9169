/**
 * What the catalog's log says: one record a change, each with everything that follows from it, so that applying needs no
 * rules. Values that msgpack keeps as they are. A record whose type this version does not know stops the start.
 */
import type { TopicId } from '../model/ids.ts';
import type { Quota } from '../model/quota.ts';
import type { Topic, TopicSettings } from '../model/topic.ts';
import type { DefaultsScope } from '../model/topic-defaults.ts';

export type CatalogRecord =
  /** A topic as it is from now on: created or altered. */
  | { readonly type: 'topic'; readonly topic: Topic }
  | { readonly type: 'topicGone'; readonly id: TopicId }
  /** First ids never given out so far, in snapshots: they outlive the topics that had the last ones. */
  | { readonly type: 'ids'; readonly topic: number; readonly partition: number }
  /** What a client may use from now on; with its name alone: nothing bounds it. */
  | { readonly type: 'quota'; readonly quota: Quota }
  /** Which defaults of topics are altered from now on, all that are in this scope. */
  | { readonly type: 'defaults'; readonly scope: DefaultsScope; readonly settings: Partial<TopicSettings> }
  /** First producer id that is not in a block given out. */
  | { readonly type: 'producers'; readonly next: number };

const TYPES: readonly string[] = [
  'topic',
  'topicGone',
  'ids',
  'quota',
  'defaults',
  'producers',
] satisfies CatalogRecord['type'][];

/** Null for what a newer version wrote. The checksum of its batch has vouched for the rest. */
export function decodeCatalogRecord(value: unknown): CatalogRecord | null {
  if (typeof value !== 'object' || value === null || !('type' in value)) return null;
  return typeof value.type === 'string' && TYPES.includes(value.type) ? (value as CatalogRecord) : null;
}
