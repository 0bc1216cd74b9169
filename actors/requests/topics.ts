/**
 * Topics by id as the shard's directory tells them, remembered for one connection until they change. Answers at once
 * what it knows; asks once for what it does not, however many wait. Never guesses a partition.
 */
import type { Address } from '../../runtime/actor.ts';
import { failed, type Result } from '../../src/model/faults.ts';
import type { PartitionId, TopicId } from '../../src/model/ids.ts';
import type { Topic } from '../../src/model/topic.ts';
import type { Place } from '../../src/protocols/place.ts';
import { type DirectoryAnswer, type DirectoryRequest, directoryAddress } from '../directory/contract.ts';
import { type PartitionRequest, partitionAddress } from '../partition/contract.ts';
import type { Asker } from './asker.ts';

/** Remembered at most; beyond, all are forgotten and asked for again. */
const TOPICS_KEPT_MAX = 10_000;
const LOOK_UP_MS_MAX = 30_000;
/** Addresses of partitions likewise: to make one for each question would cost more than to ask it. */
const ADDRESSES_KEPT_MAX = 1_024;

type Resolved = Extract<DirectoryAnswer, { readonly type: 'resolved' }>;
type Listed = Extract<DirectoryAnswer, { readonly type: 'topics' }>;

export class Topics {
  readonly #asker: Asker;
  readonly #node: Address['node'];
  readonly #directory: Address<DirectoryRequest>;
  readonly #monotonic: () => number;
  readonly #known = new Map<TopicId, Topic>();
  readonly #waiting = new Map<TopicId, ((topic: Result<Topic>) => void)[]>();
  readonly #addresses = new Map<PartitionId, Address<PartitionRequest>>();

  constructor(asker: Asker, node: Address['node'], shard: number, monotonic: () => number) {
    this.#asker = asker;
    this.#node = node;
    this.#directory = directoryAddress(node, shard);
    this.#monotonic = monotonic;
  }

  /** What is known without asking. */
  known(topic: TopicId): Topic | undefined {
    return this.#known.get(topic);
  }

  /** Calls `then` once: at once when the topic is known. */
  lookUp(topic: TopicId, then: (topic: Result<Topic>) => void): void {
    const known = this.#known.get(topic);
    const waiting = this.#waiting.get(topic);
    if (known !== undefined) then({ ok: true, value: known });
    else if (waiting !== undefined) waiting.push(then);
    else this.#ask(topic, then);
  }

  #ask(topic: TopicId, then: (topic: Result<Topic>) => void): void {
    this.#waiting.set(topic, [then]);
    this.byName(topic, false, (found) => {
      const all = this.#waiting.get(topic) ?? [];
      this.#waiting.delete(topic);
      for (const one of all) one(found);
    });
  }

  /** Always asks the directory; by name or id. */
  byName(topic: string | TopicId, create: boolean, then: (topic: Result<Topic>) => void): void {
    this.#asker.ask<DirectoryRequest, Resolved>(
      this.#directory,
      (request) => ({ type: 'resolve', request, topic, create }),
      (answer) => {
        if (answer.type === 'resolved') this.#keep(answer.topic);
        then(answer.type === 'resolved' ? { ok: true, value: answer.topic } : { ok: false, fault: answer.fault });
      },
      this.#monotonic() + LOOK_UP_MS_MAX,
    );
  }

  list(then: (topics: Result<readonly Topic[]>) => void): void {
    this.#asker.ask<DirectoryRequest, Listed>(
      this.#directory,
      (request) => ({ type: 'list', request }),
      (answer) =>
        then(answer.type === 'topics' ? { ok: true, value: answer.topics } : { ok: false, fault: answer.fault }),
      this.#monotonic() + LOOK_UP_MS_MAX,
    );
  }

  changed(topic: Topic): void {
    if (this.#known.has(topic.id)) this.#known.set(topic.id, topic);
  }

  gone(topic: TopicId): void {
    this.#known.delete(topic);
  }

  /** The directory went down: what it would have told of changes may be lost. */
  forgetAll(): void {
    this.#known.clear();
  }

  addressOf(partition: PartitionId): Address<PartitionRequest> {
    const known = this.#addresses.get(partition);
    if (known !== undefined) return known;
    const address = partitionAddress(this.#node, partition);
    if (this.#addresses.size >= ADDRESSES_KEPT_MAX) this.#addresses.clear();
    this.#addresses.set(partition, address);
    return address;
  }

  #keep(topic: Topic): void {
    if (this.#known.size >= TOPICS_KEPT_MAX) this.#known.clear();
    this.#known.set(topic.id, topic);
  }
}

/** The id of a place's partition, or why there is none. */
export function partitionAt(topic: Topic, place: Place): Result<PartitionId> {
  const id = topic.partitions[place.partition];
  if (id !== undefined) return { ok: true, value: id };
  const count = topic.partitions.length;
  return failed(
    'UNKNOWN_PARTITION',
    `topic ${topic.name} has ${count} partitions, none with number ${place.partition}`,
  );
}
