/** Shapes of the nouns that several calls share: places, offsets, topics, members' partitions. */
import { CODECS } from '../../model/batch.ts';
import type { Fault } from '../../model/faults.ts';
import type { PartitionIndex } from '../../model/ids.ts';
import { CLIENT_ID_CHARS_MAX, PARTITIONS_PER_REQUEST_MAX, PARTITIONS_PER_TOPIC_MAX } from '../../model/limits.ts';
import type { Topic, TopicSettings } from '../../model/topic.ts';
import type { OffsetAt, Place } from '../place.ts';
import type { GroupPlaces } from '../request.ts';
import {
  amount,
  faultShape,
  integer,
  list,
  name,
  natural,
  oneOf,
  prose,
  type Shape,
  type ShapesOf,
  struct,
  text,
  textOrMap,
} from './shape.ts';

/** Fields of a place, to be spread into the shapes of what stands there. */
export const placeFields: ShapesOf<Place> = {
  topic: natural(),
  partition: integer<PartitionIndex>(0, PARTITIONS_PER_TOPIC_MAX - 1),
};
export const place = struct<Place>(placeFields);
export const places = list(place, PARTITIONS_PER_REQUEST_MAX);

/** A place where something went wrong. */
export const placeFault = struct<Place & { readonly fault: Fault }>({ ...placeFields, fault: faultShape });

/** One part for each place that a request names. */
export const parts = <T>(part: Shape<T>): Shape<readonly T[]> => list(part, PARTITIONS_PER_REQUEST_MAX);

/** An offset, or -1 for none. */
export const offsetOrNone = integer(-1, Number.MAX_SAFE_INTEGER);

export const offsetAt = textOrMap(oneOf('begin', 'end'), struct<Exclude<OffsetAt, string>>({ timestamp: natural() }));

/** Member and instance ids, client ids. */
export const clientId = text(1, CLIENT_ID_CHARS_MAX);

export const groupPlaces = list(
  struct<GroupPlaces>({
    topic: natural(),
    partitions: list(integer<PartitionIndex>(0, PARTITIONS_PER_TOPIC_MAX - 1), PARTITIONS_PER_TOPIC_MAX),
  }),
  PARTITIONS_PER_REQUEST_MAX,
);

/** How many partitions a topic is asked to have. */
export const partitionCount = integer(1, PARTITIONS_PER_TOPIC_MAX);

/** All settings, as the node answers them. */
const settings = struct<TopicSettings>({
  engine: oneOf('local', 'memory'),
  durability: oneOf('fsync', 'interval'),
  flushIntervalMs: natural(),
  retentionMs: offsetOrNone,
  retentionBytes: offsetOrNone,
  segmentBytes: natural(),
  segmentMs: natural(),
  batchBytesMax: natural(),
  cleanup: oneOf('delete', 'compact', 'compact,delete'),
  tombstoneRetentionMs: natural(),
  compactionLagMsMin: natural(),
  compactionLagMsMax: offsetOrNone,
  dirtyRatioMin: amount,
  timestamps: oneOf('create', 'append'),
  timestampBeforeMsMax: offsetOrNone,
  timestampAfterMsMax: offsetOrNone,
  compression: oneOf('producer', ...CODECS),
});

export const topic = struct<Topic>({
  id: natural(),
  name: prose,
  createdAt: natural(),
  partitions: list(natural(), PARTITIONS_PER_TOPIC_MAX),
  settings,
  version: natural(),
});
/** `topic: { … }`, the answer to every change. */
export const topicAnswer = struct<{ readonly topic: Topic }>({ topic });
export const topicName = name('topic');
export const groupName = name('group');
/** `{}`, for calls without fields. */
export const nothing = struct<Record<never, never>>({});
