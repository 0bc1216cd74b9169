/** The calls on groups by hand in which the node assigns (KIP-848), and of guests in them, against a node in this process. */
import test from 'ava';
import { consumerGroupDescribe } from '../../../src/protocols/kafka/calls/consumer-group-describe.ts';
import { consumerGroupHeartbeat } from '../../../src/protocols/kafka/calls/consumer-group-heartbeat.ts';
import { heartbeat } from '../../../src/protocols/kafka/calls/heartbeat.ts';
import { joinGroup } from '../../../src/protocols/kafka/calls/join-group.ts';
import { leaveGroup } from '../../../src/protocols/kafka/calls/leave-group.ts';
import { listGroups } from '../../../src/protocols/kafka/calls/list-groups.ts';
import { offsetCommit } from '../../../src/protocols/kafka/calls/offset-commit.ts';
import { offsetFetch } from '../../../src/protocols/kafka/calls/offset-fetch.ts';
import { syncGroup } from '../../../src/protocols/kafka/calls/sync-group.ts';
import { errors } from '../../../src/protocols/kafka/faults.ts';
import { readAssignment } from '../../../src/protocols/kafka/subscription.ts';
import { newTopic } from './asking.ts';
import { assigned, beating, committing, joining, member, newGroup } from './group-asking.ts';
import { nodeByHand } from './own-node.ts';
import type { Wire } from './wire.ts';

const { wire } = nodeByHand({ 'groups.initialRebalanceMs': 0 });

test('the node assigns: by names and by pattern, uniform and range, told in both versions', async (t) => {
  const client = await wire(t);
  const base = `assigned-${newGroup().length}`;
  const [one] = [await newTopic(client, 2, `${base}.one`), await newTopic(client, 2, `${base}.two`)];
  const groupId = newGroup();
  const first = await client.ask(
    ...([
      consumerGroupHeartbeat,
      0,
      beating(groupId, { subscribedTopicNames: [one], serverAssignor: 'uniform' }),
    ] as const),
  );
  t.like(first, { errorCode: 0, memberEpoch: 1, heartbeatIntervalMs: 5_000 });
  t.not(first?.memberId ?? '', '', 'the node gives an id to who has none');
  t.deepEqual(
    first?.assignment?.topicPartitions.map((each) => each.partitions),
    [[0, 1]],
  );
  const memberId = first?.memberId ?? '';
  const pattern = beating(groupId, {
    ...{ memberId, memberEpoch: 1, rebalanceTimeoutMs: -1, topicPartitions: null },
    ...{ subscribedTopicRegex: `${base}\\..*` },
  });
  const wider = await client.ask(consumerGroupHeartbeat, 1, pattern);
  t.deepEqual(
    wider?.assignment?.topicPartitions.map((each) => each.partitions),
    [
      [0, 1],
      [0, 1],
    ],
  );
  const described = await client.ask(consumerGroupDescribe, 1, {
    groupIds: [groupId],
    includeAuthorizedOperations: false,
  });
  t.like(described?.groups[0], { errorCode: 0, groupState: 'Stable', assignorName: 'uniform' });
  t.like(described?.groups[0]?.members[0], { memberId, subscribedTopicRegex: `${base}\\..*`, memberType: 1 });
  t.deepEqual(described?.groups[0]?.members[0]?.assignment.topicPartitions.map((each) => each.topicName).sort(), [
    `${base}.one`,
    `${base}.two`,
  ]);
  const listed = await client.ask(listGroups, 5, { statesFilter: [], typesFilter: ['consumer'] });
  t.like(
    listed?.groups.find((each) => each.groupId === groupId),
    { groupState: 'Stable', protocolType: 'consumer' },
  );
  const left = await client.ask(
    ...([consumerGroupHeartbeat, 1, beating(groupId, { memberId, memberEpoch: -1, topicPartitions: null })] as const),
  );
  t.like(left, { errorCode: 0, memberEpoch: -1 });
});

