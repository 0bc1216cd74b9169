/**
 * A partition whose state of producers does not hold, is missing, or is older than what sidecars name, comes back all the
 * same: the headers of its batches and its markers say who wrote what, which transactions are open and which were taken
 * back. Reads what sidecars name, a piece at a time; batches that do not match their entries are left out. Only what
 * compaction has taken out is not known again.
 */
import type { Context } from '../../runtime/actor.ts';
import { mismatch } from '../../src/log/entry.ts';
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
export interface RestoredProducers {
  readonly producers: Producers;
  readonly upTo: Offset;
}

/** What the file has. `old`: it may be a state before the last one. */
interface KeptProducers extends RestoredProducers {
  readonly old: boolean;
}

/**
 * @param bytes of the file, where there is one.
 * @param done gets the state, and whether it is to be written anew.
 */
export function bringBackProducers(
  context: Context<Step>,
  log: PartitionLog,
  bytes: Uint8Array | undefined,
  done: (restored: RestoredProducers, rebuilt: boolean) => void,
): void {
  const file = producersPath(log.partition);
  const kept = restoreProducers(bytes, log);
  if (typeof kept === 'string') {
    context.log.error({ file }, `the state of producers is ${kept}: it is read from the log anew`);
    const nothing = { producers: new Producers(), upTo: id<Offset>(0) };
    rebuildProducers(context, log, nothing, (restored) => done(restored, true));
    return;
  }
  if (kept.old)
    context.log.warn({ file }, 'a state of producers does not hold: what the one before lacks is read from the log');
  // The journal forgets what was flushed; where the write of a state was lost, the log alone still has it.
  if (bytes === undefined || kept.upTo >= log.end) done(kept, kept.old);
  else rebuildProducers(context, log, kept, (restored) => done(restored, kept.old));
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

/** @param done gets `from` as of the end of what the log has on disk. */
function rebuildProducers(
  context: Context<Step>,
  log: PartitionLog,
  from: RestoredProducers,
  done: (restored: RestoredProducers) => void,
): void {
  const reader = new PartitionReader(context, log, { readAhead: new ReadAheadRoom(0), rereads: new Rereads(0) });
  const { producers } = from;
  const goOn = (offset: Offset, tries = 0): void => {
    const segment = log.segments.find(({ end }) => end > offset);
    const damage = damageAt(log, offset);
    if (segment === undefined) {
      reader.rest();
      log.keepsProducers = !producers.isEmpty;
      done({ producers, upTo: log.end });
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
  goOn(Math.max(from.upTo, log.segments[0]?.base ?? log.begin) as Offset);

  function feed({ sidecar, plan, bytes, lease }: Piece): Offset {
    let at = 0;
    for (let index = plan.from; index < plan.to; index++) {
      const entry = sidecar.entry(index);
      const batch = bytes.subarray(at, at + entry.length);
      if (mismatch(entry, batch, 0, log.tools.crc32c) === null) producers.append(batch);
      at += entry.length;
    }
    lease.release();
    const { next } = sidecar.entry(plan.to - 1);
    producers.commit(next);
    return next;
  }
}
