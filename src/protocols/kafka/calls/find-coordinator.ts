/** FindCoordinator: which broker looks after a group or a transaction. */
import { call, type RequestOf, type ResponseOf } from '../call.ts';
import { array, arrayOf, int8, int16, int32, message, nullable, or, range, since, string, until } from '../schema.ts';

export const findCoordinator = call({
  key: 10,
  name: 'FindCoordinator',
  versions: [0, 6],
  flexible: 3,
  request: {
    key: until(3, string, ''),
    keyType: since(1, int8, 0),
    coordinatorKeys: since(4, arrayOf(string), []),
  },
  response: {
    throttleTimeMs: since(1, int32, 0),
    errorCode: until(3, int16, 0),
    errorMessage: range(1, 3, nullable(message), null),
    nodeId: until(3, int32, -1),
    host: until(3, string, ''),
    port: until(3, int32, -1),
    coordinators: since(
      4,
      array({
        key: string,
        nodeId: int32,
        host: string,
        port: int32,
        errorCode: int16,
        errorMessage: or(nullable(message), null),
      }),
      [],
    ),
  },
});
export type FindCoordinatorRequest = RequestOf<typeof findCoordinator>;
export type FindCoordinatorResponse = ResponseOf<typeof findCoordinator>;
