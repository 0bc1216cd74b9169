/**
 * A whole node on a simulated host: the real tree of actors on as many shards as asked, started, stopped phase by phase,
 * killed by process or power, its shards dying and being replaced as runtime/system.ts does it. Knows no clients.
 */

import { greetKafka } from '../../actors/listener/kafka.ts';
import { greetNative } from '../../actors/listener/native.ts';
import type { NodeInit } from '../../actors/node.ts';
import type { CellView } from '../../runtime/cell.ts';
import { InProcessShards } from '../../runtime/in-process.ts';
import type { Ports } from '../../runtime/ports.ts';
import type { CrashKind } from '../../runtime/simulated/disk.ts';
import type { ThreadPorts, World } from '../../runtime/simulated/world.ts';
import { CrashHistory } from '../../runtime/supervision.ts';
import { shardSupervision } from '../../runtime/system.ts';
import { resolveSettings } from '../../src/config.ts';
import { id, type NodeId, type ShardId } from '../../src/model/ids.ts';
import { GIB, MIB } from '../../src/model/limits.ts';
import { compose, type ShardPlan } from '../../src/shard.ts';
import type { Tap } from './tap.ts';

export const HOST = 'node';
export const PORT = 7625;
export const KAFKA_PORT = 9092;
const NODE: NodeId = id(1);
const ARENA_BYTES = 32 * MIB;
const HEAP_ROOM_BYTES = 32 * MIB;
const REREAD_BYTES = 4 * MIB;
const STOP_MS_MAX = 20_000;

export interface NodeEvents {
  /** A shard ended by itself, or because it was told to. */
  shardDied(shard: number, error: Error): void;
  /** A line of the node's log. */
  logged(level: string, message: string, fields: Readonly<Record<string, unknown>>): void;
  /** Shards died too often: the process has ended and somebody has to start it. */
  ended(): void;
  /** What a shard held in memory is gone; null: what all of them held. */
  forgot(shard: number | null): void;
}

/** At once: what is loaded comes when the machine likes, and no two runs would be the same. */
const dialects: NodeInit['dialects'] = { native: (done) => done(greetNative), kafka: (done) => done(greetKafka) };

export class SimulatedNode {
  shards = 0;
  readonly #world: World;
  readonly #tap: Tap;
  readonly #events: NodeEvents;
  #system: InProcessShards | null = null;
  #ports: ThreadPorts[] = [];
  #crashes = new CrashHistory();
  /** Rises with every start: what was asked of an earlier life is nobody's business any more. */
  #life = 0;
  #dying: { readonly shard: number; readonly error: Error }[] = [];
  #replacing = false;
  #stopping = false;
  readonly #reserve: boolean;

  constructor(world: World, tap: Tap, events: NodeEvents) {
    this.#world = world;
    this.#reserve = world.random.chance(0.5);
    this.#tap = tap;
    this.#events = events;
  }

  get up(): boolean {
    return this.#system !== null && !this.#stopping;
  }

  /** Names of the actors that are there, by shard and in the order in which they came. */
  get actors(): readonly CellView[] {
    const system = this.#system;
    if (system === null || this.#replacing) return [];
    return Array.from({ length: this.shards }, (_, shard) => system.shard(shard).inspect().actors).flat();
  }

  /** One that is still about to stop is killed: nobody runs two on one folder. */
  start(shards: number): void {
    this.crash('process');
    this.shards = shards;
    this.#life += 1;
    this.#stopping = false;
    this.#replacing = false;
    this.#dying = [];
    this.#crashes = new CrashHistory();
    this.#ports = [];
    const plan = planOf(shards, this.#world.clock.now(), this.#reserve);
    const { tree, init } = compose(plan, { node: NODE, shard: id<ShardId>(0), shards, arenas: [], borrow: () => [] });
    const life = this.#life;
    this.#system = new InProcessShards({
      node: NODE,
      shards,
      tree: this.#tap.tree(tree),
      init: { ...(init as NodeInit), dialects },
      arenaBytes: ARENA_BYTES,
      pipeBytes: MIB,
      ports: (shard) => this.#portsOf(shard),
      failed: (shard, error) => this.#world.clock.soon(() => this.#died(life, shard, error)),
    });
    this.#system.start();
  }

