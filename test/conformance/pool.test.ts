/** One judge for every pool of heavy jobs, and pools with one defect each that the judge must find. */
import assert from 'node:assert/strict';
import test from 'ava';
import type { Pool } from '../../runtime/ports.ts';
import { ask, type Clause, firstBroken, judge, type PortsWorld, Refused, simulatedWorld } from './worlds.ts';

const run = <T>(world: PortsWorld, job: string, argument: unknown): Promise<T> =>
  ask<T>(world, (done) => world.pool.run(job, argument, done as (error: string | null, result?: unknown) => void));

async function reason(call: Promise<unknown>): Promise<string> {
  try {
    await call;
  } catch (error) {
    if (error instanceof Refused) return error.message;
    throw error;
  }
  return 'not refused';
}

const clauses: readonly Clause[] = [
  {
    promise: 'runs jobs by name, several at once, and answers each with its result',
    async run(world) {
      const sums = await Promise.all([1, 2, 3].map((number) => run<number>(world, 'sum', [number, 10])));
      assert.deepEqual(sums, [11, 12, 13]);
    },
  },
  {
    promise: 'arguments and results are copies',
    async run(world) {
      const mine = { list: [1, 2], bytes: Uint8Array.of(1) };
      const theirs = await run<typeof mine>(world, 'echo', mine);
      assert.deepEqual(theirs, mine);
      assert.notEqual(theirs.list, mine.list);
      await run(world, 'fill', mine.bytes);
      assert.deepEqual([...mine.bytes], [1]);
    },
  },
  {
    promise: 'shared memory is shared',
    async run(world) {
      const shared = new Uint8Array(new SharedArrayBuffer(3));
      assert.equal(await run(world, 'fill', shared), 3);
      assert.deepEqual([...shared], [7, 7, 7]);
    },
  },
  {
    promise: 'a job that throws is answered with its message, and others run on',
    async run(world) {
      assert.equal(await reason(run(world, 'fail', 'no reason')), 'no reason');
      assert.equal(await run(world, 'sum', [1]), 1);
    },
  },
  {
    promise: 'a job that nobody named is refused',
    async run(world) {
      for (const job of ['other', '__proto__', 'constructor', 'toString'])
        assert.equal(await reason(run(world, job, null)), `no job is named ${job}`);
    },
  },
];

judge(test, clauses);

const defects: Readonly<Record<string, (pool: Pool) => Pool>> = {
  'answers before the call has returned': () => ({ run: (_job, _argument, done) => done(null, 11) }),
  'arguments that are not copied': (pool) => ({
    run: (job, argument, done) => pool.run(job, argument, (error) => done(error, argument)),
  }),
  'shared memory that is copied': (pool) => ({
    run: (job, argument, done) => pool.run(job, argument instanceof Uint8Array ? argument.slice() : argument, done),
  }),
  'errors that are results': (pool) => ({
    run: (job, argument, done) => pool.run(job, argument, (error, result) => done(null, error ?? result)),
  }),
};

for (const [name, defect] of Object.entries(defects)) {
  test(`the judge finds ${name}`, async (t) => {
    const make = (): PortsWorld => {
      const world = simulatedWorld();
      return { ...world, pool: defect(world.pool) };
    };
    t.not(await firstBroken(clauses, make), null);
  });
}
