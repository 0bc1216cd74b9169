/** resetGroup: committed offsets set by an admin, while the group has no members. */
import type { Fault } from '../../../model/faults.ts';
import type { Offset } from '../../../model/ids.ts';
import type { Place } from '../../place.ts';
import type { ResetGroupReply, ResetGroupRequest } from '../../request.ts';
import { type Call, plain } from '../call.ts';
import { groupName, offsetAt, offsetOrNone, parts, placeFault, placeFields } from '../nouns.ts';
import { byField, flag, natural, struct } from '../shape.ts';

const to = byField('offset', struct<{ readonly offset: Offset }>({ offset: natural() }), offsetAt);
type Moved = Place & { readonly from: number; readonly to: Offset };
const moved = struct<Moved>({ ...placeFields, from: offsetOrNone, to: natural() });

export const resetGroup: Call<'resetGroup'> = {
  kind: 16,
  request: plain<'resetGroup', ResetGroupRequest>(
    'resetGroup',
    struct<Omit<ResetGroupRequest, 'call'>>({
      group: groupName,
      places: parts(struct<ResetGroupRequest['places'][number]>({ ...placeFields, to })),
      dryRun: flag,
    }),
  ),
  reply: plain<'resetGroup', ResetGroupReply>(
    'resetGroup',
    struct<{ readonly parts: readonly (Moved | (Place & { readonly fault: Fault }))[] }>({
      parts: parts(byField('fault', placeFault, moved)),
    }),
  ),
};
