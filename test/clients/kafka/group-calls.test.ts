/** The calls on groups by hand: every version, errors as Kafka gives them, both kinds of groups, against a node in this process. */
import test from 'ava';
import { deleteGroups } from '../../../src/protocols/kafka/calls/delete-groups.ts';
import { describeGroups } from '../../../src/protocols/kafka/calls/describe-groups.ts';
import { findCoordinator } from '../../../src/protocols/kafka/calls/find-coordinator.ts';
import { heartbeat } from '../../../src/protocols/kafka/calls/heartbeat.ts';
import { joinGroup } from '../../../src/protocols/kafka/calls/join-group.ts';
import { leaveGroup } from '../../../src/protocols/kafka/calls/leave-group.ts';
import { listGroups } from '../../../src/protocols/kafka/calls/list-groups.ts';
import { metadata } from '../../../src/protocols/kafka/calls/metadata.ts';
import { offsetCommit } from '../../../src/protocols/kafka/calls/offset-commit.ts';
import { offsetDelete } from '../../../src/protocols/kafka/calls/offset-delete.ts';
import { offsetFetch } from '../../../src/protocols/kafka/calls/offset-fetch.ts';
import { syncGroup } from '../../../src/protocols/kafka/calls/sync-group.ts';
import { errors } from '../../../src/protocols/kafka/faults.ts';
import { NO_UUID } from '../../../src/protocols/kafka/reading.ts';
import { newTopic } from './asking.ts';
import { assigned, committing, type Joining, joining, member, newGroup, subscription } from './group-asking.ts';
import { nodeByHand } from './own-node.ts';

const { wire } = nodeByHand({ 'groups.initialRebalanceMs': 0 });

test('a member joins, is assigned, lives and leaves in every version', async (t) => {
  const client = await wire(t);
  const topic = await newTopic(client);
  for (let version = 0; version <= 9; version++) {
    const groupId = newGroup();
    let joined = await client.ask(joinGroup, version, joining(groupId, topic));
    if (version >= 4) {
      t.is(joined?.errorCode, errors.MEMBER_ID_REQUIRED, `${version}`);
      joined = await client.ask(joinGroup, version, joining(groupId, topic, { memberId: joined?.memberId ?? '' }));
    }
    const { memberId = '', generationId = -1 } = joined ?? {};
    t.like(joined, { errorCode: 0, generationId: 1, protocolName: 'range', leader: memberId, skipAssignment: false });
    t.deepEqual(
      joined?.members.map((each) => Buffer.from(each.metadata)),
      [subscription(topic)] as never,
    );
    const syncVersion = Math.min(5, version);
    const synced = await client.ask(syncGroup, syncVersion, assigned(groupId, memberId, generationId));
    t.is(Buffer.from(synced?.assignment ?? []).toString(), 'all of it');
    const alive = await client.ask(heartbeat, Math.min(4, version), { groupId, generationId, memberId });
    t.is(alive?.errorCode, errors.NONE);
    const leaving = { groupId, memberId, members: [{ memberId }] };
    const left = await client.ask(leaveGroup, Math.min(5, version), leaving);
    t.is(left?.errorCode, errors.NONE);
    const gone = await client.ask(heartbeat, Math.min(4, version), { groupId, generationId, memberId });
    t.is(gone?.errorCode, errors.UNKNOWN_MEMBER_ID);
  }
});

test('what a member may not is refused with its own code', async (t) => {
  const client = await wire(t);
  const topic = await newTopic(client);
  const group = newGroup();
  const { memberId, generationId } = await member(client, group, topic);
  const joinCode = async (groupId: string, how: Joining) =>
    (await client.ask(joinGroup, 5, joining(groupId, topic, how)))?.errorCode;
  t.is(await joinCode('', {}), errors.INVALID_GROUP_ID);
  t.is(await joinCode(`bell\u0007`, {}), errors.INVALID_GROUP_ID);
  t.is(await joinCode(group, { sessionTimeoutMs: 10 }), errors.INVALID_SESSION_TIMEOUT);
  t.is(await joinCode(group, { memberId: 'stranger' }), errors.UNKNOWN_MEMBER_ID);
  t.is(await joinCode(group, { protocols: ['other'] }), errors.INCONSISTENT_GROUP_PROTOCOL);
  t.is(await joinCode(newGroup(), { protocols: [] }), errors.INCONSISTENT_GROUP_PROTOCOL);
  const alive = async (generation: number, id = memberId) =>
    (await client.ask(heartbeat, 4, { groupId: group, generationId: generation, memberId: id }))?.errorCode;
  t.is(await alive(generationId + 1), errors.ILLEGAL_GENERATION);
  t.is(await alive(generationId, 'stranger'), errors.UNKNOWN_MEMBER_ID);
  t.is(await alive(generationId), errors.NONE);
  const nameless = await client.ask(syncGroup, 5, { ...assigned(group, memberId, generationId), protocolName: null });
  t.is(nameless?.errorCode, errors.INCONSISTENT_GROUP_PROTOCOL);
  const several = [{ memberId: 'stranger' }, { memberId: '', groupInstanceId: 'nobody' }, { memberId }];
  const left = await client.ask(leaveGroup, 4, { groupId: group, members: several });
  t.deepEqual(
    left?.members.map(({ errorCode }) => errorCode),
    [errors.UNKNOWN_MEMBER_ID, errors.UNKNOWN_MEMBER_ID, errors.NONE],
  );
});

