/**
 * What is measured: the broker or the ceiling, in a process of its own on a folder of its own. Starts and ends it by its
 * process id, and reads from /proc what it uses. Linux only.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { msgpack } from '../../src/edges/client/msgpack.ts';
import { encodeHello } from '../../src/protocols/native/codec.ts';
import { freePort } from '../node/harness.ts';
import { cpuSecondsOf, memoryMib, resetPeak } from './usage.ts';

const here = (file: string): string => fileURLToPath(new URL(file, import.meta.url));
const ROOT = here('../..');
const POLL_MS = 2;
const START_MS_MAX = 120_000;
const STOP_MS_MAX = 60_000;
/** The broker's own choice, which the ceiling is given, too. */
const FILE_THREADS = String(Math.min(64, Math.max(8, 4 * availableParallelism())));

/** `other`: the broker of another checkout, to see what a change brings. */
export type CandidateName = 'broker' | 'ceiling' | 'other';

/** However this process ends, none of them outlives it. */
const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

export interface CandidateOptions {
  /** Where folders are made. */
  readonly below: string;
  readonly shards: number;
  /** Options of Node itself, such as --cpu-prof. */
  readonly nodeFlags?: readonly string[];
  /** Root of the other checkout. */
  readonly otherRoot?: string;
  /** More flags of the broker's start. */
  readonly flags?: readonly string[];
}

export class Candidate {
  readonly name: CandidateName;
  readonly folder: string;
  readonly #options: CandidateOptions;
  port = 0;
  #child: ChildProcess | null = null;
  #exited: Promise<void> = Promise.resolve();
  #errors = '';

  constructor(name: CandidateName, options: CandidateOptions) {
    this.name = name;
    this.#options = options;
    this.folder = mkdtempSync(join(options.below, `${name}-`));
  }

  get pid(): number {
    const pid = this.#child?.pid;
    if (pid === undefined) throw new Error(`${this.name} does not run: ${this.#errors}`);
    return pid;
  }

  /** @returns ms from the start of the process until it answers hello. */
  async start(): Promise<number> {
    this.port = await freePort();
    const { shards, otherRoot, nodeFlags = [], flags = [] } = this.#options;
    const root = this.name === 'other' && otherRoot !== undefined ? otherRoot : ROOT;
    const bin = join(root, 'bin/callboard.js');
    // Commits of before there was a listener for Kafka clients know no such setting.
    const kafka = existsSync(join(root, 'src/protocols/kafka/session.ts')) ? ['--kafka-port', '0'] : [];
    const ports = ['--native-port', String(this.port), '--admin-port', '0', ...kafka];
    const command =
      this.name === 'ceiling'
        ? [here('ceiling.ts'), JSON.stringify([this.port, this.folder])]
        : [bin, 'start', '--data', this.folder, ...ports, '--shards', String(shards), '--log-level', 'warn', ...flags];
    const begin = performance.now();
    const child = spawn(process.execPath, [...nodeFlags, ...command], {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...process.env, UV_THREADPOOL_SIZE: FILE_THREADS },
    });
    this.#child = child;
    running.add(child);
    child.once('exit', () => running.delete(child));
    this.#errors = '';
    child.stderr.on('data', (text: Buffer) => {
      this.#errors = (this.#errors + text.toString()).slice(-4_000);
    });
    this.#exited = new Promise((resolve) => child.once('exit', () => resolve()));
    await this.#untilAnswers();
    return performance.now() - begin;
  }

  /** @returns false when it did not end by itself. */
  async stop(signal: 'SIGTERM' | 'SIGKILL' = this.name === 'ceiling' ? 'SIGKILL' : 'SIGTERM'): Promise<boolean> {
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

  async dispose(): Promise<void> {
    await this.stop('SIGKILL');
    rmSync(this.folder, { recursive: true, force: true });
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

  get errors(): string {
    return this.#errors;
  }

  async #untilAnswers(): Promise<void> {
    const deadline = performance.now() + START_MS_MAX;
    while (!(await answersHello(this.port))) {
      if (this.#child?.exitCode !== null || performance.now() > deadline)
        throw new Error(`${this.name} did not start: ${this.#errors}`);
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }
}

const [HELLO = new Uint8Array(0)] = encodeHello(msgpack, 1, { versions: [1], client: 'bench', features: [] });

function answersHello(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port }, () => socket.write(HELLO));
    socket.once('data', () => socket.destroy());
    socket.once('error', () => resolve(false));
    socket.once('close', () => resolve(socket.bytesRead > 0));
  });
}
