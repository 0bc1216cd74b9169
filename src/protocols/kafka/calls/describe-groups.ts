/** DescribeGroups: classic groups with their members. */
import { call, NO_OPERATIONS, type RequestOf, type ResponseOf } from '../call.ts';
import { array, arrayOf, boolean, bytes, int16, int32, message, nullable, since, string } from '../schema.ts';

export const describeGroups = call({
  key: 15,
  name: 'DescribeGroups',
  versions: [0, 6],
  flexible: 5,
  request: {
    groups: arrayOf(string),
    includeAuthorizedOperations: since(3, boolean, false),
  },
  response: {
    throttleTimeMs: since(1, int32, 0),
    groups: array({
      errorCode: int16,
      errorMessage: since(6, nullable(message), null),
      groupId: string,
      groupState: string,
      protocolType: string,
      protocolData: string,
      members: array({
        memberId: string,
        groupInstanceId: since(4, nullable(string), null),
        clientId: string,
        clientHost: string,
        memberMetadata: bytes,
        memberAssignment: bytes,
      }),
      authorizedOperations: since(3, int32, NO_OPERATIONS),
    }),
  },
});
export type DescribeGroupsRequest = RequestOf<typeof describeGroups>;
export type DescribeGroupsResponse = ResponseOf<typeof describeGroups>;
