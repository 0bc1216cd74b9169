/**
 * Topics by name, as the node last told: looked up once for all who ask at the same time, kept for a while. Never
 * creates a topic unless asked to.
 */
import type { TopicId } from '../../model/ids.ts';
import { NAMES_PER_REQUEST_MAX } from '../../model/limits.ts';
import type { Topic } from '../../model/topic.ts';
import { CallboardError } from './errors.ts';
import type { Link } from './link.ts';
import { abortable, ignore } from './wait.ts';

export interface ResolveOptions {
  /** Create the topic when it is missing and the node's settings allow. */
  readonly create?: boolean;
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

interface Known {
  readonly topic: Topic;
  readonly atMs: number;
}

/** After this a topic is looked up again beside its use, so that partitions that were added are found. */
const AGE_MS_MAX = 30_000;

export class Topics {
  readonly #link: Link;
  readonly #byName = new Map<string, Known>();
  readonly #byId = new Map<TopicId, Topic>();
  readonly #asking = new Map<string, Promise<Topic>>();

  constructor(link: Link) {
    this.#link = link;
  }

  /** The topic if it is known; one that is known for long is looked up again in the background. */
  known(name: string): Topic | undefined {
    const known = this.#byName.get(name);
    if (known === undefined) return undefined;
    if (this.#nowMs() - known.atMs > AGE_MS_MAX && this.#link.greeting !== null) this.refresh(name).catch(ignore);
    return known.topic;
  }

  /** A topic that was resolved before. */
  byId(id: TopicId): Topic | undefined {
    return this.#byId.get(id);
  }

  /** @throws CallboardError UNKNOWN_TOPIC when there is none and none was created. */
  async resolve(name: string, options: ResolveOptions = {}): Promise<Topic> {
    return this.known(name) ?? this.refresh(name, options);
  }

  /** Asks the node, whatever is known. */
  refresh(name: string, options: ResolveOptions = {}): Promise<Topic> {
    const key = `${options.create === true}/${name}`;
    let asking = this.#asking.get(key);
    if (asking === undefined) {
      asking = this.#ask(name, options).finally(() => this.#asking.delete(key));
      this.#asking.set(key, asking);
    }
    return abortable(asking, options.signal);
  }

  /** Topics that exist, of these names. */
  async existing(names: readonly string[], options: ResolveOptions = {}): Promise<readonly Topic[]> {
    const found: Topic[] = [];
    for (let from = 0; from < names.length; from += NAMES_PER_REQUEST_MAX) {
      const some = names.slice(from, from + NAMES_PER_REQUEST_MAX);
      const reply = await this.#link.call({ call: 'resolve', names: some, create: false }, options);
      for (const answer of reply.topics) if ('topic' in answer) found.push(this.#keep(answer.topic));
    }
    return found;
  }

  /** The node says that it is no more what we know. */
  forget(name: string): void {
    const known = this.#byName.get(name);
    if (known === undefined) return;
    this.#byName.delete(name);
    this.#byId.delete(known.topic.id);
  }

  async #ask(name: string, { create = false, timeoutMs }: ResolveOptions): Promise<Topic> {
    const reply = await this.#link.call({ call: 'resolve', names: [name], create }, { timeoutMs });
    const answer = reply.topics[0];
    if (answer === undefined) throw new CallboardError('BAD_FRAME', `the node did not answer for topic ${name}`);
    if ('topic' in answer) return this.#keep(answer.topic);
    this.forget(name);
    throw CallboardError.from(answer.fault);
  }

  #keep(topic: Topic): Topic {
    this.forget(topic.name);
    this.#byName.set(topic.name, { topic, atMs: this.#nowMs() });
    this.#byId.set(topic.id, topic);
    return topic;
  }

  #nowMs(): number {
    return this.#link.options.world.clock.monotonicMs();
  }
}
