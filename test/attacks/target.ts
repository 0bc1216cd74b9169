/**
 * What the attacks share: a real node in a process of its own, an honest client that works beside the attack, gauges
 * that look at the process from outside, and the judgement that holds for every attack: the process and its threads
 * live, the honest client goes on, nothing is stored, and memory and descriptors are back. Knows no attack.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { ExecutionContext, TestFn } from 'ava';
import { type Client, connect } from '../../src/edges/client/index.ts';
import { FIRST_USER_PARTITION } from '../../src/model/ids.ts';
import { KIB, MIB } from '../../src/model/limits.ts';
import { sized } from '../long.ts';
import { TestNode } from '../node/harness.ts';
import { type Fields, Hostile } from './hostile.ts';

const HONEST_TOPIC = 'honest';
/** Little for two shards: resident memory must stay below it, whatever happens. */
const MEMORY_MIB = 384;
/** Rounds that the honest client makes beside an attack, and once more behind it. */
const ROUNDS = 5;
/** Small enough for a ring, for the journal alone, and large enough for memory of the arena all the way. */
const VALUE_BYTES = [20, 8 * KIB, 100 * KIB];
/** Before anything is measured: what a node compiles and touches with any load is no attack's. */
const WARM_ROUNDS = sized(250, 1_500);
/** A round without success for so long is a node that does not serve, ms. Generous: nothing here measures speed. */
const ROUND_MS_MAX = 60_000;
/** So long may the node take to notice that the attackers are gone, ms. */
const SETTLE_MS_MAX = 60_000;
/** Descriptors that may differ: journal and segment files that opened meanwhile. */
const DESCRIPTORS_MARGIN = 12;

/** One message after the other: each sent, acknowledged and read back before the next. */
export class Honest {
  readonly #client: Client;
  readonly #done: Promise<void>;
  #stopping = false;
  rounds = 0;
  /** Slowest round since it was last asked for, ms. */
  slowestMs = 0;
  failure: Error | null = null;

  private constructor(client: Client) {
    this.#client = client;
    this.#done = this.#work().catch((error: unknown) => {
      this.failure = error instanceof Error ? error : new Error(String(error));
    });
  }

  static async start(server: string): Promise<Honest> {
    const client = await connect({ server, clientId: 'honest' });
    await client.admin().createTopic(HONEST_TOPIC, { partitions: 1 });
    return new Honest(client);
  }

  /** Until it has made so many rounds more. */
  async advance(by: number): Promise<void> {
    const target = this.rounds + by;
    while (this.rounds < target && this.failure === null) await pause(5);
    if (this.failure !== null) throw this.failure;
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#done;
    await this.#client.close();
  }

  async #work(): Promise<void> {
    const producer = this.#client.producer({ lingerMs: 0, deliveryTimeoutMs: ROUND_MS_MAX });
    const reader = this.#client.reader({ topic: HONEST_TOPIC, from: 'begin' });
    for (; !this.#stopping; this.rounds++) {
      const began = performance.now();
      const value = `message ${this.rounds} `.padEnd(VALUE_BYTES[this.rounds % VALUE_BYTES.length] ?? 0, 'x');
      await producer.send({ topic: HONEST_TOPIC, value });
      const [message] = await reader.poll({ max: 1, waitMs: ROUND_MS_MAX });
      const read = Buffer.from(message?.value ?? []).toString();
      if (read !== value) throw new Error(`read ${read.slice(0, 40)}…, sent ${value.slice(0, 40)}…`);
      this.slowestMs = Math.max(this.slowestMs, performance.now() - began);
      await pause(5);
    }
    await reader.close();
    await producer.close();
  }
}

/** What an attack must leave as it was. */
interface State {
  readonly shards: unknown;
  readonly topics: readonly unknown[];
  readonly groups: readonly unknown[];
  /** Names in the data folder, without the node's own partitions. */
  readonly folder: readonly string[];
}

export class Target {
  readonly node: TestNode;
  readonly honest: Honest;
  /** The setting: resident memory stays below it. */
  readonly memoryMib: number;

  /** Connections that are open when nobody attacks. */
  ownConnections = 0;

  private constructor(node: TestNode, honest: Honest, memoryMib: number) {
    this.memoryMib = memoryMib;
    this.node = node;
    this.honest = honest;
  }

  static async start(flags: readonly string[] = [], memoryMib = MEMORY_MIB): Promise<Target> {
    const node = await TestNode.start({
      shards: 2,
      flags: ['--memory', `${memoryMib}MiB`, '--log-level', 'error', '--log-format', 'json', ...flags],
    });
    const honest = await Honest.start(node.server);
    await honest.advance(WARM_ROUNDS);
    const target = new Target(node, honest, memoryMib);
    target.ownConnections = await target.metric('connections');
    return target;
  }

  get port(): number {
    return this.node.port;
  }

  async dispose(): Promise<void> {
    await this.honest.stop();
    await this.node.dispose();
  }

