/** Names that a failing disk has not made durable: what looks whole after a restart may be gone after a power cut. */
import test from 'ava';
import { KIB } from '../../../src/model/limits.ts';
import { batch, StorageWorld } from '../storage-world.ts';

const P = 64;

test('a manifest whose name could not be synced is made sure of at the next start, before the journal forgets', (t) => {
  const value = 'v'.repeat(8 * KIB);
  for (let seed = 1; seed <= 8; seed++) {
    const world = new StorageWorld({ seed, init: { journalFileBytes: 1100 * KIB } });
    const append = (count: number): void => {
      for (let sent = 0; sent < count; sent++) world.written(P, batch([value]));
    };
    const path = `partitions/${P}`;
    // The names of the segment and of its sidecar are synced, that of the manifest is not.
    world.disk.faults.add({
      operations: ['syncFolder'],
      effect: { kind: 'error', code: 'EIO' },
      path: (folder) => folder === path,
      skip: 2,
      times: 1_000,
    });
    append(150);
    world.restart('process');
    world.disk.faults.clear();
    world.run(5_000);
    append(300);
    world.restart('power');
    world.run(1_000);
    const found = world.readAll(P);
    t.is(typeof found === 'string' ? found : found.length, 450, `seed ${seed}`);
  }
});
