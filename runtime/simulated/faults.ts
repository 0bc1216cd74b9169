/** What goes wrong on the simulated disk, as rules: which calls, how often, and how. Decides by its seed alone. */
import type { DiskError } from '../ports.ts';
import type { SeededRandom } from './random.ts';

export type DiskOperation =
  | 'open'
  | 'close'
  | 'write'
  | 'read'
  | 'sync'
  | 'size'
  | 'truncate'
  | 'makeFolder'
  | 'syncFolder'
  | 'rename'
  | 'remove'
  | 'list'
  | 'space';

export type DiskEffect =
  /** Answered with the code. A write may have got some way; a sync has lost what it was to save. */
  | { readonly kind: 'error'; readonly code: DiskError['code'] }
  | { readonly kind: 'slow'; readonly ms: number }
  /** One bit of what is written, or of what is read, is wrong; the answer says nothing. */
  | { readonly kind: 'flip' }
  /** The write goes to another block of its file, or to the same place in another file; the answer says nothing. */
  | { readonly kind: 'misdirect' };

export interface DiskFault {
  readonly operations: readonly DiskOperation[];
  readonly effect: DiskEffect;
  /** Default: every path. */
  readonly path?: (path: string) => boolean;
  /** Matching calls that pass before the first that fails. */
  readonly skip?: number;
  /** Matching calls that fail, then no more. Default: all. */
  readonly times?: number;
  /** Chance of each matching call to fail. Default: 1. */
  readonly probability?: number;
}

export class Faults {
  readonly #random: SeededRandom;
  readonly #rules = new Set<{ readonly fault: DiskFault; skip: number; times: number }>();

  constructor(random: SeededRandom) {
    this.#random = random;
  }

  add(fault: DiskFault): { remove(): void } {
    const rule = { fault, skip: fault.skip ?? 0, times: fault.times ?? Number.POSITIVE_INFINITY };
    this.#rules.add(rule);
    return { remove: () => this.#rules.delete(rule) };
  }

  clear(): void {
    this.#rules.clear();
  }

  /** The effects on this call, of the rules in the order in which they were added. */
  take(operation: DiskOperation, path: string): DiskEffect[] {
    const effects: DiskEffect[] = [];
    for (const rule of this.#rules) {
      const { fault } = rule;
      if (!fault.operations.includes(operation) || fault.path?.(path) === false) continue;
      if (rule.skip > 0) rule.skip -= 1;
      else if (rule.times > 0 && this.#random.chance(fault.probability ?? 1)) {
        rule.times -= 1;
        effects.push(fault.effect);
      }
    }
    return effects;
  }
}
