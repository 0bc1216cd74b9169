/** A tree with nothing to do. */
import { deadLetters } from '../../runtime/dead-letters.ts';
import type { Composition } from '../../runtime/shard-host.ts';

export function compose(): Composition {
  return { tree: { 'dead-letters': deadLetters }, init: null };
}
