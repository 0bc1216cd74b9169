/** The load tools, each run to its end, and what they print → figures. Knows nothing of rounds or targets. */
import { spawn } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { endedChildrenCpuSeconds } from '../usage.ts';
import type { Broker } from './broker.ts';
import type { Tools } from './tools.ts';

/** What a run comes to; which there are depends on the load. */
export type Figures = Readonly<Partial<Record<Measure, number>>>;
export type Measure = keyof typeof UNITS;
export const UNITS = {
  mibPerSecond: 'MiB/s',
  brokerCpu: 'broker CPU s/GB',
  clientCpu: 'client CPU s/GB',
  rssPeak: 'peak RSS MiB',
  rss: 'RSS MiB',
  ackP50: 'ack p50 ms',
  ackP99: 'ack p99 ms',
  ackP999: 'ack p99.9 ms',
  endP50: 'end to end p50 ms',
  endP99: 'end to end p99 ms',
  endP999: 'end to end p99.9 ms',
  achieved: 'messages/s',
  startMs: 'start ms',
} as const;

export type Language = 'C' | 'Java';

export interface Load {
  readonly tools: Tools;
  readonly broker: Broker;
  readonly topic: string;
  readonly partitions: number;
  /** Of a value. */
  readonly bytes: number;
  readonly records: number;
}

const MIB = 1_048_576;
const GB = 1e9;
const RUN_MS_MAX = 300_000;
/** A broker's work goes on after its last answer: files are written, memory is cleaned. It counts. */
const SETTLE_MS = 500;
const PAYLOADS = 500;

export async function produce(language: Language, load: Load): Promise<Figures> {
  const { tools, broker, topic, bytes, records } = load;
  if (language === 'Java') {
    const main = ['org.apache.kafka.tools.ProducerPerformance', '--topic', topic, '--num-records', String(records)];
    const payload = ['--throughput', '-1', '--payload-file', payloadFile(tools, bytes)];
    const props = ['--producer-props', `bootstrap.servers=${broker.address}`, 'acks=all'];
    const pattern = new RegExp(`^${records} records sent, ([\\d.]+) records/sec`, 'm');
    return await measured(load, ['java', [...java(tools), ...main, ...payload, ...props]], pattern, recordsPerSecond);
  }
  const what = ['-P', '-b', broker.address, '-t', topic, '-s', String(bytes), '-c', String(records), '-a', '-1', '-q'];
  const pattern = new RegExp(`${records} delivered .*, 0 failed\\) in \\d+ms: (\\d+) msgs/s`);
  return await measured(load, [tools.performance, what], pattern, recordsPerSecond);
}

/** The same number of records into each partition: left to itself the client's partitioner fills one more than others. */
export async function fillEvenly({ tools, broker, topic, partitions, bytes, records }: Load): Promise<void> {
  const count = String(Math.ceil(records / partitions));
  for (let partition = 0; partition < partitions; partition++) {
    const to = ['-P', '-b', broker.address, '-t', topic, '-p', String(partition)];
    const output = await outputOf(tools.performance, [...to, '-s', String(bytes), '-c', count, '-a', '-1', '-q']);
    if (!output.includes(`${count} delivered`)) throw new Error(`${topic} was not filled: ${output.slice(-800)}`);
  }
}

/** @returns what ends it. */
export function produceForever(tools: Tools, broker: Broker, topic: string): () => void {
  const args = ['-P', '-b', broker.address, '-t', topic, '-s', '1024', '-a', '-1', '-q'];
  const child = spawn(tools.performance, args, { stdio: 'ignore', timeout: RUN_MS_MAX });
  return () => void child.kill('SIGKILL');
}

