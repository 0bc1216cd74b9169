/** What the engine is told of its own work, in a process that is a node's alone. It never touches that of other programs. */
import { setFlagsFromString } from 'node:v8';

const FLAGS = [
  // By default the memory that a compilation took is freed by a thread that compiles whatever else there is first: 10 to
  // 20 MiB lie about after a rush, such as that of many who connect.
  '--no-maglev-destroy-on-background',
  // A collection of young objects takes a shard half a millisecond by itself. Shared with V8's helpers it takes as long as
  // the last of them needs to get a processor: beside busy clients ten milliseconds and more for one in a hundred.
  '--no-parallel-scavenge',
] as const;

/** Once the node runs, not before: code that was compiled under other flags is refused, Node's own too, and 20 ms go by. */
export function tuneEngine(): void {
  for (const flag of FLAGS) setFlagsFromString(flag);
}
