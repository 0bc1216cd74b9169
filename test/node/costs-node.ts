/**
 * A process with a node in its own thread that produces to it and says what that cost: `copies`, bytes copied by each
 * function of the node, or `heap`, bytes allocated in the heap for a batch of one record and for one of a thousand of the
 * same length. Started with that word; prints one JSON value.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { getHeapStatistics } from 'node:v8';
import { id, type PartitionIndex, type TopicId } from '../../src/model/ids.ts';
import { KIB, MIB } from '../../src/model/limits.ts';
import { startNode } from '../../src/node.ts';
import { batchOf, batchOfSize } from '../bench/batches.ts';
import { Link } from '../bench/link.ts';

export interface Copies {
  readonly produced: number;
  /** Bytes by the function that copied them; copies below 512 bytes are not counted. */
  readonly by: Readonly<Record<string, number>>;
}
export interface Said {
  /** By the size of a batch in KiB. */
  readonly copies?: Readonly<Record<number, Copies>>;
  /** Bytes for a batch, by its number of records. */
  readonly heap?: Readonly<Record<number, number>>;
}

const COUNTED_FROM_BYTES = 512;
const COPIED_BATCHES = 64;
const WARM_BATCHES = 1_000;
const MEASURED_BATCHES = 200;
const ROUNDS = 12;
const MANY = 1_000;

let by: Record<string, number> = {};

/** The function of the node that asked for the copy: the first one above the helper that all copies go through. */
function count(bytes: number): void {
  if (bytes < COUNTED_FROM_BYTES) return;
  const frames = (new Error().stack ?? '').split('\n').slice(3);
  const frame = frames.find((line) => /\/(src|actors|runtime)\//.test(line) && !line.includes('/model/copy.ts'));
  const name = frame?.match(/at (?:async )?(?:new )?(?:[\w$]+\.)?#?([\w$]+) /)?.[1] ?? `nobody: ${frame}`;
  by[name] = (by[name] ?? 0) + bytes;
}

/** Every way that JavaScript has to copy bytes. */
function countCopies(): void {
  Error.stackTraceLimit = 12;
  const spy = (
    holder: object,
    name: string,
    bytesOf: (self: Uint8Array, given: readonly unknown[]) => number,
  ): void => {
    const original = Reflect.get(holder, name) as (...given: unknown[]) => unknown;
    const counted = function (this: Uint8Array, ...given: unknown[]): unknown {
      count(bytesOf(this, given));
      return original.apply(this, given);
    };
    Object.defineProperty(holder, name, { value: counted, configurable: true, writable: true });
  };
  const length = (value: unknown): number => (ArrayBuffer.isView(value) ? value.byteLength : 0);
  const bytes = Object.getPrototypeOf(Uint8Array.prototype) as object;
  spy(Buffer.prototype, 'fill', (_, [value]) => length(value));
  spy(Buffer.prototype, 'copy', (self) => self.length);
  spy(bytes, 'set', (_, [value]) => length(value));
  spy(bytes, 'slice', (self, [from = 0, to = self.length]) => (to as number) - (from as number));
  spy(Buffer, 'from', (_, [value]) => length(value));
  spy(Buffer, 'concat', (_, [views]) => (views as Uint8Array[]).reduce((sum, view) => sum + view.length, 0));
}

class Sender {
  readonly #link: Link;
  readonly #topic: TopicId;

  constructor(link: Link, topic: TopicId) {
    this.#link = link;
    this.#topic = topic;
  }

  async send(batch: Uint8Array, times: number): Promise<void> {
    const parts = [{ topic: this.#topic, partition: id<PartitionIndex>(0), batch }];
    for (let sent = 0; sent < times; sent++) {
      const { parts: answers } = await this.#link.ask({ call: 'produce', acks: 'all', timeoutMs: 60_000, parts });
      if (answers[0] === undefined || 'fault' in answers[0]) throw new Error(JSON.stringify(answers));
    }
  }
}

async function copies(sender: Sender): Promise<Said> {
  const found: Record<number, Copies> = {};
  const batches = [16, 512].map((kib) => [kib, batchOfSize(kib * KIB, KIB).bytes] as const);
  countCopies();
  for (const [kib, batch] of batches) {
    by = {};
    await sender.send(batch, COPIED_BATCHES);
    found[kib] = { produced: COPIED_BATCHES * batch.length, by };
  }
  return { copies: found };
}

/** One batch at a time, the two kinds in turn; the least of all rounds counts, since whatever else allocates only adds. */
async function heap(sender: Sender): Promise<Said> {
  const many = batchOf(8, MANY).bytes;
  const one = batchOf(many.length - batchOf(1, 1).bytes.length - 4, 1).bytes;
  const figures: Record<number, number[]> = { 1: [], [MANY]: [] };
  for (let round = -1; round < ROUNDS; round++) {
    for (const [records, batch] of [[1, one] as const, [MANY, many] as const]) {
      if (round < 0) await sender.send(batch, WARM_BATCHES);
      const before = allocated();
      await sender.send(batch, MEASURED_BATCHES);
      if (round >= 0) figures[records]?.push((allocated() - before) / MEASURED_BATCHES);
    }
  }
  const least = (of: readonly number[] = []): number => Math.min(...of);
  return { heap: { 1: least(figures[1]), [MANY]: least(figures[MANY]) } };
}

/** In the heap of this thread since it began, collected or not. Not yet among Node's types. */
function allocated(): number {
  return (getHeapStatistics() as unknown as { readonly total_allocated_bytes: number }).total_allocated_bytes;
}

const data = await mkdtemp(join(tmpdir(), 'callboard-costs-'));
const ports = { 'native.port': 0, 'kafka.enabled': false, 'admin.port': 0 };
const node = await startNode({ ...ports, data, shards: 1, memory: 256 * MIB, 'log.level': 'error' });
try {
  const link = await Link.open(node.native.port);
  // Allocations of so many batches are counted that a slow disk would make minutes of it.
  const settings = { durability: process.argv[2] === 'copies' ? 'fsync' : 'interval' } as const;
  const { topic } = await link.ask({ call: 'createTopic', name: 'costs', partitions: 1, settings });
  const sender = new Sender(link, topic.id);
  await sender.send(batchOf(KIB, 1).bytes, 1);
  console.log(JSON.stringify(process.argv[2] === 'copies' ? await copies(sender) : await heap(sender)));
  link.close();
} finally {
  await node.stop();
  await rm(data, { recursive: true, force: true });
}
