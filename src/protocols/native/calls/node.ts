/** node: what the node is, its shards and its storage. */
import type { NodeReply, NodeRequest } from '../../request.ts';
import { type Call, plain } from '../call.ts';
import { nothing } from '../nouns.ts';
import { flag, list, natural, oneOf, prose, struct } from '../shape.ts';

const shard = struct<NodeReply['shards'][number]>({
  shard: natural(),
  incarnation: natural(),
  state: oneOf('running', 'starting'),
});
const storage = struct<NodeReply['storage']>({
  folder: prose,
  direct: flag,
  freeBytes: natural(),
  totalBytes: natural(),
  refusingWrites: flag,
});

export const node: Call<'node'> = {
  kind: 18,
  request: plain<'node', NodeRequest>('node', nothing),
  reply: plain<'node', NodeReply>(
    'node',
    struct<Omit<NodeReply, 'call'>>({
      version: prose,
      node: natural(),
      cluster: prose,
      startedAt: natural(),
      shards: list(shard, 4_096),
      topics: natural(),
      partitions: natural(),
      storage,
    }),
  ),
};
