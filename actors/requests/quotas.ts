/**
 * Quotas of one connection's client: whether it has any, looked up anew now and then; what it uses is told to the catalog,
 * which counts for all connections together and says how long the client is to be quiet. Who has no quota costs nothing.
 */
import { failed } from '../../src/model/faults.ts';
import type { QuotaKind } from '../../src/model/quota.ts';
import type { AlterQuotaRequest } from '../../src/protocols/request.ts';
import { type CatalogAnswer, type CatalogRequest, catalogAddress } from '../catalog/contract.ts';
import { ANSWER_MS_MAX, type Desk, type Done, NO_HOLDS, refuse } from './desk.ts';

type Limits = Extract<CatalogAnswer, { readonly type: 'limits' }>;
type Charged = Extract<CatalogAnswer, { readonly type: 'charged' }>;
type Quotas = Extract<CatalogAnswer, { readonly type: 'quotas' }>;

/** A change of quotas is noticed after so long, ms. */
const LOOK_UP_MS = 1_000;
const NONE: Pick<Limits, QuotaKind> = { produce: false, fetch: false };

export class ClientQuotas {
  readonly #desk: Desk;
  #client: string | null = null;
  #limits = NONE;
  #lookUpAt = 0;
  #asking = false;

  constructor(desk: Desk) {
    this.#desk = desk;
  }

  /** As far as it is known by now. */
  limits(kind: QuotaKind): boolean {
    const client = this.#desk.client();
    if (client !== this.#client) {
      this.#client = client;
      this.#limits = NONE;
      this.#lookUpAt = 0;
    }
    const now = this.#desk.monotonic();
    if (now >= this.#lookUpAt && !this.#asking) this.#lookUp(client, now);
    return this.#limits[kind];
  }

  #lookUp(client: string, now: number): void {
    this.#asking = true;
    this.#lookUpAt = now + LOOK_UP_MS;
    this.#desk.asker.ask<CatalogRequest, Limits>(
      catalogAddress(this.#desk.node),
      (request) => ({ type: 'limits', request, client }),
      (answer) => {
        this.#asking = false;
        if (answer.type === 'limits' && client === this.#client) this.#limits = answer;
      },
      now + ANSWER_MS_MAX,
    );
  }

  /** Calls `then` with the time that the client is to be quiet, once the connection is. */
  charge(kind: QuotaKind, sizeBytes: number, then: (throttleMs: number) => void): void {
    const client = this.#desk.client();
    this.#desk.asker.ask<CatalogRequest, Charged>(
      catalogAddress(this.#desk.node),
      (request) => ({ type: 'charge', request, client, kind, sizeBytes }),
      (answer) => {
        const throttleMs = answer.type === 'charged' ? answer.throttleMs : 0;
        if (throttleMs > 0) this.#desk.mute(throttleMs);
        then(throttleMs);
      },
      this.#desk.monotonic() + ANSWER_MS_MAX,
    );
  }
}

export function quotas(desk: Desk, done: Done): void {
  desk.asker.ask<CatalogRequest, Quotas>(
    catalogAddress(desk.node),
    (request) => ({ type: 'quotas', request }),
    (answer) => {
      if (answer.type === 'quotas') done({ call: 'quotas', quotas: answer.quotas }, NO_HOLDS);
      else refuse(done, answer.fault);
    },
    desk.monotonic() + ANSWER_MS_MAX,
  );
}

export function alterQuota(desk: Desk, { change, validateOnly }: AlterQuotaRequest, done: Done): void {
  desk.asker.ask<CatalogRequest, Quotas>(
    catalogAddress(desk.node),
    (request) => ({ type: 'alterQuota', request, change, validateOnly }),
    (answer) => {
      if (answer.type === 'quotas') done({ call: 'alterQuota' }, NO_HOLDS);
      else refuse(done, answer.type === 'refused' ? answer.fault : failed('INTERNAL', 'another answer').fault);
    },
    desk.monotonic() + ANSWER_MS_MAX,
  );
}
