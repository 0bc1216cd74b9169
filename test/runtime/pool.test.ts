/** The pool of threads for heavy jobs: that it runs them elsewhere, says what went wrong, and survives a thread's death. */
import test from 'ava';
import { ThreadPool } from '../../runtime/pool.ts';

const jobs = new URL('./pool-jobs.ts', import.meta.url).href;

function pool(queueMax = 16): ThreadPool {
  return new ThreadPool({
    jobs: { sum: jobs, fillShared: jobs, fail: jobs, exit: jobs, gone: jobs },
    threadsMax: 1,
    queueMax,
  });
}

function run(threads: ThreadPool, job: string, argument: unknown): Promise<{ error: string | null; result: unknown }> {
  return new Promise((resolve) => {
    let returned = false;
    threads.run(job, argument, (error, result) => {
      if (!returned) throw new Error('called back before the call had returned');
      resolve({ error, result });
    });
    returned = true;
  });
}

test('runs a job in a thread of its own, with copies of values and shared memory as it is', async (t) => {
  const threads = pool();
  t.deepEqual(await run(threads, 'sum', [1, 2, 3]), { error: null, result: 6 });
  const shared = new Uint8Array(new SharedArrayBuffer(4));
  const { error, result } = await run(threads, 'fillShared', shared);
  t.is(error, null);
  t.not(result, 0);
  t.deepEqual([...shared], [7, 7, 7, 7]);
  await new Promise<void>((resolve) => threads.close(resolve));
});

test('answers a throwing job, an unknown one and one that its module lacks with what went wrong', async (t) => {
  const threads = pool();
  t.is((await run(threads, 'fail', 'no reason')).error, 'no reason');
  t.is((await run(threads, 'other', null)).error, 'no job is named other');
  t.is((await run(threads, '__proto__', null)).error, 'no job is named __proto__');
  t.not((await run(threads, 'gone', null)).error, null);
  await new Promise<void>((resolve) => threads.close(resolve));
});

test('a job whose thread dies is answered, and the next one gets a new thread', async (t) => {
  const threads = pool();
  t.not((await run(threads, 'exit', null)).error, null);
  t.deepEqual(await run(threads, 'sum', [4]), { error: null, result: 4 });
  await new Promise<void>((resolve) => threads.close(resolve));
});

test('refuses more jobs than may wait', async (t) => {
  const threads = pool(2);
  const answers = await Promise.all(Array.from({ length: 8 }, () => run(threads, 'sum', [1])));
  t.true(answers.some(({ error }) => error !== null));
  t.true(answers.some(({ error }) => error === null));
  await new Promise<void>((resolve) => threads.close(resolve));
});

test('jobs under way when the pool closes are answered, and later ones are refused', async (t) => {
  const threads = pool();
  const under = run(threads, 'sum', [1]);
  await new Promise<void>((resolve) => threads.close(resolve));
  t.not((await under).error, null);
  t.is((await run(threads, 'sum', [1])).error, 'the pool is closed');
  await new Promise<void>((resolve) => threads.close(resolve));
});
