/** DescribeClientQuotas: quotas of users and clients. */
import { call, type RequestOf, type ResponseOf } from '../call.ts';
import { array, boolean, float64, int8, int16, int32, message, nullable, or, string } from '../schema.ts';

export const describeClientQuotas = call({
  key: 48,
  name: 'DescribeClientQuotas',
  versions: [0, 1],
  flexible: 1,
  request: {
    components: array({ entityType: string, matchType: int8, match: nullable(string) }),
    strict: boolean,
  },
  response: {
    throttleTimeMs: or(int32, 0),
    errorCode: int16,
    errorMessage: or(nullable(message), null),
    entries: nullable(
      array({
        entity: array({ entityType: string, entityName: nullable(string) }),
        values: array({ key: string, value: float64 }),
      }),
    ),
  },
});
export type DescribeClientQuotasRequest = RequestOf<typeof describeClientQuotas>;
export type DescribeClientQuotasResponse = ResponseOf<typeof describeClientQuotas>;
