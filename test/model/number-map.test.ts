/** Judges the table by a Map beside it: whatever comes and goes, both have the same. */
import test from 'ava';
import fc from 'fast-check';
import { NumberMap } from '../../src/model/number-map.ts';

/** Few keys, so that they meet: neighbours, multiples of a power of two, and beyond 2³². */
const key = fc.oneof(
  fc.integer({ min: 0, max: 40 }),
  fc.integer({ min: 0, max: 20 }).map((n) => n * 4_096),
  fc.integer({ min: 0, max: 5 }).map((n) => 2 ** 40 + n),
);
const change = fc.oneof(
  { weight: 5, arbitrary: fc.record({ does: fc.constant('set' as const), key, value: fc.integer() }) },
  { weight: 4, arbitrary: fc.record({ does: fc.constant('take' as const), key }) },
  { weight: 1, arbitrary: fc.record({ does: fc.constant('clear' as const) }) },
);

test('it has what a Map would have', (t) => {
  fc.assert(
    fc.property(fc.array(change, { maxLength: 300 }), (changes) => {
      const table = new NumberMap<number>();
      const model = new Map<number, number>();
      for (const one of changes) {
        if (one.does === 'set') {
          table.set(one.key, one.value);
          model.set(one.key, one.value);
        } else if (one.does === 'take') {
          if (table.take(one.key) !== model.get(one.key)) return false;
          model.delete(one.key);
        } else {
          table.clear();
          model.clear();
        }
        if (table.size !== model.size) return false;
        for (const known of model.keys()) if (table.get(known) !== model.get(known)) return false;
      }
      const keys = [...model.keys()].sort((a, b) => a - b);
      const sorted = (list: Iterable<number>): string => [...list].sort((a, b) => a - b).join();
      return table.keys().join() === keys.join() && sorted(table.values()) === sorted(model.values());
    }),
    { numRuns: 1_000 },
  );
  t.pass();
});

test('numbers that rise while one stays find their place, and none is found that was taken', (t) => {
  const table = new NumberMap<string>();
  table.set(3, 'stays');
  for (let number = 4; number < 100_000; number++) {
    table.set(number, `${number}`);
    if (number >= 12) t.is(table.take(number - 8), `${number - 8}`);
  }
  t.is(table.get(3), 'stays');
  t.is(table.size, 9);
  t.is(table.get(500), undefined);
  t.is(table.take(500), undefined);
});

test('a crowd that has gone leaves an empty table', (t) => {
  const table = new NumberMap<number>();
  for (let number = 0; number < 10_000; number++) table.set(number, number);
  for (let number = 0; number < 10_000; number++) t.is(table.take(number), number);
  t.is(table.size, 0);
  table.set(7, 1);
  t.deepEqual(table.keys(), [7]);
});
