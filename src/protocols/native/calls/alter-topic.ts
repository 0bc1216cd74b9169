/** alterTopic: the settings named, and more partitions. */
import type { AlterTopicRequest, TopicReply } from '../../request.ts';
import { type Call, plain } from '../call.ts';
import { partitionCount, topicAnswer, topicName } from '../nouns.ts';
import { optional, struct, topicSettings } from '../shape.ts';

export const alterTopic: Call<'alterTopic'> = {
  kind: 7,
  request: plain<'alterTopic', AlterTopicRequest>(
    'alterTopic',
    struct<Omit<AlterTopicRequest, 'call' | 'validateOnly'>>({
      name: topicName,
      partitions: optional(partitionCount),
      settings: topicSettings,
    }),
  ),
  reply: plain<'alterTopic', TopicReply<'alterTopic'>>('alterTopic', topicAnswer),
};
