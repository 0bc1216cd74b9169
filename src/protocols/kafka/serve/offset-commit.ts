/** OffsetCommit: by members of either kind of group, and by anybody while a group has none. */

import { ask } from '../asking.ts';
import { offsetCommit } from '../calls/offset-commit.ts';
import { coordinatorErrorOf, errors } from '../faults.ts';
import { checkGroup, named } from '../group-names.ts';
import { nameOffsets } from '../named-offsets.ts';
import { service } from '../service.ts';

const BY_ID_SINCE = 10;
const NOT_FOUND_SINCE = 9;

export const serveOffsetCommit = service(offsetCommit, function* (request, peer, version) {
  const { groupId: group, memberId: member, generationIdOrMemberEpoch: generation } = request;
  const { offsets, topics, settle } = yield* nameOffsets(request.topics, peer, version >= BY_ID_SINCE);
  const whole = checkGroup(group);
  const committed =
    whole === null
      ? yield* ask<'commitOffsets'>({
          ...{ call: 'commitOffsets', group, member, generation, offsets },
          ...named(request.groupInstanceId),
        })
      : ({ ok: false, fault: whole } as const);
  settle(committed, ({ code }) => {
    const isOld = code === 'UNKNOWN_GROUP' && version < NOT_FOUND_SINCE;
    return isOld ? errors.ILLEGAL_GENERATION : coordinatorErrorOf(code);
  });
  return { topics };
});
