/**
 * A node's shards, as main sees them: starts them, replaces those that die while the others go on, stops them phase by
 * phase. It owns the shared memory. Messages never pass here.
 */
import { setTimeout } from 'node:timers/promises';
import { assert } from '../src/model/assert.ts';
import type { NodeId } from '../src/model/ids.ts';
import type { Supervision } from './actor.ts';
import { CounterBoard, type CounterDefinition, createCounterMemory } from './counters.ts';
import { kernelCounters } from './kernel-counters.ts';
import { type CreatedMemory, createNodeMemory, layAnew } from './node-memory.ts';
import type { CounterRows, PortSettings } from './node-ports.ts';
import type { Logger } from './ports.ts';
import type { ShardView } from './shard.ts';
import type { ShardStart } from './shard-host.ts';
import { CrashHistory } from './supervision.ts';
import { type HeapBounds, type ShardThread, startHere, startWorker } from './thread.ts';

export interface SystemOptions {
  readonly node: NodeId;
  readonly shards: number;
  /** The only shard runs in the caller's thread: no heap of its own to bound, none to replace. Else each has a worker. */
  readonly here?: boolean;
  /** URL of a module that exports `compose` (see shard-host.ts). */
  readonly treeUrl: string;
  /** Of each shard. */
  readonly arenaBytes: number;
  /** Of each ring, a power of two. */
  readonly ringBytes: number;
  /** Of each worker; null: Node's default. */
  readonly heap: HeapBounds | null;
  readonly ports: PortSettings;
  /** Beside the kernel's own. */
  readonly counters: readonly CounterDefinition[];
  readonly logger: Logger;
  /** Of the shards themselves; {@link shardSupervision} where absent. Directive `restart`. */
  readonly supervision?: Supervision;
  /** Shards died more often than the budget allows: the system has stopped. */
  readonly failed: (error: Error) => void;
}

export interface SystemShardView {
  readonly shard: number;
  /** Counts its replacements, from 1. */
  readonly incarnation: number;
  readonly state: 'running' | 'starting';
  /** Null while it is starting. */
  readonly view: ShardView | null;
}

/** Deaths of shards that a node survives within the window; with more it would only burn the machine. */
export const shardSupervision: Supervision = {
  directive: 'restart',
  crashesMax: 10,
  windowMs: 60_000,
  backoffMs: [50, 5_000],
};

/** Beyond the deadline of a stop: what a thread needs to answer at all. One that hangs is ended. */
const ANSWER_MS_MAX = 1_000;

interface Slot {
  incarnation: number;
  /** Null while it is dead. */
  thread: ShardThread | null;
  /** It has started: it can be asked. */
  running: boolean;
}

