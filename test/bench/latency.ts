/**
 * Open-loop load: message n falls due n / rate seconds after the start, whatever became of those before. All that is due
 * at a tick goes out as one batch, ticks take turns over the partitions. The clock of a message starts when it was due,
 * so a late generator, a full socket and a slow broker all count.
 */
import { Worker } from 'node:worker_threads';
import { msgpack } from '../../src/edges/client/msgpack.ts';
import { readBaseOffset, readBatchBytes, readRecordCount } from '../../src/model/batch.ts';
import { id, type Offset, type PartitionIndex, type TopicId } from '../../src/model/ids.ts';
import { MIB } from '../../src/model/limits.ts';
import { encodeRequest } from '../../src/protocols/native/codec.ts';
import type { Frame } from '../../src/protocols/native/frame.ts';
import { type Batch, batchOf } from './batches.ts';
import type { LatencyJob } from './job.ts';
import { assertDone, Link } from './link.ts';
import { type Meter, measured } from './meter.ts';
import { produceHead } from './produce.ts';
import { percentiles } from './stats.ts';

/** Messages of one tick at most; more than that and the rest goes with the next one. */
const RECORDS_MAX = 64;
/** Place of the correlation in a frame. */
const CORRELATION_AT = 8;
/** Timers of Node are whole milliseconds: a thread that sleeps in between gives ticks. */
const TICK_MS = 0.25;
const TICKER = `
const { parentPort, workerData } = require('node:worker_threads');
const words = new Int32Array(workerData.memory);
for (;;) {
  Atomics.wait(words, 1, 0, ${TICK_MS});
  if (Atomics.compareExchange(words, 0, 0, 1) === 0) parentPort.postMessage(0);
}`;

/** Calls `tick` about every {@link TICK_MS}, never twice before it has returned. @returns the way to end it. */
function ticks(tick: () => void): () => Promise<unknown> {
  const words = new Int32Array(new SharedArrayBuffer(8));
  const worker = new Worker(TICKER, { eval: true, workerData: { memory: words.buffer } });
  worker.on('message', () => {
    Atomics.store(words, 0, 0);
    tick();
  });
  return () => worker.terminate();
}

interface Sent {
  /** Number of the first message. */
  readonly first: number;
  readonly count: number;
}

export class OpenLoop {
  readonly #job: LatencyJob;
  readonly #topic: TopicId;
  readonly #links: readonly Link[];
  readonly #batches: readonly Batch[];
  /** By partition and count. */
  readonly #heads: Buffer[] = [];
  readonly #inFlight = new Map<number, Sent>();
  /** By partition, what was sent, in order: tells which messages a consumer has got. */
  readonly #order: Sent[][];
  readonly #firstMeasured: number;
  readonly #end: number;
  /** By number of the message from the first one measured: ms, NaN until it is there. */
  readonly acked: Float64Array;
  readonly received: Float64Array;
  readonly late: Float64Array;
  readonly #startedAt = performance.now();
  meter: Meter | null = null;
  #sent = 0;
  #turn = 0;

