/** Shards as threads, for real: messages flow between them while one dies, is replaced, and all stop in the end. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import type { Logger } from '../../runtime/ports.ts';
import { System, type SystemOptions, shardSupervision } from '../../runtime/system.ts';
import { id } from '../../src/model/ids.ts';
import type { PingerView, Sabotage } from './system-tree.ts';

const SHARDS_MAX = 3;
/** 20 ms apart. */
const LOOKS_MAX = 3_000;
const quiet = (): void => {};
const logger: Logger = { debug: quiet, info: quiet, warn: quiet, error: quiet };

interface Running {
  readonly system: System;
  readonly failures: Error[];
  readonly words: Int32Array;
  readonly reached: Int32Array;
}

async function start(t: ExecutionContext, sabotage: Sabotage, options: Partial<SystemOptions> = {}): Promise<Running> {
  const folder = await mkdtemp(join(tmpdir(), 'callboard-system-'));
  const words = new SharedArrayBuffer(4 * (1 + SHARDS_MAX));
  const reached = new SharedArrayBuffer(4 * SHARDS_MAX);
  const failures: Error[] = [];
  const system = new System({
    node: id(1),
    shards: 2,
    treeUrl: new URL('./system-tree.ts', import.meta.url).href,
    arenaBytes: 1 << 20,
    ringBytes: 1 << 16,
    heap: sabotage === 'memory' ? { oldMibMax: 64, youngMibMax: 12 } : null,
    ports: { folder, log: { level: 'error', format: 'json' }, jobs: {}, jobThreadsMax: 1, jobsWaitingMax: 10 },
    counters: [],
    logger,
    failed: (error) => failures.push(error),
    ...options,
  });
  await system.start({ sabotage, words, reached });
  t.teardown(async () => {
    await system.stop(5_000);
    await rm(folder, { recursive: true });
  });
  return { system, failures, words: new Int32Array(words), reached: new Int32Array(reached) };
}

/** So many sabotages of that shard's saboteur. */
function order(words: Int32Array, shard: number, times = 1): void {
  Atomics.store(words, 1 + shard, times);
}

async function until(t: ExecutionContext, what: string, condition: () => Promise<boolean>): Promise<void> {
  // Looks are counted, not time: a machine that stands still meanwhile is nobody's fault.
  for (let looks = 0; !(await condition()); looks++) {
    if (looks > LOOKS_MAX) return t.fail(`waited in vain until ${what}`);
    await sleep(20);
  }
}

async function pinger(system: System, shard: number): Promise<PingerView | null> {
  const view = (await system.inspect())[shard]?.view;
  return (view?.actors.find(({ name }) => name === `pinger/${shard}`)?.view as PingerView | undefined) ?? null;
}

/** So many pongs from each shard, beyond those in `before`. */
const flowed = (view: PingerView | null, before: readonly number[], pongs: number): boolean =>
  (view?.pongs ?? [-1]).every((count, shard) => count >= (before[shard] ?? 0) + pongs);

for (const [sabotage, what] of [
  ['exit', 'calls process.exit'],
  ['uncaught', 'throws outside of any actor'],
  ['memory', 'runs out of memory'],
  ['escalate', 'has an actor that escalates at the top of the tree'],
] as const) {
  test.serial(`a worker that ${what} is replaced while the others go on`, async (t) => {
    const { system, words, failures } = await start(t, sabotage);
    await until(t, 'messages flow before the crash', async () => flowed(await pinger(system, 0), [], 5));
    order(words, 1);
    await until(t, 'the crash', async () => words[0] === 1 && (await system.inspect())[1]?.incarnation === 2);
    await until(t, 'the replacement runs', async () => system.ready);
    const before = (await pinger(system, 0)) as PingerView;
    for (const shard of [0, 1])
      await until(t, 'messages flow both ways again', async () =>
        flowed(await pinger(system, shard), shard === 0 ? before.pongs : [], 20),
      );
    const after = (await pinger(system, 0)) as PingerView;
    t.true(after.downs.includes('counter/1 shard died'), after.downs.join());
    t.is(after.wrong, 0);
    t.is((await system.inspect())[0]?.incarnation, 1, 'the other shard went on');
    t.deepEqual(failures, []);
  });
}

