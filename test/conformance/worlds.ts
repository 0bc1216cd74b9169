/**
 * The two worlds that the judges know: Node's and the simulated one, each with a way to wait for an answer. Asking checks
 * what holds for every call of every port: never answered before the call has returned, and answered once.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TestFn } from 'ava';
import { createArena } from '../../runtime/arena-memory.ts';
import { NodeClock } from '../../runtime/clock.ts';
import { NodeDisk } from '../../runtime/disk.ts';
import { NodeNetwork } from '../../runtime/listener.ts';
import { ThreadPool } from '../../runtime/pool.ts';
import type { Clock, Disk, DiskError, DoneWith, Network, Pool, Random } from '../../runtime/ports.ts';
import { NodeRandom } from '../../runtime/random.ts';
import { World } from '../../runtime/simulated/world.ts';
import { freePort } from '../node/harness.ts';
import * as jobs from './jobs.ts';

export interface PortsWorld {
  readonly clock: Clock;
  readonly random: Random;
  readonly disk: Disk;
  readonly network: Network;
  /** Has the jobs of jobs.ts. */
  readonly pool: Pool;
  /** Where {@link network} is reached from itself. */
  readonly host: string;
  /** One to listen on that nobody else takes, also when it is free again; 0 for any. */
  port(): Promise<number>;
  /** Lets the world go on until `ready`, or fails. */
  until(ready: () => boolean): Promise<void>;
  /** Lets at least `ms` pass. */
  pass(ms: number): Promise<void>;
  end(): void;
}

const JOBS_URL = new URL('./jobs.ts', import.meta.url).href;
const WAIT_MS_MAX = 60_000;

export function realWorld(): PortsWorld {
  const folder = mkdtempSync(join(tmpdir(), 'callboard-conformance-'));
  const byName = Object.fromEntries(Object.keys(jobs).map((job) => [job, JOBS_URL]));
  const pool = new ThreadPool({ jobs: byName, threadsMax: 1, queueMax: 16 });
  return {
    pool,
    clock: new NodeClock(),
    random: new NodeRandom(),
    disk: new NodeDisk({ folder }),
    network: new NodeNetwork((reason) => {
      throw new Error(reason);
    }),
    host: '127.0.0.1',
    port: freePort,
    async until(ready) {
      const start = performance.now();
      while (!ready()) {
        assert(performance.now() - start < WAIT_MS_MAX, 'no answer');
        await sleep(1);
      }
    },
    async pass(ms) {
      // A turn that stood still before it has asked for a timer gets it too early.
      const end = performance.now() + ms;
      do await sleep(ms + 1);
      while (performance.now() < end);
    },
    end() {
      pool.close(() => {});
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export function simulatedWorld(seed = 1): PortsWorld {
  const world = new World({ seed, jobs });
  const ports = world.ports('here');
  return {
    ...ports,
    host: 'here',
    port: async () => 0,
    async until(ready) {
      assert(world.clock.advanceUntil(ready, WAIT_MS_MAX), 'no answer');
    },
    async pass(ms) {
      world.clock.advance(ms);
    },
    end: () => {},
  };
}

export const worlds: readonly { readonly name: string; readonly make: () => PortsWorld }[] = [
  { name: 'Node', make: realWorld },
  { name: 'simulated', make: () => simulatedWorld() },
];

/** Thrown by {@link ask} for an answer with an error. */
export class Refused extends Error {
  readonly code: string;
  constructor(error: DiskError | string) {
    super(typeof error === 'string' ? error : `${error.code}: ${error.message}`);
    this.code = typeof error === 'string' ? error : error.code;
  }
}

/** Makes the call and waits for its answer. */
export async function ask<T>(
  world: PortsWorld,
  call: (done: (error: DiskError | string | null, value?: T) => void) => void,
): Promise<T> {
  let answers = 0;
  let returned = false;
  let early = false;
  let answer: { error: DiskError | string | null; value: T | undefined } | undefined;
  call((error, value) => {
    answers += 1;
    early ||= !returned;
    answer = { error, value };
  });
  returned = true;
  await world.until(() => answers > 0);
  await world.pass(0);
  assert.equal(early, false, 'answered before the call had returned');
  assert.equal(answers, 1, 'answered more than once');
  const { error, value } = answer as NonNullable<typeof answer>;
  if (error !== null) throw new Refused(error);
  return value as T;
}

/** The code that a call of the disk is refused with. */
export async function refusal(world: PortsWorld, call: (done: DoneWith<unknown>) => void): Promise<string> {
  try {
    await ask(world, call as (done: (error: DiskError | string | null, value?: unknown) => void) => void);
  } catch (error) {
    if (error instanceof Refused) return error.code;
    throw error;
  }
  return 'not refused';
}

/** `bytes` of memory that starts on a page, as direct I/O wants it. */
export function alignedMemory(bytes: number): Uint8Array {
  return new Uint8Array(createArena(bytes).pages, 0, bytes);
}

/** One thing that a port promises. Throws when it does not hold. */
export interface Clause {
  readonly promise: string;
  run(world: PortsWorld): Promise<void>;
}

/** Runs every clause in every world as a test of its own, but for those that a world does not support. */
export function judge(
  test: TestFn,
  clauses: readonly Clause[],
  unsupported: Readonly<Record<string, ReadonlyMap<string, string>>> = {},
): void {
  for (const { name, make } of worlds) {
    for (const { promise, run } of clauses) {
      const reason = unsupported[name]?.get(promise);
      if (reason !== undefined) continue;
      test(`${name}: ${promise}`, async (t) => {
        const world = make();
        t.teardown(world.end);
        await t.notThrowsAsync(run(world));
      });
    }
  }
}

/** The first clause that `world` breaks, or null. For showing that a judge judges. */
export async function firstBroken(clauses: readonly Clause[], make: () => PortsWorld): Promise<string | null> {
  for (const clause of clauses) {
    const world = make();
    try {
      await clause.run(world);
    } catch {
      // What is looked for: which clause it was is the answer.
      return clause.promise;
    } finally {
      world.end();
    }
  }
  return null;
}
