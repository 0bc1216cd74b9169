/** topics: all topics. */
import type { TopicsReply, TopicsRequest } from '../../request.ts';
import { type Call, plain } from '../call.ts';
import { nothing, topic } from '../nouns.ts';
import { list, struct } from '../shape.ts';

export const topics: Call<'topics'> = {
  kind: 5,
  request: plain<'topics', TopicsRequest>('topics', nothing),
  reply: plain<'topics', TopicsReply>('topics', struct({ topics: list(topic, Number.MAX_SAFE_INTEGER) })),
};
