/**
 * A partition whose state of producers does not hold, or is missing, comes back all the same: the headers of its batches and its markers
 * say who wrote what, which transactions are open and which were taken back. Reads what sidecars name, a piece at a time;
 * batches that do not match their entries are left out. Only what compaction has taken out is not known again.
 */
import type { Context } from '../../runtime/actor.ts';
import { decodeChecked } from '../../src/log/checked.ts';
import { mismatch } from '../../src/log/entry.ts';
import type { PartitionLog } from '../../src/log/partition-log.ts';
import { Producers } from '../../src/log/producers.ts';
import { damageAt } from '../../src/log/reading.ts';
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

/** @returns the state by its file, or what is wrong with that. */
export function restoreProducers(bytes: Uint8Array | undefined, log: PartitionLog): RestoredProducers | string {
  if (bytes === undefined) return log.keepsProducers ? 'missing' : { producers: new Producers(), upTo: id<Offset>(0) };
  const decoded = decodeChecked(bytes, log.tools.crc32c);
  const restored = typeof decoded === 'string' ? null : Producers.restore(decoded.value);
  if (restored?.ok !== true || typeof decoded === 'string') return 'damaged';
  return { producers: restored.value, upTo: (decoded.value as { readonly upTo: Offset }).upTo };
}

/** @param done gets the state as of the end of what the log has on disk. */
export function rebuildProducers(
  context: Context<Step>,
  log: PartitionLog,
  done: (restored: RestoredProducers) => void,
): void {
  const reader = new PartitionReader(context, log, { readAhead: new ReadAheadRoom(0), rereads: new Rereads(0) });
  const producers = new Producers();
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
  goOn(log.segments[0]?.base ?? log.begin);

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
