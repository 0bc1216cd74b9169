/**
 * Runs seeds, several at a time in processes of their own: `node test/simulation/run.ts --seeds N --from S [--hours H]`.
 * Prints what goes on, what was met, and for a seed that fails the one command that repeats it with a trace.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { MARKS } from './marks.ts';
import { type SimulationResult, simulate } from './simulation.ts';
import { FAULTS } from './trouble.ts';

/** What a simulated hour must have to count. */
const ACKED_PER_HOUR_LEAST = 10_000;
const FAULTS_PER_HOUR_LEAST = 20;
/** One takes nine minutes of it or a little less, and an hour is made of whole ones. */
const SEEDS_PER_HOUR = 7.5;
const HOUR_MS = 3_600_000;
const PROCESSES_MAX = 2;
const PROGRESS_MS = 5_000;
/** A seed takes about a second; this is a loop without end, also on a busy machine that stands still now and then. */
const SEED_MS_MAX = 240_000;

/** Worlds are made and dropped by the second: with room for what is young, less of it is copied. */
const NODE_OPTIONS = [...process.execArgv, '--max-semi-space-size=64'];

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '200' },
    from: { type: 'string', default: '1' },
    hours: { type: 'string' },
    trace: { type: 'boolean', default: false },
    digests: { type: 'boolean', default: false },
    'until-failure': { type: 'boolean', default: false },
    child: { type: 'boolean', default: false },
  },
});

if (values.child) serve();
else if (values.trace) {
  const result = simulate({ seed: Number(values.from), trace: (line) => console.log(line) });
  console.log(JSON.stringify(result, null, 2));
  process.exitCode = result.violations.length > 0 ? 1 : 0;
} else {
  const count = values.hours === undefined ? Number(values.seeds) : Math.ceil(Number(values.hours) * SEEDS_PER_HOUR);
  process.exitCode = (await runAll(Number(values.from), count)) ? 0 : 1;
}

/** A process that runs the seeds it is told. */
function serve(): void {
  process.on('message', (seed: number) => process.send?.(attempt(seed)));
}

/** A harness that throws has failed, too. */
function attempt(seed: number): SimulationResult {
  try {
    return simulate({ seed });
  } catch (error) {
    return nothing(seed, `the world came to an end: ${error instanceof Error ? error.stack : String(error)}`);
  }
}

function nothing(seed: number, why: string): SimulationResult {
  const counts = { digest: '', simulatedMs: 0, acked: 0, recordsRead: 0, faults: {}, marks: {} };
  return { seed, violations: [why], chosen: [], ...counts };
}

async function runAll(from: number, count: number): Promise<boolean> {
  const begun = performance.now();
  const results: SimulationResult[] = [];
  const progress = setInterval(() => {
    const seconds = Math.round((performance.now() - begun) / 1_000);
    console.log(`${seconds} s: ${results.length} of ${count} seeds, ${failures(results).length} failed`);
  }, PROGRESS_MS);
  let next = from;
  const give = (): number | null => {
    const enough = values['until-failure'] && failures(results).length > 0;
    return next < from + count && !enough ? next++ : null;
  };
  const take = (result: SimulationResult): void => {
    results.push(result);
    tell(result);
  };
  const processes = Math.min(PROCESSES_MAX, availableParallelism(), count);
  try {
    await Promise.all(Array.from({ length: processes }, () => work(give, take)));
  } finally {
    clearInterval(progress);
  }
  return report(results, performance.now() - begun);
}

/** One process after the other runs what there is; one that does not come to the end of a seed is ended. */
async function work(give: () => number | null, take: (result: SimulationResult) => void): Promise<void> {
  for (let seed = give(); seed !== null; ) {
    const child = fork(import.meta.filename, ['--child'], { execArgv: NODE_OPTIONS });
    const ended = new Promise((resolve) => child.once('exit', resolve));
    while (seed !== null) {
      const result = await runIn(child, seed);
      take(result ?? nothing(seed, `no end after ${SEED_MS_MAX / 1_000} s`));
      seed = give();
      if (result === null) break;
    }
    child.kill('SIGKILL');
    await ended;
  }
}

