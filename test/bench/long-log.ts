/** Starts on a long log, after a clean stop and after a kill under load, in turn. Reads nothing of what it has written. */
import { id, type PartitionIndex } from '../../src/model/ids.ts';
import { batchOf } from './batches.ts';
import { type Candidate, Candidate as Process } from './candidate.ts';
import { Link } from './link.ts';
import { Generator, type Plan } from './load.ts';
import { pause } from './meter.ts';
import type { Progress } from './progress.ts';
import type { Row, StandingOptions } from './standing.ts';
import { spread } from './stats.ts';
import { STANDING_TARGETS } from './targets.ts';

const ROUNDS = 5;
const FILL_SECONDS = 5;
const KILLED_AFTER_SECONDS = 2;
const ACKED_MS_MAX = 60_000;
/** For the plan of times only. */
const GIGABYTES_PER_SECOND = 0.8;

export const longLogSeconds = (gigabytes: number): number => Math.round(gigabytes / GIGABYTES_PER_SECOND + ROUNDS * 6);

const load = (name: string, batchBytes: number, seconds: number): Plan => ({
  kind: 'produce',
  topic: { name, partitions: 8, settings: {} },
  connections: 4,
  window: 2,
  batchBytes,
  recordBytes: 1024,
  warmSeconds: 0,
  seconds,
  keeps: true,
});

/** ms from the start of the process. */
interface Start {
  readonly hello: number;
  /** Until each partition of the first topic has acked one message: it was recovered, and takes more. */
  readonly acked: number;
}

/** Writes the log in runs of the produce load until it is long enough, in several topics. */
async function fill(broker: Candidate, gigabytes: number, note: Progress['note']): Promise<number> {
  const generator = new Generator();
  let bytes = 0;
  try {
    for (let round = 0; bytes < gigabytes * 1e9; round++) {
      note(`long log: ${(bytes / 1e9).toFixed(1)} of ${gigabytes} GB`);
      bytes += (await generator.run(broker, load(`long-${round}`, 1e6, FILL_SECONDS))).bytes;
    }
    return bytes;
  } finally {
    await generator.end();
  }
}

async function start(broker: Candidate): Promise<Start> {
  const hello = await broker.start();
  const begin = performance.now();
  const link = await Link.open(broker.port);
  const { topics } = await link.ask({ call: 'topics' });
  const topic = topics.find(({ name }) => name === 'long-0');
  if (topic === undefined) throw new Error('the topic is gone');
  const batch = batchOf(1024, 1).bytes;
  for (const index of topic.partitions.keys()) {
    const parts = [{ topic: topic.id, partition: id<PartitionIndex>(index), batch }];
    await link.ask({ call: 'produce', acks: 'all', timeoutMs: ACKED_MS_MAX, parts });
  }
  link.close();
  return { hello, acked: hello + performance.now() - begin };
}

async function killUnderLoad(broker: Candidate, round: number): Promise<void> {
  const generator = new Generator();
  // Its generator goes down with its broker.
  const wasUnderLoad = generator.run(broker, load(`killed-${round}`, 16_000, 3 * KILLED_AFTER_SECONDS)).then(
    () => false,
    () => true,
  );
  await pause(KILLED_AFTER_SECONDS);
  await broker.stop('SIGKILL');
  const failed = await wasUnderLoad;
  await generator.end();
  if (!failed) throw new Error('the load ended before its broker');
}

export async function longLog({ candidate, logGigabytes }: StandingOptions, note: Progress['note']): Promise<Row[]> {
  const broker = new Process('broker', candidate);
  try {
    await broker.start();
    const bytes = await fill(broker, logGigabytes, note);
    const clean: Start[] = [];
    const killed: Start[] = [];
    for (let round = 1; round <= ROUNDS; round++) {
      note(`long log: start after a clean stop, ${round} of ${ROUNDS}`);
      if (!(await broker.stop())) throw new Error('the broker did not stop by itself');
      clean.push(await start(broker));
      note(`long log: start after a kill under load, ${round} of ${ROUNDS}`);
      await killUnderLoad(broker, round);
      killed.push(await start(broker));
    }
    return rowsOf(`${(bytes / 1e9).toFixed(1)} GB of log`, clean, killed);
  } finally {
    await broker.dispose();
  }
}

function rowsOf(name: string, clean: readonly Start[], killed: readonly Start[]): Row[] {
  const row = (how: string, starts: readonly Start[], kind: keyof Start): Row => ({
    name: `${name}, start after ${how}, until ${kind === 'hello' ? 'hello is answered' : 'all partitions of a topic have acked a message'}`,
    value: spread(starts.map((one) => one[kind])),
    unit: 'ms',
  });
  const cleanAcked = row('a clean stop', clean, 'acked');
  const atMost = cleanAcked.value.median + STANDING_TARGETS.startAfterKillMoreMs;
  return [
    row('a clean stop', clean, 'hello'),
    cleanAcked,
    row('a kill under load', killed, 'hello'),
    { ...row('a kill under load', killed, 'acked'), atMost },
  ];
}
