/** A bare Node with as many workers as it is told: what a start costs before anything of ours runs. */
import { isMainThread, parentPort, Worker } from 'node:worker_threads';

if (isMainThread) {
  let left = Number(process.argv[2]);
  for (let index = left; index > 0; index--) {
    new Worker(new URL(import.meta.url)).on('message', () => {
      left--;
      if (left === 0) console.log('ready');
    });
  }
  setInterval(() => {}, 60_000);
} else parentPort?.postMessage('ready');
