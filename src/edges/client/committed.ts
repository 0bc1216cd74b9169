/** What of fetched batches counts: the node's own batches do not, nor those whose transaction was aborted. Opens no batch. */
import { batchesIn, readBaseOffset, readProducerId } from '../../model/batch.ts';
import { isControl, isTransactional } from '../../model/control.ts';
import type { AbortedRecords } from '../../protocols/request.ts';

/**
 * The batches that count.
 * @param aborted producers whose transactional batches do not, from an offset on and up to their next control batch
 */
export function* committedIn(bytes: Uint8Array, aborted: readonly AbortedRecords[]): Generator<Uint8Array> {
  const waiting = [...aborted].sort(([, one], [, other]) => one - other);
  const off = new Set<number>();
  for (const batch of batchesIn(bytes)) {
    const producer = readProducerId(batch);
    for (let next = waiting[0]; next !== undefined && next[1] <= readBaseOffset(batch); next = waiting[0]) {
      off.add(next[0]);
      waiting.shift();
    }
    if (isControl(batch)) off.delete(producer);
    else if (!off.has(producer) || !isTransactional(batch)) yield batch;
  }
}
