/**
 * A partition whose state of producers does not hold, is missing, or is older than what the journal still has, comes back
 * all the same: the headers of its batches and its markers say who wrote what, which transactions are open and which were taken
 * back. Reads what sidecars name, a piece at a time; batches that do not match their entries are left out. Only what
 * compaction has taken out is not known again.
 */
import type { Context } from '../../runtime/actor.ts';
import { type Entry, mismatch } from '../../src/log/entry.ts';
import type { PartitionLog } from '../../src/log/partition-log.ts';
import { producersPath } from '../../src/log/paths.ts';
import { Producers, type ProducersSnapshot } from '../../src/log/producers.ts';
import { damageAt } from '../../src/log/reading.ts';
import { readSlots } from '../../src/log/slots.ts';
import { id, type Offset } from '../../src/model/ids.ts';
import { MIB } from '../../src/model/limits.ts';
import { type Step, step } from '../step.ts';
import { ReadAheadRoom } from './read-ahead.ts';
import { PartitionReader, type Piece } from './reader.ts';
import { Rereads } from './rereads.ts';

const PIECE_BYTES = MIB;
/** Memory may be short while all partitions start: so often, so long apart, a piece is tried again, ms. */
const TRIES_MAX = 100;
const AGAIN_MS = 50;

/** All batches below `upTo` are in it. */
interface RestoredProducers {
  readonly producers: Producers;
  readonly upTo: Offset;
}

/** What the file has. `old`: it may be a state before the last one. */
interface KeptProducers extends RestoredProducers {
  readonly old: boolean;
}

/** The state of producers while a partition comes back: from its file, where that lacks something from the log, then fed. */
export class ProducersRecovery {
  readonly #context: Context<Step>;
  readonly #log: PartitionLog;
  producers = new Producers();
  /** The state did not hold or was missing, and is to be written anew. */
  rebuilt = false;
  /** Everything below was fed to it. */
  fedTo = id<Offset>(0);
  /** There is no file: no producer wrote what the journal has forgotten. */
  #isNew = false;

  constructor(context: Context<Step>, log: PartitionLog) {
    this.#context = context;
    this.#log = log;
  }

  /** @param bytes of the file, where there is one. */
  restore(bytes: Uint8Array | undefined, done: () => void): void {
    const { log } = this.#context;
    const file = producersPath(this.#log.partition);
    const kept = restoreProducers(bytes, this.#log);
    if (typeof kept === 'string') {
      log.error({ file }, `the state of producers is ${kept}: it is read from the log anew`);
      this.rebuilt = true;
      this.#readTo(this.#log.end, () => {
        this.#log.keepsProducers = !this.producers.isEmpty;
        done();
      });
      return;
    }
    if (kept.old)
      log.warn({ file }, 'a state of producers does not hold: what the one before lacks is read from the log');
    this.#isNew = bytes === undefined;
    this.rebuilt = kept.old;
    this.producers = kept.producers;
    this.fedTo = kept.upTo;
    done();
  }

  /**
   * The journal forgets what was flushed, and loses what only the segments were synced with. What neither it nor the file has,
   * the log still has. @param to where the journal goes on, or the log ends. @returns false when it has to be read first:
   * `resume` is called then.
   */
  closeGap(to: Offset, resume: () => void): boolean {
    const upTo = Math.min(to, this.#log.end) as Offset;
    if (this.#isNew) this.fedTo = upTo;
    this.#isNew = false;
    const isClosed = this.fedTo >= upTo;
    if (!isClosed) this.#readTo(upTo, resume);
    return isClosed;
  }

  /** The state follows the log; what was cut off again takes its part of the state along. */
  feed(entry: Entry, batch: Uint8Array, replayed: boolean): void {
    if (entry.next > this.#log.end || (!replayed && entry.base < this.fedTo)) return;
    this.producers.truncate(entry.base);
    this.producers.append(batch);
    this.fedTo = entry.next;
  }

  #readTo(to: Offset, done: () => void): void {
    readProducers(this.#context, this.#log, { producers: this.producers, upTo: this.fedTo }, to, () => {
      this.fedTo = to;
      done();
    });
  }
}

/** @returns the state by its file, or what is wrong with that. */
function restoreProducers(bytes: Uint8Array | undefined, log: PartitionLog): KeptProducers | string {
  if (bytes === undefined)
    return log.keepsProducers ? 'missing' : { producers: new Producers(), upTo: id<Offset>(0), old: false };
  const { state, faults } = readSlots(bytes, log.partition, log.tools.crc32c);
  const restored = state === undefined ? null : Producers.restore(state);
  if (restored?.ok !== true) return 'damaged';
  return { producers: restored.value, upTo: (state as ProducersSnapshot).upTo as Offset, old: faults.length > 0 };
}

/** Has the state take in the batches from `upTo` to before `to`, as far as the log has them on disk. */
function readProducers(
  context: Context<Step>,
  log: PartitionLog,
  { producers, upTo }: RestoredProducers,
  to: Offset,
  done: () => void,
): void {
  const reader = new PartitionReader(context, log, { readAhead: new ReadAheadRoom(0), rereads: new Rereads(0) });
  const goOn = (offset: Offset, tries = 0): void => {
    const segment = log.segments.find(({ end }) => end > offset);
    const damage = damageAt(log, offset);
    if (segment === undefined || offset >= to) {
      reader.rest();
      done();
    } else if (damage !== null) goOn(damage[1]);
    else
      reader.piece(segment, Math.max(offset, segment.base) as Offset, PIECE_BYTES, (piece) => {
        if (piece !== null) goOn(feed(piece));
        else if (damageAt(log, offset) !== null) goOn(offset);
        else if (tries === TRIES_MAX) throw new Error(`segment ${segment.base} could not be read for its producers`);
        else
          context.after(
            AGAIN_MS,
            step(() => goOn(offset, tries + 1)),
          );
      });
  };
  goOn(Math.max(upTo, log.segments[0]?.base ?? log.begin) as Offset);

  function feed({ sidecar, plan, bytes, lease }: Piece): Offset {
    let at = 0;
    for (let index = plan.from; index < plan.to; index++) {
      const entry = sidecar.entry(index);
      const batch = bytes.subarray(at, at + entry.length);
      if (entry.base < to && mismatch(entry, batch, 0, log.tools.crc32c) === null) producers.append(batch);
      at += entry.length;
    }
    lease.release();
    const { next } = sidecar.entry(plan.to - 1);
    producers.commit(Math.min(next, to) as Offset);
    return next;
  }
}
