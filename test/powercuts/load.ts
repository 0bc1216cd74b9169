/**
 * A mixed load on a real node: small batches and large ones, several partitions, topics that roll, lose their oldest
 * records and are deleted, groups that commit. Writes down what it asks and what it is told; judges nothing.
 */

import type { SeededRandom } from '../../runtime/simulated/random.ts';
import type { Link } from '../../src/edges/client/link.ts';
import { id, type Offset, type PartitionIndex, type TopicId } from '../../src/model/ids.ts';
import { MIB } from '../../src/model/limits.ts';
import type { TopicSettings } from '../../src/model/topic.ts';
import type { ProduceReply, Request } from '../../src/protocols/request.ts';
import { bytesOf, endOf, type History, type Lane, type SentBatch } from './history.ts';
import type { Trace } from './trace.ts';

const NEVER = Number.POSITIVE_INFINITY;
const CALL_MS_MAX = 20_000;
/** Batches of a producer under way at a time. */
const BURST = 3;
const PASSING_TOPICS = 4;

interface Shape {
  readonly name: string;
  readonly partitions: number;
  readonly batches: number;
  readonly settings: Partial<TopicSettings>;
  /** Bytes of a value: from, to. */
  readonly bytes: readonly (readonly [number, number])[];
}

const SHAPES: readonly Shape[] = [
  { name: 'small', partitions: 4, batches: 60, settings: {}, bytes: [[0, 400]] },
  { name: 'middling', partitions: 1, batches: 50, settings: { segmentBytes: MIB }, bytes: [[10_000, 60_000]] },
  {
    name: 'mixed',
    partitions: 1,
    batches: 30,
    settings: { segmentBytes: MIB },
    bytes: [
      [0, 500],
      [66_000, 200_000],
    ],
  },
  {
    name: 'trimmed',
    partitions: 1,
    batches: 36,
    settings: { segmentBytes: MIB, retentionBytes: MIB },
    bytes: [
      [5_000, 30_000],
      [70_000, 250_000],
    ],
  },
  {
    name: 'lazy',
    partitions: 1,
    batches: 60,
    settings: { durability: 'interval', flushIntervalMs: 50 },
    bytes: [
      [0, 3_000],
      [0, 3_000],
      [70_000, 90_000],
    ],
  },
];

export class Load {
  readonly #link: Link;
  readonly #trace: Trace;
  readonly #history: History;
  readonly #random: SeededRandom;

  constructor(link: Link, trace: Trace, history: History, random: SeededRandom) {
    this.#link = link;
    this.#trace = trace;
    this.#history = history;
    this.#random = random;
  }

