/** Settings of groups by hand: bounded, told to members, their session, given back, kept over a restart and a kill. */
import test from 'ava';
import { alterConfigs } from '../../../src/protocols/kafka/calls/alter-configs.ts';
import { consumerGroupHeartbeat } from '../../../src/protocols/kafka/calls/consumer-group-heartbeat.ts';
import { deleteGroups } from '../../../src/protocols/kafka/calls/delete-groups.ts';
import { listConfigResources } from '../../../src/protocols/kafka/calls/list-config-resources.ts';
import { listGroups } from '../../../src/protocols/kafka/calls/list-groups.ts';
import { offsetCommit } from '../../../src/protocols/kafka/calls/offset-commit.ts';
import { errors } from '../../../src/protocols/kafka/faults.ts';
import { TestNode } from '../../node/harness.ts';
import { newTopic } from './asking.ts';
import { alter, altered, described, operations, resources, told } from './config-asking.ts';
import { beating, committing, newGroup } from './group-asking.ts';
import { nodeByHand } from './own-node.ts';
import { Wire } from './wire.ts';

const { wire } = nodeByHand({
  'groups.sessionMsMin': 2_000,
  'groups.heartbeatMsMin': 500,
  'groups.heartbeatMs': 4_000,
});
const { GROUP, NODE } = resources;
const { SET, DELETE, APPEND } = operations;
const SESSION = 'consumer.session.timeout.ms';
const HEARTBEAT = 'consumer.heartbeat.interval.ms';
const DYNAMIC = 8;
const OF_NODE = 4;
const BY_DEFAULT = 5;

async function listed(by: Wire, ...resourceTypes: number[]) {
  return (await by.ask(listConfigResources, 1, { resourceTypes }))?.configResources.map((one) => one.resourceName);
}

test('what a group is given lies within what the node allows, and the message says so', async (t) => {
  const client = await wire(t);
  const group = newGroup();
  const refusal = async (name: string, value: string, operation: number = SET) => {
    const answer = await altered(client, GROUP, group, [[name, operation, value]]);
    t.is(answer?.errorCode, errors.INVALID_CONFIG, `${name}=${value}`);
    return answer?.errorMessage ?? '';
  };
  t.is(await refusal(SESSION, '1999'), `${SESSION} must be a whole number from 2000 to 60000; it is 1999`);
  t.is(await refusal(SESSION, '60001'), `${SESSION} must be a whole number from 2000 to 60000; it is 60001`);
  t.is(await refusal(HEARTBEAT, '499'), `${HEARTBEAT} must be a whole number from 500 to 15000; it is 499`);
  t.is(await refusal(HEARTBEAT, '15001'), `${HEARTBEAT} must be a whole number from 500 to 15000; it is 15001`);
  t.regex(await refusal(SESSION, 'soon'), /whole number/);
  t.regex(await refusal(SESSION, '4000'), /longer than the time between heartbeats/);
  t.regex(await refusal(SESSION, '5000', APPEND), /no list/);
  t.regex(await refusal('share.session.timeout.ms', '45000'), /unknown setting of groups/);
  t.regex(await refusal('streams.session.timeout.ms', '45000'), /unknown setting of groups/);
  t.is(await alter(client, GROUP, '', [SESSION, SET, '45000']), errors.INVALID_REQUEST);
  t.is(await told(client, GROUP, ''), errors.INVALID_REQUEST);
  const both = [
    [HEARTBEAT, SET, '1000'],
    [SESSION, SET, '1'],
  ] as const;
  t.is(await alter(client, GROUP, group, ...both), errors.INVALID_CONFIG);
  t.deepEqual(await told(client, GROUP, group), { [SESSION]: '45000', [HEARTBEAT]: '4000' }, 'nothing has changed');
  t.is(
    (
      await altered(
        client,
        GROUP,
        group,
        [
          [SESSION, SET, '3000'],
          [HEARTBEAT, SET, '900'],
        ],
        true,
      )
    )?.errorCode,
    0,
  );
  t.is((await altered(client, GROUP, group, [[SESSION, SET, '3000']], true))?.errorCode, errors.INVALID_CONFIG);
  t.deepEqual(await told(client, GROUP, group), { [SESSION]: '45000', [HEARTBEAT]: '4000' }, 'it was only asked');
});

