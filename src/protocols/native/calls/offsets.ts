/** offsets: the first, the next or a time's offset of partitions. */
import type { Fault } from '../../../model/faults.ts';
import type { Offset } from '../../../model/ids.ts';
import type { Place } from '../../place.ts';
import type { OffsetsReply, OffsetsRequest } from '../../request.ts';
import { type Call, plain } from '../call.ts';
import { offsetAt, offsetOrNone, parts, placeFault, placeFields } from '../nouns.ts';
import { byField, natural, struct } from '../shape.ts';

type Found = Place & { readonly offset: Offset; readonly timestamp: number };
const found = struct<Found>({ ...placeFields, offset: natural(), timestamp: offsetOrNone });

export const offsets: Call<'offsets'> = {
  kind: 3,
  request: plain<'offsets', OffsetsRequest>(
    'offsets',
    struct({ parts: parts(struct<OffsetsRequest['parts'][number]>({ ...placeFields, at: offsetAt })) }),
  ),
  reply: plain<'offsets', OffsetsReply>(
    'offsets',
    struct<{ readonly parts: readonly (Found | (Place & { readonly fault: Fault }))[] }>({
      parts: parts(byField('fault', placeFault, found)),
    }),
  ),
};
