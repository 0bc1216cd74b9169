/** A process whose thread logs and is gone in the same moment. */
import { Worker } from 'node:worker_threads';

new Worker(new URL('./logger-thread.ts', import.meta.url)).on('exit', (code) => process.exit(code));
