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
