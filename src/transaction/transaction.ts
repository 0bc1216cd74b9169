/**
 * The state of one transactional id: who may write under it, and the transaction that is open or being ended. Changes by
 * `apply` alone. Decides nothing and knows no time.
 */
import { assert, unreachable } from '../model/assert.ts';
import type { PackedPlace, TransactionRecord } from './record.ts';

/** `committing`, `aborting`: decided, and not everybody in it knows. */
export type TransactionState = 'empty' | 'ongoing' | 'committing' | 'aborting' | 'committed' | 'aborted';

/** Stands for no producer and no epoch. */
export const NONE = -1;
/** The last epoch that a producer gets; the one behind it is for the markers that end its last transaction. */
export const EPOCH_LAST = 32_766;

export class Transaction {
  readonly id: string;
  producer = NONE;
  epoch = NONE;
  /** Before the present ones, for who asks again because the answer was lost. */
  lastProducer = NONE;
  lastEpoch = NONE;
  timeoutMs = 0;
  state: TransactionState = 'empty';
  /** Of the transaction that is open or being ended, ms since 1970. */
  startedAt = NONE;
  /** Of the last record. */
  usedAt = NONE;
  #next = NONE;
  readonly #places = new Map<number, PackedPlace>();
  readonly #groups = new Set<string>();

  constructor(id: string) {
    this.id = id;
  }

  get places(): ReadonlyMap<number, PackedPlace> {
    return this.#places;
  }

  get groups(): ReadonlySet<string> {
    return this.#groups;
  }

  /** Decided for good, and not done. */
  get ending(): boolean {
    return this.state === 'committing' || this.state === 'aborting';
  }

  /** How the last one ended, or is ending. */
  get commit(): boolean {
    return this.state === 'committing' || this.state === 'committed';
  }

  apply(record: TransactionRecord): void {
    this.usedAt = record.at;
    switch (record.type) {
      case 'opened':
        assert(this.state !== 'ongoing' && !this.ending, `transaction ${this.id} is not over`);
        this.state = 'empty';
        this.producer = record.producer;
        this.epoch = record.epoch;
        this.lastProducer = record.lastProducer;
        this.lastEpoch = record.lastEpoch;
        this.timeoutMs = record.timeoutMs;
        break;
      case 'joined':
        assert(!this.ending, `transaction ${this.id} is being ended`);
        if (this.state !== 'ongoing') this.startedAt = record.at;
        this.state = 'ongoing';
        for (const place of record.places) this.#places.set(place[0], place);
        for (const group of record.groups) this.#groups.add(group);
        break;
      case 'ending':
        assert(!this.ending, `transaction ${this.id} is ended twice`);
        this.state = record.commit ? 'committing' : 'aborting';
        this.epoch = record.epoch;
        this.lastEpoch = record.lastEpoch;
        this.#next = record.next;
        break;
      case 'ended':
        this.#end();
        break;
      case 'expired':
        assert(this.state !== 'ongoing' && !this.ending, `transaction ${this.id} is in use`);
        break;
      default:
        unreachable(record);
    }
  }

  #end(): void {
    assert(this.ending, `transaction ${this.id} was not being ended`);
    this.state = this.commit ? 'committed' : 'aborted';
    this.startedAt = NONE;
    this.#places.clear();
    this.#groups.clear();
    if (this.#next === NONE) return;
    this.lastProducer = this.producer;
    this.producer = this.#next;
    this.epoch = 0;
    this.#next = NONE;
  }

  /** Records that lead here. */
  *snapshot(): Generator<TransactionRecord> {
    const { id: transaction, producer, epoch, lastProducer, lastEpoch, timeoutMs, usedAt } = this;
    yield { transaction, type: 'opened', at: usedAt, producer, epoch, lastProducer, lastEpoch, timeoutMs };
    if (this.state === 'empty') return;
    const places = [...this.#places.values()];
    if (this.startedAt !== NONE)
      yield { transaction, type: 'joined', at: this.startedAt, places, groups: [...this.#groups] };
    if (this.state === 'ongoing') return;
    yield { transaction, type: 'ending', at: usedAt, commit: this.commit, epoch, lastEpoch, next: this.#next };
    if (!this.ending) yield { transaction, type: 'ended', at: usedAt };
  }
}
