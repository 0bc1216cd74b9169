/**
 * Consumer groups: members, assignment, committed offsets, lag. Kind `coordinator`, key = 1..GROUP_PARTITIONS, on demand.
 * Each holds the groups whose names hash to it and lives beside its log, the internal partition of the same number.
 * Lives on: shard `key % shards`. View: its groups.
 */

import type { Address } from '../runtime/actor.ts';
import type { Fault } from '../src/model/faults.ts';
import type {
  CommitReply,
  CommitRequest,
  CommittedReply,
  CommittedRequest,
  DeleteGroupReply,
  DeleteGroupRequest,
  DescribeGroupReply,
  DescribeGroupRequest,
  GroupsReply,
  GroupsRequest,
  HeartbeatReply,
  HeartbeatRequest,
  ResetGroupReply,
  ResetGroupRequest,
} from '../src/protocols/request.ts';

export type GroupRequest =
  | HeartbeatRequest
  | CommitRequest
  | CommittedRequest
  | GroupsRequest
  | DescribeGroupRequest
  | ResetGroupRequest
  | DeleteGroupRequest;
export type GroupReply =
  | HeartbeatReply
  | CommitReply
  | CommittedReply
  | GroupsReply
  | DescribeGroupReply
  | ResetGroupReply
  | DeleteGroupReply;

/** `groups` is asked of every coordinator; all else of the one that {@link coordinatorOf} names. Names were checked at the edge. */
export type CoordinatorRequest =
  /** `client`: the client id of the hello, for people. Answered by `answered` or `refused`. */
  { readonly type: 'ask'; readonly request: number; readonly client: string; readonly ask: GroupRequest };

export type CoordinatorAnswer =
  | { readonly type: 'answered'; readonly request: number; readonly reply: GroupReply }
  | { readonly type: 'refused'; readonly request: number; readonly fault: Fault };

export const coordinatorAddress = (node: Address['node'], key: number): Address<CoordinatorRequest> => ({
  node,
  name: `coordinator/${key}`,
  incarnation: 0,
});
