/** ListGroups: all groups, by state and type. */
import { call, type RequestOf, type ResponseOf } from '../call.ts';
import { array, arrayOf, int16, int32, since, string } from '../schema.ts';

export const listGroups = call({
  key: 16,
  name: 'ListGroups',
  versions: [0, 5],
  flexible: 3,
  request: {
    statesFilter: since(4, arrayOf(string)),
    typesFilter: since(5, arrayOf(string)),
  },
  response: {
    throttleTimeMs: since(1, int32, 0),
    errorCode: int16,
    groups: array({
      groupId: string,
      protocolType: string,
      groupState: since(4, string, ''),
      groupType: since(5, string, ''),
    }),
  },
});
export type ListGroupsRequest = RequestOf<typeof listGroups>;
export type ListGroupsResponse = ResponseOf<typeof listGroups>;