/** @returns null when the process ends, or has not answered in time. */
function runIn(child: ChildProcess, seed: number): Promise<SimulationResult | null> {
  return new Promise((resolve) => {
    const settle = (result: SimulationResult | null): void => {
      clearTimeout(timer);
      child.removeAllListeners('message');
      child.removeListener('exit', gone);
      resolve(result);
    };
    const gone = (): void => settle(null);
    const timer = setTimeout(gone, SEED_MS_MAX);
    child.on('message', (result) => settle(result as SimulationResult));
    child.on('exit', gone);
    child.send(seed);
  });
}

function failures(results: readonly SimulationResult[]): SimulationResult[] {
  return results.filter(({ violations }) => violations.length > 0);
}

function tell({ seed, digest, violations, chosen }: SimulationResult): void {
  if (values.digests) console.log(`${seed} ${digest}`);
  if (violations.length === 0) return;
  console.log(`seed ${seed} failed, with ${chosen.join(', ') || 'no faults'}:`);
  for (const violation of violations.slice(0, 3)) console.log(`  ${violation}`);
  console.log(`  again: node test/simulation/run.ts --from ${seed} --trace`);
}

/** Adds up by name, most frequent first. */
function table(counts: readonly Readonly<Record<string, number>>[]): string {
  const sums = new Map<string, number>();
  for (const each of counts)
    for (const [name, count] of Object.entries(each)) sums.set(name, (sums.get(name) ?? 0) + count);
  const rows = [...sums].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1));
  return rows.map(([name, count]) => `  ${String(count).padStart(7)}  ${name}`).join('\n');
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}

/** Seeds in their order, gathered to whole hours: each counts by what happened in it. @returns how many do, of how many. */
function hoursOf(results: readonly SimulationResult[]): readonly [counting: number, whole: number] {
  let [counting, whole, ms, acked, faults] = [0, 0, 0, 0, 0];
  for (const result of results.toSorted((one, other) => one.seed - other.seed)) {
    ms += result.simulatedMs;
    acked += result.acked;
    faults += sum(Object.values(result.faults));
    if (ms < HOUR_MS) continue;
    const hours = ms / HOUR_MS;
    whole += 1;
    if (acked >= hours * ACKED_PER_HOUR_LEAST && faults >= hours * FAULTS_PER_HOUR_LEAST) counting += 1;
    [ms, acked, faults] = [0, 0, 0];
  }
  return [counting, whole];
}

/** @returns true when all passed, and the hours count. */
function report(results: readonly SimulationResult[], ms: number): boolean {
  const hours = sum(results.map(({ simulatedMs }) => simulatedMs)) / HOUR_MS;
  const acked = sum(results.map((result) => result.acked));
  const faults = sum(results.flatMap((result) => Object.values(result.faults)));
  console.log(`\nfaults met\n${table(results.map((result) => result.faults))}`);
  console.log(`\nwhat came of them\n${table(results.map(({ marks }) => marks))}`);
  const met = new Set(results.flatMap((result) => [...Object.keys(result.faults), ...Object.keys(result.marks)]));
  const unmet = [...FAULTS, ...MARKS].filter((name) => !met.has(name));
  console.log(`\nnever met: ${unmet.join('; ') || 'none'}`);
  const rates = `${Math.round(acked / hours)} acknowledged operations and ${Math.round(faults / hours)} faults an hour`;
  console.log(
    `\n${results.length} seeds, ${hours.toFixed(1)} simulated hours in ${(ms / 1_000).toFixed(0)} s: ${rates}`,
  );
  const [counting, whole] = hoursOf(results);
  const least = `${ACKED_PER_HOUR_LEAST} acknowledged operations and ${FAULTS_PER_HOUR_LEAST} faults`;
  console.log(`${counting} of ${whole} whole hours count: ${least} at least in each`);
  const counts = counting >= Number(values.hours ?? whole);
  const failed = failures(results).map(({ seed }) => seed);
  console.log(failed.length === 0 ? 'all passed' : `failed: ${failed.sort((a, b) => a - b).join(' ')}`);
  return failed.length === 0 && counts;
}
