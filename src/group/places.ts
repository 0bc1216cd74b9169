/** Partitions as one number each, so that sets of them are sets of numbers; and the forms in which they travel. */
import { assert } from '../model/assert.ts';
import type { PartitionIndex, TopicId } from '../model/ids.ts';
import { PARTITIONS_PER_TOPIC_MAX } from '../model/limits.ts';

declare const placeBrand: unique symbol;
/** Topic id times {@link STRIDE} plus the partition's index: sorts by topic, then by partition. */
export type PlaceKey = number & { readonly [placeBrand]: 'PlaceKey' };

/** A power of two above any partition index. */
const STRIDE = 16_384;
assert(PARTITIONS_PER_TOPIC_MAX <= STRIDE, 'a partition index must fit below the topic id');

/** As clients name them. */
export interface Places {
  readonly topic: TopicId;
  readonly partitions: readonly PartitionIndex[];
}
/** As members name them that assign by themselves. */
export interface NamedPlaces {
  readonly topic: string;
  readonly partitions: readonly number[];
}
/** As the log holds them: the topic, then its partitions. */
export type PackedPlaces = readonly (readonly number[])[];

export const placeKey = (topic: number, partition: number): PlaceKey => (topic * STRIDE + partition) as PlaceKey;
export const topicOf = (key: PlaceKey): TopicId => Math.floor(key / STRIDE) as TopicId;
export const partitionOf = (key: PlaceKey): PartitionIndex => (key % STRIDE) as PartitionIndex;

export function toPlaces(keys: Iterable<PlaceKey>): Places[] {
  return packPlaces(keys).map(([topic, ...partitions]) => ({
    topic: topic as TopicId,
    partitions: partitions as PartitionIndex[],
  }));
}

/** From outside: what cannot be a partition is left out, because nobody can hold it. */
export function fromPlaces(places: readonly Places[]): Set<PlaceKey> {
  const keys = new Set<PlaceKey>();
  for (const { topic, partitions } of places) {
    for (const partition of partitions) if (partition < STRIDE) keys.add(placeKey(topic, partition));
  }
  return keys;
}

export function isSubset<T>(part: ReadonlySet<T>, of: ReadonlySet<T>): boolean {
  if (part.size > of.size) return false;
  for (const value of part) if (!of.has(value)) return false;
  return true;
}

export function packPlaces(keys: Iterable<PlaceKey>): number[][] {
  const packed: number[][] = [];
  for (const key of [...keys].sort((a, b) => a - b)) {
    const last = packed.at(-1);
    if (last?.[0] === topicOf(key)) last.push(partitionOf(key));
    else packed.push([topicOf(key), partitionOf(key)]);
  }
  return packed;
}

export function unpackPlaces(packed: PackedPlaces): PlaceKey[] {
  return packed.flatMap(([topic = 0, ...partitions]) => partitions.map((partition) => placeKey(topic, partition)));
}
