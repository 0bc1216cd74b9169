/**
 * Quotas by client, and how far each client is ahead of its rate. The quotas are state, changed by `put` alone; what
 * clients have used is memory. Sees no clock: the time comes with each charge.
 */
import { QUOTAS_MAX, type Quota, type QuotaKind, THROTTLE_MS_MAX } from '../model/quota.ts';

/** A client that was quiet may be ahead by what its rate gives in this time, ms. */
const BURST_MS = 250;
/** Whose requests take too long waits no longer at a time, as a Kafka broker has it; the debt stays, ms. */
const REQUEST_THROTTLE_MS_MAX = 1_000;
/** Ms of a second that are one percent of it. */
const PERCENT_MS = 10;
/** Clients whose use is remembered; the longest quiet is forgotten first. */
const USERS_MAX = 10_000;

interface Use {
  /** Ms of its rate that the client may still use; below 0: debt. */
  readonly roomMs: number;
  readonly at: number;
}

const names = { produce: 'produceRate', fetch: 'fetchRate', request: 'requestPercentage' } as const;

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

  /** In place of what the client had; one that bounds nothing is none. */
  put(quota: Quota): void {
    const { client, ...bounds } = quota;
    if (Object.keys(bounds).length === 0) this.#quotas.delete(client);
    else this.#quotas.set(client, quota);
  }

  /** What it may use in a second, bytes or ms; null: as much as it likes. */
  rateOf(client: string, kind: QuotaKind): number | null {
    const name = names[kind];
    const quota = this.#quotas.get(client)?.[name] ?? this.#quotas.get(null)?.[name];
    if (quota === undefined) return null;
    return kind === 'request' ? quota * PERCENT_MS : quota;
  }

  /** The client has used so much. @returns for how long it is to be quiet, whole ms. */
  charge(client: string, kind: QuotaKind, amount: number, now: number): number {
    const rate = this.rateOf(client, kind);
    if (rate === null) return 0;
    const key = `${kind} ${client}`;
    const before = this.#uses.get(key) ?? { roomMs: BURST_MS, at: now };
    const gained = Math.min(BURST_MS, before.roomMs + now - before.at);
    const roomMs = Math.max(-THROTTLE_MS_MAX, gained - (amount / rate) * 1_000);
    this.#remember(key, { roomMs, at: now });
    const throttleMs = Math.ceil(Math.max(0, -roomMs));
    return kind === 'request' ? Math.min(throttleMs, REQUEST_THROTTLE_MS_MAX) : throttleMs;
  }

  /** The newest last. */
  #remember(key: string, use: Use): void {
    this.#uses.delete(key);
    const oldest = this.#uses.keys().next().value;
    if (this.#uses.size >= USERS_MAX && oldest !== undefined) this.#uses.delete(oldest);
    this.#uses.set(key, use);
  }
}
