/** The first file of a worker thread: one shard, controlled by main. What it throws ends the thread; main replaces it. */
import { enableCompileCache } from 'node:module';
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { assert } from '../src/model/assert.ts';
import type { SharedMemory } from './arena-memory.ts';
import { exposeControl } from './control.ts';
import { ShardHost } from './shard-host.ts';
import type { WorkerData } from './thread.ts';

// The actors are imported by the host, from what an earlier start has compiled.
enableCompileCache();
assert(parentPort !== null, 'runs in a worker thread');
const { treeUrl, memories } = workerData as WorkerData;
const failed = (error: Error): void => {
  // Out of the handler that failed, so that nothing can catch it but the thread's end.
  setImmediate(() => {
    throw error;
  });
};
const host = new ShardHost(failed, () => {
  const lent = receiveMessageOnPort(memories)?.message as readonly SharedMemory[];
  memories.close();
  return lent;
});
exposeControl(host, parentPort);
await host.load(treeUrl);
