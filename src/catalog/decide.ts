/**
 * What the catalog says to a request: the records that carry it out, or the fault that stands in its way. Reads the
 * state, never changes it; whoever asked sees the outcome only once the records are committed.
 */
import { unreachable } from '../model/assert.ts';
import { type Fault, failed, ok, type Result } from '../model/faults.ts';
import { id, type PartitionId, type Timestamp } from '../model/ids.ts';
import { CLIENT_ID_CHARS_MAX, PARTITIONS_MAX, PARTITIONS_PER_TOPIC_MAX, TOPICS_MAX } from '../model/limits.ts';
import { QUOTAS_MAX, type Quota, type QuotaChange } from '../model/quota.ts';
import { checkName, checkTogether, checkTopicSettings, type Topic, type TopicSettings } from '../model/topic.ts';
import { changedDefaults, type DefaultsChange, defaultsInForce } from '../model/topic-defaults.ts';
import type { Catalog } from './catalog.ts';
import type { CatalogRecord } from './record.ts';

/** What new topics get where nothing was asked for, as the node's own settings say. */
export interface TopicDefaults {
  readonly partitions: number;
  readonly settings: TopicSettings;
}

export type CatalogChange =
  /** `onDemand`: a topic that is there is the answer, not a fault. */
  | {
      readonly type: 'create';
      readonly name: string;
      readonly partitions?: number;
      readonly settings: Partial<TopicSettings>;
      readonly onDemand: boolean;
    }
  | {
      readonly type: 'alter';
      readonly name: string;
      readonly partitions?: number;
      readonly settings: Partial<TopicSettings>;
    }
  | { readonly type: 'remove'; readonly name: string };

/** `topic`: as it is afterwards, or as it was when it was removed. */
export interface CatalogDecision {
  readonly records: readonly CatalogRecord[];
  readonly topic: Topic;
}

/** Producer ids of one record: a restart loses at most so many, which is nothing out of 2^53. */
export const PRODUCER_BLOCK = 1_000;

export function decideChange(
  catalog: Catalog,
  change: CatalogChange,
  defaults: TopicDefaults,
  now: number,
): Result<CatalogDecision> {
  switch (change.type) {
    case 'create':
      return create(catalog, change, defaults, now);
    case 'alter':
      return alter(catalog, change);
    case 'remove':
      return remove(catalog, change.name);
    default:
      return unreachable(change);
  }
}

/** The record for a change of what a client may use. */
export function decideQuota({ quotas }: Catalog, change: QuotaChange): Result<CatalogRecord> {
  const { client } = change;
  const before = quotas.get(client);
  if (client !== null && client.length > CLIENT_ID_CHARS_MAX)
    return failed('INVALID_REQUEST', `a client id has at most ${CLIENT_ID_CHARS_MAX} characters`);
  if (before === undefined && quotas.full)
    return failed(
      'INVALID_REQUEST',
      `there are ${QUOTAS_MAX} quotas, and no more may be; a default one is for all clients`,
    );
  const quota: { -readonly [K in keyof Quota]: Quota[K] } = { client };
  for (const name of ['produceRate', 'fetchRate', 'requestPercentage'] as const) {
    const value = change[name] === undefined ? before?.[name] : change[name];
    if (typeof value === 'number') quota[name] = value;
  }
  return ok({ type: 'quota', quota });
}

/** The record for a change of the defaults of topics. */
export function decideDefaults(
  catalog: Catalog,
  change: DefaultsChange,
  { settings: set }: TopicDefaults,
): Result<CatalogRecord> {
  const after = changedDefaults(catalog.defaults, change, set);
  return after.ok ? ok({ type: 'defaults', scope: change.scope, settings: after.value }) : after;
}

/** The record for a new block of producer ids. */
export function decideProducers(catalog: Catalog): CatalogRecord {
  return { type: 'producers', next: catalog.nextProducer + PRODUCER_BLOCK };
}

type Create = Extract<CatalogChange, { readonly type: 'create' }>;
type Alter = Extract<CatalogChange, { readonly type: 'alter' }>;

