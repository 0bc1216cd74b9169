/** What tests of groups ask by hand again and again: a join, an assignment, a commit, a heartbeat of either kind. */
import { joinGroup } from '../../../src/protocols/kafka/calls/join-group.ts';
import { syncGroup } from '../../../src/protocols/kafka/calls/sync-group.ts';
import { NO_UUID } from '../../../src/protocols/kafka/reading.ts';
import type { Wire } from './wire.ts';

let groups = 0;
export const newGroup = (): string => `a group: ${++groups}`;

/** What a consumer tells: version 0, one topic, no user data. */
export function subscription(topic: string): Uint8Array {
  const bytes = Buffer.alloc(2 + 4 + 2 + topic.length + 4);
  bytes.writeInt32BE(1, 2);
  bytes.writeInt16BE(topic.length, 6);
  bytes.write(topic, 8);
  return bytes;
}
export interface Joining {
  readonly memberId?: string;
  readonly groupInstanceId?: string | null;
  readonly protocols?: readonly string[];
  readonly protocolType?: string;
  readonly sessionTimeoutMs?: number;
}
export const joining = (groupId: string, topic: string, { protocols = ['range'], ...more }: Joining = {}) => ({
  ...{ groupId, sessionTimeoutMs: 60_000, rebalanceTimeoutMs: 60_000, memberId: '', protocolType: 'consumer', ...more },
  protocols: protocols.map((name) => ({ name, metadata: subscription(topic) })),
});
export const assigned = (groupId: string, memberId: string, generationId: number) => ({
  ...{ groupId, memberId, generationId, protocolType: 'consumer', protocolName: 'range' },
  assignments: [{ memberId, assignment: Buffer.from('all of it') }],
});

/** A member of its own in a stable group. */
export async function member(by: Wire, groupId: string, topic: string, how: Joining = {}) {
  const joined = await by.ask(joinGroup, 3, joining(groupId, topic, how));
  const { memberId = '', generationId = -1 } = joined ?? {};
  const synced = await by.ask(syncGroup, 3, assigned(groupId, memberId, generationId));
  if (synced?.errorCode !== 0) throw new Error(`not assigned: ${synced?.errorCode}`);
  return { groupId, memberId, generationId };
}

export const committing = (topic: string, offset: number, more: object = {}) => ({
  ...{ groupId: '', generationIdOrMemberEpoch: -1, memberId: '', ...more },
  topics: [
    {
      ...{ name: topic, topicId: NO_UUID },
      partitions: [0, 1].map((partitionIndex) => ({
        ...{ partitionIndex, committedOffset: offset, committedLeaderEpoch: 0, committedMetadata: 'note' },
      })),
    },
  ],
});

export const beating = (groupId: string, more: object = {}) => ({
  ...{ groupId, memberId: '', memberEpoch: 0, rebalanceTimeoutMs: 60_000, serverAssignor: null },
  ...{ subscribedTopicNames: null, topicPartitions: [], ...more },
});
