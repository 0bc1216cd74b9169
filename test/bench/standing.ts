/** What is measured without a race: start-up, rest, memory under load, idle connections, many partitions. One row a figure. */
import { MIB } from '../../src/model/limits.ts';
import { type Candidate, type CandidateOptions, Candidate as Process } from './candidate.ts';
import type { CreateJob } from './job.ts';
import { Generator, type Plan, run } from './load.ts';
import { longLog, longLogSeconds } from './long-log.ts';
import { bareStartMs } from './machine.ts';
import { pause } from './meter.ts';
import type { Progress } from './progress.ts';
import { type Spread, spread } from './stats.ts';
import { STANDING_TARGETS as TARGETS } from './targets.ts';

export interface Row {
  readonly name: string;
  readonly value: Spread;
  readonly unit: string;
  /** At most; none where there is no target. */
  readonly atMost?: number;
}

export interface StandingOptions {
  readonly candidate: CandidateOptions;
  readonly runs: number;
  /** Of the long log, GB. */
  readonly logGigabytes: number;
}

/** Some rows that are taken together. */
export interface Standing {
  readonly name: string;
  readonly plannedSeconds: number;
  readonly isQuick: boolean;
  take(note: Progress['note']): Promise<Row[]>;
}

const REST_SECONDS = 10;
/** After a load or a creation, until what was begun has come to rest. */
const SETTLE_SECONDS = 2;
/** What the node is told to stay below, and for how long it is loaded with each load. */
const BOUND_MIB = 512;
const BOUND_SECONDS = 4;

const once = (value: number): Spread => spread([value]);

async function withBroker<T>(options: CandidateOptions, use: (broker: Candidate) => Promise<T>): Promise<T> {
  const broker = new Process('broker', options);
  try {
    await broker.start();
    return await use(broker);
  } finally {
    await broker.dispose();
  }
}

async function startUp({ candidate, runs }: StandingOptions, note: Progress['note']): Promise<Row[]> {
  const bare: number[] = [];
  const broker: number[] = [];
  for (let round = 0; round <= runs; round++) {
    note(`start-up: ${round === 0 ? 'warm-up' : `run ${round} of ${runs}`}`);
    const bareMs = await bareStartMs(candidate.shards);
    const fresh = new Process('broker', candidate);
    try {
      const brokerMs = await fresh.start();
      // A clean stop leaves what it has compiled for the next start.
      await fresh.stop();
      if (round === 0) continue;
      bare.push(bareMs);
      broker.push(brokerMs);
    } finally {
      await fresh.dispose();
    }
  }
  const ratio = spread(broker.map((ms, index) => ms / (bare[index] ?? ms)));
  return [
    { name: `bare Node with ${candidate.shards} workers`, value: spread(bare), unit: 'ms' },
    { name: 'start on an empty folder, until hello is answered', value: spread(broker), unit: 'ms' },
    { name: 'start on an empty folder / bare Node', value: ratio, unit: '×', atMost: TARGETS.startRatio },
  ];
}

interface Rest {
  readonly rssMib: number;
  readonly cpuPercent: number;
}

async function restOnce(broker: Candidate): Promise<Rest> {
  await pause(SETTLE_SECONDS);
  const cpu = broker.cpuSeconds();
  await pause(REST_SECONDS);
  return { rssMib: broker.rssMib(), cpuPercent: (100 * (broker.cpuSeconds() - cpu)) / REST_SECONDS };
}

/** Of the start after a clean stop: the first one of a clone keeps the memory that it compiled its sources in. */
async function rest({ candidate, runs }: StandingOptions, note: Progress['note']): Promise<Row[]> {
  const first = new Process('broker', candidate);
  await first.start();
  await pause(SETTLE_SECONDS);
  await first.dispose('SIGTERM');
  const found: Rest[] = [];
  for (let round = 1; round <= runs; round++) {
    note(`rest: run ${round} of ${runs}`);
    found.push(await withBroker(candidate, restOnce));
  }
  const shards = candidate.shards === 1 ? '1 shard' : `${candidate.shards} shards`;
  const [rss, cpu] = [found.map(({ rssMib }) => rssMib), found.map(({ cpuPercent }) => cpuPercent)];
  return [
    { name: `RSS at rest, ${shards}`, value: spread(rss), unit: 'MiB', atMost: TARGETS.restRssMib },
    { name: 'CPU at rest', value: spread(cpu), unit: '% of a core', atMost: TARGETS.restCpuPercent },
  ];
}

