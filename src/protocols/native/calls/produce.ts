/** produce: record batches to append, at most one for each partition. The batches are the raw bytes, in the order of the parts. */
import type { Fault } from '../../../model/faults.ts';
import type { Offset, Timestamp } from '../../../model/ids.ts';
import { FRAME_BYTES_MAX, WAIT_MS_MAX } from '../../../model/limits.ts';
import type { Place } from '../../place.ts';
import type { Acks, ProduceReply } from '../../request.ts';
import { type Call, plain, splitRaw } from '../call.ts';
import { parts, placeFault, placeFields } from '../nouns.ts';
import { byField, integer, natural, oneOf, optional, struct } from '../shape.ts';

interface RequestFields {
  readonly acks: Acks;
  readonly timeoutMs: number;
  readonly parts: readonly (Place & { readonly length: number })[];
}
const requestFields = struct<RequestFields>({
  acks: oneOf('none', 'leader', 'all'),
  timeoutMs: integer(1, WAIT_MS_MAX),
  parts: parts(struct<RequestFields['parts'][number]>({ ...placeFields, length: integer(1, FRAME_BYTES_MAX) })),
});

/** Two batches of one partition in one request would have no order that a retry keeps. */
function namesTwice(places: readonly Place[]): boolean {
  if (places.length < 2) return false;
  const seen = new Set<string>();
  for (const { topic, partition } of places) seen.add(`${topic}/${partition}`);
  return seen.size < places.length;
}

type Appended = Place & { readonly baseOffset: Offset; readonly beginOffset: Offset; readonly appendedAt?: Timestamp };
const appended = struct<Appended>({
  ...placeFields,
  baseOffset: natural(),
  beginOffset: natural(),
  appendedAt: optional(natural()),
});
const replyFields = struct<{ readonly parts: readonly (Appended | (Place & { readonly fault: Fault }))[] }>({
  parts: parts(byField('fault', placeFault, appended)),
});

export const produce: Call<'produce'> = {
  kind: 1,
  request: {
    write({ acks, timeoutMs, parts: given }) {
      const fields: RequestFields = {
        acks,
        timeoutMs,
        parts: given.map(({ topic, partition, batch }) => ({ topic, partition, length: batch.length })),
      };
      return { fields, raw: given.map((part) => part.batch) };
    },
    read(fields, raw, reading) {
      const value = requestFields.read(fields, reading);
      if (value === undefined) return undefined;
      if (namesTwice(value.parts)) return reading.refuse('parts: a partition stands there twice');
      const joined = splitRaw(value.parts, raw, reading, ({ topic, partition }, batch) => ({
        topic,
        partition,
        batch,
      }));
      return joined && { call: 'produce', acks: value.acks, timeoutMs: value.timeoutMs, parts: joined };
    },
  },
  reply: plain<'produce', ProduceReply>('produce', replyFields),
};