test('each value is told with where it comes from; DELETE and AlterConfigs give it back', async (t) => {
  const client = await wire(t);
  const group = newGroup();
  const shown = async () => {
    const configs = await described(client, GROUP, group);
    if (typeof configs !== 'object') return configs;
    return configs.map(({ name, value, configSource, readOnly, synonyms }) => {
      t.false(readOnly);
      return [name, value, configSource, synonyms.map((one) => [one.name, one.value, one.source])];
    });
  };
  const ofNode = [SESSION, '45000', BY_DEFAULT, [[`group.${SESSION}`, '45000', BY_DEFAULT]]];
  const set = [`group.${HEARTBEAT}`, '4000', OF_NODE];
  const asItComes = [`group.${HEARTBEAT}`, '5000', BY_DEFAULT];
  const heartbeat = [HEARTBEAT, '4000', OF_NODE, [set, asItComes]];
  t.deepEqual(await shown(), [ofNode, heartbeat]);
  t.is(await alter(client, GROUP, group, [SESSION, SET, ' 50000 ']), errors.NONE);
  const own = [SESSION, '50000', DYNAMIC];
  t.deepEqual(await shown(), [[...own, [own, [`group.${SESSION}`, '45000', BY_DEFAULT]]], heartbeat]);
  t.is(await alter(client, GROUP, group, [SESSION, DELETE, null]), errors.NONE);
  t.is(await alter(client, GROUP, group, [SESSION, DELETE, null]), errors.NONE, 'it is gone already');
  t.deepEqual(await shown(), [ofNode, heartbeat]);

  const atOnce = (name: string, value: string) =>
    client.ask(alterConfigs, 2, {
      resources: [{ resourceType: GROUP, resourceName: group, configs: [{ name, value }] }],
      validateOnly: false,
    });
  t.is((await atOnce(SESSION, '55000'))?.responses[0]?.errorCode, errors.NONE);
  t.is((await atOnce(HEARTBEAT, '6000'))?.responses[0]?.errorCode, errors.NONE);
  t.deepEqual(await told(client, GROUP, group), { [SESSION]: '45000', [HEARTBEAT]: '6000' }, 'all the others go back');
  t.like(await told(client, NODE, '1'), {
    'group.consumer.session.timeout.ms': '45000',
    'group.consumer.min.session.timeout.ms': '2000',
    'group.consumer.max.session.timeout.ms': '60000',
    'group.consumer.min.heartbeat.interval.ms': '500',
  });
});

test('groups with settings of their own are listed as resources, and are no groups by that', async (t) => {
  const client = await wire(t);
  const [group, other] = [newGroup(), newGroup()];
  t.is(await alter(client, GROUP, group, [SESSION, SET, '50000']), errors.NONE);
  t.is(await alter(client, GROUP, other, [SESSION, SET, '50000']), errors.NONE);
  t.is(await alter(client, GROUP, other, [SESSION, DELETE, null]), errors.NONE);
  const names = (await listed(client, GROUP)) ?? [];
  t.deepEqual([names.includes(group), names.includes(other)], [true, false]);
  t.true((await listed(client))?.includes(group));
  t.false((await listed(client, NODE))?.includes(group));
  t.is((await client.ask(listConfigResources, 1, { resourceTypes: [99] }))?.errorCode, errors.UNSUPPORTED_VERSION);
  const groups = await client.ask(listGroups, 5, { statesFilter: [], typesFilter: [] });
  t.false(groups?.groups.some(({ groupId }) => groupId === group));
  const topic = await newTopic(client, 2);
  await client.ask(offsetCommit, 9, committing(topic, 1, { groupId: group }));
  t.is((await client.ask(deleteGroups, 2, { groupsNames: [group] }))?.results[0]?.errorCode, errors.NONE);
  t.like(await told(client, GROUP, group), { [SESSION]: '50000' }, 'they stay when the group is deleted');
});

test('members are told from their next heartbeat on, and are out when they are silent for so long', async (t) => {
  const client = await wire(t);
  const [groupId, topic] = [newGroup(), await newTopic(client)];
  const subscribed = { subscribedTopicNames: [topic] };
  const joined = await client.ask(consumerGroupHeartbeat, 1, beating(groupId, { ...subscribed, memberId: 'silent' }));
  t.like(joined, { errorCode: 0, heartbeatIntervalMs: 4_000 });
  t.is(await alter(client, GROUP, groupId, [SESSION, SET, '2000'], [HEARTBEAT, SET, '700']), errors.NONE);
  const quiet = { rebalanceTimeoutMs: -1, topicPartitions: null };
  const beat = (memberId: string, memberEpoch = 0) =>
    client.ask(consumerGroupHeartbeat, 1, beating(groupId, { memberId, memberEpoch, ...quiet }));
  t.like(await beat('silent', joined?.memberEpoch), { errorCode: 0, heartbeatIntervalMs: 700 });
  const deadline = Date.now() + 90_000;
  while (Date.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    const answer = await beat('silent', joined?.memberEpoch);
    if (answer?.errorCode === errors.UNKNOWN_MEMBER_ID) break;
  }
  t.true(Date.now() < deadline, 'a session of 45 s would have been kept alive');
});

test('what a group was given is there after a stop and after a kill', async (t) => {
  const node = await TestNode.start({ shards: 2, flags: ['--log-level', 'warn'] });
  t.teardown(() => node.dispose());
  const group = newGroup();
  const settings = async (run: (by: Wire) => Promise<unknown>) => {
    const client = await Wire.connect(node.kafkaPort);
    const answer = await run(client);
    client.end();
    return answer;
  };
  const given = [
    [SESSION, SET, '50000'],
    [HEARTBEAT, SET, '10000'],
  ] as const;
  t.is(await settings((by) => alter(by, GROUP, group, ...given)), errors.NONE);
  await node.kill();
  await node.startAgain();
  t.deepEqual(await settings((by) => told(by, GROUP, group)), { [SESSION]: '50000', [HEARTBEAT]: '10000' });
  t.is(await settings((by) => alter(by, GROUP, group, [SESSION, DELETE, null])), errors.NONE);
  await node.stop();
  await node.startAgain();
  t.deepEqual(await settings((by) => told(by, GROUP, group)), { [SESSION]: '45000', [HEARTBEAT]: '10000' });
  t.deepEqual(await settings((by) => listed(by, GROUP)), [group]);
});
