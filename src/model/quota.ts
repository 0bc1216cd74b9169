/** How much a client may send and fetch: what a quota is, and its bounds. Decides nothing about time. */

/** Of one client id; null: of every client that has none of its own. Bytes a second; absent: no bound. */
export interface Quota {
  readonly client: string | null;
  readonly produceRate?: number;
  readonly fetchRate?: number;
}
/** A rate: bytes a second; null: none any more; absent: as it was. */
export interface QuotaChange {
  readonly client: string | null;
  readonly produceRate?: number | null;
  readonly fetchRate?: number | null;
}
export type QuotaKind = 'produce' | 'fetch';

/** So many clients have quotas of their own: all of them go into one message. */
export const QUOTAS_MAX = 200;
