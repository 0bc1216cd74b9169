/** What a partition's log holds in memory. */
import { crc32c } from '@node-rs/crc32';
import test from 'ava';
import type { Memory } from '../../src/log/chunk.ts';
import { PartitionLog } from '../../src/log/partition-log.ts';
import { id } from '../../src/model/ids.ts';
import { KIB, MIB } from '../../src/model/limits.ts';
import { TOPIC_DEFAULTS } from '../../src/model/topic.ts';
import { batch } from '../actors/storage-world.ts';

let leased = 0;
function lease(length: number): Memory {
  leased += length;
  const memory: Memory = {
    bytes: new Uint8Array(length),
    retain: () => memory,
    release: () => {
      leased -= length;
    },
  };
  return memory;
}

test('chunks grow with use, and a disk that fails again and again does not leave large ones with a batch in each', (t) => {
  const log = new PartitionLog(id(64), { ...TOPIC_DEFAULTS, batchBytesMax: MIB }, { crc32c, lease });
  const small = batch(['small']);
  const large = batch(['x'.repeat(60 * KIB)]);
  while (log.end < 200) log.append(large, 1_000);
  t.is(log.chunks.at(-1)?.memory.bytes.length, 2 * MIB);
  log.journaled(log.end, true);
  const before = leased;
  const rounds = 20;
  for (let round = 0; round < rounds; round++) {
    log.append(small, 1_000);
    log.journaled(log.end, true);
    log.append(small, 1_000);
    log.cutBack();
  }
  t.is(Number(log.end), 200 + rounds, 'what was promised is there');
  t.true(leased - before <= rounds * 32 * KIB, `${(leased - before) / KIB} KiB for ${rounds} small batches`);
});
