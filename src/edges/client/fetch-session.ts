/**
 * What one fetch session of the node holds, as far as this side knows: so that a request names only what changes. Asks
 * for nothing itself.
 */
import type { Place } from '../../protocols/place.ts';
import type { FetchRequest } from '../../protocols/request.ts';
import type { PartitionStream } from './partition-stream.ts';

export type PlaceKey = number;
/** Partitions of one topic stay below 2^14. */
export const placeKey = (place: Place): PlaceKey => place.topic * 16_384 + place.partition;

export class FetchSession {
  /** The node's number; 0: it is not open yet. */
  number = 0;
  #streams: ReadonlyMap<PlaceKey, PartitionStream> = new Map();

  /** What to add and drop so that the session holds exactly `wanted`, each where it stands. */
  change(wanted: ReadonlyMap<PlaceKey, PartitionStream>, bytesMax: number): Pick<FetchRequest, 'add' | 'drop'> {
    const add: FetchRequest['add'][number][] = [];
    const drop: Place[] = [];
    for (const [key, stream] of wanted) {
      const { topic, partition, fetchOffset, moved } = stream;
      stream.moved = false;
      if (moved || this.#streams.get(key) !== stream) add.push({ topic, partition, offset: fetchOffset, bytesMax });
    }
    for (const [key, { topic, partition }] of this.#streams) if (!wanted.has(key)) drop.push({ topic, partition });
    this.#streams = wanted;
    return { add, drop };
  }

  /** The stream that a part of an answer is for. */
  streamOf(place: Place): PartitionStream | undefined {
    return this.#streams.get(placeKey(place));
  }
}
