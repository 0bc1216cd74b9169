/** Runs the generator on one job against one candidate, and puts together what both say of it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Candidate } from './candidate.ts';
import type { Job, Result, Said } from './job.ts';

const GENERATOR = fileURLToPath(new URL('generator.ts', import.meta.url));

/** What one run gave. */
export interface Measured extends Result {
  /** Of the candidate, during the measured time. */
  readonly cpuSeconds: number;
  readonly rssPeakMib: number;
}

export interface Running {
  readonly child: ChildProcess;
  readonly measured: Promise<Measured>;
  end(): Promise<void>;
}

/** A job as it is planned, before there is a port. */
export type Plan = Job extends infer J ? (J extends { port: number } ? Omit<J, 'port'> : never) : never;

/** Starts the generator; `measured` comes with its last `end`, or at the first one for jobs that hold on. */
export function start(candidate: Candidate, plan: Plan): Running {
  const job = { ...plan, port: candidate.port };
  const child = spawn(process.execPath, [GENERATOR, JSON.stringify(job)], { stdio: ['ignore', 'pipe', 'pipe'] });
  let errors = '';
  child.stderr.on('data', (text: Buffer) => {
    errors = (errors + text.toString()).slice(-4_000);
  });
  const { promise, resolve, reject } = Promise.withResolvers<Measured>();
  let cpuAtBegin = 0;
  let last: Measured | null = null;
  createInterface({ input: child.stdout }).on('line', (line) => {
    const said = JSON.parse(line) as Said;
    if (said.phase === 'failed') reject(new Error(`${candidate.name}: ${said.why}`));
    else if (said.phase === 'begin') cpuAtBegin = candidate.cpuSeconds();
    else {
      last = { ...said.result, cpuSeconds: candidate.cpuSeconds() - cpuAtBegin, rssPeakMib: candidate.rssPeakMib() };
      if (plan.kind === 'hold') resolve(last);
    }
  });
  const exited = new Promise<void>((exit) => child.once('exit', () => exit()));
  child.once('close', () => {
    if (last === null) reject(new Error(`the generator ended early: ${errors}\n${candidate.errors}`));
    else resolve(last);
  });
  const end = async (): Promise<void> => {
    child.kill('SIGKILL');
    await exited;
  };
  return { child, measured: promise, end };
}

export async function run(candidate: Candidate, plan: Plan): Promise<Measured> {
  return await start(candidate, plan).measured;
}
