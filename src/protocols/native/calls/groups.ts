/** groups: all groups. */
import type { GroupState, GroupSummary, GroupsReply, GroupsRequest } from '../../request.ts';
import { type Call, plain } from '../call.ts';
import { nothing } from '../nouns.ts';
import { list, natural, oneOf, prose, type Shape, struct } from '../shape.ts';

export const groupState: Shape<GroupState> = oneOf(
  'empty',
  'assigning',
  'reconciling',
  'preparing',
  'completing',
  'stable',
);

export const groups: Call<'groups'> = {
  kind: 14,
  request: plain<'groups', GroupsRequest>('groups', nothing),
  reply: plain<'groups', GroupsReply>(
    'groups',
    struct({
      groups: list(
        struct<GroupSummary>({
          group: prose,
          state: groupState,
          members: natural(),
          kind: oneOf('consumer', 'classic'),
          protocolType: prose,
        }),
        Number.MAX_SAFE_INTEGER,
      ),
    }),
  ),
};
