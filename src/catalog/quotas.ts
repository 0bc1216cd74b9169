/**
 * Quotas by client, and how far each client is ahead of its rate. The quotas are state, changed by `put` alone; what
 * clients have used is memory. Sees no clock: the time comes with each charge.
 */
import { QUOTAS_MAX, type Quota, type QuotaKind } from '../model/quota.ts';

/** A client that was quiet may be ahead by what its rate gives in this time, ms. */
const BURST_MS = 250;
/** Nobody is made to wait longer, and no debt is longer than this, ms. */
export const THROTTLE_MS_MAX = 10_000;
/** Clients whose use is remembered; the longest quiet is forgotten first. */
const USERS_MAX = 10_000;

interface Use {
  /** Ms of its rate that the client may still use; below 0: debt. */
  readonly roomMs: number;
  readonly at: number;
}

export class Quotas {
  readonly #quotas = new Map<string | null, Quota>();
  readonly #uses = new Map<string, Use>();

  get full(): boolean {
    return this.#quotas.size >= QUOTAS_MAX;
  }

  all(): IterableIterator<Quota> {
    return this.#quotas.values();
  }

  get(client: string | null): Quota | undefined {
    return this.#quotas.get(client);
  }

  /** In place of what the client had; one without rates is none. */
  put(quota: Quota): void {
    if (quota.produceRate === undefined && quota.fetchRate === undefined) this.#quotas.delete(quota.client);
    else this.#quotas.set(quota.client, quota);
  }

  /** Bytes a second; undefined: as many as it likes. */
  rateOf(client: string, kind: QuotaKind): number | undefined {
    const name = kind === 'produce' ? 'produceRate' : 'fetchRate';
    return this.#quotas.get(client)?.[name] ?? this.#quotas.get(null)?.[name];
  }

  /** The client has used so many bytes. @returns for how long it is to be quiet, whole ms. */
  charge(client: string, kind: QuotaKind, bytes: number, now: number): number {
    const rate = this.rateOf(client, kind);
    if (rate === undefined) return 0;
    const key = `${kind} ${client}`;
    const before = this.#uses.get(key) ?? { roomMs: BURST_MS, at: now };
    const gained = Math.min(BURST_MS, before.roomMs + now - before.at);
    const roomMs = Math.max(-THROTTLE_MS_MAX, gained - (bytes / rate) * 1_000);
    this.#remember(key, { roomMs, at: now });
    return Math.ceil(Math.max(0, -roomMs));
  }

  /** The newest last. */
  #remember(key: string, use: Use): void {
    this.#uses.delete(key);
    const oldest = this.#uses.keys().next().value;
    if (this.#uses.size >= USERS_MAX && oldest !== undefined) this.#uses.delete(oldest);
    this.#uses.set(key, use);
  }
}
