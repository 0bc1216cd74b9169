/** committed: how far a group has come, as it has told. */
import type { CommittedReply, CommittedRequest } from '../../request.ts';
import { type Call, plain } from '../call.ts';
import { clientId, groupName, offsetOrNone, placeFields, places } from '../nouns.ts';
import { flag, list, natural, optional, prose, struct } from '../shape.ts';

export const committed: Call<'committed'> = {
  kind: 13,
  request: plain<'committed', CommittedRequest>(
    'committed',
    struct<Omit<CommittedRequest, 'call'>>({
      group: groupName,
      places: optional(places),
      member: optional(clientId),
      epoch: optional(natural()),
    }),
  ),
  reply: plain<'committed', CommittedReply>(
    'committed',
    struct({
      parts: list(
        struct<CommittedReply['parts'][number]>({
          ...placeFields,
          offset: offsetOrNone,
          metadata: prose,
          leaderEpoch: optional(natural()),
          unstable: optional(flag),
        }),
        Number.MAX_SAFE_INTEGER,
      ),
    }),
  ),
};
