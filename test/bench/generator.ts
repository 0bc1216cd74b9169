/**
 * The load generator, a process of its own: takes one job after the other, a line of standard input each, and says on
 * standard output how they go; it lives as long as its input, so that later jobs find compiled code. It speaks the native
 * protocol with the codec that clients use, and is no client: no retries, no batching, no reconnect.
 */
import { createInterface } from 'node:readline';
import { id, type PartitionIndex } from '../../src/model/ids.ts';
import { batchOf } from './batches.ts';
import { consume } from './consume.ts';
import type { CreateJob, HoldJob, Job } from './job.ts';
import { latency } from './latency.ts';
import { Link } from './link.ts';
import { pause, say } from './meter.ts';
import { produce } from './produce.ts';

/** Connections that are being opened at a time. */
const OPENING_MAX = 64;
const MESSAGES_AT_A_TIME = 500;

async function hold({ port, connections }: HoldJob): Promise<void> {
  const begin = performance.now();
  let opened = 0;
  const open = async (): Promise<void> => {
    while (opened < connections) {
      opened++;
      await Link.open(port);
    }
  };
  await Promise.all(Array.from({ length: OPENING_MAX }, open));
  end(begin, connections);
  await pause(86_400);
}

async function create({ port, topic: plan, touch }: CreateJob): Promise<void> {
  const link = await Link.open(port);
  const begin = performance.now();
  say({ phase: 'begin' });
  const { topic } = await link.ask({ call: 'createTopic', ...plan });
  end(begin, plan.partitions);
  const batch = batchOf(1024, 1).bytes;
  for (let from = 0; touch && from < plan.partitions; from += MESSAGES_AT_A_TIME) {
    const count = Math.min(MESSAGES_AT_A_TIME, plan.partitions - from);
    const parts = Array.from({ length: count }, (_, index) => ({
      topic: topic.id,
      partition: id<PartitionIndex>(from + index),
      batch,
    }));
    await link.ask({ call: 'produce', acks: 'all', timeoutMs: 60_000, parts });
  }
  if (touch) end(begin, plan.partitions);
  link.close();
}

function end(begin: number, requests: number): void {
  const seconds = (performance.now() - begin) / 1000;
  say({ phase: 'end', result: { seconds, requests, bytes: 0, records: 0, ownCpuSeconds: 0, threadCpuSeconds: 0 } });
}

async function run(job: Job): Promise<void> {
  switch (job.kind) {
    case 'produce':
      return produce(job);
    case 'consume':
      return consume(job);
    case 'latency':
      return latency(job);
    case 'hold':
      return hold(job);
    case 'create':
      return create(job);
  }
}

async function runAll(): Promise<void> {
  for await (const line of createInterface({ input: process.stdin })) {
    await run(JSON.parse(line) as Job);
    say({ phase: 'done' });
  }
}

process.stdin.once('end', () => process.exit());
runAll().catch((error: unknown) => {
  const why = error instanceof Error ? (error.stack ?? error.message) : String(error);
  // What is written to a pipe is there once it is told so, not before.
  process.stdout.write(`${JSON.stringify({ phase: 'failed', why })}\n`, () => process.exit(1));
});
