/**
 * A node in this process: takes its folder, starts its shards and the admin server, and stops them in order. What the
 * command line does with it is main.ts; applications embed it through {@link startNode}.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { nodeCounters } from '../actors/counters.ts';
import { NodeClock } from '../runtime/clock.ts';
import { probeDirect } from '../runtime/direct.ts';
import { type DataFolder, openFolder } from '../runtime/folder.ts';
import { PORTS_CAN_BE_SHARED } from '../runtime/listener.ts';
import { createLogger } from '../runtime/logger.ts';
import type { Logger } from '../runtime/ports.ts';
import { NodeRandom } from '../runtime/random.ts';
import { reach } from '../runtime/reach.ts';
import { System, type SystemOptions } from '../runtime/system.ts';
import { resolveSettings, thisMachine } from './config.ts';
import type { Admin } from './edges/admin/server.ts';
import type { RunningNode } from './edges/cli/index.ts';
import { planMemory } from './memory.ts';
import { id, type NodeId, type Timestamp } from './model/ids.ts';
import { parsePlace } from './model/place.ts';
import type { Settings } from './settings.ts';
import type { ShardPlan } from './shard.ts';
import { VERSION } from './version.ts';

export type { RunningNode } from './edges/cli/index.ts';

/** `.ts` in a clone, `.js` in a build. */
const FORM = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
const here = (file: string): string => new URL(`./${file}.${FORM}`, import.meta.url).href;

/** What jobs.ts exports. */
const JOBS = ['scanSegment', 'noteSegmentKeys', 'filterSegment', 'prepareBatch', 'findTime'];

/** A stop that takes longer leaves the rest to recovery. */
const STOP_MS_MAX = 20_000;
/** Of the machine's memory, or the container's: what the operating system may keep of segments that are read again. */
const REREAD_SHARE = 0.25;
const READY_LOOK_MS = 1;
/** What is advertised is to accept a connection within this time, ms. */
const REACH_MS_MAX = 3_000;
const FREE_PORTS_FROM = 20_000;
const FREE_PORTS = 12_000;
const FREE_PORT_TRIES = 20;

/** What an embedded node may be told; keys as in the settings file. */
export interface NodeOptions extends Partial<Settings> {
  /** Defaults for tests: topics in memory, one shard in this thread, free ports, a temporary folder that goes with the node. */
  readonly engine?: 'memory';
}

/**
 * Starts a node in this process.
 * @returns once it takes requests; with `engine: 'memory'` within 100 ms on ordinary machines.
 * @throws ConfigError for settings that are not allowed; FolderError for a folder that is another node's or in use.
 */
export async function startNode({ engine, ...given }: NodeOptions = {}): Promise<RunningNode> {
  const temporary = engine === 'memory' && given.data === undefined;
  const data = temporary ? await mkdtemp(join(tmpdir(), 'callboard-')) : given.data;
  const forTests = {
    'topics.engine': 'memory',
    shards: 1,
    'native.port': 0,
    'kafka.port': 0,
    'admin.port': 0,
    'log.level': 'warn',
  };
  const flags = { ...(engine === 'memory' ? forTests : {}), ...given, ...(data === undefined ? {} : { data }) };
  try {
    const { settings } = resolveSettings({ flags, machine: thisMachine() });
    const node = await runNode(settings, { here: settings.shards === 1 });
    if (!temporary || data === undefined) return node;
    const stop = async (): Promise<void> => {
      await node.stop();
      await rm(data, { recursive: true, force: true });
    };
    return { ...node, stop };
  } catch (error) {
    if (temporary && data !== undefined) await rm(data, { recursive: true, force: true });
    throw error;
  }
}

export interface RunOptions {
  /** The module that composes each shard: shard.ts, or a test's that adds faults to it. */
  readonly shardUrl?: string;
  /** The only shard runs in this thread, for a node that is part of another program. Else each has a worker. */
  readonly here?: boolean;
}

/** Starts a node with settings that were checked. */
export async function runNode(settings: Settings, options: RunOptions = {}): Promise<RunningNode> {
  const logger = createLogger({ level: settings['log.level'], format: settings['log.format'], fields: {} });
  const { promise: failure, resolve: failed } = Promise.withResolvers<Error>();
  // First of all: the threads load what they need while the folder is opened here.
  const system = new System({
    ...systemOf(settings),
    treeUrl: options.shardUrl ?? here('shard'),
    here: options.here === true,
    logger,
    failed,
  });
  try {
    const folder = await openFolder(
      settings.data,
      { nodeId: settings.node },
      { clock: new NodeClock(), random: new NodeRandom() },
    );
    const node = await runIn(folder, settings, system, failure).catch(async (error: unknown) => {
      await system.stop(STOP_MS_MAX);
      await folder.release();
      throw error;
    });
    tellUnreachable(settings, node, logger);
    return node;
  } catch (error) {
    await system.stop(STOP_MS_MAX);
    throw error;
  }
}

/** A warning, some time after the start: the node serves all the same, and who is elsewhere may see it differently. */
function tellUnreachable(settings: Settings, { kafka }: RunningNode, logger: Logger): void {
  const place = parsePlace(settings['kafka.advertised']);
  if (place === undefined || kafka === null) return;
  const { host, port = kafka.port } = place;
  void reach(host, port, REACH_MS_MAX).then((reason) => {
    if (reason === null) return;
    logger.warn({ host, port, reason }, 'Kafka clients are told an address that cannot be reached from here');
  });
}

