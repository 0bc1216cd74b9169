/** Judges how memory is shared out: the parts never exceed the whole, and none of them is too small to run in. */
import test from 'ava';
import fc from 'fast-check';
import { memoryLeast, planMemory } from '../src/memory.ts';
import { MIB } from '../src/model/limits.ts';

test('whatever is set, the parts stay below it and suffice', (t) => {
  const anything = fc.record({ shards: fc.integer({ min: 1, max: 64 }), more: fc.integer({ min: 0, max: 2 ** 40 }) });
  fc.assert(
    fc.property(anything, ({ shards, more }) => {
      const memory = memoryLeast(shards) + more;
      const { arenaBytes, oldHeapMib, youngHeapMib, ringBytes } = planMemory(memory, shards);
      const table = (4 * (2 + shards) * arenaBytes) / 4_096;
      const shared = shards * (arenaBytes + table + (oldHeapMib + youngHeapMib) * MIB);
      const rings = 2 * shards * (shards - 1) * ringBytes;
      t.true(shared + rings + 100 * MIB + shards * 20 * MIB < memory, 'Node itself has its room');
      t.true(arenaBytes >= 31 * MIB && oldHeapMib >= 52, `${arenaBytes} ${oldHeapMib}`);
      t.true(shared > 0.9 * (memory - memoryLeast(shards)), 'what there is more is shared out');
    }),
  );
});
