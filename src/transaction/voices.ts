/**
 * On which connection each producer speaks. With protocol 1 a request that comes late of an ended transaction is the same,
 * bit for bit, as one of the next; but it comes on another connection, for the requests of one come in their order, and on
 * an older one, for its producer has given that up. So what would change something and comes on an older connection than
 * the producer was heard on is told to come again. A producer that is alive there does, and is not doubted any more: it
 * speaks on several. What lay about on an old connection never comes again. Memory alone: no connection outlives the node.
 */
import type { Decision, Writer } from './decide.ts';
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
    if (one !== undefined) this.#voices.set(one, newVoice(openedAt));
  }

  /** Is it to ask again before this is done? */
  doubts(one: Transaction | undefined, by: Connection, decision: Decision<unknown>): boolean {
    if (one === undefined || decision.kind === 'refused' || decision.records.length === 0) return false;
    const voice = this.#voices.get(one);
    if (voice !== undefined) return isDoubted(voice, by);
    this.hear(one, by.openedAt);
    return false;
  }
}

/** Beyond, the producer whose first offsets came longest ago is forgotten, and not doubted. */
const COMMITTERS_MAX = 10_000;

/** The same of offsets, which come on connections to the coordinator of their group: who commits is known by its producer id. */
export class CommitVoices {
  readonly #voices = new Map<number, Voice & { readonly epoch: number }>();

  /** Is it to ask again before this is done? One at an older epoch is not doubted here, but fenced. */
  doubts({ producer, epoch }: Writer, by: Connection): boolean {
    const voice = this.#voices.get(producer);
    if (voice !== undefined && voice.epoch === epoch) return isDoubted(voice, by);
    if (voice === undefined || voice.epoch < epoch) this.#begin(producer, { ...newVoice(by.openedAt), epoch });
    return false;
  }

  #begin(producer: number, voice: Voice & { readonly epoch: number }): void {
    this.#voices.delete(producer);
    this.#voices.set(producer, voice);
    if (this.#voices.size <= COMMITTERS_MAX) return;
    for (const oldest of this.#voices.keys()) {
      this.#voices.delete(oldest);
      break;
    }
  }
}

function newVoice(openedAt: number): Voice {
  return { openedAt, knocked: null, several: false };
}

function isDoubted(voice: Voice, by: Connection): boolean {
  if (by.openedAt >= voice.openedAt) voice.openedAt = by.openedAt;
  else if (voice.knocked === by.name) voice.several = true;
  else if (!voice.several) {
    voice.knocked = by.name;
    return true;
  }
  return false;
}
