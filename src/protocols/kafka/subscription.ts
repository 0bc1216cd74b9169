/**
 * What consumers of classic groups tell their leader, as far as the node wants to know it: the topics that they are
 * subscribed to. The rest is the leader's business, and what is no subscription names no topics.
 *
 *     | version int16 | topics: count int32, each | length int16 | UTF-8 | | ... |
 */
import { NAME_CHARS_MAX, SUBSCRIPTIONS_MAX } from '../../model/limits.ts';
import { Reading } from './reading.ts';

/** What consumers call themselves. */
export const CONSUMER = 'consumer';

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

export function subscribedTopics(protocolType: string, metadata: Uint8Array): readonly string[] {
  if (protocolType !== CONSUMER) return [];
  const reading = new Reading(metadata);
  reading.int16();
  const count = reading.count(false, 2);
  const topics: string[] = [];
  for (let n = 0; n < count && topics.length < SUBSCRIPTIONS_MAX; n++) {
    const length = reading.stringLength(false);
    if (reading.failed || length < 0 || length > reading.left) return [];
    // No topic has a longer name.
    if (length <= NAME_CHARS_MAX)
      topics.push(decoder.decode(metadata.slice(reading.position, reading.position + length)));
    reading.position += length;
  }
  return reading.failed ? [] : topics;
}
