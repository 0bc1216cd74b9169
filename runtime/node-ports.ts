/** Node's ports for one shard, from settings that can be posted to its thread. */
import { NodeClock } from './clock.ts';
import { type CounterDefinition, ShardCounters } from './counters.ts';
import { NodeDisk } from './disk.ts';
import { NodeNetwork } from './listener.ts';
import { createLogger, type LogFormat, type LogLevel } from './logger.ts';
import { ThreadPool } from './pool.ts';
import type { Ports } from './ports.ts';
import { NodeRandom } from './random.ts';

export interface PortSettings {
  /** The data folder; exists. */
  readonly folder: string;
  readonly log: { readonly level: LogLevel; readonly format: LogFormat };
  /** URL of the module that exports each job, by its name. */
  readonly jobs: Readonly<Record<string, string>>;
  /** Of each shard, once there are jobs. */
  readonly jobThreadsMax: number;
  readonly jobsWaitingMax: number;
}

/** The counters' row of a shard lives in memory that main keeps. */
export interface CounterRows {
  readonly definitions: readonly CounterDefinition[];
  readonly memory: SharedArrayBuffer;
}

export interface NodePorts extends Ports {
  readonly pool: ThreadPool;
}

export function createPorts(settings: PortSettings, counters: CounterRows, shard: number): NodePorts {
  const logger = createLogger({ ...settings.log, fields: { shard } });
  return {
    clock: new NodeClock(),
    random: new NodeRandom(),
    disk: new NodeDisk({
      folder: settings.folder,
      buffered: (reason) => logger.info({ reason }, 'direct I/O is not to be had; writing through the page cache'),
    }),
    network: new NodeNetwork((reason) => logger.warn({ reason }, 'a listener could not accept')),
    pool: new ThreadPool({
      jobs: settings.jobs,
      threadsMax: settings.jobThreadsMax,
      queueMax: settings.jobsWaitingMax,
    }),
    logger,
    counters: new ShardCounters(counters.definitions, counters.memory, shard),
  };
}
