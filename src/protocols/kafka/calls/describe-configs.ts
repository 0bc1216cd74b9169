/** DescribeConfigs: settings of topics, nodes and groups, and where each comes from. */
import { call, type RequestOf, type ResponseOf } from '../call.ts';
import { array, arrayOf, boolean, int8, int16, int32, message, nullable, or, since, string } from '../schema.ts';

export const describeConfigs = call({
  key: 32,
  name: 'DescribeConfigs',
  versions: [1, 4],
  flexible: 4,
  request: {
    resources: array({
      resourceType: int8,
      resourceName: string,
      configurationKeys: nullable(arrayOf(string)),
    }),
    includeSynonyms: boolean,
    includeDocumentation: since(3, boolean, false),
  },
  response: {
    throttleTimeMs: or(int32, 0),
    results: array({
      errorCode: int16,
      errorMessage: or(nullable(message), null),
      resourceType: int8,
      resourceName: string,
      configs: array({
        name: string,
        value: nullable(string),
        readOnly: boolean,
        configSource: int8,
        isSensitive: boolean,
        synonyms: array({ name: string, value: nullable(string), source: int8 }),
        configType: since(3, int8, 0),
        documentation: since(3, nullable(string), null),
      }),
    }),
  },
});
export type DescribeConfigsRequest = RequestOf<typeof describeConfigs>;
export type DescribeConfigsResponse = ResponseOf<typeof describeConfigs>;
