/** Which way a group may change while members are in it: by each policy, with calls by hand. */
import test, { type ExecutionContext } from 'ava';
import { startNode } from '../../../src/node.ts';
import { consumerGroupHeartbeat } from '../../../src/protocols/kafka/calls/consumer-group-heartbeat.ts';
import { describeConfigs } from '../../../src/protocols/kafka/calls/describe-configs.ts';
import { heartbeat } from '../../../src/protocols/kafka/calls/heartbeat.ts';
import { joinGroup } from '../../../src/protocols/kafka/calls/join-group.ts';
import { leaveGroup } from '../../../src/protocols/kafka/calls/leave-group.ts';
import { listGroups } from '../../../src/protocols/kafka/calls/list-groups.ts';
import { syncGroup } from '../../../src/protocols/kafka/calls/sync-group.ts';
import { errors } from '../../../src/protocols/kafka/faults.ts';
import { readAssignment, writeAssignment } from '../../../src/protocols/kafka/subscription.ts';
import { newTopic } from './asking.ts';
import { beating, joining, newGroup } from './group-asking.ts';
import { Wire } from './wire.ts';

type Policy = 'bidirectional' | 'upgrade' | 'downgrade' | 'disabled';

async function connected(t: ExecutionContext, policy: Policy): Promise<Wire> {
  const node = await startNode({ engine: 'memory', 'groups.initialRebalanceMs': 0, 'groups.migration': policy });
  const client = await Wire.connect(node.kafka?.port ?? 0);
  t.teardown(() => {
    client.end();
    return node.stop();
  });
  return client;
}

/** As a consumer that assigns by itself. */
async function classic(by: Wire, groupId: string, topic: string) {
  const { memberId = '', generationId = -1, leader } = (await by.ask(joinGroup, 3, joining(groupId, topic))) ?? {};
  const assignment = writeAssignment([{ topic, partitions: [0, 1] }]);
  const assignments = leader === memberId ? [{ memberId, assignment }] : [];
  const request = { ...{ groupId, memberId, generationId }, assignments, protocolType: null, protocolName: null };
  const synced = await by.ask(syncGroup, 3, request);
  return { memberId, generationId, errorCode: synced?.errorCode, assignment: synced?.assignment ?? new Uint8Array(0) };
}

async function consumer(by: Wire, groupId: string, topic: string) {
  const asked = beating(groupId, { memberId: 'consumer', subscribedTopicNames: [topic] });
  return (await by.ask(consumerGroupHeartbeat, 1, asked))?.errorCode;
}

async function typeOf(by: Wire, groupId: string): Promise<string | undefined> {
  const listed = await by.ask(listGroups, 5, { statesFilter: [], typesFilter: [] });
  return listed?.groups.find((one) => one.groupId === groupId)?.groupType;
}

for (const policy of ['bidirectional', 'upgrade', 'downgrade', 'disabled'] as const) {
  const mayUpgrade = policy === 'bidirectional' || policy === 'upgrade';
  const mayDowngrade = policy === 'bidirectional' || policy === 'downgrade';

  test(`${policy}: a group of members who assign ${mayUpgrade ? 'changes' : 'stays'} when one comes who does not`, async (t) => {
    const client = await connected(t, policy);
    const topic = await newTopic(client, 2);
    const groupId = newGroup();
    const member = await classic(client, groupId, topic);
    t.is(member.errorCode, errors.NONE);
    t.is(await consumer(client, groupId, topic), mayUpgrade ? errors.NONE : errors.GROUP_ID_NOT_FOUND);
    t.is((await typeOf(client, groupId))?.toLowerCase(), mayUpgrade ? 'consumer' : 'classic');
    if (mayUpgrade) return;
    const { memberId, generationId } = member;
    t.is((await client.ask(heartbeat, 3, { groupId, memberId, generationId }))?.errorCode, errors.NONE);
    await client.ask(leaveGroup, 3, {
      groupId,
      memberId,
      members: [{ memberId, groupInstanceId: null, reason: null }],
    });
    t.is(await consumer(client, groupId, topic), errors.NONE, 'an empty one is no question of policy');
  });

  test(`${policy}: guests who are left alone ${mayDowngrade ? 'assign by themselves' : 'stay with the node'}`, async (t) => {
    const client = await connected(t, policy);
    const topic = await newTopic(client, 2);
    const groupId = newGroup();
    t.is(await consumer(client, groupId, topic), errors.NONE);
    const guest = await classic(client, groupId, topic);
    t.is(guest.errorCode, errors.NONE);
    t.is(await typeOf(client, groupId), 'consumer');
    await client.ask(consumerGroupHeartbeat, 1, beating(groupId, { memberId: 'consumer', memberEpoch: -1 }));
    t.is(await typeOf(client, groupId), mayDowngrade ? 'classic' : 'consumer');
    const { memberId, generationId } = guest;
    const beat = await client.ask(heartbeat, 3, { groupId, memberId, generationId });
    t.is(beat?.errorCode, errors.REBALANCE_IN_PROGRESS);
    const again = await client.ask(joinGroup, 3, joining(groupId, topic, { memberId }));
    t.is(again?.errorCode, errors.NONE);
    t.is(again?.leader === memberId, mayDowngrade);
    if (mayDowngrade) return;
    const request = { groupId, memberId, generationId: again?.generationId ?? -1 };
    const synced = await client.ask(syncGroup, 3, { ...request, assignments: [] });
    t.deepEqual(readAssignment(synced?.assignment ?? new Uint8Array(0)), [{ topic, partitions: [0, 1] }]);
  });
}

test('the policy is told by its name in Kafka', async (t) => {
  const client = await connected(t, 'upgrade');
  const configurationKeys = ['group.consumer.migration.policy'];
  const resources = [{ resourceType: 4, resourceName: '1', configurationKeys }];
  const asked = { resources, includeSynonyms: false, includeDocumentation: false };
  const told = (await client.ask(describeConfigs, 4, asked))?.results[0]?.configs;
  t.deepEqual(
    told?.map(({ name, value, readOnly }) => [name, value, readOnly]),
    [['group.consumer.migration.policy', 'upgrade', true]],
  );
});
