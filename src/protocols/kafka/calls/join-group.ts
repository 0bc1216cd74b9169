/** JoinGroup: a member of a classic group joins, and waits until all have. */
import { call, type RequestOf, type ResponseOf } from '../call.ts';
import { array, boolean, bytes, int16, int32, nullable, since, string } from '../schema.ts';

export const joinGroup = call({
  key: 11,
  name: 'JoinGroup',
  versions: [0, 9],
  flexible: 6,
  request: {
    groupId: string,
    sessionTimeoutMs: int32,
    rebalanceTimeoutMs: since(1, int32, -1),
    memberId: string,
    groupInstanceId: since(5, nullable(string), null),
    protocolType: string,
    protocols: array({ name: string, metadata: bytes }),
    reason: since(8, nullable(string), null),
  },
  response: {
    throttleTimeMs: since(2, int32, 0),
    errorCode: int16,
    generationId: int32,
    protocolType: since(7, nullable(string), null),
    protocolName: nullable(string, 7),
    leader: string,
    skipAssignment: since(9, boolean, false),
    memberId: string,
    members: array({ memberId: string, groupInstanceId: since(5, nullable(string), null), metadata: bytes }),
  },
});
export type JoinGroupRequest = RequestOf<typeof joinGroup>;
export type JoinGroupResponse = ResponseOf<typeof joinGroup>;