  constructor(job: LatencyJob, topic: TopicId, links: readonly Link[]) {
    this.#job = job;
    this.#topic = topic;
    this.#links = links;
    this.#batches = Array.from({ length: RECORDS_MAX }, (_, index) => batchOf(job.recordBytes, index + 1));
    this.#order = Array.from({ length: job.topic.partitions }, () => []);
    this.#firstMeasured = Math.ceil(job.warmSeconds * job.rate);
    this.#end = this.#firstMeasured + Math.floor(job.seconds * job.rate);
    this.acked = new Float64Array(this.#end - this.#firstMeasured).fill(Number.NaN);
    this.received = this.acked.slice();
    this.late = this.acked.slice();
    for (const link of links) link.taker = { answer: (frame) => this.#acked(frame) };
  }

  /** Sends what is due. */
  readonly tick = (): void => {
    const elapsed = performance.now() - this.#startedAt;
    const due = Math.min(this.#end, Math.floor((elapsed * this.#job.rate) / 1000) + 1);
    while (this.#sent < due) this.#send(Math.min(RECORDS_MAX, due - this.#sent));
  };

  /** Everything that was sent was acked and received. */
  get over(): boolean {
    return this.#sent === this.#end && this.#inFlight.size === 0 && this.#order.every((sent) => sent.length === 0);
  }

  #send(count: number): void {
    const batch = this.#batches[count - 1];
    const turn = this.#turn++;
    const partition = turn % this.#order.length;
    // A partition keeps its connection: one connection's requests reach it in their order.
    const link = this.#links[partition % this.#links.length];
    if (batch === undefined || link === undefined) throw new Error('nothing to send with');
    const sent: Sent = { first: this.#sent, count };
    this.#inFlight.set(turn, sent);
    this.#order[partition]?.push(sent);
    this.#sent += count;
    link.send(this.#head(turn, partition, count, batch), batch.bytes);
    this.#note(this.late, sent);
  }

  /** Encoded once for each partition and count: what the generator leaves to its collector would show as latency. */
  #head(correlation: number, partition: number, count: number, batch: Batch): Uint8Array {
    const key = partition * (RECORDS_MAX + 1) + count;
    const known = this.#heads[key] ?? Buffer.from(produceHead(0, this.#topic, partition, batch.bytes));
    this.#heads[key] = known;
    const head = Buffer.from(known);
    head.writeUInt32BE(correlation, CORRELATION_AT);
    return head;
  }

  #acked(frame: Frame): void {
    assertDone(frame);
    const sent = this.#inFlight.get(frame.correlation);
    if (sent === undefined) throw new Error('an answer that nobody waits for');
    this.#inFlight.delete(frame.correlation);
    this.meter?.count(sent.count * this.#job.recordBytes, sent.count);
    this.#note(this.acked, sent);
  }

  /** A consumer has got the next batch of the partition. */
  arrived(partition: number, records: number): void {
    const sent = this.#order[partition]?.shift();
    if (sent?.count !== records) throw new Error(`${records} records where ${sent?.count ?? 0} were sent`);
    this.#note(this.received, sent);
  }

  #note(into: Float64Array, { first, count }: Sent): void {
    const now = performance.now() - this.#startedAt;
    for (let number = first; number < first + count; number++)
      if (number >= this.#firstMeasured) into[number - this.#firstMeasured] = now - (1000 * number) / this.#job.rate;
  }
}

/** One session over all partitions, which waits for the next batch. */
class Follower {
  readonly #link: Link;
  readonly #topic: TopicId;
  readonly #partitions: number;
  readonly #arrived: (partition: number, records: number) => void;
  #session = 0;

  constructor(link: Link, topic: TopicId, partitions: number, arrived: (partition: number, records: number) => void) {
    this.#link = link;
    this.#topic = topic;
    this.#partitions = partitions;
    this.#arrived = arrived;
    link.taker = this;
  }

  fetch(): void {
    const add = Array.from({ length: this.#session === 0 ? this.#partitions : 0 }, (_, partition) => ({
      topic: this.#topic,
      partition: id<PartitionIndex>(partition),
      offset: id<Offset>(0),
      bytesMax: MIB,
    }));
    const limits = { bytesMin: 1, bytesMax: 8 * MIB, waitMs: 500 };
    const request = { call: 'fetch' as const, session: this.#session, add, drop: [], ...limits };
    for (const view of encodeRequest(msgpack, 1, request)) this.#link.socket.write(view);
  }

  answer(frame: Frame): void {
    assertDone(frame);
    const { session, parts } = msgpack.decode(frame.fields) as {
      session: number;
      parts: { partition: number; length: number }[];
    };
    this.#session = session;
    this.fetch();
    let at = 0;
    for (const { partition, length } of parts) {
      for (const end = at + length; at < end; at += readBatchBytes(frame.raw, at)) {
        if (readBaseOffset(frame.raw, at) < 0) throw new Error('a batch without its offset');
        this.#arrived(partition, readRecordCount(frame.raw, at));
      }
    }
  }
}

export async function latency(job: LatencyJob): Promise<void> {
  const links = await Promise.all(Array.from({ length: job.connections + 1 }, () => Link.open(job.port)));
  const reader = links.pop() as Link;
  const { topic } = await (links[0] as Link).ask({ call: 'createTopic', ...job.topic });
  const loop = new OpenLoop(job, topic.id, links);
  const follower = new Follower(reader, topic.id, job.topic.partitions, (partition, records) =>
    loop.arrived(partition, records),
  );
  follower.fetch();
  await measured(
    job,
    (meter) => {
      loop.meter = meter;
      const end = ticks(loop.tick);
      return async () => {
        while (!loop.over) await new Promise((resolve) => setTimeout(resolve, 10));
        await end();
      };
    },
    () => ({ ack: percentiles(loop.acked), endToEnd: percentiles(loop.received), late: percentiles(loop.late) }),
  );
  await (links[0] as Link).ask({ call: 'deleteTopic', name: job.topic.name });
  for (const link of [...links, reader]) link.close();
}
