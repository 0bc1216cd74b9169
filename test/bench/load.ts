/**
 * Runs the generator on one job after the other against whatever candidate, and puts together what both say of it. Takes
 * no decision about what is measured.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Candidate } from './candidate.ts';
import type { Job, Result, Said } from './job.ts';
import { type MachineCpu, machineCpu } from './machine.ts';

const GENERATOR = fileURLToPath(new URL('generator.ts', import.meta.url));
/** A job that takes that much longer than its own times is given up. */
const GRACE_SECONDS = 90;

/** What one run gave. */
export interface Measured extends Result {
  /** Of the candidate, during the measured time. */
  readonly cpuSeconds: number;
  readonly rssPeakMib: number;
  /** Of the whole machine, during the measured time: everybody's, and what its host took away. */
  readonly machineCpuSeconds: number;
  readonly stolenSeconds: number;
}

/** A job as it is planned, before there is a port. */
export type Plan = Job extends infer J ? (J extends { port: number } ? Omit<J, 'port'> : never) : never;

interface Current {
  readonly candidate: Candidate;
  /** Whoever holds on is never done: its first `end` is the result. */
  readonly holds: boolean;
  readonly deadline: NodeJS.Timeout;
  resolve(measured: Measured): void;
  reject(error: Error): void;
  cpuAtBegin: number;
  machineAtBegin: MachineCpu;
  last: Measured | null;
}

/** One generator process, started with its first job; a job that failed ends it, the next one starts another. */
export class Generator {
  #child: ChildProcess | null = null;
  #exited: Promise<void> = Promise.resolve();
  #current: Current | null = null;
  #errors = '';

  run(candidate: Candidate, plan: Plan): Promise<Measured> {
    if (this.#current !== null) throw new Error('the generator has a job');
    const { promise, resolve, reject } = Promise.withResolvers<Measured>();
    const holds = plan.kind === 'hold';
    const seconds = 'seconds' in plan ? plan.warmSeconds + plan.seconds : 0;
    const late = (): void => this.#fail(`no end after ${seconds + GRACE_SECONDS} s`);
    const deadline = setTimeout(late, 1000 * (seconds + GRACE_SECONDS));
    const started = { cpuAtBegin: 0, machineAtBegin: machineCpu(), last: null };
    this.#current = { candidate, holds, deadline, resolve, reject, ...started };
    this.#child ??= this.#spawn();
    this.#child.stdin?.write(`${JSON.stringify({ ...plan, port: candidate.port })}\n`);
    return promise;
  }

  async end(): Promise<void> {
    this.#child?.kill('SIGKILL');
    await this.#exited;
  }

  #spawn(): ChildProcess {
    const child = spawn(process.execPath, [GENERATOR], { stdio: ['pipe', 'pipe', 'pipe'] });
    this.#errors = '';
    child.stderr.on('data', (text: Buffer) => {
      this.#errors = (this.#errors + text.toString()).slice(-4_000);
    });
    child.stdin.on('error', (error) => this.#fail(`the generator takes no job: ${error.message}`));
    createInterface({ input: child.stdout }).on('line', (line) => this.#said(JSON.parse(line) as Said));
    this.#exited = new Promise((resolve) => {
      child.once('close', () => {
        this.#child = null;
        this.#fail('the generator ended early');
        resolve();
      });
    });
    return child;
  }

  #said(said: Said): void {
    const current = this.#current;
    if (current === null) return;
    const { candidate } = current;
    if (said.phase === 'failed') this.#fail(said.why);
    else if (said.phase === 'begin') {
      candidate.resetPeak();
      current.cpuAtBegin = candidate.cpuSeconds();
      current.machineAtBegin = machineCpu();
    } else if (said.phase === 'end') {
      const machine = machineCpu();
      current.last = {
        ...said.result,
        cpuSeconds: candidate.cpuSeconds() - current.cpuAtBegin,
        rssPeakMib: candidate.rssPeakMib(),
        machineCpuSeconds: machine.busySeconds - current.machineAtBegin.busySeconds,
        stolenSeconds: machine.stolenSeconds - current.machineAtBegin.stolenSeconds,
      };
      if (current.holds) this.#settle(current);
    } else this.#settle(current);
  }

  #settle(current: Current): void {
    this.#current = null;
    clearTimeout(current.deadline);
    if (current.last === null) current.reject(new Error('the generator was done without a result'));
    else current.resolve(current.last);
  }

  #fail(why: string): void {
    const current = this.#current;
    if (current === null) return;
    this.#current = null;
    clearTimeout(current.deadline);
    this.#child?.kill('SIGKILL');
    const said = [this.#errors, current.candidate.errors].filter((text) => text !== '').join('\n');
    current.reject(new Error(`${current.candidate.name}: ${why}${said === '' ? '' : `\n${said}`}`));
  }
}

/** One job with a generator of its own, that ends with it. */
export async function run(candidate: Candidate, plan: Plan): Promise<Measured> {
  const generator = new Generator();
  try {
    return await generator.run(candidate, plan);
  } finally {
    await generator.end();
  }
}
