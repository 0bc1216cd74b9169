/**
 * A server in a process of its own, on a folder of its own: starts and ends it by its process id, waits until it answers,
 * and reads from /proc what it uses. Knows neither what it runs nor how it is asked. Linux only.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { cpuSecondsOf, memoryMib, resetPeak } from './usage.ts';

const START_MS_MAX = 120_000;
const STOP_MS_MAX = 60_000;
const ERRORS_LENGTH = 4_000;

/** However this process ends, none of them outlives it. */
const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

export interface Command {
  readonly program: string;
  readonly args: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** Whether it takes requests; asked until it does. */
  readonly answers: () => Promise<boolean>;
  readonly pollMs: number;
}

export class Measured<Name extends string> {
  readonly name: Name;
  readonly folder: string;
  port = 0;
  #child: ChildProcess | null = null;
  #exited: Promise<void> = Promise.resolve();
  #errors = '';

  /** @param below where the folder is made. */
  constructor(name: Name, below: string) {
    this.name = name;
    this.folder = mkdtempSync(join(below, `${name}-`));
  }

  get pid(): number {
    const pid = this.#child?.pid;
    if (pid === undefined) throw new Error(`${this.name} does not run: ${this.#errors}`);
    return pid;
  }

  get isRunning(): boolean {
    return this.#child !== null && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** The end of what it said on standard error since its start. */
  get errors(): string {
    return this.#errors;
  }

  /** @returns ms from the start of the process until it answers. */
  protected async run({ program, args, env, cwd, answers, pollMs }: Command): Promise<number> {
    const begin = performance.now();
    const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'], env, cwd });
    this.#child = child;
    running.add(child);
    this.#errors = '';
    child.stderr.on('data', (text: Buffer) => {
      this.#errors = (this.#errors + text.toString()).slice(-ERRORS_LENGTH);
    });
    this.#exited = new Promise((resolve) =>
      child.once('exit', () => {
        running.delete(child);
        resolve();
      }),
    );
    while (!(await answers())) {
      if (child.exitCode !== null || performance.now() > begin + START_MS_MAX)
        throw new Error(`${this.name} did not start: ${this.#errors}`);
      await new Promise((resolve) => setTimeout(resolve, pollMs));
    }
    return performance.now() - begin;
  }

  /** @returns false when it did not end by itself. */
  async stop(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<boolean> {
    const child = this.#child;
    if (child === null) return true;
    let ended = true;
    child.kill(signal);
    const late = setTimeout(() => {
      ended = false;
      child.kill('SIGKILL');
    }, STOP_MS_MAX);
    await this.#exited;
    clearTimeout(late);
    this.#child = null;
    return ended;
  }

  async dispose(signal: 'SIGTERM' | 'SIGKILL' = 'SIGKILL'): Promise<void> {
    await this.stop(signal);
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }

  /** User and system, of all threads, since the start. */
  cpuSeconds(): number {
    return cpuSecondsOf(this.pid);
  }

  rssMib(): number {
    return memoryMib(this.pid, 'VmRSS');
  }

  /** Highest from now on is what {@link rssPeakMib} tells. */
  resetPeak(): void {
    resetPeak(this.pid);
  }

  /** Highest since the start or {@link resetPeak}. */
  rssPeakMib(): number {
    return memoryMib(this.pid, 'VmHWM');
  }
}
