/** DeleteGroups: forgets groups without members. */
import { call, type RequestOf, type ResponseOf } from '../call.ts';
import { array, arrayOf, int16, int32, message, nullable, or, since, string } from '../schema.ts';

export const deleteGroups = call({
  key: 42,
  name: 'DeleteGroups',
  versions: [0, 3],
  flexible: 2,
  request: {
    groupsNames: arrayOf(string),
  },
  response: {
    throttleTimeMs: or(int32, 0),
    results: array({ groupId: string, errorCode: int16, errorMessage: since(3, nullable(message), null) }),
  },
});
export type DeleteGroupsRequest = RequestOf<typeof deleteGroups>;
export type DeleteGroupsResponse = ResponseOf<typeof deleteGroups>;
