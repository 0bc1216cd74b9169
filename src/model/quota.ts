/** How much a client may send and fetch: what a quota is, and its bounds. Decides nothing about time. */

/**
 * Of one client id; null: of every client that has none of its own. Bytes a second; of the time of one thread, that its
 * requests may take, percent. Absent: no bound.
 */
export interface Quota {
  readonly client: string | null;
  readonly produceRate?: number;
  readonly fetchRate?: number;
  readonly requestPercentage?: number;
}
/** Null: none any more; absent: as it was. */
export interface QuotaChange {
  readonly client: string | null;
  readonly produceRate?: number | null;
  readonly fetchRate?: number | null;
  readonly requestPercentage?: number | null;
}
/** Of bytes sent, of bytes given, of ms that requests took. */
export type QuotaKind = 'produce' | 'fetch' | 'request';
/** What a client may use in a second, bytes or ms; null: as much as it likes. */
export type QuotaLimits = { readonly [K in QuotaKind]: number | null };

/** So many clients have quotas of their own: all of them go into one message. */
export const QUOTAS_MAX = 200;
/** Nobody is made to wait longer, and no debt is longer than this, ms. */
export const THROTTLE_MS_MAX = 10_000;
