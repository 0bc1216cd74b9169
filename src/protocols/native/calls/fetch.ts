/** fetch: records of several partitions, in incremental sessions. The answer's raw bytes are the parts' batches, in their order. */
import type { Fault } from '../../../model/faults.ts';
import type { Offset } from '../../../model/ids.ts';
import { ANSWER_BYTES_MAX, FETCH_BYTES_MAX, WAIT_MS_MAX } from '../../../model/limits.ts';
import type { Place } from '../../place.ts';
import type { AbortedRecords, FetchReply, FetchRequest } from '../../request.ts';
import { type Call, plain, splitRaw } from '../call.ts';
import { parts, placeFields, places } from '../nouns.ts';
import { faultShape, flag, integer, list, natural, optional, type Shape, struct } from '../shape.ts';

const SESSION_MAX = 2 ** 31 - 1;
const bytesMax = integer(1, FETCH_BYTES_MAX);

const requestFields = struct<Omit<FetchRequest, 'call' | 'ends' | 'uncommitted'>>({
  session: integer(0, SESSION_MAX),
  add: parts(struct<FetchRequest['add'][number]>({ ...placeFields, offset: natural(), bytesMax })),
  drop: places,
  bytesMin: integer(0, FETCH_BYTES_MAX),
  bytesMax,
  waitMs: integer(0, WAIT_MS_MAX),
  close: optional(flag),
});

type Part = Place & {
  readonly fault?: Fault;
  readonly begin: Offset;
  readonly end: Offset;
  readonly aborted?: readonly AbortedRecords[];
  readonly length: number;
};
const pair = list(natural(), 2);
const aborted: Shape<AbortedRecords> = {
  read(value, reading) {
    const numbers = pair.read(value, reading);
    if (numbers === undefined) return undefined;
    const [producer, first] = numbers;
    return producer === undefined || first === undefined ? reading.refuse('not two numbers') : [producer, first];
  },
};
const replyFields = struct<{ readonly session: number; readonly parts: readonly Part[] }>({
  session: integer(0, SESSION_MAX),
  parts: parts(
    struct<Part>({
      ...placeFields,
      fault: optional(faultShape),
      begin: natural(),
      end: natural(),
      aborted: optional(parts(aborted)),
      length: integer(0, ANSWER_BYTES_MAX),
    }),
  ),
});

/** Clients see what is committed: for them the log ends there. */
function fieldsOf({ bytes, stable, end, ...rest }: FetchReply['parts'][number]) {
  return { ...rest, end: stable ?? end, length: bytes.length };
}

export const fetch: Call<'fetch'> = {
  kind: 2,
  request: plain<'fetch', FetchRequest>('fetch', requestFields),
  reply: {
    write({ session, parts: given }) {
      const fields = { session, parts: given.map(fieldsOf) };
      return { fields, raw: given.map((part) => part.bytes) };
    },
    read(fields, raw, reading) {
      const value = replyFields.read(fields, reading);
      if (value === undefined) return undefined;
      const joined = splitRaw(value.parts, raw, reading, ({ length: _, ...part }, bytes) => ({ ...part, bytes }));
      return joined && { call: 'fetch', session: value.session, parts: joined };
    },
  },
};
