/**
 * On which connection each producer speaks. With protocol 1 a request that comes late of an ended transaction is the same,
 * bit for bit, as one of the next; but it comes on another connection, for the requests of one come in their order, and on
 * an older one, for its producer has given that up. So what would change something and comes on an older connection than
 * the producer was heard on is told to come again. A producer that is alive there does, and is not doubted any more: it
 * speaks on several. What lay about on an old connection never comes again. Memory alone: no connection outlives the node.
 */
import type { Decision } from './decide.ts';
import type { Transaction } from './transaction.ts';

export interface Connection {
  readonly name: string;
  /** Ms since 1970; a clock that is set back costs a retry. */
  readonly openedAt: number;
}

interface Voice {
  /** Of the newest connection that was heard. */
  openedAt: number;
  /** Was told to come again. */
  knocked: string | null;
  /** Somebody came again: there are several connections in use. */
  several: boolean;
}

export class Voices {
  readonly #voices = new WeakMap<Transaction, Voice>();

  /** It began anew: whatever comes late has an older epoch. */
  hear(one: Transaction | undefined, openedAt: number): void {
    if (one !== undefined) this.#voices.set(one, { openedAt, knocked: null, several: false });
  }

  /** Is it to ask again before this is done? */
  doubts(one: Transaction | undefined, by: Connection, decision: Decision<unknown>): boolean {
    if (one === undefined || decision.kind === 'refused' || decision.records.length === 0) return false;
    const voice = this.#voices.get(one);
    if (voice === undefined) this.hear(one, by.openedAt);
    else if (by.openedAt >= voice.openedAt) voice.openedAt = by.openedAt;
    else if (voice.knocked === by.name) voice.several = true;
    else if (!voice.several) {
      voice.knocked = by.name;
      return true;
    }
    return false;
  }
}
