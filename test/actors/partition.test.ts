/** Partitions and their journal: what was acknowledged is there, whatever ends, and nothing else is promised. */
import test from 'ava';
import { batch, StorageWorld } from './storage-world.ts';

const P = 64;

test('a batch is acknowledged with its offset and read back', (t) => {
  const world = new StorageWorld();
  t.is(world.appended(P, batch(['a', 'b'])), 0);
  t.is(world.appended(P, batch(['c'])), 2);
  t.deepEqual(world.readAll(P), [
    [0, 'a'],
    [1, 'b'],
    [2, 'c'],
  ]);
  t.like(world.described(P), { begin: 0, end: 3, durable: 3, appended: 3, segments: 1 });
});

for (const kind of ['process', 'power'] as const) {
  test(`what was acknowledged survives the end of the ${kind}`, (t) => {
    const world = new StorageWorld();
    for (let i = 0; i < 20; i++) t.is(world.appended(P + (i % 3), batch([`v${i}`])), Math.floor(i / 3));
    world.restart(kind);
    for (let p = 0; p < 3; p++)
      t.deepEqual(
        world.readAll(P + p),
        Array.from({ length: p === 2 ? 6 : 7 }, (_, i) => [i, `v${i * 3 + p}`]),
      );
    t.is(world.appended(P, batch(['next'])), 7);
    t.deepEqual(world.logged, []);
  });
}