function create(catalog: Catalog, change: Create, defaults: TopicDefaults, now: number): Result<CatalogDecision> {
  const name = checkName('topic', change.name);
  if (!name.ok) return name;
  if (change.name.startsWith('__')) return failed('TOPIC_INTERNAL', `${change.name} begins with two underscores`);
  const existing = catalog.topic(change.name);
  if (existing !== undefined)
    return change.onDemand ? ok({ records: [], topic: existing }) : failed('TOPIC_EXISTS', `${change.name} exists`);
  const settings = checkTopicSettings(change.settings);
  if (!settings.ok) return settings;
  const count = change.partitions ?? defaults.partitions;
  const all = { ...defaultsInForce(defaults.settings, catalog.defaults), ...settings.value };
  const wrong = checkCount(count) ?? checkRoom(catalog, 1, count) ?? checkTogether(all);
  if (wrong !== null) return { ok: false, fault: wrong };
  const topic: Topic = {
    id: id(catalog.nextTopic),
    name: change.name,
    createdAt: id<Timestamp>(now),
    partitions: freshPartitions(catalog, count),
    settings: all,
    version: 1,
  };
  return ok({ records: [{ type: 'topic', topic }], topic });
}

function alter(catalog: Catalog, change: Alter): Result<CatalogDecision> {
  const before = catalog.topic(change.name);
  if (before === undefined) return failed('UNKNOWN_TOPIC', `topic ${shown(change.name)} does not exist`);
  const settings = checkTopicSettings(change.settings);
  if (!settings.ok) return settings;
  if (settings.value.engine !== undefined && settings.value.engine !== before.settings.engine)
    return failed('INVALID_SETTING', `engine of ${change.name} is ${before.settings.engine} and stays so`);
  const had = before.partitions.length;
  const count = change.partitions ?? had;
  const all = { ...before.settings, ...settings.value };
  const wrong = checkCount(count) ?? checkRoom(catalog, 0, count - had) ?? checkTogether(all);
  if (wrong !== null) return { ok: false, fault: wrong };
  if (count < had) return failed('INVALID_SETTING', `${change.name} has ${had} partitions; their number can only grow`);
  const topic: Topic = {
    ...before,
    partitions: [...before.partitions, ...freshPartitions(catalog, count - had)],
    settings: all,
    version: before.version + 1,
  };
  return ok(sameTopic(before, topic) ? { records: [], topic: before } : { records: [{ type: 'topic', topic }], topic });
}

function remove(catalog: Catalog, name: string): Result<CatalogDecision> {
  const topic = catalog.topic(name);
  if (topic === undefined) return failed('UNKNOWN_TOPIC', `topic ${shown(name)} does not exist`);
  return ok({ records: [{ type: 'topicGone', id: topic.id }], topic });
}

function checkCount(count: number): Fault | null {
  if (Number.isSafeInteger(count) && count >= 1 && count <= PARTITIONS_PER_TOPIC_MAX) return null;
  return failed('INVALID_SETTING', `partitions must be a whole number from 1 to ${PARTITIONS_PER_TOPIC_MAX}`).fault;
}

function checkRoom(catalog: Catalog, topics: number, partitions: number): Fault | null {
  if (catalog.topicCount + topics > TOPICS_MAX)
    return failed('INVALID_REQUEST', `there are ${catalog.topicCount} topics, and no more than ${TOPICS_MAX} may be`)
      .fault;
  const sum = catalog.partitionCount + partitions;
  if (sum <= PARTITIONS_MAX) return null;
  return failed('INVALID_REQUEST', `that would be ${sum} partitions; the node has room for ${PARTITIONS_MAX}`).fault;
}

function freshPartitions(catalog: Catalog, count: number): PartitionId[] {
  return Array.from({ length: count }, (_, index) => id<PartitionId>(catalog.nextPartition + index));
}

function sameTopic(a: Topic, b: Topic): boolean {
  const names = Object.keys(a.settings) as (keyof TopicSettings)[];
  return a.partitions.length === b.partitions.length && names.every((name) => a.settings[name] === b.settings[name]);
}

function shown(name: string): string {
  return JSON.stringify(name.length > 40 ? `${name.slice(0, 40)}…` : name);
}
