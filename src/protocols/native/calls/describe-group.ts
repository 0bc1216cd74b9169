/** describeGroup: members, what each holds and should hold, committed offsets and lag. */
import type { DescribeGroupReply, DescribeGroupRequest, Lag } from '../../request.ts';
import { type Call, plain } from '../call.ts';
import { groupName, groupPlaces, offsetOrNone, placeFields } from '../nouns.ts';
import { amount, integer, list, natural, oneOf, optional, prose, struct, textOrMap } from '../shape.ts';
import { groupState } from './groups.ts';

const lag = textOrMap(
  oneOf('unknown'),
  struct<Exclude<Lag, string>>({ messages: natural(), bytes: natural(), seconds: amount }),
);
const member = struct<DescribeGroupReply['members'][number]>({
  member: prose,
  instance: optional(prose),
  client: prose,
  epoch: integer(-2, Number.MAX_SAFE_INTEGER),
  topics: list(prose, Number.MAX_SAFE_INTEGER),
  owned: groupPlaces,
  target: groupPlaces,
});
const partition = struct<DescribeGroupReply['partitions'][number]>({
  ...placeFields,
  topicName: prose,
  committed: offsetOrNone,
  begin: offsetOrNone,
  end: offsetOrNone,
  member: prose,
  lag,
});

export const describeGroup: Call<'describeGroup'> = {
  kind: 15,
  request: plain<'describeGroup', DescribeGroupRequest>('describeGroup', struct({ group: groupName })),
  reply: plain<'describeGroup', DescribeGroupReply>(
    'describeGroup',
    struct<Omit<DescribeGroupReply, 'call'>>({
      group: prose,
      state: groupState,
      epoch: natural(),
      assignor: prose,
      members: list(member, Number.MAX_SAFE_INTEGER),
      partitions: list(partition, Number.MAX_SAFE_INTEGER),
    }),
  ),
};
