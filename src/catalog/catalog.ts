/**
 * The catalog's state: topics by id and by name, and the ids that are free. Changes by `apply` alone; decides nothing.
 * Ids of topics and partitions are never used again: a deleted topic does not come back with another's records.
 */
import { assert, unreachable } from '../model/assert.ts';
import { FIRST_USER_PARTITION, id, type ProducerId, type TopicId } from '../model/ids.ts';
import type { Topic } from '../model/topic.ts';
import { type AlteredDefaults, DEFAULTS_SCOPES, UNALTERED } from '../model/topic-defaults.ts';
import { Quotas } from './quotas.ts';
import type { CatalogRecord } from './record.ts';

/** First topic id; 0 stays free, so that it can mean "none" on wires. */
const FIRST_TOPIC = 1;
/** First producer id; 0 stays free for the same reason. */
const FIRST_PRODUCER = 1;

export class Catalog {
  readonly #topics = new Map<TopicId, Topic>();
  readonly #byName = new Map<string, Topic>();
  readonly quotas = new Quotas();
  #defaults = UNALTERED;
  #partitions = 0;
  #nextTopic = FIRST_TOPIC;
  #nextPartition: number = FIRST_USER_PARTITION;
  #nextProducer = FIRST_PRODUCER;
  /** Not in the log: producer ids of the block below {@link nextProducer} that nobody has. A restart skips them. */
  #freeProducers = 0;

  /** In the order of their ids. */
  topics(): IterableIterator<Topic> {
    return this.#topics.values();
  }

  topic(name: string): Topic | undefined {
    return this.#byName.get(name);
  }

  get topicCount(): number {
    return this.#topics.size;
  }

  /** Of all topics together. */
  get partitionCount(): number {
    return this.#partitions;
  }

  /** Of topics, as they were altered. */
  get defaults(): AlteredDefaults {
    return this.#defaults;
  }

  get nextTopic(): number {
    return this.#nextTopic;
  }

  get nextPartition(): number {
    return this.#nextPartition;
  }

  get nextProducer(): number {
    return this.#nextProducer;
  }

  get freeProducers(): number {
    return this.#freeProducers;
  }

  /** Gives out an id of the present block. */
  takeProducer(): ProducerId {
    assert(this.#freeProducers > 0, 'no producer id is free');
    return id(this.#nextProducer - this.#freeProducers--);
  }

  apply(record: CatalogRecord): void {
    switch (record.type) {
      case 'topic':
        this.#put(record.topic);
        break;
      case 'topicGone':
        this.#drop(record.id);
        break;
      case 'ids':
        this.#nextTopic = Math.max(this.#nextTopic, record.topic);
        this.#nextPartition = Math.max(this.#nextPartition, record.partition);
        break;
      case 'quota':
        this.quotas.put(record.quota);
        break;
      case 'defaults':
        this.#defaults = { ...this.#defaults, [record.scope]: record.settings };
        break;
      case 'producers':
        this.#nextProducer = record.next;
        break;
      default:
        unreachable(record);
    }
  }

  /** A block that was proposed by this incarnation may be given out; one from a replay may not. */
  openProducers(count: number): void {
    this.#freeProducers = count;
  }

  *snapshot(): Generator<CatalogRecord> {
    yield { type: 'ids', topic: this.#nextTopic, partition: this.#nextPartition };
    yield { type: 'producers', next: this.#nextProducer };
    for (const quota of this.quotas.all()) yield { type: 'quota', quota };
    for (const scope of DEFAULTS_SCOPES) yield { type: 'defaults', scope, settings: this.#defaults[scope] };
    for (const topic of this.#topics.values()) yield { type: 'topic', topic };
  }

  #put(topic: Topic): void {
    const before = this.#topics.get(topic.id);
    assert(before === undefined || before.name === topic.name, `topic ${topic.id} has changed its name`);
    assert(before !== undefined || !this.#byName.has(topic.name), `two topics are called ${topic.name}`);
    this.#topics.set(topic.id, topic);
    this.#byName.set(topic.name, topic);
    this.#partitions += topic.partitions.length - (before?.partitions.length ?? 0);
    this.#nextTopic = Math.max(this.#nextTopic, topic.id + 1);
    // Ids rise inside a topic: the last one is its highest.
    this.#nextPartition = Math.max(this.#nextPartition, (topic.partitions.at(-1) ?? -1) + 1);
  }

  #drop(topicId: TopicId): void {
    const topic = this.#topics.get(topicId);
    assert(topic !== undefined, `topic ${topicId} is not there to be deleted`);
    this.#topics.delete(topicId);
    this.#byName.delete(topic.name);
    this.#partitions -= topic.partitions.length;
  }
}
