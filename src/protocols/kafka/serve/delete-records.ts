/**
 * DeleteRecords: moves the begin of partitions forward, to an offset or to their end. Of what a request says of one
 * partition the last counts, and it is answered once.
 */
import { id, type Offset, type PartitionIndex } from '../../../model/ids.ts';
import type { Topic } from '../../../model/topic.ts';
import type { Place } from '../../place.ts';
import type { DeleteRecordsRequest } from '../../request.ts';
import { ask, type Serving } from '../asking.ts';
import {
  type DeleteRecordsRequest as Asked,
  type DeleteRecordsResponse,
  deleteRecords,
} from '../calls/delete-records.ts';
import { type ErrorCode, errorOf, errors } from '../faults.ts';
import { lookUp } from '../look-up.ts';
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
  const all = yield* find(lasts(request.topics));
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
  const topics = new Map<string, Answer[]>();
  for (const { name, index, errorCode, lowWatermark } of all) {
    const partitions = topics.get(name) ?? [];
    topics.set(name, partitions);
    partitions.push({ partitionIndex: index, errorCode, lowWatermark });
  }
  return { topics: [...topics].map(([name, partitions]) => ({ name, partitions })) };
});

type Lasts = ReadonlyMap<string, ReadonlyMap<number, number>>;

/** Offsets by partition by topic. */
function lasts(topics: Asked['topics']): Lasts {
  const all = new Map<string, Map<number, number>>();
  for (const { name, partitions } of topics) {
    const offsets = all.get(name) ?? new Map<number, number>();
    all.set(name, offsets);
    for (const { partitionIndex, offset } of partitions) offsets.set(partitionIndex, offset);
  }
  return all;
}

function* find(asked: Lasts): Serving<readonly Wanted[]> {
  const found = yield* lookUp([...asked.keys()], false);
  return [...asked].flatMap(([name, offsets], at) => {
    const topic = found[at];
    return [...offsets].map(([index, before]): Wanted => {
      const there = topic?.ok === true && index >= 0;
      const place = there ? { topic: topic.value.id, partition: index as PartitionIndex } : undefined;
      const errorCode =
        topic?.ok === true ? judge(topic.value, index, before) : errorOf(topic?.fault.code ?? 'INTERNAL');
      return { name, index, before, place, errorCode, lowWatermark: -1 };
    });
  });
}

/** What compaction is to keep goes with nothing but its key. */
function judge({ settings }: Topic, index: number, before: number): ErrorCode {
  if (index < 0) return errors.UNKNOWN_TOPIC_OR_PARTITION;
  if (settings.cleanup === 'compact') return errors.POLICY_VIOLATION;
  return before < TO_END ? errors.OFFSET_OUT_OF_RANGE : errors.NONE;
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
