/** What the kernel itself counts on every shard; main adds these to the counters of the actors. */
import type { CounterDefinition } from './counters.ts';

export const kernelCounters: readonly CounterDefinition[] = [
  { name: 'actor_messages', kind: 'counter', help: 'Messages handled by actors.' },
  { name: 'actor_crashes', kind: 'counter', help: 'Handlers of actors that threw.' },
  { name: 'actor_restarts', kind: 'counter', help: 'Incarnations of actors begun after an earlier one had ended.' },
  { name: 'dead_letters', kind: 'counter', help: 'Messages that could not be delivered.' },
];