  /** From one moment to the next. */
  crash(kind: CrashKind): void {
    const system = this.#system;
    if (system === null) return;
    for (let shard = 0; shard < this.shards; shard++)
      if (!this.#dying.some((one) => one.shard === shard)) system.shard(shard).abandon();
    this.#system = null;
    this.#life += 1;
    this.#world.crash(HOST, kind);
    this.#events.forgot(null);
  }

  /** A worker thread dies. */
  kill(shard: number): void {
    const life = this.#life;
    this.#world.clock.soon(() => this.#died(life, shard, new Error('the thread was made to die')));
  }

  /** A clean stop; then the process ends. */
  stop(done: (left: string[]) => void): void {
    const system = this.#system;
    if (system === null || this.#replacing) {
      this.crash('process');
      done(['everything']);
      return;
    }
    this.#stopping = true;
    const life = this.#life;
    const deadline = this.#world.clock.monotonic() + STOP_MS_MAX;
    const left: string[] = [];
    const phases = system.shard(0).phases;
    const next = (): void => {
      if (life !== this.#life) return;
      const phase = phases.shift();
      const remaining = Math.max(0, deadline - this.#world.clock.monotonic());
      if (phase === undefined) {
        this.crash('process');
        done(left);
      } else this.#drain(system, phase, remaining, left, next);
    };
    next();
  }

  #drain(system: InProcessShards, phase: number, remainingMs: number, left: string[], next: () => void): void {
    let open = this.shards;
    for (let shard = 0; shard < this.shards; shard++)
      system.shard(shard).drain(phase, remainingMs, (names) => {
        left.push(...names);
        open -= 1;
        if (open === 0) next();
      });
  }

  #portsOf(shard: number): Ports {
    const ports = this.#world.ports(HOST);
    this.#ports[shard] = ports;
    const { logger } = ports;
    const heard =
      (level: 'debug' | 'info' | 'warn' | 'error') =>
      (fields: Readonly<Record<string, unknown>>, message: string): void => {
        logger[level](fields, message);
        this.#events.logged(level, message, fields);
      };
    return {
      ...ports,
      disk: this.#tap.disk(ports.disk),
      network: this.#tap.network(ports.network),
      logger: { debug: heard('debug'), info: heard('info'), warn: heard('warn'), error: heard('error') },
    };
  }

  /** As main does it: replacements one after the other, and an end when there are too many. */
  #died(life: number, shard: number, error: Error): void {
    if (life !== this.#life || this.#dying.some((one) => one.shard === shard)) return;
    this.#events.shardDied(shard, error);
    this.#events.forgot(shard);
    const verdict = this.#crashes.judge(shardSupervision, this.#world.clock.monotonic());
    // A second death before the first is dealt with has no counterpart here: the process ends.
    if (verdict.directive !== 'restart' || this.#replacing || this.#stopping) {
      this.crash('process');
      this.#events.ended();
      return;
    }
    this.#dying.push({ shard, error });
    this.#replace(life, shard, verdict.waitMs);
  }

  #replace(life: number, shard: number, waitMs: number): void {
    this.#replacing = true;
    this.#ports[shard]?.end();
    this.#system?.kill(shard, () => {
      this.#world.clock.after(waitMs, () => {
        if (life !== this.#life) return;
        this.#replacing = false;
        this.#dying = [];
        this.#system?.replace(shard);
      });
    });
  }
}

/** @param reserve the node refuses writes before the disk is full; without, it meets the end of the disk. */
function planOf(shards: number, now: number, reserve: boolean): ShardPlan {
  const { settings } = resolveSettings({
    machine: { cores: 2, memoryBytes: GIB, terminal: false },
    flags: {
      data: '/data',
      shards,
      'native.host': '0.0.0.0',
      'native.port': PORT,
      'kafka.host': '0.0.0.0',
      'kafka.port': KAFKA_PORT,
      insecure: true,
      'topics.partitions': 2,
      ...(reserve ? {} : { 'disk.freeBytesMin': 0, 'disk.freeRatioMin': 0 }),
    },
  });
  return {
    settings,
    version: '0.0.0',
    cluster: 'simulated',
    startedAt: id(now),
    folder: '/data',
    direct: true,
    nativePort: PORT,
    kafkaPort: KAFKA_PORT,
    arenaBytes: ARENA_BYTES,
    heapRoomBytes: HEAP_ROOM_BYTES,
    rereadBytes: REREAD_BYTES,
  };
}
