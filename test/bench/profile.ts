/**
 * Says where the broker's time goes under the load of one series: `node test/bench/profile.ts --only TEXT --svg FILE`. One
 * broker, all its threads, the measured time alone. Its figures are no benchmark: sampling costs time itself.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Candidate } from './candidate.ts';
import { addProfile, flameSvg, hottest, newFrame, type Profile, treeText } from './flame.ts';
import { Generator } from './load.ts';
import { allSeries, type Series } from './series.ts';

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: 'produce 16 KiB of 1 KiB, 8 → 8, fsync' },
    shards: { type: 'string', default: '1' },
    seconds: { type: 'string', default: '6' },
    interval: { type: 'string', default: '500' },
    svg: { type: 'string' },
    tree: { type: 'boolean', default: false },
  },
});
const shards = Number(values.shards);
const seconds = Number(values.seconds);
/** Below that share a frame of the text tree is left out. */
const TREE_LEAST = 0.01;
const WARM_SECONDS = 4;
const HOTTEST = 30;

function chosen(): Series {
  const first = { label: 'broker', entrant: { name: 'broker', shards } } as const;
  const found = allSeries({ first, shards, otherShards: [] }).find(({ name }) => name.includes(values.only));
  if (found === undefined) throw new Error(`no series has ${values.only} in its name: npm run bench -- --full --list`);
  return found;
}

/** The monotonic clock, which is that of the samples, µs. */
const nowMicros = (): number => Number(process.hrtime.bigint() / 1000n);

async function profile(folder: string): Promise<void> {
  const { name, sides } = chosen();
  const nodeFlags = ['--cpu-prof', '--cpu-prof-dir', folder, '--cpu-prof-interval', values.interval];
  const broker = new Candidate('broker', { below: folder, shards, nodeFlags });
  const generator = new Generator();
  try {
    await broker.start();
    const plan = sides.at(-1)?.plan('profiled', { warmSeconds: WARM_SECONDS, seconds });
    if (plan === undefined) throw new Error(`${name} has no side`);
    const measured = await generator.run(broker, plan);
    const to = nowMicros();
    if (!(await broker.stop())) throw new Error('the broker did not stop by itself: no profile');
    tell(folder, { name, cpuSeconds: measured.cpuSeconds, from: to - 1e6 * seconds, to });
  } finally {
    await generator.end();
    await broker.dispose();
  }
}

interface Taken {
  readonly name: string;
  /** Of the process, by the system's count: more than the threads of JavaScript, whose profiles there are. */
  readonly cpuSeconds: number;
  readonly from: number;
  readonly to: number;
}

function tell(folder: string, { name, cpuSeconds, ...time }: Taken): void {
  const root = newFrame('all threads');
  for (const file of readdirSync(folder).filter((one) => one.endsWith('.cpuprofile')))
    addProfile(root, JSON.parse(readFileSync(join(folder, file), 'utf8')) as Profile, time);
  const title = `${name}, ${shards === 1 ? '1 shard' : `${shards} shards`}`;
  const busy = (root.total / 1e6).toFixed(1);
  const text = `${title}: JavaScript threads busy for ${busy} s of ${seconds} s, the process used ${cpuSeconds.toFixed(1)} s of CPU`;
  console.log(`${text}\n\n${hottest(root, HOTTEST)}`);
  if (values.tree) console.log(`\n${treeText(root, TREE_LEAST)}`);
  if (values.svg !== undefined) writeFileSync(values.svg, flameSvg(root, text));
}

const folder = mkdtempSync(join(tmpdir(), 'bench-profile-'));
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
await profile(folder);
