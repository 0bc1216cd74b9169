/** What all clients of these tests write and read: text, so that each can say it in its own words. */
export interface Message {
  readonly key: string | null;
  readonly value: string | null;
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** ms */
  readonly timestamp: number;
}

/** A message that was read, with its place in the partition. */
export interface Stored extends Message {
  readonly offset: number;
}

/** Keys, headers, times, a tombstone, words of several languages, and values that compress and are long enough to. */
export function sampleMessages(from = Date.now() - 60_000): Message[] {
  return Array.from({ length: 50 }, (_none, index) => ({
    key: index % 3 === 0 ? `key-${index}` : null,
    value: index === 6 ? null : `${index} äöü 日本 ${'all the world is a stage '.repeat(index)}`,
    headers: index % 2 === 0 ? [['trace', `t${index}`]] : [],
    timestamp: from + index,
  }));
}

export const stored = (messages: readonly Message[]): Stored[] =>
  messages.map((message, offset) => ({ ...message, offset }));
