/** LeaveGroup: members of a classic group go, by themselves or removed by an admin. */
import { call, type RequestOf, type ResponseOf } from '../call.ts';
import { array, int16, int32, nullable, or, since, string, until } from '../schema.ts';

export const leaveGroup = call({
  key: 13,
  name: 'LeaveGroup',
  versions: [0, 5],
  flexible: 4,
  request: {
    groupId: string,
    memberId: until(2, string, ''),
    members: since(
      3,
      array({
        memberId: string,
        groupInstanceId: or(nullable(string), null),
        reason: since(5, nullable(string), null),
      }),
      [],
    ),
  },
  response: {
    throttleTimeMs: since(1, int32, 0),
    errorCode: int16,
    members: since(3, array({ memberId: string, groupInstanceId: or(nullable(string), null), errorCode: int16 }), []),
  },
});
export type LeaveGroupRequest = RequestOf<typeof leaveGroup>;
export type LeaveGroupResponse = ResponseOf<typeof leaveGroup>;
