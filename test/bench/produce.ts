/** Closed-loop produce load. Every request was built before the clock starts; sending one is writing two views. */
import { msgpack } from '../../src/edges/client/msgpack.ts';
import { id, type PartitionIndex, type TopicId } from '../../src/model/ids.ts';
import { encodeRequest } from '../../src/protocols/native/codec.ts';
import type { Frame } from '../../src/protocols/native/frame.ts';
import { type Batch, batchOfSize } from './batches.ts';
import type { ProduceJob } from './job.ts';
import { assertDone, isOverloaded, Link } from './link.ts';
import { type Meter, measured } from './meter.ts';

/** Head of a produce request of one batch: everything but the batch. */
export function produceHead(correlation: number, topic: TopicId, partition: number, batch: Uint8Array): Uint8Array {
  const parts = [{ topic, partition: id<PartitionIndex>(partition), batch }];
  const [head] = encodeRequest(msgpack, correlation, { call: 'produce', acks: 'all', timeoutMs: 60_000, parts });
  if (head === undefined) throw new Error('a request without a head');
  return head;
}

/** Before a request is sent again. */
const AGAIN_MS = 5;

/** One connection with its window. A slot is a place in the window; its number is the correlation. */
export class Producer {
  readonly #link: Link;
  readonly #batch: Batch;
  readonly #meter: Meter;
  readonly #mayOverload: boolean;
  /** By slot, then by turn. */
  readonly #heads: readonly (readonly Uint8Array[])[];
  #turn = 0;
  #inFlight = 0;
  #stopped: (() => void) | null = null;

  /** @param partitions of this connection, in the order of their turns. */
  constructor(
    link: Link,
    plan: {
      readonly topic: TopicId;
      readonly partitions: readonly number[];
      readonly window: number;
      readonly mayOverload?: boolean;
    },
    batch: Batch,
    meter: Meter,
  ) {
    this.#link = link;
    this.#batch = batch;
    this.#meter = meter;
    this.#mayOverload = plan.mayOverload === true;
    this.#heads = Array.from({ length: plan.window }, (_, slot) =>
      plan.partitions.map((partition) => produceHead(slot, plan.topic, partition, batch.bytes)),
    );
    link.taker = this;
  }

  start(): void {
    for (let slot = 0; slot < this.#heads.length; slot++) this.#send(slot);
  }

  /** Once what is in flight was answered. */
  stop(): Promise<void> {
    return new Promise((resolve) => {
      this.#stopped = resolve;
      if (this.#inFlight === 0) resolve();
    });
  }

  answer(frame: Frame): void {
    this.#inFlight--;
    if (this.#mayOverload && isOverloaded(frame)) {
      const { correlation } = frame;
      setTimeout(() => this.#next(correlation), AGAIN_MS);
      return;
    }
    assertDone(frame);
    this.#meter.count(this.#batch.bytes.length, this.#batch.records);
    this.#next(frame.correlation);
  }

  #next(slot: number): void {
    if (this.#stopped === null) this.#send(slot);
    else if (this.#inFlight === 0) this.#stopped();
  }

  #send(slot: number): void {
    const heads = this.#heads[slot] ?? [];
    const head = heads[this.#turn++ % heads.length];
    if (head === undefined) throw new Error('no head for this slot');
    this.#inFlight++;
    this.#link.send(head, this.#batch.bytes);
  }
}

/** Connection `c` of `count` begins with another partition than the others; with more partitions than connections each has its own. */
export function partitionsOf(connection: number, connections: number, partitions: number): number[] {
  const all = Array.from({ length: partitions }, (_, index) => (index + connection) % partitions);
  return partitions > connections ? all.filter((index) => index % connections === connection) : all;
}

export async function produce(job: ProduceJob): Promise<void> {
  const links = await Promise.all(Array.from({ length: job.connections }, () => Link.open(job.port)));
  const { topic } = await (links[0] as Link).ask({ call: 'createTopic', ...job.topic });
  const batch = batchOfSize(job.batchBytes, job.recordBytes);
  await measured(job, (meter) => {
    const producers = links.map((link, index) => {
      const partitions = partitionsOf(index, job.connections, job.topic.partitions);
      return new Producer(
        link,
        { topic: topic.id, partitions, window: job.window, mayOverload: job.mayOverload === true },
        batch,
        meter,
      );
    });
    for (const producer of producers) producer.start();
    return async () => {
      await Promise.all(producers.map((producer) => producer.stop()));
    };
  });
  if (job.keeps !== true) await (links[0] as Link).ask({ call: 'deleteTopic', name: job.topic.name });
  for (const link of links) link.close();
}
