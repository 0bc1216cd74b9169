/** What is measured without a race: start-up, rest, idle connections, many partitions, long logs. One row for each figure. */
import { type Candidate, type CandidateOptions, Candidate as Process } from './candidate.ts';
import type { CreateJob } from './job.ts';
import { run, start } from './load.ts';
import { bareStartMs } from './machine.ts';
import { pause } from './meter.ts';
import { type Spread, spread } from './stats.ts';

export interface Row {
  readonly name: string;
  readonly value: Spread;
  readonly unit: string;
  /** At most; none where the issue names none. */
  readonly atMost?: number;
}

export interface StandingOptions {
  readonly candidate: CandidateOptions;
  readonly runs: number;
  readonly isQuick: boolean;
  /** Of the long log, GB. */
  readonly logGigabytes: number;
  readonly progress: (text: string) => void;
}

const REST_SECONDS = 10;
/** After a load or a creation, until what was begun has come to rest. */
const SETTLE_SECONDS = 2;

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

async function startUp({ candidate, runs, progress }: StandingOptions): Promise<Row[]> {
  const bare: number[] = [];
  const broker: number[] = [];
  for (let round = 0; round <= runs; round++) {
    progress(`start-up: ${round === 0 ? 'warm-up' : `run ${round} of ${runs}`}`);
    const bareMs = await bareStartMs(candidate.shards);
    const fresh = new Process('broker', candidate);
    const brokerMs = await fresh.start();
    // A clean stop leaves what it has compiled for the next start.
    await fresh.stop();
    await fresh.dispose();
    if (round === 0) continue;
    bare.push(bareMs);
    broker.push(brokerMs);
  }
  const ratio = spread(broker.map((ms, index) => ms / (bare[index] ?? ms)));
  return [
    { name: `bare Node with ${candidate.shards} workers`, value: spread(bare), unit: 'ms' },
    { name: 'start on an empty folder, until hello is answered', value: spread(broker), unit: 'ms' },
    { name: 'start on an empty folder / bare Node', value: ratio, unit: '×', atMost: 2.5 },
  ];
}

function rest({ candidate, progress }: StandingOptions): Promise<Row[]> {
  progress('at rest');
  return withBroker(candidate, async (broker) => {
    await pause(SETTLE_SECONDS);
    const cpu = broker.cpuSeconds();
    await pause(REST_SECONDS);
    const used = (broker.cpuSeconds() - cpu) / REST_SECONDS;
    return [
      { name: 'RSS at rest', value: once(broker.rssMib()), unit: 'MiB', atMost: 150 },
      { name: 'CPU at rest', value: once(100 * used), unit: '% of a core', atMost: 1 },
    ];
  });
}

function connections({ candidate, progress }: StandingOptions, count: number, atMost: number): Promise<Row[]> {
  progress(`${count} idle connections`);
  return withBroker(candidate, async (broker) => {
    await pause(SETTLE_SECONDS);
    const before = broker.rssMib();
    const holding = start(broker, { kind: 'hold', connections: count });
    const opened = await holding.measured;
    await pause(SETTLE_SECONDS);
    const more = broker.rssMib() - before;
    await holding.end();
    const name = `${count.toLocaleString('en')} idle connections`;
    return [
      { name: `${name}: RSS more`, value: once(more), unit: 'MiB', atMost },
      { name: `${name}: opened, with hello`, value: once(count / opened.seconds), unit: '/s' },
    ];
  });
}

function partitions({ candidate, progress }: StandingOptions, count: number): Promise<Row[]> {
  const name = `${count.toLocaleString('en')} partitions`;
  const many = count >= 10_000;
  const job = (touch: boolean): Omit<CreateJob, 'port'> => ({
    kind: 'create',
    topic: { name: `many-${touch}`, partitions: count, settings: {} },
    touch,
  });
  return withBroker(candidate, async (broker) => {
    await pause(SETTLE_SECONDS);
    const before = broker.rssMib();
    progress(`${name}: create`);
    const created = await run(broker, job(false));
    await pause(SETTLE_SECONDS);
    const idle = broker.rssMib() - before;
    progress(`${name}: a message to each`);
    const touched = await run(broker, job(true));
    await pause(SETTLE_SECONDS);
    const used = broker.rssMib() - before;
    progress(`${name}: clean stop and start`);
    const clean = await broker.stop();
    const startMs = await broker.start();
    progress(`${name}: kill and start`);
    await broker.stop('SIGKILL');
    const killedMs = await broker.start();
    return [
      { name: `${name}: created`, value: once(created.seconds), unit: 's', ...(many ? { atMost: 10 } : {}) },
      { name: `${name}, never used: RSS more`, value: once(idle), unit: 'MiB', ...(many ? { atMost: 300 } : {}) },
      { name: `${name} more, created and one message sent to each`, value: once(touched.seconds), unit: 's' },
      { name: `both, each of the latter used once: RSS more`, value: once(used), unit: 'MiB' },
      { name: `both: start after a ${clean ? 'clean' : 'forced'} stop`, value: once(startMs), unit: 'ms' },
      { name: `both: start after a kill`, value: once(killedMs), unit: 'ms' },
    ];
  });
}

/** Writes the log in runs of the produce load until it is long enough. */
function longLog({ candidate, logGigabytes, progress }: StandingOptions): Promise<Row[]> {
  return withBroker(candidate, async (broker) => {
    let bytes = 0;
    for (let round = 0; bytes < logGigabytes * 1e9; round++) {
      progress(`long log: ${(bytes / 1e9).toFixed(1)} of ${logGigabytes} GB`);
      const { bytes: more } = await run(broker, {
        kind: 'produce',
        topic: { name: `long-${round}`, partitions: 8, settings: {} },
        connections: 4,
        window: 2,
        batchBytes: 1e6,
        recordBytes: 1024,
        warmSeconds: 0,
        seconds: 5,
        keeps: true,
      });
      bytes += more;
    }
    progress('long log: clean stop and start');
    await broker.stop();
    const clean = await broker.start();
    progress('long log: kill under load and start');
    const load = start(broker, {
      kind: 'produce',
      topic: { name: 'last', partitions: 8, settings: {} },
      connections: 4,
      window: 2,
      batchBytes: 16_000,
      recordBytes: 1024,
      warmSeconds: 0,
      seconds: 30,
      keeps: true,
    });
    load.measured.catch(() => progress('the load ended with its broker'));
    await pause(3);
    await broker.stop('SIGKILL');
    await load.end();
    const killed = await broker.start();
    const name = `${(bytes / 1e9).toFixed(1)} GB of log`;
    return [
      { name: `${name}: start after a clean stop`, value: once(clean), unit: 'ms' },
      { name: `${name}: start after a kill under load`, value: once(killed), unit: 'ms', atMost: clean + 1000 },
    ];
  });
}

/** In the order of the table. A figure that could not be taken is told and left out. */
export async function standing(options: StandingOptions, wanted: (name: string) => boolean): Promise<Row[]> {
  const all: readonly (readonly [string, () => Promise<Row[]>])[] = [
    ['start-up', () => startUp(options)],
    ['rest', () => rest(options)],
    ['connections', () => connections(options, 10_000, 60)],
    ['partitions 1000', () => partitions(options, 1_000)],
    ['partitions 10000', () => partitions(options, 10_000)],
    ...(options.isQuick ? [] : [['long log', () => longLog(options)] as const]),
  ];
  const rows: Row[] = [];
  for (const [name, take] of all) if (wanted(name)) rows.push(...(await take()));
  return rows;
}