async function runIn(
  folder: DataFolder,
  settings: Settings,
  system: System,
  failure: Promise<Error>,
): Promise<RunningNode> {
  const plan = await planOf(folder, settings);
  const admin = await serve(plan, system, failure);
  const { promise: stopped, resolve: stoppedInOrder } = Promise.withResolvers<null>();
  const ended = Promise.race([failure, stopped]).then(async (error) => {
    await admin.close();
    await folder.release();
    return error;
  });
  const stop = async (): Promise<void> => {
    await system.stop(STOP_MS_MAX);
    stoppedInOrder(null);
    await ended;
  };
  return {
    native: { host: settings['native.host'], port: plan.nativePort },
    kafka: plan.kafkaPort === null ? null : { host: settings['kafka.host'], port: plan.kafkaPort },
    admin: { host: admin.host, port: admin.port },
    shards: settings.shards,
    folder: folder.path,
    storage: plan.direct ? 'direct' : 'buffered',
    engine: settings['topics.engine'],
    durability: settings['topics.durability'],
    flushIntervalMs: settings['topics.flushIntervalMs'],
    stop,
    ended,
  };
}

/** The admin server comes up behind the shards, which would wait for a processor beside it. */
async function serve(plan: ShardPlan, system: System, failure: Promise<Error>): Promise<Admin> {
  const { settings } = plan;
  await system.start(plan);
  const admin = await serveAdmin(system, settings);
  try {
    await untilReady(system, listenersOf(settings), failure);
    return admin;
  } catch (error) {
    await admin.close();
    throw error;
  }
}

async function planOf(folder: DataFolder, settings: Settings): Promise<ShardPlan> {
  const { arenaBytes, heapRoomBytes } = planMemory(settings.memory, settings.shards);
  const refusal = await new Promise<string | null>((resolve) => probeDirect(folder.path, resolve));
  return {
    settings,
    version: VERSION,
    cluster: folder.identity.clusterId,
    startedAt: id<Timestamp>(Date.now()),
    folder: folder.path,
    direct: refusal === null,
    nativePort: await findPort(settings, 'native'),
    kafkaPort: settings['kafka.enabled'] ? await findPort(settings, 'kafka') : null,
    arenaBytes,
    heapRoomBytes,
    rereadBytes: Math.floor((thisMachine().memoryBytes * REREAD_SHARE) / settings.shards),
  };
}

function systemOf(settings: Settings): Omit<SystemOptions, 'here' | 'treeUrl' | 'logger' | 'failed'> {
  const { shards } = settings;
  const { arenaBytes, ringBytes, oldHeapMib, youngHeapMib } = planMemory(settings.memory, shards);
  return {
    node: id<NodeId>(settings.node),
    shards,
    arenaBytes,
    ringBytes,
    heap: { oldMibMax: oldHeapMib, youngMibMax: youngHeapMib },
    ports: {
      folder: resolve(settings.data),
      log: { level: settings['log.level'], format: settings['log.format'] },
      jobs: Object.fromEntries(JOBS.map((job) => [job, here('jobs')])),
      jobThreadsMax: 1,
      jobsWaitingMax: 64,
    },
    counters: nodeCounters,
  };
}

async function serveAdmin(system: System, settings: Settings): Promise<Admin> {
  const view = {
    unready: () => (isReady(system, listenersOf(settings)) ? null : 'a shard is starting or stopping'),
    metrics: () =>
      system.counters.definitions.map((definition) => ({
        ...definition,
        values: system.counters.values(definition.name),
      })),
  };
  // Only here: HTTP takes its time to load.
  const { startAdmin } = await import('./edges/admin/server.ts');
  return startAdmin({ host: settings['admin.host'], port: settings['admin.port'], view });
}

/**
 * A free port is drawn below those that systems give to outgoing connections: one of them could take it between main's
 * binding and the shards' listening.
 */
async function findPort(settings: Settings, dialect: 'native' | 'kafka'): Promise<number> {
  const host = settings[`${dialect}.host`];
  const port = settings[`${dialect}.port`];
  if (port !== 0) return bindOnce(host, port, dialect);
  for (let tries = 0; tries < FREE_PORT_TRIES; tries++) {
    const drawn = FREE_PORTS_FROM + Math.floor(Math.random() * FREE_PORTS);
    const bound = await bindOnce(host, drawn, dialect).catch(() => 0);
    if (bound !== 0) return bound;
  }
  return bindOnce(host, 0, dialect);
}

/**
 * Binds a port alone for a moment: the shards' shared listening would share it with another process in silence.
 * @returns the port, found by the system where it was 0.
 */
function bindOnce(host: string, port: number, dialect: 'native' | 'kafka'): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => {
      const why = error.code === 'EADDRINUSE' ? 'something listens there already' : error.message;
      const off = dialect === 'kafka' ? ', or turn Kafka off with kafka.enabled: false' : '';
      reject(new Error(`can't listen on ${host}:${port}: ${why}. Stop it, or choose another ${dialect}.port${off}.`));
    });
    server.listen({ host, port, exclusive: true }, () => {
      const address = server.address();
      server.close(() => resolve(address !== null && typeof address === 'object' ? address.port : port));
    });
  });
}

/** Each dialect has a listener on every shard that accepts. */
const listenersOf = (settings: Settings): number =>
  (PORTS_CAN_BE_SHARED ? settings.shards : 1) * (settings['kafka.enabled'] ? 2 : 1);

const isReady = (system: System, listeners: number): boolean =>
  system.ready && system.counters.total('listeners') >= listeners;

/** Until every listener listens: from then on requests are answered, if need be after a wait for the catalog. */
async function untilReady(system: System, listeners: number, failure: Promise<Error>): Promise<void> {
  let failed: Error | null = null;
  void failure.then((error) => {
    failed = error;
  });
  while (!isReady(system, listeners)) {
    if (failed !== null) throw failed;
    await new Promise((resolve) => setTimeout(resolve, READY_LOOK_MS));
  }
}
