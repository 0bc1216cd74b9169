/**
 * The judge of transactions: what each one wrote, how it was asked to end and what was answered. Readers of committed
 * records must see all of a transaction that was committed, nothing of one that was not, and each record once; a group has
 * the offset of a committed transaction. Never talks to the node.
 */
import type { Checker, PlaceHistory } from './checker.ts';
import { keyIn } from './party.ts';

/**
 * `open`: nobody has asked to commit it. `doubtful`: somebody has, and heard nothing. A transaction that was left alone is
 * `aborted` from the moment at which nobody can commit it any more.
 */
type Outcome = 'open' | 'doubtful' | 'committed' | 'aborted';

export interface Transaction {
  readonly name: string;
  /** Of its producer, which commits the offset for it. */
  readonly group: string;
  readonly records: Map<string, PlaceHistory>;
  outcome: Outcome;
  /** What it commits for the group; -1: nothing. Later transactions commit more. */
  offset: number;
}

/** After so long by the node's clock it forgets the offsets of a group without members, as its settings have it, ms. */
const OFFSET_RETENTION_MS = 7 * 24 * 3_600_000;

export class Ledger {
  readonly places: readonly PlaceHistory[];
  readonly #checker: Checker;
  readonly #transactions: Transaction[] = [];
  readonly #of = new Map<string, Transaction>();
  /** Where readers saw each record. */
  readonly #seen = new Map<string, number>();

  constructor(checker: Checker, places: readonly PlaceHistory[]) {
    this.#checker = checker;
    this.places = places;
  }

  begin(name: string, group: string): Transaction {
    const transaction: Transaction = { name, group, records: new Map(), outcome: 'open', offset: -1 };
    this.#transactions.push(transaction);
    return transaction;
  }

  writes(transaction: Transaction, place: PlaceHistory, record: string): void {
    transaction.records.set(record, place);
    this.#of.set(record, transaction);
  }

  /** A reader of committed records is given one. */
  read(place: PlaceHistory, offset: number, record: string): void {
    this.#checker.recordsRead += 1;
    const transaction = this.#of.get(record);
    if (transaction === undefined) this.#violate(`${place.name} ${offset}: ${record} was read and never sent`);
    else if (transaction.records.get(record) !== place)
      this.#violate(`${place.name} ${offset}: ${record} of another partition was read`);
    else if (transaction.outcome === 'open' || transaction.outcome === 'aborted')
      this.#violate(`${place.name} ${offset}: ${record} was read, and ${transaction.name} is ${transaction.outcome}`);
    const before = this.#seen.get(record);
    if (before !== undefined && before !== offset && !this.#lossy)
      this.#violate(`${place.name}: ${record} is at ${before} and at ${offset}`);
    this.#seen.set(record, offset);
  }

  /** The offset that the group has, by an answer to a question after everything ended; -1: none. */
  committed(group: string, offset: number): void {
    if (offset === -1 && this.#checker.aheadMs >= OFFSET_RETENTION_MS) return;
    const own = this.#transactions.filter((one) => one.group === group);
    const told = own.filter(({ outcome }) => outcome === 'committed').map((one) => one.offset);
    const least = Math.max(-1, ...told);
    if (offset < least) this.#violate(`${group} had ${least} by a transaction, and has ${offset}`);
    const known = own.some((one) => one.offset === offset && one.outcome !== 'aborted');
    if (offset >= 0 && !known) this.#violate(`${group} has ${offset}, which no transaction has committed`);
  }

  /** Everything was read: is a transaction torn, or lost? */
  finish(): void {
    if (this.#lossy) return;
    const last = this.#lastOfKeys();
    for (const { name, records, outcome } of this.#transactions) {
      const due = [...records.keys()].filter((record) => this.#seen.has(record) || !this.#isReplaced(record, last));
      const missing = due.filter((record) => !this.#seen.has(record));
      if (outcome === 'committed' && missing.length > 0)
        this.#violate(`${name} was committed, and ${missing} are not there`);
      if (outcome === 'doubtful' && missing.length > 0 && missing.length < due.length)
        this.#violate(`${name} is torn: ${missing} of ${due} are not there`);
    }
  }

  /** By partition and key, the last record that was or may have been committed, in the order in which they were written. */
  #lastOfKeys(): Map<string, string> {
    const last = new Map<string, string>();
    for (const [record, { outcome, records }] of this.#of) {
      const isThere = outcome === 'committed' || outcome === 'doubtful';
      if (isThere) last.set(`${records.get(record)?.name} ${keyIn(record)}`, record);
    }
    return last;
  }

  /** May compaction have taken it out? */
  #isReplaced(record: string, last: ReadonlyMap<string, string>): boolean {
    const place = this.#of.get(record)?.records.get(record);
    const key = keyIn(record);
    if (place === undefined || key === undefined || place.topic.settings.cleanup === 'delete') return false;
    return last.get(`${place.name} ${key}`) !== record;
  }

  get groups(): readonly string[] {
    return [...new Set(this.#transactions.map(({ group }) => group))];
  }

  /** How each transaction has ended. */
  get outcomes(): readonly Outcome[] {
    return this.#transactions.map(({ outcome }) => outcome);
  }

  /** What was damaged, or went astray, excuses everything: transactions span partitions and the node's own logs. */
  get excused(): boolean {
    return this.places.some((place) => this.#checker.excusesDamage(place));
  }

  /** The power went while something of a topic by interval was not fsynced: records of transactions may be gone, too. */
  get #lossy(): boolean {
    return this.places.some((place) => this.#checker.excusesLoss(place));
  }

  /** A reader is told that there is nothing where it stands: it begins anew where that is excused. */
  nothingAt(place: PlaceHistory, offset: number): void {
    if (!this.#lossy) this.#violate(`${place.name} has nothing at ${offset}, where it was read`);
  }

  #violate(what: string): void {
    if (!this.excused) this.#checker.violate(what);
  }
}