  /** Until all of it was told. */
  async run(): Promise<void> {
    const flows: Promise<void>[] = [this.#passing()];
    for (const shape of SHAPES) {
      const topic = await this.#create(shape.name, shape.partitions, shape.settings);
      const lanes: Promise<Lane>[] = [];
      for (let partition = 0; partition < shape.partitions; partition++)
        lanes.push(this.#lane(topic, id<PartitionIndex>(partition), shape));
      for (const lane of await Promise.all(lanes)) flows.push(this.#produce(lane, shape));
      if (shape.name === 'small') flows.push(this.#commit('first', topic), this.#commit('second', topic));
    }
    await Promise.all(flows);
  }

  async #create(name: string, partitions: number, settings: Partial<TopicSettings>): Promise<TopicId> {
    const created = { asked: this.#trace.now, told: NEVER };
    const history = {
      name,
      created,
      deleted: { asked: NEVER, told: NEVER },
      id: null as TopicId | null,
      partitions: [] as readonly number[],
    };
    this.#history.topics.push(history);
    const { topic } = await this.#link.call({ call: 'createTopic', name, partitions, settings });
    created.told = this.#trace.now;
    history.id = topic.id;
    history.partitions = topic.partitions;
    return topic.id;
  }

  async #lane(topic: TopicId, partition: PartitionIndex, { name, settings }: Shape): Promise<Lane> {
    const { producerId } = await this.#link.call({ call: 'producer' });
    this.#history.producers.push({ told: this.#trace.now, producerId });
    const lane: Lane = {
      topic,
      partition,
      producerId,
      promise: settings.durability === 'interval' ? 'order' : 'all',
      trimmed: name === 'trimmed',
      batches: [],
    };
    this.#history.lanes.push(lane);
    return lane;
  }

  async #produce(lane: Lane, shape: Shape): Promise<void> {
    for (let sent = 0; sent < shape.batches; ) {
      const burst = Array.from({ length: 1 + this.#random.below(BURST) }, () => this.#send(lane, shape));
      sent += burst.length;
      await Promise.all(burst);
      if (this.#random.below(3) === 0) await new Promise((resolve) => setTimeout(resolve, this.#random.below(20)));
    }
  }

  async #send(lane: Lane, { bytes }: Shape): Promise<void> {
    const [least, most] = bytes[this.#random.below(bytes.length)] as readonly [number, number];
    const base = endOf(lane);
    const count = most > 60_000 ? 1 : 1 + this.#random.below(3);
    const values = Array.from({ length: count }, (_, index) => {
      const name = `${lane.topic}/${lane.partition} ${base + index} `;
      return name.padEnd(least + this.#random.below(most - least), name);
    });
    const batch: SentBatch = { base, timestamp: Date.now(), values, asked: this.#trace.now, told: NEVER };
    lane.batches.push(batch);
    const offset = await store(this.#link, lane, batch);
    if (offset !== base) throw new Error(`stored at ${offset}, not at ${base}`);
    batch.told = this.#trace.now;
  }

  /** Offsets only ever rise, as consumers commit them. */
  async #commit(group: string, topic: TopicId): Promise<void> {
    for (let offset = 1; offset <= 40; offset++) {
      const commit = { group, topic, offset: id<Offset>(offset), asked: this.#trace.now, told: NEVER };
      this.#history.commits.push(commit);
      const offsets = [{ topic, partition: id<PartitionIndex>(0), offset: commit.offset }];
      const request: Request & { call: 'commit' } = { call: 'commit', group, member: '', epoch: -1, offsets };
      const { parts } = await this.#link.call(request);
      if (parts[0]?.fault !== undefined) throw new Error(parts[0].fault.message);
      commit.told = this.#trace.now;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  /** Topics that come, take something, and go. */
  async #passing(): Promise<void> {
    for (let round = 0; round < PASSING_TOPICS; round++) {
      const topic = await this.#create(`passing-${round}`, 2, {});
      const shape: Shape = { name: '', partitions: 1, batches: 3, settings: {}, bytes: [[100, 90_000]] };
      await this.#produce(await this.#lane(topic, id<PartitionIndex>(1), shape), shape);
      const history = this.#history.topics.find(({ id }) => id === topic);
      if (history === undefined) throw new Error('it was written down');
      const deleted = history.deleted as { asked: number; told: number };
      deleted.asked = this.#trace.now;
      await this.#link.call({ call: 'deleteTopic', name: history.name });
      deleted.told = this.#trace.now;
      await new Promise((resolve) => setTimeout(resolve, 30));
    }
  }
}

/** @returns where it is stored. @throws for a refusal. */
export async function store(link: Link, lane: Lane, batch: SentBatch): Promise<number> {
  const { topic, partition } = lane;
  const part = { topic, partition, batch: bytesOf(lane, batch) };
  const reply: ProduceReply = await link.call({ call: 'produce', acks: 'all', timeoutMs: CALL_MS_MAX, parts: [part] });
  const [answer] = reply.parts;
  if (answer === undefined || 'fault' in answer) throw new Error(answer?.fault.message ?? 'no answer');
  return answer.baseOffset;
}
