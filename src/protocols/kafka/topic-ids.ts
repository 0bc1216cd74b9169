/**
 * Topics as Kafka's clients number them: 32 hexadecimal digits, made of the cluster's id and the topic's number, and back.
 * Pure: nothing is remembered, the same topic has the same digits on every connection and after every restart.
 */
import type { TopicId } from '../../model/ids.ts';

/** Digits of the number: 2^53 has 14. The others tell one cluster's topics from another's. */
const NUMBER_DIGITS = 14;
const DIGITS = 32;

/** For the topics of one cluster. */
export class TopicIds {
  readonly #prefix: string;

  constructor(cluster: string) {
    this.#prefix = `${hash(cluster, 0x811c9dc5)}${hash(cluster, 0x01000193)}${hash(cluster, 0x9e3779b9)}`.slice(
      0,
      DIGITS - NUMBER_DIGITS,
    );
  }

  digitsOf(topic: TopicId): string {
    return this.#prefix + topic.toString(16).padStart(NUMBER_DIGITS, '0');
  }

  /** `undefined` for what is no topic of this cluster. */
  topicOf(digits: string): TopicId | undefined {
    if (!digits.startsWith(this.#prefix)) return undefined;
    const number = Number.parseInt(digits.slice(this.#prefix.length), 16);
    return Number.isSafeInteger(number) ? (number as TopicId) : undefined;
  }
}

/** FNV-1a from `seed`, with the bits mixed once more: eight digits. */
function hash(text: string, seed: number): string {
  let value = seed;
  for (let index = 0; index < text.length; index++) value = Math.imul(value ^ text.charCodeAt(index), 0x01000193);
  value = Math.imul(value ^ (value >>> 15), 0x85ebca6b);
  return ((value ^ (value >>> 13)) >>> 0).toString(16).padStart(8, '0');
}
