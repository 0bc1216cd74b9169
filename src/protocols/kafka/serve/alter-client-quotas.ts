/** AlterClientQuotas: what clients may send, fetch and take of the node's time, by their id. Other quotas are refused: nothing would enforce them. */
import { failed, ok, type Result } from '../../../model/faults.ts';
import type { QuotaChange } from '../../../model/quota.ts';
import { resultOf } from '../asking.ts';
import { type AlterClientQuotasRequest, alterClientQuotas } from '../calls/alter-client-quotas.ts';
import { errorOf, errors } from '../faults.ts';
import { clientOf, isQuotaKey, judgeQuota, quotaKeys } from '../quota-entities.ts';
import { service } from '../service.ts';
import { firsts, namedTwice } from '../twice.ts';

type Entry = AlterClientQuotasRequest['entries'][number];

export const serveAlterClientQuotas = service(alterClientQuotas, function* ({ entries: asked, validateOnly }) {
  const twice = namedTwice(asked.map(keyOf));
  const entries = firsts(asked, keyOf);
  const changes = entries.map((entry) => (twice.has(keyOf(entry)) ? NAMED_TWICE : changeOf(entry)));
  const sound = changes.flatMap((change) => (change.ok ? [change.value] : []));
  const replies =
    sound.length === 0 ? [] : yield sound.map((change) => ({ call: 'alterQuota' as const, change, validateOnly }));
  let next = 0;
  return {
    entries: entries.map(({ entity }, index) => {
      const change = changes[index];
      const outcome = change?.ok === true ? resultOf<'alterQuota'>('alterQuota', replies[next++]) : change;
      if (outcome === undefined || outcome.ok) return { errorCode: errors.NONE, entity };
      return { errorCode: errorOf(outcome.fault.code), errorMessage: outcome.fault.message, entity };
    }),
  };
});

const NAMED_TWICE = failed('INVALID_REQUEST', 'an entity stands in a request once');
const keyOf = ({ entity }: Entry): string =>
  JSON.stringify(entity.map(({ entityType, entityName }) => [entityType, entityName]).sort());

function changeOf({ entity, ops }: Entry): Result<QuotaChange> {
  const client = clientOf(entity);
  if (!client.ok) return client;
  const change: { -readonly [K in keyof QuotaChange]: QuotaChange[K] } = { client: client.value };
  for (const { key, value, remove } of ops) {
    if (!isQuotaKey(key))
      return failed('INVALID_REQUEST', `${key} is not enforced; ${Object.keys(quotaKeys).join(', ')} are`);
    const name = quotaKeys[key];
    if (change[name] !== undefined) return failed('INVALID_REQUEST', `${key} stands there twice`);
    const wrong = remove ? null : judgeQuota(key, value);
    if (wrong !== null) return failed('INVALID_REQUEST', wrong);
    change[name] = remove ? null : value;
  }
  return ok(change);
}
