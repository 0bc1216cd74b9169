/** What the machine itself takes: the measure for latency and start-up. Also warms the disk and says what machine it is. */
import { spawn } from 'node:child_process';
import { closeSync, constants, fdatasyncSync, openSync, readFileSync, rmSync, statfsSync, writeSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createArena } from '../../runtime/arena-memory.ts';
import { BLOCK_BYTES, GIB, MIB } from '../../src/model/limits.ts';

const SYNCS = 400;
/** Clock ticks of /proc a second, on every Linux there is. */
const TICKS_PER_SECOND = 100;

export interface MachineCpu {
  /** All cores, all processes, the kernel's own work too. */
  readonly busySeconds: number;
  /** What the host of a virtual machine gave to others. */
  readonly stolenSeconds: number;
}

export function machineCpu(): MachineCpu {
  const [line = ''] = readFileSync('/proc/stat', 'utf8').split('\n', 1);
  const [user = 0, nice = 0, system = 0, , , hard = 0, soft = 0, stolen = 0] = line
    .trim()
    .split(/\s+/)
    .slice(1)
    .map(Number);
  const busySeconds = (user + nice + system + hard + soft) / TICKS_PER_SECOND;
  return { busySeconds, stolenSeconds: stolen / TICKS_PER_SECOND };
}

/** What some fdatasyncs take, each after 4 KiB, ms. */
export function fdatasyncTimes(below: string): number[] {
  const path = join(below, 'fdatasync');
  const file = openSync(path, 'w');
  const block = new Uint8Array(BLOCK_BYTES);
  const times: number[] = [];
  for (let index = 0; index < SYNCS; index++) {
    writeSync(file, block, 0, block.length, index * BLOCK_BYTES);
    const begin = performance.now();
    fdatasyncSync(file);
    times.push(performance.now() - begin);
  }
  closeSync(file);
  rmSync(path);
  return times;
}

/** ms from the start of a bare Node until `workers` threads of it have said a word. */
export async function bareStartMs(workers: number): Promise<number> {
  const begin = performance.now();
  const child = spawn(process.execPath, [fileURLToPath(new URL('bare.ts', import.meta.url)), String(workers)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await new Promise<void>((resolve) => child.stdout.once('data', () => resolve()));
  const ms = performance.now() - begin;
  child.kill('SIGKILL');
  await new Promise<void>((resolve) => child.once('exit', () => resolve()));
  return ms;
}

/** The first gigabytes of a file system are not like the fifth: writes some and removes them. */
export function warmDisk(below: string, gigabytes: number): void {
  if (gigabytes === 0) return;
  const path = join(below, 'warm');
  const file = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_DIRECT);
  const bytes = new Uint8Array(createArena(8 * MIB).pages);
  for (let at = 0; at < gigabytes * GIB; at += bytes.length) writeSync(file, bytes, 0, bytes.length, at);
  closeSync(file);
  rmSync(path);
}

/** Throws where less than that is free: half a run says less than none. */
export function needDisk(below: string, gigabytes: number): void {
  const { bavail, bsize } = statfsSync(below);
  const free = (bavail * bsize) / 1e9;
  if (free < gigabytes)
    throw new Error(`${below} has ${free.toFixed(1)} GB free; ${gigabytes} GB are needed (--data, --warm, --log)`);
}

export function machineText(): string {
  const [cpu] = cpus();
  const kernel = readFileSync('/proc/sys/kernel/osrelease', 'utf8').trim();
  const memory = Math.round(totalmem() / GIB);
  return `${cpus().length} × ${cpu?.model ?? 'unknown'}, ${memory} GiB, Linux ${kernel}, Node ${process.versions.node}`;
}
