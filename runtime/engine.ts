/** What the engine is told of its own work, in a process that is a node's alone. It never touches that of other programs. */
import { setFlagsFromString } from 'node:v8';

/**
 * Once the node runs. By default the memory that a compilation took is freed by a thread that compiles whatever else there is
 * first: 10 to 20 MiB lie about after a rush, such as that of many who connect. Not before the start: code that was compiled
 * under other flags is refused, Node's own too, and 20 ms go by.
 */
export function freeAfterCompiling(): void {
  setFlagsFromString('--no-maglev-destroy-on-background');
}

/**
 * A collection of young objects takes a shard half a millisecond by itself. Shared with V8's helpers it takes as long as the
 * last of them needs to get a processor: beside busy clients ten milliseconds and more for one in a hundred.
 */
export function collectYoungAlone(): void {
  setFlagsFromString('--no-parallel-scavenge');
}
