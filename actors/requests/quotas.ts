/**
 * Quotas of one connection's client: whether it has any, looked up anew now and then; what it uses is told to the catalog,
 * which counts for all connections together and says how long the client is to be quiet. Who has no quota costs nothing.
 * Time is that of the connection's actor: reading requests, checking and asking, making answers. What partitions and
 * groups do for them, and the socket, is not in it.
 */
import { failed } from '../../src/model/faults.ts';
import { type QuotaKind, type QuotaLimits, THROTTLE_MS_MAX } from '../../src/model/quota.ts';
import type { AlterQuotaRequest, QuotasRequest } from '../../src/protocols/request.ts';
import { type CatalogAnswer, type CatalogRequest, catalogAddress } from '../catalog/contract.ts';
import { ANSWER_MS_MAX, type Desk, type Done, NO_HOLDS, refuse } from './desk.ts';

type Limits = Extract<CatalogAnswer, { readonly type: 'limits' }>;
type Charged = Extract<CatalogAnswer, { readonly type: 'charged' }>;
type Quotas = Extract<CatalogAnswer, { readonly type: 'quotas' }>;

/** A change of quotas is noticed after so long, ms. */
const LOOK_UP_MS = 1_000;
const NONE: QuotaLimits = { produce: null, fetch: null, request: null };

export class ClientQuotas {
  readonly #desk: Desk;
  #client: string | null = null;
  #limits = NONE;
  #lookUpAt = 0;
  #asking = false;
  /** Of the time that is not charged yet, ms. */
  #spentMs = 0;

  constructor(desk: Desk) {
    this.#desk = desk;
  }

  /** As far as they are known by now. */
  get limits(): QuotaLimits {
    return this.#limits;
  }

  /** A request begins: are there quotas, if that has not been asked for a while? */
  lookUp(): void {
    const client = this.#desk.client();
    if (client !== this.#client) {
      this.#client = client;
      this.#limits = NONE;
      this.#lookUpAt = 0;
    }
    const now = this.#desk.monotonic();
    if (now >= this.#lookUpAt && !this.#asking) this.#lookUp(client, now);
  }

  #lookUp(client: string, now: number): void {
    this.#asking = true;
    this.#lookUpAt = now + LOOK_UP_MS;
    this.#desk.asker.ask<CatalogRequest, Limits>(
      catalogAddress(this.#desk.node),
      (request) => ({ type: 'limits', request, client }),
      (answer) => {
        this.#asking = false;
        if (answer.type === 'limits' && client === this.#client) this.#limits = answer.limits;
      },
      now + ANSWER_MS_MAX,
    );
  }

  /** Counts the time, where there is a quota of it. */
  timed(run: () => void): void {
    const begunAt = this.#desk.monotonic();
    run();
    this.#spentMs += this.#desk.monotonic() - begunAt;
  }

  /** Charges the time since it was charged last. */
  settle(then: (throttleMs: number) => void): void {
    const spentMs = this.#spentMs;
    this.#spentMs = 0;
    if (this.#limits.request === null) then(0);
    else this.charge('request', spentMs, then);
  }

  /** Of bytes and of time, the longer one, without charging for what has not been given. */
  admit(then: (throttleMs: number) => void): void {
    this.settle((byTimeMs) => this.charge('fetch', 0, (byBytesMs) => then(Math.max(byTimeMs, byBytesMs))));
  }

  /** One answer is not larger than what the longest debt makes up for. */
  get fetchBytesMax(): number {
    return Math.max(1, ((this.#limits.fetch ?? Number.POSITIVE_INFINITY) * THROTTLE_MS_MAX) / 1_000);
  }

  /** Calls `then` with the time that the client is to be quiet, once the connection is. */
  charge(kind: QuotaKind, amount: number, then: (throttleMs: number) => void): void {
    this.#tell(kind, amount, (throttleMs) => {
      if (throttleMs > 0) this.#desk.mute(throttleMs);
      then(throttleMs);
    });
  }

  /** What was given: the next fetch hears of it. */
  gave(sizeBytes: number): void {
    this.#tell('fetch', sizeBytes, () => undefined);
  }

  #tell(kind: QuotaKind, amount: number, then: (throttleMs: number) => void): void {
    const client = this.#desk.client();
    this.#desk.asker.ask<CatalogRequest, Charged>(
      catalogAddress(this.#desk.node),
      (request) => ({ type: 'charge', request, client, kind, amount }),
      (answer) => then(answer.type === 'charged' ? answer.throttleMs : 0),
      this.#desk.monotonic() + ANSWER_MS_MAX,
    );
  }
}

export function quotaCall(desk: Desk, request: QuotasRequest | AlterQuotaRequest, done: Done): void {
  if (request.call === 'quotas') quotas(desk, done);
  else alterQuota(desk, request, done);
}

function quotas(desk: Desk, done: Done): void {
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

function alterQuota(desk: Desk, { change, validateOnly }: AlterQuotaRequest, done: Done): void {
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