test('a static member that comes back takes over; the one before is fenced', async (t) => {
  const client = await wire(t);
  const topic = await newTopic(client);
  const group = newGroup();
  const first = await client.ask(joinGroup, 9, joining(group, topic, { groupInstanceId: 'one' }));
  const { memberId = '', generationId = -1 } = first ?? {};
  await client.ask(syncGroup, 5, assigned(group, memberId, generationId));
  const again = await client.ask(joinGroup, 9, joining(group, topic, { groupInstanceId: 'one' }));
  t.like(again, { errorCode: 0, generationId, skipAssignment: true });
  t.not(again?.memberId, memberId);
  const who = { groupId: group, generationId, groupInstanceId: 'one' };
  t.is((await client.ask(heartbeat, 3, { ...who, memberId }))?.errorCode, errors.FENCED_INSTANCE_ID);
  t.is((await client.ask(heartbeat, 3, { ...who, memberId: again?.memberId ?? '' }))?.errorCode, errors.NONE);
});

test('offsets are committed and fetched in every version, by name and by id', async (t) => {
  const client = await wire(t);
  const topic = await newTopic(client, 2);
  const described = await client.ask(metadata, 12, { topics: [{ topicId: NO_UUID, name: topic }] });
  const topicId = described?.topics[0]?.topicId ?? '';
  const groupId = newGroup();
  for (let version = 2; version <= 10; version++) {
    const request = committing(topic, version, { groupId });
    const topics = request.topics.map((each) => ({ ...each, topicId }));
    const answer = await client.ask(offsetCommit, version, { ...request, topics });
    t.deepEqual(
      answer?.topics[0]?.partitions.map(({ errorCode }) => errorCode),
      [0, 0],
      `${version}`,
    );
  }
  for (let version = 1; version <= 10; version++) {
    const named = { name: topic, topicId, partitionIndexes: [1, 7] };
    const answer = await client.ask(offsetFetch, version, {
      ...{ groupId, topics: [named], groups: [{ groupId, topics: [named] }] },
    });
    const parts = (version < 8 ? answer?.topics[0] : answer?.groups[0]?.topics[0])?.partitions;
    t.deepEqual(
      parts?.map(({ partitionIndex, committedOffset, metadata: note }) => [partitionIndex, committedOffset, note]),
      [
        [1, 10, 'note'],
        [7, -1, ''],
      ],
      `${version}`,
    );
    if (version < 2) continue;
    const all = await client.ask(offsetFetch, version, { groupId, topics: null, groups: [{ groupId, topics: null }] });
    const found = version < 8 ? all?.topics : all?.groups[0]?.topics;
    t.deepEqual(
      found?.[0]?.partitions.map(({ committedOffset }) => committedOffset),
      [10, 10],
      `all, ${version}`,
    );
  }
  const unknown = { name: 'nowhere', topicId: 'ab'.repeat(16), partitionIndexes: [0] };
  const byName = await client.ask(offsetFetch, 9, { groups: [{ groupId, topics: [unknown] }] });
  t.like(byName?.groups[0]?.topics[0]?.partitions[0], { committedOffset: -1, errorCode: errors.NONE });
  const byId = await client.ask(offsetFetch, 10, { groups: [{ groupId, topics: [unknown] }] });
  t.is(byId?.groups[0]?.topics[0]?.partitions[0]?.errorCode, errors.UNKNOWN_TOPIC_ID);
});

