/**
 * Where a shard runs: a worker thread, or the caller's own where there is only one and it is asked for. It ends once; whoever started it
 * decides what then.
 */
import { MessageChannel, type MessagePort, type ResourceLimits, Worker } from 'node:worker_threads';
import type { SharedMemory } from './arena-memory.ts';
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

/** What a worker has before it is started. */
export interface WorkerData {
  /** What it imports while it waits. */
  readonly treeUrl: string;
  /** One message lies in it: the memories of the arenas, to be taken when they are wanted. */
  readonly memories: MessagePort;
}

/** @param lendable the memories of the arenas, in order. */
export function startWorker(
  shard: number,
  heap: HeapBounds | null,
  treeUrl: string,
  lendable: readonly SharedMemory[],
): ShardThread {
  const { port1, port2 } = new MessageChannel();
  port1.postMessage(lendable);
  const workerData: WorkerData = { treeUrl, memories: port2 };
  const worker = new Worker(WORKER_URL, {
    name: `shard ${shard}`,
    workerData,
    transferList: [port2],
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

export async function startHere(lendable: readonly SharedMemory[]): Promise<ShardThread> {
  // Only here: main has no use for a shard whose thread is a worker.
  const { ShardHost } = await import('./shard-host.ts');
  let over: (reason: Error) => void = () => {};
  const ended = new Promise<Error>((resolve) => {
    over = resolve;
  });
  const failed = (error: Error): void => void control.stop(COLLAPSE_MS_MAX).then(() => over(error));
  const control: ShardControl = new ShardHost(failed, () => lendable);
  return { control, ended, end: async () => over(new Error('ended')) };
}
