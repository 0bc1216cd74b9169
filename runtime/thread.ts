/**
 * Where a shard runs: a worker thread, or the caller's own where there is only one and it is asked for. It ends once; whoever started it
 * decides what then.
 */
import { type ResourceLimits, Worker } from 'node:worker_threads';
import { controlOf } from './control.ts';
import type { ShardControl } from './shard-host.ts';

export interface ShardThread {
  readonly control: ShardControl;
  /** Why it ended, when it has: nothing of it runs any more, its files and sockets are closed. */
  readonly ended: Promise<Error>;
  /** Ends it at once. */
  end(): Promise<void>;
}

/** What the engine may take for objects, MiB. */
export interface HeapBounds {
  /** Those that live long: a worker that needs more dies, and is replaced. */
  readonly oldMibMax: number;
  /** Those just born: with more it only collects less often, and touches more memory. */
  readonly youngMibMax: number;
}

const limitsOf = ({ oldMibMax, youngMibMax }: HeapBounds): ResourceLimits => ({
  maxOldGenerationSizeMb: oldMibMax,
  maxYoungGenerationSizeMb: youngMibMax,
});

/** `.ts` in a clone, `.js` in a build. */
const WORKER_URL = new URL(`./worker${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url);
/** A shard in the caller's thread that failed gives its actors this long to let go of what they hold. */
const COLLAPSE_MS_MAX = 10_000;

/**
 * @param treeUrl what the worker imports while it waits to be started.
 */
export function startWorker(shard: number, heap: HeapBounds | null, treeUrl: string): ShardThread {
  const worker = new Worker(WORKER_URL, {
    name: `shard ${shard}`,
    workerData: treeUrl,
    ...(heap === null ? {} : { resourceLimits: limitsOf(heap) }),
  });
  let reason: Error | null = null;
  worker.on('error', (error) => {
    reason ??= error instanceof Error ? error : new Error(String(error));
  });
  const ended = new Promise<Error>((resolve) => {
    worker.once('exit', (code) => resolve(reason ?? new Error(`its thread exited with ${code}`)));
  });
  const end = async (): Promise<void> => {
    await worker.terminate();
  };
  return { control: controlOf(worker), ended, end };
}

export async function startHere(): Promise<ShardThread> {
  // Only here: main has no use for a shard whose thread is a worker.
  const { ShardHost } = await import('./shard-host.ts');
  let over: (reason: Error) => void = () => {};
  const ended = new Promise<Error>((resolve) => {
    over = resolve;
  });
  const control: ShardControl = new ShardHost((error) => void control.stop(COLLAPSE_MS_MAX).then(() => over(error)));
  return { control, ended, end: async () => over(new Error('ended')) };
}
