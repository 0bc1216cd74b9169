/** OffsetDelete: forgets what a group has committed, of topics that nobody in it is subscribed to. */
import type { Fault } from '../../../model/faults.ts';
import type { PartitionIndex } from '../../../model/ids.ts';
import type { DropOffsetsRequest } from '../../classic.ts';
import { ask } from '../asking.ts';
import { type OffsetDeleteResponse, offsetDelete } from '../calls/offset-delete.ts';
import { coordinatorErrorOf, errors } from '../faults.ts';
import { checkGroup } from '../group-names.ts';
import { NO_UUID } from '../reading.ts';
import { service } from '../service.ts';

export const serveOffsetDelete = service(offsetDelete, function* (request, peer) {
  const { groupId: group } = request;
  const wrong = checkGroup(group);
  if (wrong !== null) return refused(wrong);
  const found = yield* peer.topics.locate(
    request.topics.map(({ name }) => ({ name, id: NO_UUID })),
    false,
  );
  const places: DropOffsetsRequest['places'][number][] = [];
  request.topics.forEach(({ partitions }, index) => {
    const topic = found[index];
    if (topic?.ok !== true) return;
    for (const { partitionIndex } of partitions)
      if (partitionIndex >= 0) places.push({ topic: topic.value, partition: partitionIndex as PartitionIndex });
  });
  const dropped = yield* ask<'dropOffsets'>({ call: 'dropOffsets', group, places });
  if (!dropped.ok) return refused(dropped.fault);
  let next = 0;
  const topics = request.topics.map(({ name, partitions }, index) => ({
    name,
    partitions: partitions.map(({ partitionIndex }) => {
      const known = found[index]?.ok === true && partitionIndex >= 0;
      if (!known) return { partitionIndex, errorCode: errors.UNKNOWN_TOPIC_OR_PARTITION };
      const why = dropped.value.parts[next++]?.fault;
      return { partitionIndex, errorCode: why === undefined ? errors.NONE : coordinatorErrorOf(why.code) };
    }),
  }));
  return { errorCode: errors.NONE, topics };
});

function refused(why: Fault): OffsetDeleteResponse {
  return { errorCode: coordinatorErrorOf(why.code), topics: [] };
}
