/** Who a quota is for, in Kafka's words, and the keys of its values: of clients by their id alone, while there are no accounts. */
import { failed, ok, type Result } from '../../model/faults.ts';

export const CLIENT = 'client-id';
/** Those that Kafka knows; of the others nobody here has a quota. */
export const ENTITY_TYPES: ReadonlySet<string> = new Set([CLIENT, 'user', 'ip']);

export interface Entity {
  readonly entityType: string;
  /** Null: of all that have none of their own. */
  readonly entityName: string | null;
}

/** The client that an entity is; null: all others. */
export function clientOf(entity: readonly Entity[]): Result<string | null> {
  const [first] = entity;
  if (first === undefined || entity.length > 1 || first.entityType !== CLIENT)
    return failed('INVALID_REQUEST', `quotas are of clients (${CLIENT}); there are no accounts, and none of addresses`);
  if (first.entityName === '') return failed('INVALID_REQUEST', 'a client id is not empty');
  return ok(first.entityName);
}

/** Kafka's keys that are kept and enforced. */
export const quotaKeys = {
  producer_byte_rate: 'produceRate',
  consumer_byte_rate: 'fetchRate',
  request_percentage: 'requestPercentage',
} as const;

export const isQuotaKey = (key: string): key is keyof typeof quotaKeys => Object.hasOwn(quotaKeys, key);

/** What is wrong with a value; null: nothing. */
export function judgeQuota(key: keyof typeof quotaKeys, value: number): string | null {
  if (key === 'request_percentage') return Number.isFinite(value) && value > 0 ? null : `${key} is a number above 0`;
  const isSound = Number.isSafeInteger(value) && value >= 1;
  return isSound ? null : `${key} is a whole number of bytes a second, at least 1`;
}
