/** Time and chance for production. Timers started here hold the process open only as long as someone waits for them. */
import { randomUUID } from 'node:crypto';
import type { Clock, Random } from './ports.ts';

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonicMs: () => performance.now(),
  after: (ms, run) => {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
  soon: (run) => void setImmediate(run),
};

export const systemRandom: Random = { next: () => Math.random(), uuid: () => randomUUID() };
