/** What the machine itself takes: the measure for latency and start-up. Also warms the disk and says what machine it is. */
import { spawn } from 'node:child_process';
import { closeSync, constants, fdatasyncSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createArena } from '../../runtime/arena-memory.ts';
import { BLOCK_BYTES, GIB, MIB } from '../../src/model/limits.ts';
import { atShare } from './stats.ts';

const SYNCS = 400;

/** Median of an fdatasync after 4 KiB, ms. */
export function fdatasyncMs(below: string): number {
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
  return atShare(
    times.toSorted((a, b) => a - b),
    0.5,
  );
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

export function machineText(): string {
  const [cpu] = cpus();
  const kernel = readFileSync('/proc/sys/kernel/osrelease', 'utf8').trim();
  const memory = Math.round(totalmem() / GIB);
  return `${cpus().length} × ${cpu?.model ?? 'unknown'}, ${memory} GiB, Linux ${kernel}, Node ${process.versions.node}`;
}
