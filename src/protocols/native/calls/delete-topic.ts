/** deleteTopic: the topic and its records; it does not come back. */
import type { DeleteTopicRequest, TopicReply } from '../../request.ts';
import { type Call, plain } from '../call.ts';
import { topicAnswer, topicName } from '../nouns.ts';
import { struct } from '../shape.ts';

export const deleteTopic: Call<'deleteTopic'> = {
  kind: 8,
  request: plain<'deleteTopic', DeleteTopicRequest>('deleteTopic', struct({ name: topicName })),
  reply: plain<'deleteTopic', TopicReply<'deleteTopic'>>('deleteTopic', topicAnswer),
};
