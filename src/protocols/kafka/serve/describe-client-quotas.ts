/** DescribeClientQuotas: quotas of clients, by id, the default one, or all. */
import type { Quota } from '../../../model/quota.ts';
import { ask } from '../asking.ts';
import { type DescribeClientQuotasRequest, describeClientQuotas } from '../calls/describe-client-quotas.ts';
import { errorOf, errors } from '../faults.ts';
import { CLIENT, ENTITY_TYPES, quotaKeys } from '../quota-entities.ts';
import { service } from '../service.ts';

/** How a component is to match. */
const EXACT = 0;
const DEFAULT = 1;
const ANY = 2;

export const serveDescribeClientQuotas = service(describeClientQuotas, function* (request) {
  const wrong = judge(request);
  if (wrong !== null) return { errorCode: errors.INVALID_REQUEST, errorMessage: wrong, entries: null };
  const unknown = request.components.find(({ entityType }) => !ENTITY_TYPES.has(entityType));
  if (unknown !== undefined)
    return { errorCode: errors.UNSUPPORTED_VERSION, errorMessage: 'there is no such type of entity', entries: null };
  const told = yield* ask<'quotas'>({ call: 'quotas' });
  if (!told.ok) return { errorCode: errorOf(told.fault.code), errorMessage: told.fault.message, entries: null };
  const entries = told.value.quotas.filter((quota) => matches(quota, request)).map(entryOf);
  return { errorCode: errors.NONE, entries };
});

function judge({ components }: DescribeClientQuotasRequest): string | null {
  const types = new Set(components.map(({ entityType }) => entityType));
  if (types.has('')) return 'a type of entity has a name';
  if (types.size < components.length) return 'a type of entity stands in a filter once';
  if (types.has('ip') && types.size > 1) return 'addresses stand in a filter alone';
  const wrong = components.find(
    ({ matchType, match }) => matchType < EXACT || matchType > ANY || (matchType === EXACT) !== (match !== null),
  );
  return wrong === undefined ? null : `the match of ${wrong.entityType} is none`;
}

/** Every component is to match; strictly, there is to be one for each part of the entity. */
function matches({ client }: Quota, { components, strict }: DescribeClientQuotasRequest): boolean {
  if (strict && components.length === 0) return false;
  return components.every(({ entityType, matchType, match }) => {
    if (entityType !== CLIENT) return false;
    return matchType === ANY || (matchType === DEFAULT ? client === null : client === match);
  });
}

function entryOf(quota: Quota) {
  const values = Object.entries(quotaKeys).flatMap(([key, name]) => {
    const value = quota[name];
    return value === undefined ? [] : [{ key, value }];
  });
  return { entity: [{ entityType: CLIENT, entityName: quota.client }], values };
}
