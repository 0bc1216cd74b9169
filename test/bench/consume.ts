/**
 * Closed-loop consume load: sessions that read the last part of their partitions to the end, and then from its beginning
 * again, so that the load lasts as long as it should and finds everything in memory. Counts raw bytes; opens no batch.
 */
import { msgpack } from '../../src/edges/client/msgpack.ts';
import { id, type Offset, type PartitionIndex, type TopicId } from '../../src/model/ids.ts';
import { MIB } from '../../src/model/limits.ts';
import { encodeRequest } from '../../src/protocols/native/codec.ts';
import type { Frame } from '../../src/protocols/native/frame.ts';
import type { FetchRequest } from '../../src/protocols/request.ts';
import { type Batch, batchOfSize } from './batches.ts';
import type { ConsumeJob } from './job.ts';
import { assertDone, Link } from './link.ts';
import { Meter, measured } from './meter.ts';
import { Producer, partitionsOf } from './produce.ts';

/** For each partition, and for one answer. */
const PARTITION_BYTES_MAX = MIB;
const ANSWER_BYTES_MAX = 4 * MIB;

interface Tail {
  readonly topic: TopicId;
  readonly partitions: readonly number[];
  readonly from: Offset;
  readonly bytes: number;
}

class Consumer {
  readonly #link: Link;
  readonly #tail: Tail;
  readonly #batch: Batch;
  readonly #meter: Meter;
  #session = 0;
  #left = 0;
  #stopped: (() => void) | null = null;

  constructor(link: Link, tail: Tail, batch: Batch, meter: Meter) {
    this.#link = link;
    this.#tail = tail;
    this.#batch = batch;
    this.#meter = meter;
    link.skipsRaw = true;
    link.taker = this;
  }

  /** Asks for the next bytes; at the end of the tail for those at its beginning. */
  fetch(): void {
    const rewinds = this.#left === 0;
    const { topic, partitions, from, bytes } = this.#tail;
    if (rewinds) this.#left = bytes;
    const add = partitions.map((partition) => ({
      topic,
      partition: id<PartitionIndex>(partition),
      offset: from,
      bytesMax: PARTITION_BYTES_MAX,
    }));
    const request: FetchRequest = {
      call: 'fetch',
      session: this.#session,
      add: rewinds ? add : [],
      drop: [],
      bytesMin: 1,
      bytesMax: ANSWER_BYTES_MAX,
      waitMs: 5_000,
    };
    for (const view of encodeRequest(msgpack, 1, request)) this.#link.socket.write(view);
  }

  answer(frame: Frame, rawBytes: number): void {
    assertDone(frame);
    if (this.#session === 0) this.#session = (msgpack.decode(frame.fields) as { session: number }).session;
    if (rawBytes === 0 || rawBytes > this.#left) throw new Error(`${rawBytes} bytes where ${this.#left} were left`);
    this.#left -= rawBytes;
    this.#meter.count(rawBytes, (rawBytes / this.#batch.bytes.length) * this.#batch.records);
    if (this.#stopped === null) this.fetch();
    else this.#stopped();
  }

  stop(): Promise<void> {
    return new Promise((resolve) => {
      this.#stopped = resolve;
    });
  }
}

/** Sends `count` batches to each of the partitions. */
async function fill(link: Link, job: ConsumeJob, topic: TopicId, batch: Batch, count: number): Promise<void> {
  const meter = new Meter();
  meter.begin();
  for (let partition = 0; partition < job.topic.partitions; partition++) {
    // One request at a time, so that exactly as many are stored as are counted.
    const producer = new Producer(link, { topic, partitions: [partition], window: 1 }, batch, meter);
    const wanted = (partition + 1) * count;
    const { promise, resolve } = Promise.withResolvers<void>();
    link.taker = {
      answer: (frame) => {
        if (meter.requests + 1 === wanted) void producer.stop().then(resolve);
        producer.answer(frame);
      },
    };
    producer.start();
    await promise;
  }
  if (meter.requests !== count * job.topic.partitions) throw new Error(`${meter.requests} batches were stored`);
}

export async function consume(job: ConsumeJob): Promise<void> {
  const links = await Promise.all(Array.from({ length: job.connections }, () => Link.open(job.port)));
  const first = links[0] as Link;
  const { topic } = await first.ask({ call: 'createTopic', ...job.topic });
  const batch = batchOfSize(job.batchBytes, job.recordBytes);
  const stored = Math.ceil(job.fillBytes / batch.bytes.length);
  const read = Math.min(stored, Math.max(1, Math.floor(job.tailBytes / batch.bytes.length)));
  await fill(first, job, topic.id, batch, stored);
  await measured(job, (meter) => {
    const consumers = links.map((link, index) => {
      const partitions = partitionsOf(index, job.connections, job.topic.partitions);
      const from = id<Offset>((stored - read) * batch.records);
      const bytes = partitions.length * read * batch.bytes.length;
      return new Consumer(link, { topic: topic.id, partitions, from, bytes }, batch, meter);
    });
    for (const consumer of consumers) consumer.fetch();
    return async () => {
      await Promise.all(consumers.map((consumer) => consumer.stop()));
    };
  });
  first.skipsRaw = false;
  await first.ask({ call: 'deleteTopic', name: job.topic.name });
  for (const link of links) link.close();
}
