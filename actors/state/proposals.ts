/**
 * What an actor has proposed to its state log and the log does not have yet: records are packed into batches, one batch is
 * in flight at a time, and answers that could show a record wait until it is committed. Also says when the state is to be
 * written as a snapshot. A plain class inside the actor's state log; sends nothing and reads no partition.
 */
import { assert } from '../../src/model/assert.ts';
import type { Fault } from '../../src/model/faults.ts';
import { MIB } from '../../src/model/limits.ts';
import { packRecords, packSnapshot, type StateCodec } from './record.ts';

/** Called with null once all that was proposed before is committed, else with the reason why it may never be. */
export type Settled = (fault: Fault | null) => void;

/** A batch on its way. Those of a snapshot have `last`; nobody waits for them. */
export interface Outgoing {
  readonly bytes: Uint8Array;
  /** Records proposed since the replay, up to its last one. */
  readonly position: number;
  readonly snapshot?: { readonly first: boolean; readonly last: boolean };
}

/** A snapshot is written when the log behind the last one has grown to this, and to twice the snapshot. */
const SNAPSHOT_AFTER_BYTES = 4 * MIB;
/** Answers that wait for the log: a disk that hangs must not fill the memory with what clients still send. */
const WAITING_MAX = 10_000;

export class StateProposals<Entry> {
  readonly #codec: StateCodec;
  #proposed = 0;
  #packed = 0;
  #committed = 0;
  #entries: Entry[] = [];
  #outgoing: Outgoing[] = [];
  #inFlight: Outgoing | null = null;
  #waiting: { readonly position: number; readonly settled: Settled }[] = [];
  #snapshotBytes = 0;
  #bytesSinceSnapshot = 0;

  constructor(codec: StateCodec) {
    this.#codec = codec;
  }

  /** The state is read anew, and positions begin anew: nobody may wait for one of before, see {@link giveUp}. */
  reset(): void {
    assert(this.#waiting.length === 0, 'nobody waits for a position that does not come');
    this.#proposed = 0;
    this.#packed = 0;
    this.#committed = 0;
    this.#entries = [];
    this.#outgoing = [];
    this.#inFlight = null;
    this.#bytesSinceSnapshot = 0;
  }

  /** So many wait for the disk that no more should be let in. */
  get overloaded(): boolean {
    return this.#waiting.length >= WAITING_MAX;
  }

  /** Nothing is on its way to the log. */
  get idle(): boolean {
    return this.#proposed === this.#committed && this.#inFlight === null && this.#outgoing.length === 0;
  }

  add(record: Entry): void {
    this.#entries.push(record);
    this.#proposed++;
  }

  /** Bytes of the log behind the last snapshot, as a replay meets them. */
  noteRead(bytes: number): void {
    this.#bytesSinceSnapshot += bytes;
  }

  whenCommitted(settled: Settled): void {
    if (this.#proposed === this.#committed) settled(null);
    else this.#waiting.push({ position: this.#proposed, settled });
  }

  /** The batch to append now, which is in flight from then on; null when there is none, or one is. */
  next(now: number): Outgoing | null {
    if (this.#inFlight !== null) return null;
    if (this.#outgoing.length === 0) this.#pack(now);
    this.#inFlight = this.#outgoing.shift() ?? null;
    return this.#inFlight;
  }

  #pack(now: number): void {
    for (const { bytes, count } of packRecords(this.#entries, this.#codec, now)) {
      this.#packed += count;
      this.#outgoing.push({ bytes, position: this.#packed });
    }
    this.#entries = [];
  }

  /** The batch in flight is committed. */
  appended(): Outgoing {
    const batch = this.#inFlight;
    assert(batch !== null, 'an append was answered that is not in flight');
    this.#inFlight = null;
    this.#bytesSinceSnapshot += batch.bytes.length;
    this.#committed = batch.position;
    return batch;
  }

  /** Those who are called may propose and wait anew: behind all others. */
  settle(): void {
    const count = this.#waiting.findIndex(({ position }) => position > this.#committed);
    for (const { settled } of this.#waiting.splice(0, count < 0 ? this.#waiting.length : count)) settled(null);
  }

  /** @returns those who waited: what they wait for may never be committed. */
  giveUp(): readonly Settled[] {
    const waiting = this.#waiting;
    this.#waiting = [];
    return waiting.map(({ settled }) => settled);
  }

  /** @param snapshot records that lead from the empty state to this one. */
  snapshotWhenDue(snapshot: () => Iterable<Entry>, now: number): void {
    if (this.#bytesSinceSnapshot < Math.max(SNAPSHOT_AFTER_BYTES, 2 * this.#snapshotBytes)) return;
    if (this.#outgoing.length > 0) return;
    // What was proposed is in the state already, so it has to be in the log before the snapshot.
    this.#pack(now);
    const batches = packSnapshot(snapshot(), this.#codec, now);
    this.#snapshotBytes = 0;
    for (const [index, { bytes }] of batches.entries()) {
      const place = { first: index === 0, last: index === batches.length - 1 };
      this.#outgoing.push({ bytes, position: this.#packed, snapshot: place });
      this.#snapshotBytes += bytes.length;
    }
    this.#bytesSinceSnapshot = -this.#snapshotBytes;
  }
}
