/**
 * The common language's part on what administrators set for a whole node: quotas of clients, and defaults of topics. What
 * is set for one topic or group stands with those.
 */
import type { Quota, QuotaChange } from '../model/quota.ts';
import type { AlteredDefaults, DefaultsChange } from '../model/topic-defaults.ts';

// ---- quotas of clients

export interface QuotasRequest {
  readonly call: 'quotas';
}
export interface QuotasReply {
  readonly call: 'quotas';
  readonly quotas: readonly Quota[];
}
export interface AlterQuotaRequest {
  readonly call: 'alterQuota';
  readonly change: QuotaChange;
  /** Says what would come of it. */
  readonly validateOnly: boolean;
}
export interface AlterQuotaReply {
  readonly call: 'alterQuota';
}
/** Before an answer: the time that the client's requests took is charged. */
export interface ThrottleRequest {
  readonly call: 'throttle';
}
export interface ThrottleReply {
  readonly call: 'throttle';
  /** For so long the client is to be quiet; 0: it need not. */
  readonly throttleMs: number;
}

// ---- defaults of topics

export interface DefaultsRequest {
  readonly call: 'defaults';
}
export interface DefaultsReply {
  readonly call: 'defaults';
  readonly altered: AlteredDefaults;
}
export interface AlterDefaultsRequest {
  readonly call: 'alterDefaults';
  readonly change: DefaultsChange;
  /** Says what would come of it. */
  readonly validateOnly: boolean;
}
export interface AlterDefaultsReply {
  readonly call: 'alterDefaults';
}

export type AdministrationRequest =
  | QuotasRequest
  | AlterQuotaRequest
  | ThrottleRequest
  | DefaultsRequest
  | AlterDefaultsRequest;
export type AdministrationReply = QuotasReply | AlterQuotaReply | ThrottleReply | DefaultsReply | AlterDefaultsReply;
