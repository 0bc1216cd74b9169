/** Counters in shared memory: a row a shard, added up by main, and what a replaced shard finds. */
import test from 'ava';
import { CounterBoard, type CounterDefinition, createCounterMemory, ShardCounters } from '../../runtime/counters.ts';
import { AssertionError } from '../../src/model/assert.ts';

const definitions: readonly CounterDefinition[] = Array.from({ length: 9 }, (_, index) => ({
  name: `n${index}`,
  kind: index === 8 ? 'gauge' : 'counter',
  help: 'for the test',
}));

test('adds the rows of all shards up, each name by itself', (t) => {
  const memory = createCounterMemory(definitions, 3);
  const shards = [0, 1, 2].map((shard) => new ShardCounters(definitions, memory, shard));
  const board = new CounterBoard(definitions, memory, 3);
  definitions.forEach(({ name }, index) => {
    shards.forEach((counters, shard) => {
      counters.add(name, 10 ** shard * (index + 1));
    });
  });
  definitions.forEach(({ name }, index) => {
    t.is(board.total(name), 111 * (index + 1));
  });
  shards[1]?.set('n8', 5.5);
  t.deepEqual(board.values('n8'), [9, 5.5, 900]);
});

test('counters outlive their shard, gauges do not', (t) => {
  const memory = createCounterMemory(definitions, 1);
  const first = new ShardCounters(definitions, memory, 0);
  first.add('n0', 4);
  first.set('n8', 4);
  new ShardCounters(definitions, memory, 0).add('n0', 1);
  const board = new CounterBoard(definitions, memory, 1);
  t.deepEqual([board.total('n0'), board.total('n8')], [5, 0]);
});

test('a name that is not defined, or twice, is a defect', (t) => {
  const memory = createCounterMemory(definitions, 1);
  const counters = new ShardCounters(definitions, memory, 0);
  t.throws(() => counters.add('other', 1), { instanceOf: AssertionError });
  t.throws(() => counters.set('__proto__', 1), { instanceOf: AssertionError });
  t.throws(() => new CounterBoard(definitions, memory, 1).total('other'), { instanceOf: AssertionError });
  const [one] = definitions as [CounterDefinition];
  t.throws(() => new ShardCounters([one, one], memory, 0), { instanceOf: AssertionError });
});
