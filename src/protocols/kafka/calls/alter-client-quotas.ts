/** AlterClientQuotas: sets and removes quotas of users and clients. */
import { call, type RequestOf, type ResponseOf } from '../call.ts';
import { array, boolean, float64, int16, int32, message, nullable, or, string } from '../schema.ts';

export const alterClientQuotas = call({
  key: 49,
  name: 'AlterClientQuotas',
  versions: [0, 1],
  flexible: 1,
  request: {
    entries: array({
      entity: array({ entityType: string, entityName: nullable(string) }),
      ops: array({ key: string, value: float64, remove: boolean }),
    }),
    validateOnly: boolean,
  },
  response: {
    throttleTimeMs: or(int32, 0),
    entries: array({
      errorCode: int16,
      errorMessage: or(nullable(message), null),
      entity: array({ entityType: string, entityName: nullable(string) }),
    }),
  },
});
export type AlterClientQuotasRequest = RequestOf<typeof alterClientQuotas>;
export type AlterClientQuotasResponse = ResponseOf<typeof alterClientQuotas>;
