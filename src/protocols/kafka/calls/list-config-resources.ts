/** ListConfigResources: what has settings of its own. */
import { call, type RequestOf, type ResponseOf } from '../call.ts';
import { array, arrayOf, int8, int16, int32, or, since, string } from '../schema.ts';

export const listConfigResources = call({
  key: 74,
  name: 'ListConfigResources',
  versions: [0, 1],
  flexible: 0,
  request: {
    resourceTypes: since(1, arrayOf(int8), []),
  },
  response: {
    throttleTimeMs: or(int32, 0),
    errorCode: int16,
    configResources: array({ resourceName: string, resourceType: since(1, int8, 16) }),
  },
});
export type ListConfigResourcesRequest = RequestOf<typeof listConfigResources>;
export type ListConfigResourcesResponse = ResponseOf<typeof listConfigResources>;
