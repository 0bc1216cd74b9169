/** Judges what a partition's log wants written next, and when its memory is let go. */
import { crc32c } from '@node-rs/crc32';
import test from 'ava';
import type { Memory } from '../../src/log/chunk.ts';
import { Flushing } from '../../src/log/flushing.ts';
import { PartitionLog } from '../../src/log/partition-log.ts';
import { id, type PartitionId } from '../../src/model/ids.ts';
import { MIB } from '../../src/model/limits.ts';
import { TOPIC_DEFAULTS } from '../../src/model/topic.ts';
import { batchOf } from '../model/batches.ts';

/** Leases that are counted. */
function countedMemory(): { readonly lease: (length: number) => Memory; bytes: number } {
  const counted = {
    bytes: 0,
    lease(length: number): Memory {
      const bytes = new Uint8Array(length);
      counted.bytes += length;
      const hold = (): Memory => ({ bytes, retain: hold, release: () => {} });
      const release = (): void => {
        counted.bytes -= length;
      };
      return { ...hold(), release };
    },
  };
  return counted;
}

test('large batches that never pause are named and their memory is let go', (t) => {
  const memory = countedMemory();
  const settings = { ...TOPIC_DEFAULTS, segmentBytes: 64 * MIB };
  const log = new PartitionLog(id<PartitionId>(100), settings, { crc32c, lease: memory.lease });
  const flushing = new Flushing(log, null);
  const batch = batchOf([{ timestamp: 1, key: null, value: new Uint8Array(500_000), headers: [] }]);
  const append = (): void => {
    const placed = log.append(batch, 1);
    t.true(typeof placed === 'object' && placed.ok);
    log.journaled(log.end, true);
  };
  append();
  let most = 0;
  for (let round = 0; round < 400; round++) {
    const work = flushing.nextWrite();
    const proof = flushing.nextProof();
    t.truthy(work, 'a batch waits for its segment');
    // The next one comes before this one is written: there is always one that waits.
    append();
    for (const one of [work, proof]) if (one !== null) flushing.done(one);
    most = Math.max(most, memory.bytes);
  }
  t.true(log.segments.length > 2);
  t.true(most < 32 * MIB, `${most / MIB} MiB were held`);
});