test('what the node does not assign is refused with its own code', async (t) => {
  const client = await wire(t);
  const topic = await newTopic(client, 2);
  const groupId = newGroup();
  const code = async (more: object, group = groupId) =>
    (await client.ask(consumerGroupHeartbeat, 1, beating(group, { memberId: 'm', ...more })))?.errorCode;
  const topics = { subscribedTopicNames: [topic] };
  t.is(await code({ ...topics, serverAssignor: 'nonesuch' }), errors.UNSUPPORTED_ASSIGNOR);
  t.is(await code({ subscribedTopicRegex: '(a)\\1' }), errors.INVALID_REGULAR_EXPRESSION);
  t.is(await code({}), errors.INVALID_REQUEST);
  t.is(await code({ ...topics, memberEpoch: 5 }), errors.UNKNOWN_MEMBER_ID);
  t.is(await code({ ...topics, instanceId: 'one' }), errors.NONE);
  t.is(await code({ ...topics, instanceId: 'one', memberId: 'n' }), errors.UNRELEASED_INSTANCE_ID);
  t.is(await code({ ...topics, instanceId: 'one', memberEpoch: 9, topicPartitions: null }), errors.FENCED_MEMBER_EPOCH);
  const stale = committing(topic, 1, { groupId, memberId: 'm', generationIdOrMemberEpoch: 7 });
  const committed = await client.ask(offsetCommit, 9, stale);
  t.is(committed?.topics[0]?.partitions[0]?.errorCode, errors.STALE_MEMBER_EPOCH);
  const asked = { groupId, memberId: 'm', memberEpoch: 7, topics: null };
  t.is((await client.ask(offsetFetch, 9, { groups: [asked] }))?.groups[0]?.errorCode, errors.STALE_MEMBER_EPOCH);
  const classic = await member(client, newGroup(), topic);
  const described = await client.ask(consumerGroupDescribe, 0, {
    groupIds: [classic.groupId, 'nobody'],
    includeAuthorizedOperations: false,
  });
  t.deepEqual(
    described?.groups.map(({ errorCode }) => errorCode),
    Array(2).fill(errors.GROUP_ID_NOT_FOUND),
  );
  // Its assignment is 'all of it', and the node can't tell what that comes to.
  t.is(await code(topics, classic.groupId), errors.GROUP_ID_NOT_FOUND);
  await client.ask(leaveGroup, 0, classic);
  t.is(await code(topics, classic.groupId), errors.NONE, 'when the last has left, the group takes the other kind');
});

test('an admin takes members out by their instance ids or their own, in either kind of group', async (t) => {
  const client = await wire(t);
  const topic = await newTopic(client, 2);
  const groupId = newGroup();
  const subscribed = { memberId: 'm', instanceId: 'one', subscribedTopicNames: [topic] };
  await client.ask(consumerGroupHeartbeat, 1, beating(groupId, subscribed));
  const remove = async (memberId: string, groupInstanceId: string | null) =>
    (await client.ask(leaveGroup, 4, { groupId, members: [{ memberId, groupInstanceId }] }))?.members[0]?.errorCode;
  t.is(await remove('', 'two'), errors.UNKNOWN_MEMBER_ID);
  t.is(await remove('stranger', null), errors.UNKNOWN_MEMBER_ID);
  t.is(await remove('stranger', 'one'), errors.FENCED_INSTANCE_ID);
  t.is(await remove('', 'one'), errors.NONE);
  const gone = beating(groupId, { memberId: 'm', memberEpoch: 1, topicPartitions: null });
  t.is((await client.ask(consumerGroupHeartbeat, 1, gone))?.errorCode, errors.UNKNOWN_MEMBER_ID);
  await client.ask(consumerGroupHeartbeat, 1, beating(groupId, { memberId: 'n', subscribedTopicNames: [topic] }));
  t.is(await remove('n', null), errors.NONE);
  t.is(await remove('n', null), errors.UNKNOWN_MEMBER_ID);
  const classic = await client.ask(joinGroup, 5, joining(groupId, topic, { groupInstanceId: 'one' }));
  t.is(classic?.errorCode, errors.NONE);
  t.is(await remove('', 'one'), errors.NONE);
});

