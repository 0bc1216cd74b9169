/** deleteGroup: a group without members, and its committed offsets. */
import type { DeleteGroupReply, DeleteGroupRequest } from '../../request.ts';
import { type Call, plain } from '../call.ts';
import { groupName } from '../nouns.ts';
import { prose, struct } from '../shape.ts';

export const deleteGroup: Call<'deleteGroup'> = {
  kind: 17,
  request: plain<'deleteGroup', DeleteGroupRequest>('deleteGroup', struct({ group: groupName })),
  reply: plain<'deleteGroup', DeleteGroupReply>('deleteGroup', struct({ group: prose })),
};
