/** IncrementalAlterConfigs: single settings set, deleted, appended to or subtracted from. */
import { call, type RequestOf, type ResponseOf } from '../call.ts';
import { array, boolean, int8, int16, int32, message, nullable, or, string } from '../schema.ts';

export const incrementalAlterConfigs = call({
  key: 44,
  name: 'IncrementalAlterConfigs',
  versions: [0, 1],
  flexible: 1,
  request: {
    resources: array({
      resourceType: int8,
      resourceName: string,
      configs: array({ name: string, configOperation: int8, value: nullable(string) }),
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
export type IncrementalAlterConfigsRequest = RequestOf<typeof incrementalAlterConfigs>;
export type IncrementalAlterConfigsResponse = ResponseOf<typeof incrementalAlterConfigs>;
