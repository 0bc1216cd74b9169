/** DeleteRecords: moves the begin of partitions forward, to an offset or to their end. */
import { id, type Offset, type PartitionIndex } from '../../../model/ids.ts';
import type { Place } from '../../place.ts';
import type { DeleteRecordsRequest } from '../../request.ts';
import { ask, type Serving } from '../asking.ts';
import {
  type DeleteRecordsRequest as Asked,
  type DeleteRecordsResponse,
  deleteRecords,
} from '../calls/delete-records.ts';
import { type ErrorCode, errors } from '../faults.ts';
import { type Peer, service } from '../service.ts';

type Answer = DeleteRecordsResponse['topics'][number]['partitions'][number];
type Part = DeleteRecordsRequest['parts'][number];

/** Stands for the end as it is now. */
const TO_END = -1;

/** One partition of a request. */
interface Wanted {
  readonly name: string;
  readonly index: number;
  readonly before: number;
  readonly place: Place | undefined;
  errorCode: ErrorCode;
  lowWatermark: number;
}

export const serveDeleteRecords = service(deleteRecords, function* (request, peer) {
  const wanted = yield* find(request, peer);
  const all = [...wanted.values()].flat();
  const parts = yield* boundsOf(all, peer);
  const asked = [...parts.keys()];
  const deleted =
    asked.length === 0 ? undefined : yield* ask<'deleteRecords'>({ call: 'deleteRecords', parts: [...parts.values()] });
  asked.forEach((one, index) => {
    const outcome = deleted?.ok === true ? deleted.value.parts[index] : undefined;
    if (outcome === undefined) one.errorCode = errors.NOT_LEADER_OR_FOLLOWER;
    else if ('fault' in outcome) one.errorCode = peer.topics.errorOf(outcome.fault, { name: one.name, id: '' }, false);
    else one.lowWatermark = outcome.begin;
  });
  const answer = ({ index, errorCode, lowWatermark }: Wanted): Answer => ({
    partitionIndex: index,
    errorCode,
    lowWatermark,
  });
  return {
    topics: request.topics.map((topic) => ({ name: topic.name, partitions: (wanted.get(topic) ?? []).map(answer) })),
  };
});

type Topic = Asked['topics'][number];

function* find({ topics }: Asked, peer: Peer): Serving<ReadonlyMap<Topic, readonly Wanted[]>> {
  const found = yield* peer.topics.locate(
    topics.map(({ name }) => ({ name, id: '' })),
    false,
  );
  return new Map(
    topics.map((topic, at) => {
      const number = found[at];
      const wanted = topic.partitions.map(({ partitionIndex: index, offset }): Wanted => {
        const there = number?.ok === true && index >= 0;
        const place = there ? { topic: number.value, partition: index as PartitionIndex } : undefined;
        const errorCode = judge(there, offset);
        return { name: topic.name, index, before: offset, place, errorCode, lowWatermark: -1 };
      });
      return [topic, wanted] as const;
    }),
  );
}

function judge(there: boolean, offset: number): ErrorCode {
  if (!there) return errors.UNKNOWN_TOPIC_OR_PARTITION;
  return offset < TO_END ? errors.OFFSET_OUT_OF_RANGE : errors.NONE;
}

/** Where each partition is to begin; ends are asked for first. */
function* boundsOf(all: readonly Wanted[], peer: Peer): Serving<ReadonlyMap<Wanted, Part>> {
  const parts = new Map<Wanted, Part>();
  const toEnd: Wanted[] = [];
  for (const one of all) {
    if (one.place === undefined || one.errorCode !== errors.NONE) continue;
    if (one.before === TO_END) toEnd.push(one);
    else parts.set(one, { ...one.place, before: id<Offset>(one.before) });
  }
  if (toEnd.length === 0) return parts;
  const places = toEnd.flatMap(({ place }) => (place === undefined ? [] : [{ ...place, at: 'end' as const }]));
  const ends = yield* ask<'offsets'>({ call: 'offsets', parts: places });
  toEnd.forEach((one, index) => {
    const end = ends.ok ? ends.value.parts[index] : undefined;
    if (end === undefined || one.place === undefined) one.errorCode = errors.NOT_LEADER_OR_FOLLOWER;
    else if ('fault' in end) one.errorCode = peer.topics.errorOf(end.fault, { name: one.name, id: '' }, false);
    else parts.set(one, { ...one.place, before: end.offset });
  });
  return parts;
}
