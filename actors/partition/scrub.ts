/**
 * Reads a partition's sealed segments piece by piece, slowly, and has a job thread compare every batch with its entry:
 * damage is found while it is news. A plain class inside the partition's actor; changes nothing but the list of damage.
 */
import type { Context } from '../../runtime/actor.ts';
import { ENTRY_BYTES } from '../../src/log/entry.ts';
import type { PartitionLog } from '../../src/log/partition-log.ts';
import { isSealed } from '../../src/log/segment.ts';
import type { Offset } from '../../src/model/ids.ts';
import { MIB } from '../../src/model/limits.ts';
import { type Step, step } from '../step.ts';
import type { PartitionReader } from './reader.ts';

/** One piece, and the pause behind it: at most 10 MiB/s. */
const PIECE_BYTES = MIB;
const PAUSE_MS = 100;

export class PartitionScrub {
  readonly #context: Context<Step>;
  readonly #log: PartitionLog;
  readonly #reader: PartitionReader;
  readonly #done: () => void;
  #next: Offset;

  constructor(context: Context<Step>, log: PartitionLog, reader: PartitionReader, done: () => void) {
    this.#context = context;
    this.#log = log;
    this.#reader = reader;
    this.#done = done;
    this.#next = log.begin;
  }

  /** Goes on behind the last piece. */
  run(): void {
    const segment = this.#log.segments.find((one) => isSealed(one) && one.end > this.#next);
    if (segment === undefined || this.#log.inMemory) {
      this.#done();
      return;
    }
    const from = Math.max(this.#next, segment.base) as Offset;
    this.#reader.piece(segment, from, PIECE_BYTES, (piece) => {
      if (piece === null) {
        this.#goOn(segment.end);
        return;
      }
      const { sidecar, plan, bytes, lease } = piece;
      const entries = sidecar.bytes.slice(plan.from * ENTRY_BYTES, plan.to * ENTRY_BYTES);
      const next = sidecar.entry(plan.to - 1).next;
      this.#context.run('scanSegment', { entries, bytes }, (error, result) =>
        step(() => {
          lease.release();
          if (error !== null) this.#context.log.warn({ error }, 'a segment could not be scanned');
          for (const index of Array.isArray(result) ? (result as number[]) : [])
            this.#reader.noteDamage(entries, index, 'a scan found that the segment does not match its sidecar');
          this.#goOn(next);
        }),
      );
    });
  }

  #goOn(next: Offset): void {
    this.#next = next;
    this.#context.after(
      PAUSE_MS,
      step(() => this.run()),
    );
  }
}
