/** Groups in which consumers of both kinds come, go, die and are replaced, in any order, while the coordinator restarts. */
import test from 'ava';
import fc from 'fast-check';
import { ClassicConsumer, MixedWorld, NewConsumer } from './mixed-world.ts';

const PARTITIONS = [0, 1, 2, 3];
const action = fc.oneof(
  { weight: 3, arbitrary: fc.record({ what: fc.constant('classic' as const), name: fc.nat(2) }) },
  { weight: 3, arbitrary: fc.record({ what: fc.constant('new' as const), name: fc.nat(2) }) },
  { weight: 4, arbitrary: fc.record({ what: fc.constantFrom('leave' as const, 'crash' as const), name: fc.nat(5) }) },
  { weight: 4, arbitrary: fc.record({ what: fc.constant('act' as const), name: fc.nat(5) }) },
  { weight: 4, arbitrary: fc.record({ what: fc.constant('pass' as const), name: fc.integer({ min: 1, max: 8 }) }) },
  { weight: 1, arbitrary: fc.record({ what: fc.constant('restart' as const), name: fc.constant(0) }) },
);

/** Throws where a partition has two readers. */
function play(mixed: MixedWorld, cooperative: boolean, { what, name }: { what: string; name: number }): void {
  const existing = [...mixed.consumers][name];
  if (what === 'pass') for (let second = 0; second < name; second++) mixed.pass();
  else if (what === 'restart') mixed.restart();
  else if (what === 'classic' || what === 'new') {
    const own = `${what}-${name}-${mixed.consumers.size}`;
    if (!mixed.consumers.has(own))
      mixed.consumers.set(own, what === 'new' ? new NewConsumer(own) : new ClassicConsumer(cooperative));
  } else if (existing !== undefined) {
    const [key, consumer] = existing;
    if (what === 'act') mixed.act(consumer);
    else {
      if (what === 'leave') consumer.leave(mixed);
      mixed.consumers.delete(key);
    }
  }
}

for (const cooperative of [false, true])
  test(`${cooperative ? 'cooperative' : 'eager'} ones and new ones: one reader each, and all is read in the end`, (t) => {
    const property = fc.property(fc.array(action, { maxLength: 40 }), (actions) => {
      const mixed = new MixedWorld();
      for (const one of actions) play(mixed, cooperative, one);
      for (let second = 0; second < 60; second++) mixed.pass();
      const read = [...mixed.consumers.values()].flatMap(({ reads }) => [...reads]).sort();
      return mixed.consumers.size === 0 || read.join() === PARTITIONS.join();
    });
    fc.assert(property, { numRuns: process.env.TEST_LONG === '1' ? 5_000 : 60 });
    t.pass();
  });
