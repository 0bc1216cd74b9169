/** createTopic: answered once every part of the node can use it. */
import type { CreateTopicRequest, TopicReply } from '../../request.ts';
import { type Call, plain } from '../call.ts';
import { partitionCount, topicAnswer, topicName } from '../nouns.ts';
import { optional, struct, topicSettings } from '../shape.ts';

export const createTopic: Call<'createTopic'> = {
  kind: 6,
  request: plain<'createTopic', CreateTopicRequest>(
    'createTopic',
    struct<Omit<CreateTopicRequest, 'call' | 'validateOnly'>>({
      name: topicName,
      partitions: optional(partitionCount),
      settings: topicSettings,
    }),
  ),
  reply: plain<'createTopic', TopicReply<'createTopic'>>('createTopic', topicAnswer),
};
