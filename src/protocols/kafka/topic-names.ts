/**
 * Names and ids of topics as one connection has met them, so that a request that names its topics needs no look-up of its
 * own. A name is forgotten when its topic is not found any more: it may have been deleted and made anew.
 */
import { type Fault, failed, fault, type Result } from '../../model/faults.ts';
import type { TopicId } from '../../model/ids.ts';
import { checkName, type Topic } from '../../model/topic.ts';
import type { Serving } from './asking.ts';
import { type ErrorCode, errorOf, errors } from './faults.ts';
import { lookUp, lookUpIds } from './look-up.ts';
import { TopicIds } from './topic-ids.ts';

/** Beyond, all are forgotten and looked up again. */
const NAMES_MAX = 10_000;

/** A topic as a request has it: by name up to some version, by id from then on. */
export interface Named {
  readonly name: string;
  /** Digits; those of no topic where the name counts. */
  readonly id: string;
}

export class TopicNames {
  readonly ids: TopicIds;
  readonly #known = new Map<string, TopicId>();

  constructor(cluster: string) {
    this.ids = new TopicIds(cluster);
  }

  /** Without asking. */
  known(name: string): TopicId | undefined {
    return this.#known.get(name);
  }

  remember(name: string, topic: TopicId): void {
    if (this.#known.size >= NAMES_MAX) this.#known.clear();
    this.#known.set(name, topic);
  }

  forget(name: string): void {
    this.#known.delete(name);
  }

  /** Ids of topics by name, asked for where they are not known. */
  *resolve(names: Iterable<string>, create: boolean): Serving<ReadonlyMap<string, Result<TopicId>>> {
    const found = new Map<string, Result<TopicId>>();
    const unknown: string[] = [];
    for (const name of new Set(names)) {
      const known = this.#known.get(name);
      if (known === undefined) unknown.push(name);
      else found.set(name, { ok: true, value: known });
    }
    if (unknown.length === 0) return found;
    const topics = yield* lookUp(unknown, create);
    unknown.forEach((name, index) => {
      found.set(name, this.#take(topics[index] ?? failed('INTERNAL', 'a topic was not answered')));
    });
    return found;
  }

  #take(topic: Result<Topic>): Result<TopicId> {
    if (!topic.ok) return topic;
    this.remember(topic.value.name, topic.value.id);
    return { ok: true, value: topic.value.id };
  }

  /** Ids of topics that a request names or numbers, in its order. */
  *locate(topics: readonly Named[], byId: boolean): Serving<readonly Result<TopicId>[]> {
    if (byId) return topics.map(({ id }) => this.#ofDigits(id));
    const known = topics.map(({ name }) => this.#known.get(name));
    if (!known.includes(undefined)) return known.map((topic) => ({ ok: true, value: topic as TopicId }));
    const found = yield* this.resolve(
      topics.map(({ name }) => name),
      false,
    );
    return topics.map(({ name }) => found.get(name) ?? failed('INTERNAL', 'a topic was not answered'));
  }

  /** Topics by their digits, in that order, as they are now. */
  *byDigits(all: readonly string[]): Serving<readonly Result<Topic>[]> {
    const numbers = all.map((digits) => this.#ofDigits(digits));
    const found = yield* lookUpIds(numbers.flatMap((number) => (number.ok ? [number.value] : [])));
    let next = 0;
    return numbers.map((number) =>
      number.ok ? (found[next++] ?? failed('INTERNAL', 'a topic was not answered')) : number,
    );
  }

  #ofDigits(digits: string): Result<TopicId> {
    const topic = this.ids.topicOf(digits);
    return topic === undefined ? failed('UNKNOWN_TOPIC', 'no topic has that id') : { ok: true, value: topic };
  }

  /** The error code of a fault that one topic of a request met; a name that is wrong by now is forgotten. */
  errorOf(why: Fault, { name }: Named, byId: boolean): ErrorCode {
    if (why.code !== 'UNKNOWN_TOPIC') return errorOf(why.code);
    if (byId) return errors.UNKNOWN_TOPIC_ID;
    this.forget(name);
    return errors.UNKNOWN_TOPIC_OR_PARTITION;
  }
}

/** For calls that tell a name that no topic can have from one that none has. */
export function errorOfNamed({ code }: Pick<Fault, 'code'>, name: string): ErrorCode {
  const isNone = code === 'UNKNOWN_TOPIC' && !checkName('topic', name).ok;
  return isNone ? errors.INVALID_TOPIC_EXCEPTION : errorOf(code);
}

/** For what a dialect finds wrong by itself. */
export const invalid = (message: string): Fault => fault('INVALID_REQUEST', message);
