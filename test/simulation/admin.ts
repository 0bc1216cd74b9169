/**
 * Somebody who creates, alters, lists and deletes topics, one thing at a time, and remembers what must be and what may be.
 * What was answered is so from then on; what had no answer may be so.
 */
import type { Topic } from '../../src/model/topic.ts';
import type { Request, TopicsReply } from '../../src/protocols/request.ts';
import type { Outcome } from './client.ts';
import { CALL_MS_MAX, Party, refusalOf } from './party.ts';

type State = 'there' | 'gone' | 'unknown';

interface Remembered {
  state: State;
  topic: Topic | null;
  /** Until then a change that had no answer may still come to pass. */
  doubtUntil: number;
}

const DOUBT_MS = 150_000;

const NAMES = ['made-a', 'made-b', 'made-c'] as const;
const PAUSE_MS = [2_000, 15_000] as const;

export class Admin extends Party {
  readonly #topics = new Map<string, Remembered>(
    NAMES.map((name) => [name, { state: 'gone', topic: null, doubtUntil: 0 }]),
  );
  #flying = false;

  get idle(): boolean {
    return !this.#flying;
  }

  begin(): void {
    this.later(...PAUSE_MS, () => {
      if (this.ending) return;
      this.#act();
    });
  }

  #act(): void {
    const name = NAMES[this.random.below(NAMES.length)] as string;
    const known = this.#topics.get(name) as Remembered;
    const choice = this.random.below(4);
    if (choice === 0) this.#list();
    else if (known.state !== 'there' && choice !== 1) this.#change(name, known, 'createTopic');
    else this.#change(name, known, choice === 1 ? 'deleteTopic' : 'alterTopic');
  }

  #change(name: string, known: Remembered, call: 'createTopic' | 'alterTopic' | 'deleteTopic'): void {
    const partitions = Math.max(1 + this.random.below(3), known.topic?.partitions.length ?? 0);
    const settings = { retentionMs: 1_000 * this.random.below(1_000_000) };
    const request = { call, name, ...(call === 'deleteTopic' ? {} : { partitions, settings }) } as Request;
    this.#ask(request, (outcome) => {
      const refusal = refusalOf(outcome, call);
      if (refusal === null)
        this.#changed(known, call, (outcome as { readonly reply: { readonly topic: Topic } }).reply.topic);
      else if (refusal === 'TOPIC_EXISTS') this.#found(name, known, 'gone', refusal);
      else if (refusal === 'UNKNOWN_TOPIC') this.#found(name, known, 'there', refusal);
      else if (refusal !== 'unsent') {
        known.state = 'unknown';
        known.doubtUntil = this.now() + DOUBT_MS;
      }
    });
  }

  #changed(known: Remembered, call: string, topic: Topic): void {
    this.checker.acked += 1;
    if (call === 'createTopic' && known.topic?.id === topic.id && known.state === 'gone' && this.#sure(known))
      this.checker.violate(`topic ${topic.name} has the id of an earlier one, ${topic.id}`);
    known.state = call === 'deleteTopic' ? 'gone' : 'there';
    known.topic = topic;
  }

  /** @param impossible the state in which it could not have been said. */
  #found(name: string, known: Remembered, impossible: State, why: string): void {
    if (known.state === impossible && this.#sure(known))
      this.checker.violate(`${why} of ${name}, which is ${known.state}`);
    known.state = impossible === 'gone' ? 'there' : 'gone';
    if (known.state === 'there') known.topic = null;
  }

  #list(): void {
    this.#ask({ call: 'topics' }, (outcome) => {
      if (refusalOf(outcome, 'topics') !== null) return;
      this.checker.acked += 1;
      const { topics } = (outcome as { readonly reply: TopicsReply }).reply;
      for (const [name, known] of this.#topics) this.#compare(name, known, topics);
    });
  }

  #sure({ doubtUntil }: Remembered): boolean {
    return this.now() > doubtUntil && !this.checker.astray;
  }

  #compare(name: string, known: Remembered, topics: readonly Topic[]): void {
    const { state, topic } = known;
    const found = topics.find((one) => one.name === name);
    const wrong =
      (state === 'there' && found === undefined) ||
      (state === 'gone' && found !== undefined) ||
      (state === 'there' && topic !== null && found !== undefined && !agrees(topic, found));
    if (wrong && this.#sure(known))
      this.checker.violate(`topic ${name} is ${state} as ${shown(topic)} and listed as ${shown(found ?? null)}`);
  }

  #ask(request: Request, done: (outcome: Outcome) => void): void {
    this.#flying = true;
    this.client.call(request, CALL_MS_MAX, (outcome) => {
      this.#flying = false;
      done(outcome);
      this.begin();
    });
  }
}

function agrees(remembered: Topic, found: Topic): boolean {
  const { id, partitions, settings } = remembered;
  const same = id === found.id && partitions.length === found.partitions.length;
  return same && settings.retentionMs === found.settings.retentionMs;
}

function shown(topic: Topic | null): string {
  return topic === null
    ? 'nothing'
    : `${topic.id} with ${topic.partitions.length} and ${topic.settings.retentionMs} ms`;
}
