/** AlterConfigs: all settings of a resource at once; what is not named goes back to its default. */
import { call, type RequestOf, type ResponseOf } from '../call.ts';
import { array, boolean, int8, int16, int32, message, nullable, or, string } from '../schema.ts';

export const alterConfigs = call({
  key: 33,
  name: 'AlterConfigs',
  versions: [0, 2],
  flexible: 2,
  request: {
    resources: array({
      resourceType: int8,
      resourceName: string,
      configs: array({ name: string, value: nullable(string) }),
    }),
    validateOnly: boolean,
  },
  response: {
    throttleTimeMs: or(int32, 0),
    responses: array({
      errorCode: int16,
      errorMessage: or(nullable(message), null),
      resourceType: int8,
      resourceName: string,
    }),
  },
});
export type AlterConfigsRequest = RequestOf<typeof alterConfigs>;
export type AlterConfigsResponse = ResponseOf<typeof alterConfigs>;
