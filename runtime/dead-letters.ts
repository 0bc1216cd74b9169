/**
 * Where undeliverable messages end: an ordinary actor that counts them by receiver's kind, type and reason, and logs the
 * first of each, the rest in numbers. It never sends them on. A few are no fault: who asked may have gone away meanwhile.
 *
 * Lives on: every shard. View: what its own shard could not deliver.
 */
import type { NodeId } from '../src/model/ids.ts';
import type { Actor, Address, Context, Kind, Message } from './actor.ts';

export const DEAD_LETTERS = 'dead-letters';

export interface DeadLetter extends Message {
  readonly type: 'deadLetter';
  /** Type of the message that could not be delivered. */
  readonly letter: string;
  readonly to: Address;
  readonly from: Address;
  readonly reason: string;
}
type Inbox = DeadLetter | { readonly type: 'report' };

/** What `inspect` shows. */
export interface DeadLettersView {
  readonly total: number;
  readonly kinds: readonly { readonly what: string; readonly count: number }[];
}

const REPORT_EVERY_MS = 60_000;
/** Kinds told apart; the rest is counted together. */
const KINDS_MAX = 1_000;

export const deadLettersAddress = (node: NodeId, shard: number): Address<DeadLetter> => ({
  node,
  name: `${DEAD_LETTERS}/${shard}`,
  incarnation: 0,
});

class DeadLetters implements Actor<Inbox> {
  readonly #context: Context<Inbox>;
  readonly #counts = new Map<string, number>();
  /** Since the last report. */
  #unreported = 0;

  constructor(context: Context<Inbox>) {
    this.#context = context;
  }

  receive(message: Inbox): void {
    switch (message.type) {
      case 'deadLetter':
        this.#count(message);
        break;
      case 'report':
        this.#context.log.warn({ letters: this.#unreported }, 'more messages could not be delivered');
        this.#unreported = 0;
        break;
    }
  }

  inspect(): DeadLettersView {
    const kinds = [...this.#counts].map(([what, count]) => ({ what, count }));
    return { total: kinds.reduce((sum, { count }) => sum + count, 0), kinds };
  }

  #count({ letter, to, from, reason }: DeadLetter): void {
    const kind = to.name.split('/', 1)[0] as string;
    const what = `${letter} to ${kind}: ${reason}`;
    const known = this.#counts.get(what);
    if (known === undefined && this.#counts.size < KINDS_MAX) {
      this.#counts.set(what, 1);
      this.#context.log.warn({ letter, to: to.name, from: from.name, reason }, 'a message could not be delivered');
      return;
    }
    const counted = known === undefined ? 'others' : what;
    this.#counts.set(counted, (this.#counts.get(counted) ?? 0) + 1);
    if (this.#unreported++ === 0) this.#context.after(REPORT_EVERY_MS, { type: 'report' });
  }
}

/** For the tree. */
export const deadLetters: Kind = {
  make: (context: Context<Inbox>) => new DeadLetters(context),
  supervision: { directive: 'restart', crashesMax: 10, windowMs: 60_000, backoffMs: [100, 10_000] },
  place: (key) => Number(key),
  begins: 'start',
  keys: (shards) => Array.from({ length: shards }, (_, shard) => String(shard)),
  mailboxMax: 1_000,
};