/** The loads that take most memory, one after the other on one broker that was given little. */
function bound({ candidate }: StandingOptions, note: Progress['note']): Promise<Row[]> {
  const times = { warmSeconds: 0, seconds: BOUND_SECONDS, recordBytes: 1024, connections: 8 };
  const topic = (name: string): { name: string; partitions: number; settings: { durability: 'fsync' } } => ({
    name,
    partitions: 8,
    settings: { durability: 'fsync' },
  });
  const loads: readonly (readonly [string, Plan])[] = [
    [
      'produce 1 MiB',
      { kind: 'produce', topic: topic('large'), window: 4, batchBytes: MIB, mayOverload: true, ...times },
    ],
    [
      'produce 16 KiB',
      { kind: 'produce', topic: topic('small'), window: 4, batchBytes: 16_384, mayOverload: true, ...times },
    ],
    [
      'consume 256 KiB',
      {
        kind: 'consume',
        topic: topic('read'),
        batchBytes: 262_144,
        fillBytes: 16 * MIB,
        tailBytes: 16 * MIB,
        ...times,
      },
    ],
  ];
  const flags = [...(candidate.flags ?? []), '--memory', `${BOUND_MIB}MiB`];
  return withBroker({ ...candidate, flags }, async (broker) => {
    const generator = new Generator();
    const rows: Row[] = [];
    try {
      for (const [name, plan] of loads) {
        note(`memory under load: ${name}`);
        const { rssPeakMib } = await generator.run(broker, plan);
        const row = `memory set to ${BOUND_MIB} MiB, ${name}, 8 connections, 8 partitions: peak RSS`;
        rows.push({ name: row, value: once(rssPeakMib), unit: 'MiB', atMost: BOUND_MIB });
      }
    } finally {
      await generator.end();
    }
    return rows;
  });
}

interface Held {
  readonly moreMib: number;
  readonly perSecond: number;
}

async function hold(broker: Candidate, count: number): Promise<Held> {
  await pause(SETTLE_SECONDS);
  const before = broker.rssMib();
  const generator = new Generator();
  try {
    const opened = await generator.run(broker, { kind: 'hold', connections: count });
    await pause(SETTLE_SECONDS);
    return { moreMib: broker.rssMib() - before, perSecond: count / opened.seconds };
  } finally {
    await generator.end();
  }
}

/** Each time on a broker that had none before. */
async function connections({ candidate, runs }: StandingOptions, note: Progress['note']): Promise<Row[]> {
  const count = TARGETS.idleConnections;
  const name = `${count.toLocaleString('en')} idle connections`;
  const found: Held[] = [];
  for (let round = 1; round <= runs; round++) {
    note(`${name}: run ${round} of ${runs}`);
    found.push(await withBroker(candidate, (broker) => hold(broker, count)));
  }
  const [more, speed] = [found.map(({ moreMib }) => moreMib), found.map(({ perSecond }) => perSecond)];
  return [
    { name: `${name}: RSS more`, value: spread(more), unit: 'MiB', atMost: TARGETS.idleConnectionsMib },
    { name: `${name}: opened, with hello`, value: spread(speed), unit: '/s' },
  ];
}

function partitions({ candidate }: StandingOptions, count: number, note: Progress['note']): Promise<Row[]> {
  const name = `${count.toLocaleString('en')} partitions`;
  const isTarget = count >= TARGETS.idlePartitions;
  const job = (touch: boolean): Omit<CreateJob, 'port'> => ({
    kind: 'create',
    topic: { name: `many-${touch}`, partitions: count, settings: {} },
    touch,
  });
  const atMost = (limit: number): { atMost?: number } => (isTarget ? { atMost: limit } : {});
  return withBroker(candidate, async (broker) => {
    await pause(SETTLE_SECONDS);
    const before = broker.rssMib();
    note(`${name}: create`);
    const created = await run(broker, job(false));
    await pause(SETTLE_SECONDS);
    const idle = broker.rssMib() - before;
    note(`${name}: a message to each`);
    const touched = await run(broker, job(true));
    await pause(SETTLE_SECONDS);
    const used = broker.rssMib() - before;
    note(`${name}: clean stop and start`);
    const clean = await broker.stop();
    const startMs = await broker.start();
    note(`${name}: kill and start`);
    await broker.stop('SIGKILL');
    const killedMs = await broker.start();
    const { idlePartitionsCreatedSeconds: seconds, idlePartitionsMib: mib } = TARGETS;
    return [
      { name: `${name}: created`, value: once(created.seconds), unit: 's', ...atMost(seconds) },
      { name: `${name}, never used: RSS more`, value: once(idle), unit: 'MiB', ...atMost(mib) },
      { name: `${name} more, created and one message sent to each`, value: once(touched.seconds), unit: 's' },
      { name: `both, each of the latter used once: RSS more`, value: once(used), unit: 'MiB' },
      { name: `both: start after a ${clean ? 'clean' : 'forced'} stop`, value: once(startMs), unit: 'ms' },
      { name: `both: start after a kill`, value: once(killedMs), unit: 'ms' },
    ];
  });
}

/** In the order of the table. */
export function allStanding(options: StandingOptions): Standing[] {
  const { runs, logGigabytes } = options;
  return [
    { name: 'start-up', plannedSeconds: (runs + 1) * 1.2, isQuick: true, take: (note) => startUp(options, note) },
    { name: 'rest', plannedSeconds: 3 + runs * 13, isQuick: true, take: (note) => rest(options, note) },
    { name: 'memory under load', plannedSeconds: 17, isQuick: true, take: (note) => bound(options, note) },
    { name: 'connections', plannedSeconds: runs * 9, isQuick: true, take: (note) => connections(options, note) },
    { name: 'partitions 1000', plannedSeconds: 10, isQuick: true, take: (note) => partitions(options, 1_000, note) },
    {
      name: 'partitions 10000',
      plannedSeconds: 16,
      isQuick: true,
      take: (note) => partitions(options, TARGETS.idlePartitions, note),
    },
    {
      name: 'long log',
      plannedSeconds: longLogSeconds(logGigabytes),
      isQuick: false,
      take: (note) => longLog(options, note),
    },
  ];
}
