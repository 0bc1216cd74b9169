/**
 * The transactions of one partition: which are open, how far readers of committed records may go, and which records were
 * taken back. Fed by the batches of the log in their order, markers included, like the producers beside it (producers.ts),
 * and rolled back with them. Decides nothing about who may write.
 */
import type { Offset } from '../model/ids.ts';

/** Records of a producer that were taken back: `[producer id, first offset]`, up to its next marker. */
export type Aborted = readonly [producerId: number, first: number];

/** Plain values: `[producer id, epoch, first offset]`, and `[producer id, first offset, its marker, stable]`. */
export interface TransactionsSnapshot {
  readonly open: readonly (readonly [producerId: number, epoch: number, first: number])[];
  readonly aborted: readonly AbortedEntry[];
}
/** `stable`: none that ended behind the marker had begun before it. */
type AbortedEntry = readonly [producerId: number, first: number, marker: number, stable: number];

interface Open {
  readonly producerId: number;
  readonly epoch: number;
  readonly first: number;
  /** Offset of its marker; -1: there is none. */
  marker: number;
  commits: boolean;
}

const NONE: readonly Aborted[] = [];

export class PartitionTransactions {
  /** In the order in which they began: open, or ended by a marker that is not known to be listed. */
  readonly #open = new Set<Open>();
  /** Those without a marker. */
  readonly #byProducer = new Map<number, Open>();
  /** With a marker that is not committed, in the order of markers. */
  #deciding: Open[] = [];
  /** Ended, their markers committed, not yet in a snapshot: one of an earlier offset needs them as open. */
  #ended: Open[] = [];
  /** Ascending by marker. */
  #aborted: AbortedEntry[] = [];

  /** What there is to keep. */
  get size(): number {
    return this.#open.size + this.#ended.length + this.#aborted.length;
  }

  /** Epoch of the transaction that a producer has open here; -1: none. */
  epochOf(producerId: number): number {
    return this.#byProducer.get(producerId)?.epoch ?? -1;
  }

  /** First offset of the transaction that a producer has open here; -1: none. */
  firstOf(producerId: number): number {
    return this.#byProducer.get(producerId)?.first ?? -1;
  }

  /** A batch of a transaction was appended at `first`. */
  add(producerId: number, epoch: number, first: number): void {
    if (this.#byProducer.has(producerId)) return;
    const open: Open = { producerId, epoch, first, marker: -1, commits: false };
    this.#open.add(open);
    this.#byProducer.set(producerId, open);
  }

  /** A marker was appended at `marker`. */
  end(producerId: number, commits: boolean, marker: number): void {
    const open = this.#byProducer.get(producerId);
    if (open === undefined) return;
    this.#byProducer.delete(producerId);
    open.marker = marker;
    open.commits = commits;
    this.#deciding.push(open);
    if (!commits) this.#aborted.push([producerId, open.first, marker, this.#firstWithoutMarker(marker + 1)]);
  }

  #firstWithoutMarker(otherwise: number): number {
    for (const { marker, first } of this.#open) if (marker < 0) return first;
    return otherwise;
  }

  /** What lies below `offset` is committed. */
  commit(offset: number): void {
    let count = 0;
    for (let next = this.#deciding[0]; next !== undefined && next.marker < offset; next = this.#deciding[count]) {
      this.#open.delete(next);
      this.#ended.push(next);
      count++;
    }
    if (count > 0) this.#deciding = this.#deciding.slice(count);
  }

  /** Readers of committed records see what lies below. */
  stable(committed: Offset): Offset {
    if (this.#open.size === 0) return committed;
    for (const { first } of this.#open) return Math.min(first, committed) as Offset;
    return committed;
  }

  /** What was taken back of the records from `from` to before `to`. */
  aborted(from: number, to: number): readonly Aborted[] {
    if (this.#aborted.length === 0) return NONE;
    return this.#abortedIn(from, to).map(([producerId, first]) => [producerId, first] as const);
  }

  /** As {@link aborted}, each up to its marker: `[producer id, first offset, marker]`. */
  abortedRanges(from: number, to: number): readonly (readonly [producerId: number, first: number, marker: number])[] {
    return this.#abortedIn(from, to).map(([producerId, first, marker]) => [producerId, first, marker] as const);
  }

  #abortedIn(from: number, to: number): readonly AbortedEntry[] {
    const found: AbortedEntry[] = [];
    for (let index = this.#markedFrom(from); index < this.#aborted.length && from < to; index++) {
      const entry = this.#aborted[index] as AbortedEntry;
      if (entry[1] < to) found.push(entry);
      if (entry[3] >= to) break;
    }
    return found;
  }

  /** Index of the first entry whose marker is at `offset` or behind. */
  #markedFrom(offset: number): number {
    let low = 0;
    let high = this.#aborted.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#aborted[middle]?.[2] ?? 0) < offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Rolls back to `offset`, which is at or above what is committed. */
  truncate(offset: number): void {
    for (const open of [...this.#deciding, ...this.#byProducer.values()]) {
      if (open.first >= offset) {
        this.#open.delete(open);
        if (this.#byProducer.get(open.producerId) === open) this.#byProducer.delete(open.producerId);
      } else if (open.marker >= offset) {
        open.marker = -1;
        this.#byProducer.set(open.producerId, open);
      }
    }
    this.#deciding = this.#deciding.filter(({ first, marker }) => first < offset && marker >= 0 && marker < offset);
    while ((this.#aborted.at(-1)?.[2] ?? -1) >= offset) this.#aborted.pop();
  }

  /** These markers go, of whose transactions nothing is left: nobody is to be told of what they would end. */
  forget(markers: readonly number[]): void {
    const gone = new Set(markers);
    this.#aborted = this.#aborted.filter(([, , marker]) => !gone.has(marker));
  }

  /** The log begins at `begin` now: what was taken back before it is of no interest. */
  trim(begin: number): void {
    if ((this.#aborted[0]?.[2] ?? begin) >= begin) return;
    this.#aborted = this.#aborted.filter(([, , marker]) => marker >= begin);
  }

  /** State of all that lies below `upTo`, at or below what is committed; what is asked for later is not below it. */
  snapshot(upTo: number): TransactionsSnapshot {
    this.#ended = this.#ended.filter(({ marker }) => marker >= upTo);
    const open = [...this.#ended, ...this.#open].filter(({ first }) => first < upTo);
    open.sort((one, other) => one.first - other.first);
    return {
      open: open.map(({ producerId, epoch, first }) => [producerId, epoch, first]),
      aborted: this.#aborted.filter(([, , marker]) => marker < upTo),
    };
  }

  /** Reads what `snapshot` gave, after it was on disk; null where it is not that. */
  static restore(open: unknown, aborted: unknown): PartitionTransactions | null {
    if (!isTable(open, 3) || !isTable(aborted, 4)) return null;
    const restored = new PartitionTransactions();
    for (const [producerId, epoch, first] of open) restored.add(producerId as number, epoch as number, first as number);
    restored.#aborted = aborted as unknown as AbortedEntry[];
    return restored;
  }
}

function isTable(value: unknown, width: number): value is readonly (readonly number[])[] {
  const isRow = (row: unknown): boolean =>
    Array.isArray(row) && row.length === width && row.every((one) => Number.isSafeInteger(one) && one >= 0);
  return Array.isArray(value) && value.every(isRow);
}