test('a classic member in a group in which the node assigns hears of it in its own words, in every version', async (t) => {
  const client = await wire(t);
  const topic = await newTopic(client, 2);
  for (const version of [0, 3, 4, 5, 9]) {
    const groupId = newGroup();
    const first = beating(groupId, { memberId: 'new', subscribedTopicNames: [topic] });
    t.like(await client.ask(consumerGroupHeartbeat, 1, first), { errorCode: 0, memberEpoch: 1 });
    let joined = await client.ask(joinGroup, version, joining(groupId, topic));
    if (version >= 4) {
      t.is(joined?.errorCode, errors.MEMBER_ID_REQUIRED);
      joined = await client.ask(joinGroup, version, joining(groupId, topic, { memberId: joined?.memberId ?? '' }));
    }
    t.like(joined, { errorCode: 0, generationId: 2, protocolName: 'range', leader: '', members: [] });
    const here = { groupId, memberId: joined?.memberId ?? '', generationId: 2 };
    t.is((await client.ask(heartbeat, 3, here))?.errorCode, errors.NONE);
    const synced = await client.ask(syncGroup, Math.min(version, 5), assigned(groupId, here.memberId, 2));
    t.deepEqual(readAssignment(synced?.assignment ?? new Uint8Array()), [], 'the other one has to give up first');
    const given = [{ topicId: await idOf(client, groupId), partitions: [0] }];
    const beat = { memberId: 'new', memberEpoch: 1, rebalanceTimeoutMs: -1 };
    await client.ask(consumerGroupHeartbeat, 1, beating(groupId, { ...beat, topicPartitions: null }));
    await client.ask(consumerGroupHeartbeat, 1, beating(groupId, { ...beat, topicPartitions: given }));
    t.is((await client.ask(heartbeat, 3, here))?.errorCode, errors.REBALANCE_IN_PROGRESS);
    await client.ask(joinGroup, version, joining(groupId, topic, { memberId: here.memberId }));
    const again = await client.ask(syncGroup, Math.min(version, 5), assigned(groupId, here.memberId, 2));
    t.deepEqual(readAssignment(again?.assignment ?? new Uint8Array()), [{ topic, partitions: [1] }]);
    t.is((await client.ask(heartbeat, 3, here))?.errorCode, errors.NONE);
    t.is((await client.ask(heartbeat, 3, { ...here, generationId: 1 }))?.errorCode, errors.ILLEGAL_GENERATION);
    const commit = committing(topic, 7, { groupId, memberId: here.memberId, generationIdOrMemberEpoch: 1 });
    const codes = async (asked: typeof commit) =>
      (await client.ask(offsetCommit, 9, asked))?.topics[0]?.partitions[0]?.errorCode;
    t.is(await codes(commit), errors.ILLEGAL_GENERATION);
    t.is(await codes({ ...commit, generationIdOrMemberEpoch: 2 }), errors.NONE);
    const left = await client.ask(leaveGroup, 0, here);
    t.is(left?.errorCode, errors.NONE);
    t.is((await client.ask(heartbeat, 3, here))?.errorCode, errors.UNKNOWN_MEMBER_ID);
  }
});

async function idOf(client: Wire, groupId: string): Promise<string> {
  const asked = { groupIds: [groupId], includeAuthorizedOperations: false };
  const described = await client.ask(consumerGroupDescribe, 1, asked);
  const members = described?.groups[0]?.members ?? [];
  return members[0]?.assignment.topicPartitions[0]?.topicId ?? '';
}

test('guests are told apart, share a way of assigning, and are consumers', async (t) => {
  const client = await wire(t);
  const topic = await newTopic(client, 2);
  const groupId = newGroup();
  await client.ask(consumerGroupHeartbeat, 1, beating(groupId, { memberId: 'new', subscribedTopicNames: [topic] }));
  const guest = await client.ask(joinGroup, 3, joining(groupId, topic));
  t.is(guest?.errorCode, errors.NONE);
  const asked = { groupIds: [groupId], includeAuthorizedOperations: false };
  const members = (await client.ask(consumerGroupDescribe, 1, asked))?.groups[0]?.members ?? [];
  t.deepEqual(
    members.map(({ memberId, memberType }) => [memberId === 'new', memberType]),
    [
      [true, 1],
      [false, 0],
    ],
  );
  const refused = async (how: object) => (await client.ask(joinGroup, 3, joining(groupId, topic, how)))?.errorCode;
  t.is(await refused({ protocols: ['roundrobin'] }), errors.INCONSISTENT_GROUP_PROTOCOL);
  t.is(await refused({ protocolType: 'connect' }), errors.INCONSISTENT_GROUP_PROTOCOL);
  t.is(await refused({ memberId: 'new' }), errors.UNKNOWN_MEMBER_ID, 'the id of one who is no guest');
  const beat = beating(groupId, { memberId: guest?.memberId, memberEpoch: 2, topicPartitions: null });
  t.is((await client.ask(consumerGroupHeartbeat, 1, beat))?.errorCode, errors.UNKNOWN_MEMBER_ID);
});
