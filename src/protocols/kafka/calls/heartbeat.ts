/** Heartbeat: a member of a classic group is alive. */
import { call, type RequestOf, type ResponseOf } from '../call.ts';
import { int16, int32, nullable, since, string } from '../schema.ts';

export const heartbeat = call({
  key: 12,
  name: 'Heartbeat',
  versions: [0, 4],
  flexible: 4,
  request: {
    groupId: string,
    generationId: int32,
    memberId: string,
    groupInstanceId: since(3, nullable(string), null),
  },
  response: {
    throttleTimeMs: since(1, int32, 0),
    errorCode: int16,
  },
});
export type HeartbeatRequest = RequestOf<typeof heartbeat>;
export type HeartbeatResponse = ResponseOf<typeof heartbeat>;
