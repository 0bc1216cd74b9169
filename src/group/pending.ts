/** Offsets that transactions are going to commit in one group: by producer, until its transaction has ended. Decides nothing. */
import { type PlaceKey, placeKey } from './places.ts';
import type { CommittedEntry, GroupRecord } from './record.ts';

interface Pending {
  readonly epoch: number;
  readonly entries: Map<PlaceKey, CommittedEntry>;
}

export class PendingOffsets {
  readonly #byProducer = new Map<number, Pending>();

  get size(): number {
    return this.#byProducer.size;
  }

  /** Of the transaction that a producer has open here; -1: none. */
  epochOf(producer: number): number {
    return this.#byProducer.get(producer)?.epoch ?? -1;
  }

  /** A transaction is about to commit this one. */
  has(key: PlaceKey): boolean {
    for (const { entries } of this.#byProducer.values()) if (entries.has(key)) return true;
    return false;
  }

  add({ producer, epoch, offsets }: Extract<GroupRecord, { readonly type: 'pending' }>): void {
    const known = this.#byProducer.get(producer);
    const pending = known?.epoch === epoch ? known : { epoch, entries: new Map<PlaceKey, CommittedEntry>() };
    this.#byProducer.set(producer, pending);
    for (const entry of offsets) pending.entries.set(placeKey(entry[0], entry[1]), entry);
  }

  /** What the transaction was going to commit, which is not pending any more. */
  take(producer: number): readonly CommittedEntry[] {
    const pending = this.#byProducer.get(producer);
    this.#byProducer.delete(producer);
    return [...(pending?.entries.values() ?? [])];
  }

  /** The topics are gone. */
  forget(topics: ReadonlySet<number>): void {
    for (const { entries } of this.#byProducer.values())
      for (const [topic, partition] of [...entries.values()])
        if (topics.has(topic)) entries.delete(placeKey(topic, partition));
  }

  *snapshot(group: string): Generator<GroupRecord> {
    for (const [producer, { epoch, entries }] of this.#byProducer)
      yield { group, type: 'pending', producer, epoch, offsets: [...entries.values()] };
  }
}
