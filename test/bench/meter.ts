/** Counts between the end of the warm-up and the end of the load, and says both moments on standard output. */
import type { Result, Said } from './job.ts';

export class Meter {
  #on = false;
  bytes = 0;
  records = 0;
  requests = 0;

  /** Counted from now on. */
  begin(): void {
    this.#on = true;
  }

  end(): void {
    this.#on = false;
  }

  get on(): boolean {
    return this.#on;
  }

  count(bytes: number, records: number): void {
    if (!this.#on) return;
    this.bytes += bytes;
    this.records += records;
    this.requests++;
  }
}

export function say(said: Said): void {
  process.stdout.write(`${JSON.stringify(said)}\n`);
}

export const pause = (seconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, 1000 * seconds));

/**
 * Runs a load: warm-up, then the measured time.
 * @param load starts it; what it answers stops it, and is awaited.
 */
export async function measured(
  times: { readonly warmSeconds: number; readonly seconds: number },
  load: (meter: Meter) => () => Promise<void>,
  more: () => Pick<Result, 'ack' | 'endToEnd' | 'late'> = () => ({}),
): Promise<void> {
  const meter = new Meter();
  const stop = load(meter);
  await pause(times.warmSeconds);
  const cpu = process.cpuUsage();
  const threadCpu = process.threadCpuUsage();
  const begin = performance.now();
  meter.begin();
  say({ phase: 'begin' });
  await pause(times.seconds);
  meter.end();
  const seconds = (performance.now() - begin) / 1000;
  const used = process.cpuUsage(cpu);
  const threadUsed = process.threadCpuUsage(threadCpu);
  await stop();
  const { bytes, records, requests } = meter;
  const ownCpuSeconds = (used.user + used.system) / 1e6;
  const threadCpuSeconds = (threadUsed.user + threadUsed.system) / 1e6;
  say({ phase: 'end', result: { seconds, bytes, records, requests, ownCpuSeconds, threadCpuSeconds, ...more() } });
}
