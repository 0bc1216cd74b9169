/** describeTopic: a topic and how far each of its partitions is. */
import type { Fault } from '../../../model/faults.ts';
import type { Offset, PartitionIndex } from '../../../model/ids.ts';
import { PARTITIONS_PER_TOPIC_MAX } from '../../../model/limits.ts';
import type { DescribeTopicReply, DescribeTopicRequest, PartitionReport } from '../../request.ts';
import { type Call, plain } from '../call.ts';
import { topic, topicName } from '../nouns.ts';
import { byField, faultShape, list, natural, type Shape, struct } from '../shape.ts';

const offsetPair = list(natural<Offset>(), 2);
const range: Shape<readonly [Offset, Offset]> = {
  read(value, reading) {
    const pair = offsetPair.read(value, reading);
    if (pair === undefined) return undefined;
    const [first, last] = pair;
    return first === undefined || last === undefined ? reading.refuse('not two offsets') : [first, last];
  },
};
const report = struct<PartitionReport>({
  partition: natural(),
  id: natural(),
  begin: natural(),
  end: natural(),
  durable: natural(),
  appended: natural(),
  bytes: natural(),
  segments: natural(),
  damaged: list(range, Number.MAX_SAFE_INTEGER),
});
const missing = struct<{ readonly partition: PartitionIndex; readonly fault: Fault }>({
  partition: natural(),
  fault: faultShape,
});

export const describeTopic: Call<'describeTopic'> = {
  kind: 9,
  request: plain<'describeTopic', DescribeTopicRequest>('describeTopic', struct({ name: topicName })),
  reply: plain<'describeTopic', DescribeTopicReply>(
    'describeTopic',
    struct<Omit<DescribeTopicReply, 'call'>>({
      topic,
      partitions: list(byField('fault', missing, report), PARTITIONS_PER_TOPIC_MAX),
    }),
  ),
};