test.serial('an actor that throws is restarted on its thread, which goes on', async (t) => {
  const { system, words } = await start(t, 'crash');
  order(words, 1, 3);
  await until(t, 'three crashes', async () => words[0] === 3);
  await until(t, 'messages flow', async () => flowed(await pinger(system, 0), [], 5));
  t.deepEqual(
    (await system.inspect()).map(({ incarnation }) => incarnation),
    [1, 1],
  );
  t.is(system.counters.total('actor_crashes'), 3);
});

test.serial('each shard reaches all arenas by the memories that it borrows, and so does a replacement', async (t) => {
  const { system, words, reached } = await start(t, 'escalate', { shards: 3 });
  t.deepEqual([...reached.subarray(0, 3)], [3, 3, 3]);
  reached.fill(0);
  order(words, 1);
  await until(t, 'a replacement runs', async () => words[0] === 1 && reached[1] !== 0 && system.ready);
  t.deepEqual([...reached.subarray(0, 3)], [0, 3, 0]);
});

test.serial("one shard runs in the caller's thread and is replaced there", async (t) => {
  const { system, words } = await start(t, 'escalate', { shards: 1, here: true });
  order(words, 0);
  await until(t, 'the replacement', async () => (await system.inspect())[0]?.incarnation === 2 && system.ready);
  await until(t, 'messages flow', async () => flowed(await pinger(system, 0), [], 5));
  t.pass();
});

test.serial('shards that die again and again stop the system with an error that says why', async (t) => {
  const { failures, system, words } = await start(t, 'escalate', {
    shards: 1,
    here: true,
    supervision: { ...shardSupervision, crashesMax: 3, backoffMs: [10, 20], windowMs: 600_000 },
  });
  order(words, 0, 100);
  await until(t, 'the system gives up', async () => failures.length > 0);
  t.regex(failures[0]?.message ?? '', /died too often.*saboteur\/0 escalated: sabotage/);
  t.false(system.ready);
});

test.serial('a tree that cannot be composed fails the start and leaves no thread', async (t) => {
  const missing = new URL('./no-such-tree.ts', import.meta.url).href;
  await t.throwsAsync(start(t, 'none', { treeUrl: missing }), { message: /did not start.*no-such-tree/ });
});

test.serial('an idle system uses next to no processor time', async (t) => {
  const { system } = await start(t, 'none', { treeUrl: new URL('./idle-tree.ts', import.meta.url).href });
  // What has just started has something to tidy up, longer on a slow machine; who polls never comes to rest.
  let usedUs = Number.POSITIVE_INFINITY;
  for (let looks = 0; looks < 20 && usedUs >= 100_000; looks++) {
    const before = process.cpuUsage();
    await sleep(1_000);
    const { user, system: kernel } = process.cpuUsage(before);
    usedUs = user + kernel;
  }
  t.true(system.ready);
  t.true(usedUs < 100_000, `${usedUs / 1000} ms of CPU in a second`);
});

test.serial('a clean stop leaves nobody behind', async (t) => {
  const { system } = await start(t, 'none');
  await until(t, 'messages flow', async () => flowed(await pinger(system, 1), [], 5));
  t.deepEqual(await system.stop(60_000), []);
  t.false(system.ready);
});

test.serial('a shard that hangs does not keep a stop waiting', async (t) => {
  const { system, words } = await start(t, 'hang');
  order(words, 1);
  await until(t, 'one hangs', async () => words[0] === 1);
  // It hangs for ever: a stop that waits for it never ends.
  t.deepEqual(await system.stop(200), ['a shard that does not answer']);
});

test.serial('two of three shards that die together are both replaced', async (t) => {
  const { system, words } = await start(t, 'exit', { shards: SHARDS_MAX });
  for (const shard of [1, 2]) order(words, shard);
  await until(t, 'both have died', async () => words[0] === 2);
  await until(
    t,
    'all run again',
    async () => system.ready && system.states.every(({ incarnation }, shard) => incarnation === (shard === 0 ? 1 : 2)),
  );
  const before = (await pinger(system, 0)) as PingerView;
  await until(t, 'messages flow everywhere', async () => {
    const views = await Promise.all([0, 1, 2].map((shard) => pinger(system, shard)));
    return views.every((view, shard) => flowed(view, shard === 0 ? before.pongs : [], 10));
  });
  const after = (await pinger(system, 0)) as PingerView;
  t.is(after.wrong, 0);
});
