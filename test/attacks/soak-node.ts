/** The process of a node that is watched from outside: started with the settings as one JSON argument; tells its heaps when asked. */

import { tuneEngine } from '../../runtime/engine.ts';
import { resolveSettings, thisMachine } from '../../src/config.ts';
import { runNode } from '../../src/node.ts';

/** The part of Node's report that counts here: each thread's heap. */
interface HeapReport {
  readonly javascriptHeap: { readonly usedMemory: number };
  readonly workers?: readonly HeapReport[];
}

const flags = JSON.parse(process.argv[2] ?? '{}') as Record<string, unknown>;
const { settings } = resolveSettings({ flags, machine: thisMachine() });
const node = await runNode(settings);
tuneEngine();

process.on('message', (order: 'heap' | 'stop') => {
  if (order === 'stop') void node.stop().then(() => process.disconnect?.());
  else process.send?.({ heap: heapBytes(process.report.getReport() as unknown as HeapReport) });
});
// Looking up the names of its peers takes seconds; the types do not know of it yet.
Object.assign(process.report, { excludeNetwork: true });
process.send?.('ready');

/** Used by all threads together, garbage included. */
function heapBytes({ javascriptHeap, workers = [] }: HeapReport): number {
  return workers.reduce((sum, worker) => sum + heapBytes(worker), javascriptHeap.usedMemory);
}