  /** Resident memory now and at its highest since {@link Target.forgetPeak}, bytes. 0 where there is no /proc. */
  memory(): { readonly now: number; readonly peak: number } {
    const status = this.#proc('status');
    const of = (name: string): number =>
      Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0) * 1024;
    return { now: of('VmRSS'), peak: of('VmHWM') };
  }

  forgetPeak(): void {
    if (process.platform === 'linux') writeFileSync(`/proc/${this.node.pid}/clear_refs`, '5');
  }

  /** CPU that all threads have used so far, in ticks of 10 ms. */
  cpuTicks(): number {
    const [, fields = ''] = /\) (.*)/.exec(this.#proc('stat')) ?? [];
    const [user = '0', system = '0'] = fields.split(' ').slice(11, 13);
    return Number(user) + Number(system);
  }

  descriptors(): number {
    return process.platform === 'linux' ? readdirSync(`/proc/${this.node.pid}/fd`).length : 0;
  }

  /** Those of the last connections are closed a moment after they are told of. */
  async untilDescriptors(most: number): Promise<boolean> {
    const deadline = Date.now() + SETTLE_MS_MAX;
    while (this.descriptors() > most && Date.now() < deadline) await pause(20);
    return this.descriptors() <= most;
  }

  async metric(name: string): Promise<number> {
    const answer = await fetch(`http://127.0.0.1:${this.node.adminPort}/metrics`);
    const values = [...(await answer.text()).matchAll(new RegExp(`^callboard_${name}\\{[^}]*\\} (\\d+)$`, 'gm'))];
    return values.reduce((sum, [, value]) => sum + Number(value), 0);
  }

  async state(): Promise<State> {
    const asker = await Hostile.greeted(this.port);
    const [node, topics, groups] = await Promise.all([
      asker.ask('node', {}),
      asker.ask('topics', {}),
      asker.ask('groups', {}),
    ]);
    await asker.close();
    const names = (list: unknown, by: string): unknown[] => (list as readonly Fields[]).map((one) => one[by]).sort();
    return {
      shards: node.fields.shards,
      topics: names(topics.fields.topics, 'name'),
      groups: names(groups.fields.groups, 'group'),
      folder: this.#folder(),
    };
  }

  /** Until no connection of an attacker is left. */
  async untilAlone(): Promise<void> {
    const deadline = Date.now() + SETTLE_MS_MAX;
    for (;;) {
      const open = await this.metric('connections');
      if (open <= this.ownConnections) return;
      if (Date.now() > deadline) throw new Error(`${open} connections are open after the attack`);
      await pause(20);
    }
  }

  /** The state once it is as expected: what was deleted leaves the disk a little later. Or as it is, when that takes too long. */
  async untilState(expected: State): Promise<State> {
    const deadline = Date.now() + SETTLE_MS_MAX;
    for (;;) {
      const state = await this.state();
      if (isDeepStrictEqual(state, expected) || Date.now() > deadline) return state;
      await pause(20);
    }
  }

  #folder(): string[] {
    const { data } = this.node;
    const partitions = readdirSync(join(data, 'partitions')).filter((name) => !(Number(name) < FIRST_USER_PARTITION));
    return [...readdirSync(data), ...partitions].sort();
  }

  #proc(file: string): string {
    return process.platform === 'linux' ? readFileSync(`/proc/${this.node.pid}/${file}`, 'utf8') : '';
  }
}

export interface Bounds {
  /** Resident memory that the attack may add at its peak, MiB. */
  readonly peakMib: number;
  /** And that may be left of it: heaps that have grown, arenas that were touched. MiB. */
  readonly leftMib: number;
}

/** Most attacks bring little: what the collector leaves lying. */
export const SMALL: Bounds = { peakMib: 64, leftMib: 64 };

/**
 * A test that attacks: the honest client makes its rounds beside the attack and behind it, and afterwards all is as it
 * was.
 */
export function attacks(
  target: () => Target,
  bounds: Bounds,
  attack: (t: ExecutionContext, target: Target) => Promise<void>,
): (t: ExecutionContext) => Promise<void> {
  return async (t) => {
    const on = target();
    const before = await on.state();
    const [memory, descriptors] = [on.memory().now, on.descriptors()];
    on.forgetPeak();
    on.honest.slowestMs = 0;
    const rounds = on.honest.rounds;
    await Promise.all([attack(t, on), on.honest.advance(ROUNDS)]).finally(() => Hostile.closeAll());
    await on.honest.advance(ROUNDS);
    await on.untilAlone();
    const after = await on.untilState(before);
    t.deepEqual(after, before, 'no thread died, nothing is stored');
    const grown = (bytes: number): number => Math.round((bytes - memory) / MIB);
    const { now, peak } = on.memory();
    t.log(
      `${on.honest.rounds - rounds} honest rounds, slowest ${on.honest.slowestMs.toFixed(0)} ms; ` +
        `memory ${Math.round(memory / MIB)} MiB, peak +${grown(peak)}, left +${grown(now)}`,
    );
    t.true(peak < on.memoryMib * MIB, `${Math.round(peak / MIB)} MiB are resident`);
    t.true(grown(peak) <= bounds.peakMib, `memory rose by ${grown(peak)} MiB`);
    t.true(grown(now) <= bounds.leftMib, `memory is still ${grown(now)} MiB higher`);
    t.true(await on.untilDescriptors(descriptors + DESCRIPTORS_MARGIN), 'descriptors are back');
  };
}

/** One node for all tests of a file, which attack it one after the other. */
export function targetOf(test: TestFn, flags?: readonly string[], memoryMib?: number): () => Target {
  let target: Target | undefined;
  test.before(async () => {
    target = await Target.start(flags, memoryMib);
  });
  test.after.always(async () => {
    await target?.dispose();
  });
  return () => {
    if (target === undefined) throw new Error('the node has not started');
    return target;
  };
}
