/** Judges what a partition's log wants written next, and when its memory is let go. */
import { crc32c } from '@node-rs/crc32';
import test from 'ava';
import type { Memory } from '../../src/log/chunk.ts';
import { Flushing, type Work } from '../../src/log/flushing.ts';
import { decodeManifest } from '../../src/log/manifest.ts';
import { PartitionLog } from '../../src/log/partition-log.ts';
import { UnlistedRoom } from '../../src/log/unlisted.ts';
import { id, type Offset, type PartitionId } from '../../src/model/ids.ts';
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
  const flushing = new Flushing(log, null, new UnlistedRoom(0));
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

test('when a segment fails before the one below it is named to its end, the manifest leaves no gap between them', (t) => {
  const settings = { ...TOPIC_DEFAULTS, segmentBytes: 1_000 };
  const log = new PartitionLog(id<PartitionId>(100), settings, { crc32c, lease: countedMemory().lease });
  const flushing = new Flushing(log, null, new UnlistedRoom(0));
  const batch = batchOf([{ timestamp: 1, key: null, value: 'v'.repeat(400), headers: [] }]);
  const append = (): void => {
    log.append(batch, 1);
    log.journaled(log.end, true);
  };
  const manifests: Uint8Array[] = [];
  const finish = (work: Work | null): void => {
    if (work === null) return;
    flushing.done(work);
    if (work.kind === 'manifest') manifests.push(work.bytes);
  };
  append();
  flushing.want(1);
  for (let step = 0; step < 6; step++) finish(flushing.nextWrite() ?? flushing.nextProof());
  t.is(Number(log.listedTo()), 1, 'the first batch is named');
  // The second batch goes to the same segment, the third opens another, whose file fails.
  append();
  append();
  t.deepEqual(
    log.segments.map(({ base, listedTo }) => [Number(base), Number(listedTo)]),
    [
      [0, 1],
      [2, 2],
    ],
  );
  const [, second] = log.segments;
  if (second === undefined) return t.fail('there are two');
  log.synced(second, second.bytes);
  flushing.fail(second);
  for (let step = 0; step < 6 && !flushing.over; step++) finish(flushing.nextProof());
  finish(flushing.over && manifests.length < 2 ? flushing.nextProof() : null);
  const last = manifests.at(-1);
  const manifest = last === undefined ? 'none' : decodeManifest(last, crc32c);
  if (typeof manifest === 'string') return t.fail(manifest);
  const named = manifest.segments.map(({ base, end, sealed }) => ({ base: Number(base), end: Number(end), sealed }));
  t.deepEqual(named, [{ base: 0, end: 1, sealed: false }], 'a start asks the journal for what is behind');
  t.is(Number(log.listedTo()), 1 as Offset, 'and the journal has it');
});
