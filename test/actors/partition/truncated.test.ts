/** Files that have lost their end at rest, or are gone: what is gone is told as damage or found elsewhere, what is left is served as it was. */
import test from 'ava';
import { batch, StorageWorld } from '../storage-world.ts';

const P = 64;
const SEGMENT = 'partitions/64/00000000000000000000.log';
const SIDECAR = 'partitions/64/00000000000000000000.entries';
const BATCHES = 6;

/** Some batches of a kilobyte, all of them in the segment. */
function filled(): { readonly world: StorageWorld; readonly kept: readonly [number, string][] } {
  const world = new StorageWorld();
  const kept = Array.from({ length: BATCHES }, (_, index): [number, string] => {
    const value = `${index} ${'v'.repeat(1_000)}`;
    if (world.appended(P, batch([value], 1_000 + index)) !== index) throw new Error('it was appended elsewhere');
    return [index, value];
  });
  world.stop();
  return { world, kept };
}

/** Read one by one: what stands at each offset, or why nothing does. */
function found(world: StorageWorld, upTo: number): unknown[] {
  return Array.from({ length: upTo }, (_, offset) => {
    const read = world.readAll(P, offset);
    return typeof read === 'string' ? read : read[0];
  });
}

for (const when of ['while the node is down', 'while it runs'] as const)
  test(`a segment that loses its end, or its file, ${when}: batches that are gone are damage, and nothing else stands for them`, (t) => {
    for (const left of [null, 0, 1, 100, 2_500, 5_000]) {
      const { world, kept } = filled();
      if (when === 'while it runs') world.start();
      if (left === null) world.disk.remove(SEGMENT, (error) => t.is(error, null));
      else world.disk.cut(SEGMENT, left);
      world.run(1);
      if (when !== 'while it runs') world.start();
      const before = found(world, BATCHES);
      const whole = before.filter((one) => one !== 'DATA_DAMAGED').length;
      t.true(whole * 1_000 <= (left ?? 0), `${left} bytes are left, ${whole} batches are read`);
      t.deepEqual(before, [...kept.slice(0, whole), ...kept.slice(whole).map(() => 'DATA_DAMAGED')], `${left}`);
      t.is(world.appended(P, batch(['goes on'])), BATCHES, 'no offset is given twice');
      world.restart('power');
      t.deepEqual(found(world, BATCHES + 1), [...before, [BATCHES, 'goes on']], `${left}, after a power cut`);
    }
  });

test('a manifest that loses its end takes nothing along, a sidecar what it says, and nothing else stands for that', (t) => {
  for (const path of [SIDECAR, 'partitions/64/manifest'])
    for (const share of [0, 0.3, 0.9]) {
      const { world, kept } = filled();
      world.disk.cut(path, Math.floor(share * world.disk.peek(path).length));
      world.start();
      const what = `${path}, ${share} of it`;
      const read = found(world, BATCHES);
      const wanted = path === SIDECAR ? kept.map((one, at) => (read[at] === 'DATA_DAMAGED' ? read[at] : one)) : kept;
      t.deepEqual(read, wanted, what);
      t.is(world.appended(P, batch(['goes on'])), BATCHES, what);
      world.restart('power');
      t.deepEqual(found(world, BATCHES + 1), [...read, [BATCHES, 'goes on']], what);
    }
});