/** Its threads come up from the start, while whoever made it finds out what `start` wants. */
export class System {
  readonly counters: CounterBoard;
  readonly #options: SystemOptions;
  readonly #created: CreatedMemory;
  readonly #counterRows: CounterRows;
  readonly #slots: readonly Slot[];
  readonly #crashes = new CrashHistory();
  /** Replacements happen one after the other. */
  #replacing: Promise<void> = Promise.resolve();
  #stopping = false;
  #stopped: Promise<string[]> | null = null;
  #askToStop: () => void = () => {};
  readonly #stopAsked = new Promise<void>((resolve) => {
    this.#askToStop = resolve;
  });
  #phases: readonly number[] = [];
  #init: unknown;

  constructor(options: SystemOptions) {
    assert(options.here !== true || options.shards === 1, 'one thread runs one shard');
    this.#options = options;
    this.#created = createNodeMemory(options.node, options.shards, options.arenaBytes, options.ringBytes);
    const definitions = [...kernelCounters, ...options.counters];
    const memory = createCounterMemory(definitions, options.shards);
    this.#counterRows = { definitions, memory };
    this.counters = new CounterBoard(definitions, memory, options.shards);
    this.#slots = Array.from({ length: options.shards }, (_, shard) => ({
      incarnation: 0,
      thread: this.#isHere ? null : this.#worker(shard),
      running: false,
    }));
  }

  /** All shards run. */
  get ready(): boolean {
    return !this.#stopping && this.#slots.every(({ running }) => running);
  }

  /**
   * @param init structured-cloneable; handed to `compose` in every shard.
   * @throws when a shard does not come up; all are ended then.
   */
  async start(init: unknown): Promise<void> {
    this.#init = init;
    try {
      await Promise.all(this.#slots.map((_, shard) => this.#startShard(shard)));
    } catch (error) {
      this.#stopping = true;
      await this.#endAll();
      throw error;
    }
    for (const shard of this.#slots.keys()) this.#watchOver(shard);
  }

  /** Without asking them: cheap. */
  get states(): { readonly shard: number; readonly incarnation: number; readonly state: 'running' | 'starting' }[] {
    return this.#slots.map(({ incarnation, running }, shard) => ({
      shard,
      incarnation,
      state: running ? 'running' : 'starting',
    }));
  }

  /** Everything about every actor, for people. */
  async inspect(): Promise<SystemShardView[]> {
    return Promise.all(
      this.#slots.map(async ({ incarnation, thread, running }, shard) => {
        const view = thread === null || !running ? null : await answer(thread, thread.control.inspect());
        return { shard, incarnation, state: view === null ? 'starting' : 'running', view };
      }),
    );
  }

  /**
   * Clean stop: phase by phase, each on all shards before the next, all of it within `deadlineMs`.
   * @returns the names of actors that were not done in time.
   */
  stop(deadlineMs: number): Promise<string[]> {
    this.#stopped ??= this.#stop(deadlineMs);
    return this.#stopped;
  }

  async #stop(deadlineMs: number): Promise<string[]> {
    this.#stopping = true;
    this.#askToStop();
    const tooLate = setTimeout(deadlineMs + ANSWER_MS_MAX, ['a shard that does not answer'], { ref: false });
    const left = await Promise.race([this.#stopInOrder(performance.now() + deadlineMs), tooLate]);
    await this.#endAll();
    if (left.length > 0) this.#options.logger.warn({ actors: left }, 'stopped before these actors were done');
    return left;
  }

  async #stopInOrder(deadline: number): Promise<string[]> {
    const remaining = (): number => Math.max(0, deadline - performance.now());
    await this.#replacing;
    const left: string[] = [];
    for (const phase of this.#phases) {
      left.push(...(await this.#askAll((thread) => thread.control.drain(phase, remaining()))).flat());
      this.#options.logger.debug({ phase, remainingMs: remaining() }, 'a phase of the stop is over');
    }
    left.push(...(await this.#askAll((thread) => thread.control.stop(remaining()))).flat());
    return left;
  }

  async #startShard(shard: number): Promise<void> {
    const { treeUrl, ports } = this.#options;
    const init = this.#init;
    const slot = this.#slots[shard] as Slot;
    slot.thread ??= this.#isHere ? await startHere(this.#created.lendable) : this.#worker(shard);
    slot.incarnation += 1;
    const { thread } = slot;
    const away = this.#slots.flatMap((other, index) => (other.incarnation > 0 && other.thread === null ? [index] : []));
    const { memory } = this.#created;
    const start: ShardStart = { shard, memory, treeUrl, init, ports, counters: this.#counterRows, away };
    const failure = (reason: unknown): Error => (reason instanceof Error ? reason : new Error(String(reason)));
    const phases = await Promise.race([thread.control.start(start).catch(failure), thread.ended]);
    if (!(phases instanceof Error)) {
      this.#phases = phases;
      slot.running = true;
      return;
    }
    await thread.end();
    throw new Error(`shard ${shard} did not start: ${phases.message}`, { cause: phases });
  }

  get #isHere(): boolean {
    return this.#options.here === true;
  }

  #worker(shard: number): ShardThread {
    return startWorker(shard, this.#options.heap, this.#options.treeUrl, this.#created.lendable);
  }

  /** From now on its death is followed by a replacement. */
  #watchOver(shard: number): void {
    const slot = this.#slots[shard] as Slot;
    const thread = slot.thread as ShardThread;
    void thread.ended.then((reason) => {
      slot.thread = null;
      slot.running = false;
      if (this.#stopping) return;
      const verdict = this.#crashes.judge(this.#options.supervision ?? shardSupervision, performance.now());
      this.#options.logger.error({ shard, incarnation: slot.incarnation, error: reason }, 'a shard died');
      if (verdict.directive === 'restart') {
        this.#replacing = this.#replacing.then(() => this.#replace(shard, verdict.waitMs));
        return;
      }
      const error = new Error(`shards died too often, the last one of: ${reason.message}`, { cause: reason });
      void this.stop(0).then(() => this.#options.failed(error));
    });
  }

  async #replace(shard: number, waitMs: number): Promise<void> {
    await this.#askAll((thread) => thread.control.shardDied(shard));
    await Promise.race([setTimeout(waitMs, undefined, { ref: false }), this.#stopAsked]);
    if (this.#stopping) return;
    layAnew(this.#created.memory, shard);
    await this.#askAll((thread) => thread.control.shardCameBack(shard));
    try {
      await this.#startShard(shard);
      this.#options.logger.info({ shard }, 'the shard was replaced');
    } catch (error) {
      this.#options.logger.error({ shard, error }, 'a replacement did not start');
    }
    this.#watchOver(shard);
  }

  /** Asks the shards that are alive; one that dies meanwhile has no answer. */
  async #askAll<T>(ask: (thread: ShardThread) => Promise<T>): Promise<T[]> {
    const threads = this.#slots.flatMap(({ thread, running }) => (thread === null || !running ? [] : [thread]));
    const answers = await Promise.all(threads.map((thread) => answer(thread, ask(thread))));
    return answers.filter((given) => given !== null);
  }

  async #endAll(): Promise<void> {
    await Promise.all(this.#slots.map(({ thread }) => thread?.end()));
  }
}

/** @returns null when the thread ends before it answers. */
function answer<T>(thread: ShardThread, asked: Promise<T>): Promise<T | null> {
  return Promise.race([asked, thread.ended.then(() => null)]);
}