test('who may not commit is told why, of every partition', async (t) => {
  const client = await wire(t);
  const topic = await newTopic(client, 2);
  const { groupId, memberId, generationId } = await member(client, newGroup(), topic);
  const code = async (offset: number, more: object) =>
    (await client.ask(offsetCommit, 8, committing(topic, offset, more)))?.topics[0]?.partitions.map(
      ({ errorCode }) => errorCode,
    );
  const here = { groupId, memberId, generationIdOrMemberEpoch: generationId };
  t.deepEqual(await code(1, here), [0, 0]);
  t.deepEqual(await code(1, { ...here, generationIdOrMemberEpoch: 99 }), Array(2).fill(errors.ILLEGAL_GENERATION));
  t.deepEqual(await code(1, { ...here, memberId: 'stranger' }), Array(2).fill(errors.UNKNOWN_MEMBER_ID));
  t.deepEqual(await code(1, { groupId }), Array(2).fill(errors.UNKNOWN_MEMBER_ID));
  t.deepEqual(await code(1, { groupId: '' }), Array(2).fill(errors.INVALID_GROUP_ID));
  t.deepEqual(await code(1, { ...here, groupId: 'never heard of', generationIdOrMemberEpoch: 1 }), [22, 22]);
  const long = committing(topic, 1, here);
  const [named] = long.topics;
  const partitions = named?.partitions.map((each) => ({ ...each, committedMetadata: 'x'.repeat(5_000) })) ?? [];
  const refused = await client.ask(offsetCommit, 8, {
    ...long,
    topics: [
      { name: topic, topicId: NO_UUID, partitions },
      { name: 'nowhere', topicId: NO_UUID, partitions: partitions.slice(0, 1) },
    ],
  });
  t.deepEqual(
    refused?.topics.flatMap((each) => each.partitions.map(({ errorCode }) => errorCode)),
    [errors.OFFSET_METADATA_TOO_LARGE, errors.OFFSET_METADATA_TOO_LARGE, errors.UNKNOWN_TOPIC_OR_PARTITION],
  );
});

test('groups are listed, described and deleted, and offsets forgotten', async (t) => {
  const client = await wire(t);
  const [topic, other] = [await newTopic(client, 2), await newTopic(client, 2)];
  const here = await member(client, newGroup(), topic);
  const { groupId, memberId } = here;
  const commit = { groupId, memberId, generationIdOrMemberEpoch: here.generationId };
  for (const name of [topic, other]) await client.ask(offsetCommit, 8, committing(name, 3, commit));
  const list = async (statesFilter: string[], typesFilter: string[]) =>
    (await client.ask(listGroups, 5, { statesFilter, typesFilter }))?.groups.find((one) => one.groupId === groupId);
  t.like(await list([], []), { protocolType: 'consumer', groupState: 'Stable', groupType: 'classic' });
  t.truthy(await list(['stable'], ['Classic']));
  t.is(await list(['Empty'], []), undefined);
  t.is(await list([], ['consumer']), undefined);
  const described = await client.ask(describeGroups, 6, {
    groups: [groupId, 'nobody'],
    includeAuthorizedOperations: true,
  });
  t.like(described?.groups[0], { errorCode: 0, groupState: 'Stable', protocolData: 'range', protocolType: 'consumer' });
  t.like(described?.groups[0]?.members[0], { memberId, clientId: 'wire', clientHost: '/127.0.0.1' });
  t.is(Buffer.from(described?.groups[0]?.members[0]?.memberAssignment ?? []).toString(), 'all of it');
  t.like(described?.groups[1], { errorCode: errors.GROUP_ID_NOT_FOUND, groupState: 'Dead' });
  const older = await client.ask(describeGroups, 5, { groups: ['nobody'] });
  t.like(older?.groups[0], { errorCode: 0, groupState: 'Dead' });
  const partitions = [{ partitionIndex: 0 }];
  const names = [topic, other, 'nowhere'].map((name) => ({ name, partitions }));
  const dropped = await client.ask(offsetDelete, 0, { groupId, topics: names });
  t.deepEqual(
    dropped?.topics.map((each) => each.partitions[0]?.errorCode),
    [errors.GROUP_SUBSCRIBED_TO_TOPIC, errors.NONE, errors.UNKNOWN_TOPIC_OR_PARTITION],
  );
  t.is((await client.ask(offsetDelete, 0, { groupId: 'nobody', topics: [] }))?.errorCode, errors.GROUP_ID_NOT_FOUND);
  const remove = async () =>
    (await client.ask(deleteGroups, 2, { groupsNames: [groupId, 'nobody'] }))?.results.map((one) => one.errorCode);
  t.deepEqual(await remove(), [errors.NON_EMPTY_GROUP, errors.GROUP_ID_NOT_FOUND]);
  await client.ask(leaveGroup, 1, { groupId, memberId });
  t.like(await list([], []), { groupState: 'Empty', groupType: 'classic' });
  t.deepEqual(await remove(), [errors.NONE, errors.GROUP_ID_NOT_FOUND]);
});

test('this node looks after every group, whatever it is called', async (t) => {
  const client = await wire(t);
  const coordinatorKeys = ['a group: 1', '__proto__', ''];
  const found = await client.ask(findCoordinator, 6, { keyType: 0, coordinatorKeys });
  t.deepEqual(
    found?.coordinators.map(({ errorCode, nodeId }) => [errorCode, nodeId]),
    [
      [errors.NONE, 1],
      [errors.NONE, 1],
      [errors.INVALID_GROUP_ID, -1],
    ],
  );
  const topic = await newTopic(client);
  for (const name of ['__proto__', 'constructor', 'toString']) {
    const here = await member(client, name, topic);
    t.is((await client.ask(heartbeat, 1, here))?.errorCode, errors.NONE);
    await client.ask(leaveGroup, 1, here);
  }
});
