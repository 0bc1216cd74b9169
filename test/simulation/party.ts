/**
 * What everybody in a simulated world shares who uses the node: a clock, a client, chance, and the judge. A party does one
 * thing after another until it is told to end; it decides nothing about faults.
 */
import { crc32c } from '@node-rs/crc32';
import type { SeededRandom } from '../../runtime/simulated/random.ts';
import type { World } from '../../runtime/simulated/world.ts';
import type { BatchProducer } from '../../src/model/batch.ts';
import { BatchBuilder } from '../../src/model/batch-builder.ts';
import type { FaultCode } from '../../src/model/faults.ts';
import type { Reply } from '../../src/protocols/request.ts';
import type { Checker } from './checker.ts';
import { type ClientOptions, type Outcome, SimulatedClient } from './client.ts';

export interface Surroundings {
  readonly world: World;
  readonly checker: Checker;
  readonly heard: (frame: Uint8Array) => void;
  /** What goes on, for people. */
  readonly trace: (line: string) => void;
  /** It came to something that is to be met. */
  readonly mark: (what: string) => void;
}

export const CALL_MS_MAX = 5_000;

export abstract class Party {
  readonly name: string;
  readonly client: SimulatedClient;
  readonly random: SeededRandom;
  readonly checker: Checker;
  readonly trace: (line: string) => void;
  readonly mark: (what: string) => void;
  readonly #world: World;
  /** Told to come to an end: nothing new. */
  ending = false;

  constructor(name: string, { world, checker, heard, trace, mark }: Surroundings) {
    this.name = name;
    this.#world = world;
    this.checker = checker;
    this.trace = trace;
    this.mark = mark;
    this.random = world.random.fork();
    const options: ClientOptions = {
      name,
      clock: world.clock,
      network: () => {
        world.internet.crash(name);
        return world.internet.host(name);
      },
      heard,
      broken: (what) => checker.violate(what),
    };
    this.client = new SimulatedClient(options);
  }

  abstract begin(): void;
  /** Nothing of it is under way. */
  abstract get idle(): boolean;

  now(): number {
    return this.#world.clock.monotonic();
  }

  /** Wall clock. */
  date(): number {
    return this.#world.clock.now();
  }

  later(msLeast: number, msMost: number, run: () => void): void {
    this.#world.clock.after(this.random.between(msLeast, msMost), run);
  }
}

/** Why it was not done; null for an answer of that call. */
export function refusalOf(outcome: Outcome, call: Reply['call']): FaultCode | 'lost' | 'unsent' | null {
  if (outcome.type !== 'reply') return outcome.type;
  if (outcome.reply.call === 'refused') return outcome.reply.fault.code;
  return outcome.reply.call === call ? null : 'BAD_FRAME';
}

const PADDING = 'x'.repeat(100_000);

/**
 * Records with a name as key, and as many bytes of value as the last part of the name says; where the name has a key in it,
 * behind `@`, that is the key and the name is the value.
 */
export function batchOf(records: readonly string[], timestamp: number, producer?: BatchProducer): Uint8Array {
  const builder = new BatchBuilder(512);
  for (const record of records) {
    const key = keyIn(record);
    if (key === undefined) builder.add(timestamp, record, PADDING.slice(0, bytesIn(record)));
    else builder.add(timestamp, key, record);
  }
  return builder.finish(crc32c, producer === undefined ? {} : { producer });
}

/** What several records share; undefined where the name stands for one alone. */
export function keyIn(record: string): string | undefined {
  return /@\S+/.exec(record)?.[0];
}

export function bytesIn(record: string): number {
  return Number(record.slice(record.lastIndexOf('~') + 1));
}
