/**
 * A real node under a mixed load for as long as is asked: `node test/attacks/soak.ts --minutes 60`. Heaps, resident memory
 * and descriptors are sampled from outside; after a warm-up of a third of the time they must be flat, an honest client
 * must always be served, and resident memory stays under its bound. Prints every sample and the verdict. The node's threads
 * have a cache of what was compiled, as those of `callboard start`.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { enableCompileCache } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { MIB } from '../../src/model/limits.ts';
import { freePort } from '../node/harness.ts';
import { KafkaSoak } from './soak-kafka.ts';
import { SoakLoad } from './soak-load.ts';
import { Honest } from './target.ts';

const { values } = parseArgs({
  options: { minutes: { type: 'string', default: '5' }, memory: { type: 'string', default: '384' } },
});
const SAMPLE_MS = 5_000;
/** What may differ between two parts of the load, which is never quite the same: heap, resident memory, descriptors. */
const MARGIN = { heapMib: 12, rssMib: 24, descriptors: 24 };

interface Sample {
  readonly heapMib: number;
  readonly rssMib: number;
  readonly descriptors: number;
}

/** @param lost rejects when the node ends before it was asked to. */
async function sample(child: ChildProcess, lost: Promise<never>): Promise<Sample> {
  const answer = once(child, 'message');
  child.send('heap');
  const [{ heap }] = (await Promise.race([answer, lost])) as [{ heap: number }];
  const rssKib = Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1]);
  return { heapMib: heap / MIB, rssMib: rssKib / 1_024, descriptors: readdirSync(`/proc/${child.pid}/fd`).length };
}

const least = (samples: readonly Sample[], of: keyof Sample): number => Math.min(...samples.map((one) => one[of]));
const mean = (samples: readonly Sample[], of: keyof Sample): number =>
  samples.reduce((sum, one) => sum + one[of], 0) / samples.length;

/** Compares the last third with the one before. Of the heap the floors: what lies above is garbage. */
function judge(samples: readonly Sample[], memoryMib: number): string[] {
  const third = Math.floor(samples.length / 3);
  const [before, after] = [samples.slice(third, 2 * third), samples.slice(2 * third)];
  const peak = Math.max(...samples.map(({ rssMib }) => rssMib));
  const wrong: string[] = [];
  const compare = (what: string, from: number, to: number, margin: number): void => {
    console.log(`${what}: ${from.toFixed(0)} before, ${to.toFixed(0)} in the last third`);
    if (to > from + margin) wrong.push(`${what} rose from ${from.toFixed(0)} to ${to.toFixed(0)}`);
  };
  compare('least heap, MiB', least(before, 'heapMib'), least(after, 'heapMib'), MARGIN.heapMib);
  compare('mean resident memory, MiB', mean(before, 'rssMib'), mean(after, 'rssMib'), MARGIN.rssMib);
  compare('mean descriptors', mean(before, 'descriptors'), mean(after, 'descriptors'), MARGIN.descriptors);
  console.log(`highest resident memory: ${peak.toFixed(0)} MiB of ${memoryMib}`);
  if (peak > memoryMib) wrong.push(`${peak.toFixed(0)} MiB were resident`);
  return wrong;
}

async function soak(minutes: number, memoryMib: number): Promise<string[]> {
  const data = await mkdtemp(join(tmpdir(), 'callboard-soak-'));
  const port = await freePort();
  const kafkaPort = await freePort();
  const settings = {
    data,
    shards: 2,
    memory: memoryMib * MIB,
    'native.port': port,
    'admin.port': 0,
    'kafka.port': kafkaPort,
    'log.level': 'error',
  };
  const child = fork(fileURLToPath(new URL('./soak-node.ts', import.meta.url)), [JSON.stringify(settings)], {
    execArgv: [],
    env: { ...process.env, NODE_COMPILE_CACHE: enableCompileCache().directory },
  });
  const exit = once(child, 'exit') as Promise<[number | null]>;
  const lost = exit.then(([code]): never => {
    throw new Error(`the node ended with ${code}`);
  });
  // Who waits for the node hears of it; at the end nobody does.
  lost.catch(() => undefined);
  try {
    await Promise.race([once(child, 'message'), lost]);
    const honest = await Honest.start(`127.0.0.1:${port}`);
    const load = new SoakLoad(port);
    const kafka = new KafkaSoak(kafkaPort);
    await load.begin();
    await kafka.begin();
    const samples: Sample[] = [];
    const wrong: string[] = [];
    for (const end = Date.now() + minutes * 60_000; Date.now() < end && honest.failure === null; ) {
      await pause(SAMPLE_MS);
      const one = await sample(child, lost);
      samples.push(one);
      console.log(
        `${samples.length * (SAMPLE_MS / 1_000)} s: heap ${one.heapMib.toFixed(0)}, resident ${one.rssMib.toFixed(0)} MiB, ` +
          `${one.descriptors} descriptors; honest rounds ${honest.rounds}, slowest ${honest.slowestMs.toFixed(0)} ms; ${JSON.stringify(load.counts)}, by Kafka's protocol ${JSON.stringify(kafka.counts)}, refused ${load.rounds.refused + kafka.rounds.refused} ${kafka.rounds.refusal || load.rounds.refusal}`,
      );
    }
    if (honest.failure !== null) wrong.push(`the honest client was not served: ${honest.failure.message}`);
    await Promise.all([load.stop(), kafka.rounds.stop()]);
    await honest.stop();
    wrong.push(...judge(samples, memoryMib));
    child.send('stop');
    const [code] = await exit;
    if (code !== 0) wrong.push(`the node ended with ${code}`);
    return wrong;
  } finally {
    child.kill('SIGKILL');
    await rm(data, { recursive: true, force: true });
  }
}

const wrong = await soak(Number(values.minutes), Number(values.memory));
console.log(wrong.length === 0 ? 'flat' : wrong.join('\n'));
process.exitCode = wrong.length === 0 ? 0 : 1;
