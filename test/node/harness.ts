/**
 * A real node in a process of its own, for tests that kill, stop and start it: temporary folder, free ports, ended by
 * its process id. Nothing of a node is imported here: it is what a user has, a command and its ports.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const BIN = fileURLToPath(new URL('../../bin/callboard.js', import.meta.url));
/** 20 ms apart and more. */
const READY_LOOKS_MAX = 3_000;
const EXIT_MS_MAX = 60_000;

export interface NodeOptions {
  readonly shards?: number;
  readonly flags?: readonly string[];
  /** Kept from another run; else a fresh temporary one. */
  readonly data?: string;
}

export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the command to its end. */
export async function callboard(
  args: readonly string[],
  options: { readonly input?: string; readonly server?: string } = {},
): Promise<Finished> {
  const env = options.server === undefined ? process.env : { ...process.env, CALLBOARD_SERVER: options.server };
  const child = spawn(process.execPath, [BIN, ...args], { stdio: ['pipe', 'pipe', 'pipe'], env });
  child.stdin.on('error', () => child.stdin.destroy());
  child.stdin.end(options.input ?? '');
  const [stdout, stderr] = [gather(child.stdout), gather(child.stderr)];
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  return { code, stdout: stdout(), stderr: stderr() };
}

function gather(stream: NodeJS.ReadableStream): () => string {
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  return () => Buffer.concat(chunks).toString();
}

/**
 * Below those that outgoing connections take, and nobody else's as long as this process lives: a node that starts, and starts
 * again, must find its port free. Two test files that run at a time would draw the same one now and then.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 12_000);
    if ((await isReserved(port)) && (await isFree(port))) return port;
  }
}

/** A UDP socket of the same number, which only tests bind, keeps others away without being in the way of TCP. */
function isReserved(port: number): Promise<boolean> {
  const socket = createSocket('udp4').unref();
  return new Promise((resolve) => {
    socket.once('error', () => resolve(false));
    socket.bind({ port, address: '127.0.0.1', exclusive: true }, () => resolve(true));
  });
}

function isFree(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

export class TestNode {
  readonly data: string;
  readonly port: number;
  readonly kafkaPort: number;
  readonly adminPort: number;
  readonly #flags: readonly string[];
  #child: ChildProcess | null = null;
  #exited: Promise<number | null> = Promise.resolve(null);
  #output: () => string = () => '';
  #errors: () => string = () => '';

  private constructor(data: string, ports: readonly [number, number, number], flags: readonly string[]) {
    this.data = data;
    [this.port, this.kafkaPort, this.adminPort] = ports;
    this.#flags = flags;
  }

  /** Starts a node and waits until it takes requests. */
  static async start(options: NodeOptions = {}): Promise<TestNode> {
    const data = options.data ?? (await mkdtemp(join(tmpdir(), 'callboard-')));
    const flags = [
      ...(options.shards === undefined ? [] : ['--shards', String(options.shards)]),
      ...(options.flags ?? []),
    ];
    const node = new TestNode(data, [await freePort(), await freePort(), await freePort()], flags);
    await node.startAgain();
    return node;
  }

  get server(): string {
    return `127.0.0.1:${this.port}`;
  }
  /** Where Kafka clients connect. */
  get kafka(): string {
    return `127.0.0.1:${this.kafkaPort}`;
  }
  get pid(): number {
    const pid = this.#child?.pid;
    if (pid === undefined) throw new Error('the node does not run');
    return pid;
  }
  get output(): string {
    return this.#output() + this.#errors();
  }

  async startAgain(flags: readonly string[] = this.#flags): Promise<void> {
    const ports = { native: this.port, kafka: this.kafkaPort, admin: this.adminPort };
    const portFlags = Object.entries(ports).flatMap(([name, port]) => [`--${name}-port`, String(port)]);
    const child = spawn(process.execPath, [BIN, 'start', '--data', this.data, ...portFlags, ...flags], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    this.#output = gather(child.stdout);
    this.#errors = gather(child.stderr);
    this.#exited = new Promise((resolve) => child.on('exit', (code) => resolve(code)));
    await this.#untilReady();
  }

  /** As a power switch for the process. */
  async kill(): Promise<void> {
    this.#child?.kill('SIGKILL');
    await this.#exited;
    this.#child = null;
  }

  /** Asks it to stop and answers its exit code. */
  async stop(): Promise<number | null> {
    this.#child?.kill('SIGTERM');
    const late = setTimeout(() => this.#child?.kill('SIGKILL'), EXIT_MS_MAX);
    const code = await this.#exited;
    clearTimeout(late);
    this.#child = null;
    return code;
  }

  /** Ends it if it still runs, and removes its folder. */
  async dispose(): Promise<void> {
    if (this.#child !== null) await this.kill();
    await rm(this.data, { recursive: true, force: true });
  }

  async #untilReady(): Promise<void> {
    let exited = false;
    void this.#exited.then(() => {
      exited = true;
    });
    // Looks are counted, not time: a machine that stands still meanwhile is nobody's fault.
    for (let looks = 0; looks < READY_LOOKS_MAX; looks++) {
      if (exited) throw new Error(`the node ended at once:\n${this.output}`);
      const answer = await fetch(`http://127.0.0.1:${this.adminPort}/health/ready`).catch(() => null);
      if (answer?.status === 200) return;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    throw new Error(`the node is not ready after ${READY_LOOKS_MAX} looks:\n${this.output}`);
  }
}
