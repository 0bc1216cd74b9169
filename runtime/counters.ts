/**
 * Counters and gauges in shared memory: a row a shard, a slot a name, every slot with one writer. Main adds the rows up
 * when somebody asks for metrics. Rows outlive their worker, so that a counter never goes back when a shard is replaced.
 *
 * A slot is a float64: exact up to 2^53, and written in one piece by the 64-bit machines that Node runs on.
 */
import { assert } from '../src/model/assert.ts';
import type { Counters } from './ports.ts';

export interface CounterDefinition {
  readonly name: string;
  /** A counter only rises; a gauge goes both ways, and is gone with its shard. */
  readonly kind: 'counter' | 'gauge';
  readonly help: string;
  /** Several counters can be one metric, told apart by labels: then its name stands here. */
  readonly metric?: string;
  readonly labels?: Readonly<Record<string, string>>;
}

const SLOT_BYTES = 8;
/** A row starts on a cache line of its own: two shards never write to the same one. */
const SLOTS_PER_LINE = 8;

function slotsPerRow(names: number): number {
  return Math.ceil(Math.max(1, names) / SLOTS_PER_LINE) * SLOTS_PER_LINE;
}

/** Goes to every shard with the same definitions. */
export function createCounterMemory(definitions: readonly CounterDefinition[], shards: number): SharedArrayBuffer {
  return new SharedArrayBuffer(slotsPerRow(definitions.length) * shards * SLOT_BYTES);
}

/** What one shard writes. */
export class ShardCounters implements Counters {
  readonly #slots = new Map<string, number>();
  readonly #row: Float64Array;

  /** Takes over what an earlier worker of the shard has counted; its gauges describe nothing any more. */
  constructor(definitions: readonly CounterDefinition[], memory: SharedArrayBuffer, shard: number) {
    const slots = slotsPerRow(definitions.length);
    this.#row = new Float64Array(memory, shard * slots * SLOT_BYTES, slots);
    definitions.forEach(({ name, kind }, slot) => {
      assert(!this.#slots.has(name), `two counters are named ${name}`);
      this.#slots.set(name, slot);
      if (kind === 'gauge') this.#row[slot] = 0;
    });
  }

  add(name: string, by: number): void {
    const slot = this.#slot(name);
    this.#row[slot] = (this.#row[slot] as number) + by;
  }

  set(name: string, value: number): void {
    this.#row[this.#slot(name)] = value;
  }

  #slot(name: string): number {
    const slot = this.#slots.get(name);
    assert(slot !== undefined, `no counter is named ${name}`);
    return slot;
  }
}

/** Reads what all shards have written. */
export class CounterBoard {
  readonly definitions: readonly CounterDefinition[];
  readonly #slots: Float64Array;
  readonly #perRow: number;
  readonly #shards: number;

  constructor(definitions: readonly CounterDefinition[], memory: SharedArrayBuffer, shards: number) {
    this.definitions = definitions;
    this.#slots = new Float64Array(memory);
    this.#perRow = slotsPerRow(definitions.length);
    this.#shards = shards;
  }

  /** One value a shard, by shard. */
  values(name: string): number[] {
    const slot = this.definitions.findIndex((definition) => definition.name === name);
    assert(slot >= 0, `no counter is named ${name}`);
    const values: number[] = [];
    for (let shard = 0; shard < this.#shards; shard += 1)
      values.push(this.#slots[shard * this.#perRow + slot] as number);
    return values;
  }

  total(name: string): number {
    return this.values(name).reduce((sum, value) => sum + value, 0);
  }
}
