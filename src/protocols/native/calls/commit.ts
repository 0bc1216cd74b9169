/** commit: how far a group has come. */
import type { Fault } from '../../../model/faults.ts';
import { CLIENT_ID_CHARS_MAX, COMMIT_METADATA_CHARS_MAX } from '../../../model/limits.ts';
import type { Place } from '../../place.ts';
import type { CommitReply, CommitRequest } from '../../request.ts';
import { type Call, plain } from '../call.ts';
import { groupName, parts, placeFields } from '../nouns.ts';
import { faultShape, integer, natural, optional, struct, text } from '../shape.ts';

export const commit: Call<'commit'> = {
  kind: 12,
  request: plain<'commit', CommitRequest>(
    'commit',
    struct<Omit<CommitRequest, 'call'>>({
      group: groupName,
      member: text(0, CLIENT_ID_CHARS_MAX),
      epoch: integer(-1, Number.MAX_SAFE_INTEGER),
      offsets: parts(
        struct<CommitRequest['offsets'][number]>({
          ...placeFields,
          offset: natural(),
          metadata: optional(text(0, COMMIT_METADATA_CHARS_MAX)),
        }),
      ),
    }),
  ),
  reply: plain<'commit', CommitReply>(
    'commit',
    struct({
      parts: parts(struct<Place & { readonly fault?: Fault }>({ ...placeFields, fault: optional(faultShape) })),
    }),
  ),
};