export async function consume(language: Language, load: Load): Promise<Figures> {
  const { tools, broker, topic, partitions, records } = load;
  if (language === 'Java') {
    const main = ['org.apache.kafka.tools.ConsumerPerformance', '--bootstrap-server', broker.address, '--topic', topic];
    const until = ['--num-records', String(records), '--timeout', '30000', '--hide-header'];
    // start, end, MB, MB/s, records, records/s, ms to join, ms of fetching, MB/s of fetching, records/s of fetching
    const pattern = /^\d{4}-\d\d-\d\d (?:[^,]*,){9}\s*([\d.]+)/m;
    return await measured(load, ['java', [...java(tools), ...main, ...until]], pattern, recordsPerSecond);
  }
  const from = Array.from({ length: partitions }, (_, partition) => ['-p', String(partition)]).flat();
  const what = ['-C', '-b', broker.address, '-t', topic, '-o', 'beginning', '-c', String(records), '-q', ...from];
  const pattern = /messages \(\d+ bytes\) consumed in \d+ms: (\d+) msgs\/s/;
  return await measured(load, [tools.performance, what], pattern, recordsPerSecond);
}

export interface Pace {
  /** Messages a second. */
  readonly rate: number;
  readonly warmSeconds: number;
  readonly seconds: number;
}

export async function latency(load: Load, { rate, warmSeconds, seconds }: Pace): Promise<Figures> {
  const { tools, broker, topic, partitions, bytes } = load;
  const flags = { broker: broker.address, topic, partitions, rate, size: bytes, warm: warmSeconds, seconds };
  const args = Object.entries(flags).flatMap(([name, value]) => [`-${name}`, String(value)]);
  return await measured(load, [tools.latency, args], /^(\{.*\})$/m, (text) => {
    const { achieved, ack, endToEnd } = JSON.parse(text) as Latencies;
    const [ackP50, ackP99, ackP999] = [ack.p50, ack.p99, ack.p999];
    return { achieved, ackP50, ackP99, ackP999, endP50: endToEnd.p50, endP99: endToEnd.p99, endP999: endToEnd.p999 };
  });
}

interface Latencies {
  readonly achieved: number;
  readonly ack: Readonly<Record<'p50' | 'p99' | 'p999', number>>;
  readonly endToEnd: Readonly<Record<'p50' | 'p99' | 'p999', number>>;
}

const recordsPerSecond = (text: string, { bytes }: Load): Figures => ({ mibPerSecond: (Number(text) * bytes) / MIB });

/** Runs a tool to its end, and measures what it and the broker used meanwhile. */
async function measured(
  load: Load,
  [program, args]: readonly [string, string[]],
  pattern: RegExp,
  read: (found: string, load: Load) => Figures,
): Promise<Figures> {
  const { broker, bytes, records } = load;
  const [cpu, clientCpu] = [broker.cpuSeconds(), endedChildrenCpuSeconds()];
  broker.resetPeak();
  const output = await outputOf(program, args);
  const ownCpu = endedChildrenCpuSeconds() - clientCpu;
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  const [, found] = pattern.exec(output) ?? [];
  if (found === undefined) throw new Error(`${program} said on ${broker.name}: ${output.slice(-800)}`);
  const gigabytes = (bytes * records) / GB;
  return {
    ...read(found, load),
    brokerCpu: (broker.cpuSeconds() - cpu) / gigabytes,
    clientCpu: ownCpu / gigabytes,
    rssPeak: broker.rssPeakMib(),
  };
}

function outputOf(program: string, args: string[]): Promise<string> {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], timeout: RUN_MS_MAX });
  const kill = (): void => void child.kill('SIGKILL');
  process.once('exit', kill);
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (text: Buffer) => {
      output += text.toString();
    });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', () => {
      process.off('exit', kill);
      resolve(output);
    });
  });
}

const java = (tools: Tools): string[] => [
  ...['-Xmx512m', '-server', '-XX:+UseG1GC', '-XX:MaxGCPauseMillis=20'],
  ...[`-Dlog4j2.configurationFile=${tools.logging}`, '-cp', tools.clients],
];

/** Values of letters, one a line: the tool makes its own from a slow source of chance otherwise. */
function payloadFile({ folder }: Tools, bytes: number): string {
  const path = join(folder, `payload-${bytes}.txt`);
  if (existsSync(path)) return path;
  const line = (): string =>
    Array.from({ length: bytes }, () => String.fromCharCode(97 + Math.floor(26 * Math.random()))).join('');
  writeFileSync(path, `${Array.from({ length: PAYLOADS }, line).join('\n')}\n`);
  return path;
}
