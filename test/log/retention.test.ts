/** What retention takes of a partition: old segments, whole, and never the one that is written. */
import { crc32c } from '@node-rs/crc32';
import test from 'ava';
import type { Memory } from '../../src/log/chunk.ts';
import { PartitionLog } from '../../src/log/partition-log.ts';
import { retain } from '../../src/log/retention.ts';
import { id } from '../../src/model/ids.ts';
import { TOPIC_DEFAULTS } from '../../src/model/topic.ts';
import { batch } from '../actors/storage-world.ts';

function lease(length: number): Memory {
  const memory: Memory = { bytes: new Uint8Array(length), retain: () => memory, release: () => {} };
  return memory;
}

test('the segment that is written stays, however little may be kept', (t) => {
  const settings = { ...TOPIC_DEFAULTS, engine: 'memory' as const, retentionMs: -1, retentionBytes: 0 };
  const log = new PartitionLog(id(64), settings, { crc32c, lease });
  for (let each = 0; each < 3; each++) t.true((log.append(batch([`${each}`]), 1_000) as { ok: boolean }).ok);
  log.settle();
  t.deepEqual(retain(log, 2_000), []);
  t.is(Number(log.begin), 0);
  t.is(Number(log.end), 3);
});
