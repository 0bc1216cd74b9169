/** The first file of a worker thread: one shard, controlled by main. What it throws ends the thread; main replaces it. */
import { enableCompileCache } from 'node:module';
import { parentPort, workerData } from 'node:worker_threads';
import { assert } from '../src/model/assert.ts';
import { exposeControl } from './control.ts';
import { ShardHost } from './shard-host.ts';

// The actors are imported by the host, from what an earlier start has compiled.
enableCompileCache();
assert(parentPort !== null, 'runs in a worker thread');
const host = new ShardHost((error) => {
  // Out of the handler that failed, so that nothing can catch it but the thread's end.
  setImmediate(() => {
    throw error;
  });
});
exposeControl(host, parentPort);
await host.load(String(workerData));
