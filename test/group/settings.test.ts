/** A group's own times: what may be given, whose session they are, from when on, and where they stay. */
import test from 'ava';
import { Groups } from '../../src/group/groups.ts';
import { alterSettings } from '../../src/group/settings.ts';
import { heartbeatMsOf } from '../../src/group/timeouts.ts';
import { GROUP_BOUNDS, type GroupBounds, type GroupSettingsChange } from '../../src/model/group-settings.ts';
import { GROUP_SETTINGS_PER_COORDINATOR_MAX } from '../../src/model/limits.ts';
import { GROUP, MachineWorld } from './machine-world.ts';

function alter(groups: Groups, change: GroupSettingsChange, group = GROUP): string {
  const record = alterSettings(groups, group, change);
  if (!record.ok) return record.fault.message;
  if (record.value === null) return 'nothing';
  groups.apply(record.value);
  return 'done';
}

const joined = (): MachineWorld => {
  const world = new MachineWorld();
  world.topic(1, 'orders', 2);
  world.beat({ member: 'its own', epoch: 0, topics: ['orders'], sessionMs: 300_000 });
  world.beat({ member: 'its group', epoch: 0, topics: ['orders'] });
  return world;
};

test('what may be given lies within the bounds, and a session is longer than the time between heartbeats', (t) => {
  const groups = new Groups();
  t.is(alter(groups, { sessionMs: 44_999 }), 'sessionMs must be a whole number from 45000 to 60000; it is 44999');
  t.is(alter(groups, { heartbeatMs: 15_001 }), 'heartbeatMs must be a whole number from 5000 to 15000; it is 15001');
  t.is(alter(groups, { sessionMs: 60_000, heartbeatMs: 5_000 }), 'done');
  t.is(alter(groups, { sessionMs: 60_000 }), 'nothing');
  t.is(alter(groups, { heartbeatMs: null }), 'done');
  t.deepEqual(groups.settingsOf(GROUP), { sessionMs: 60_000 });
  t.is(alter(groups, { sessionMs: null }), 'done');
  t.is(groups.withSettings.size, 0);

  const wide: GroupBounds = {
    sessionMs: { least: 1_000, most: 60_000, default: 45_000 },
    heartbeatMs: { least: 1_000, most: 50_000, default: 5_000 },
  };
  const others = new Groups(0, 'bidirectional', wide);
  t.regex(alter(others, { heartbeatMs: 45_000 }), /would be 45000 and 45000 ms/);
  t.regex(alter(others, { sessionMs: 4_000 }), /would be 4000 and 5000 ms/);
  t.is(alter(others, { sessionMs: 4_000, heartbeatMs: 3_000 }), 'done');
  t.regex(alter(others, { heartbeatMs: null }), /would be 4000 and 5000 ms/);
});

test('a session is as long as it was when its member was last heard', (t) => {
  const world = joined();
  const beat = () => world.beat({ member: 'its group', epoch: world.group?.members.get('its group')?.epoch ?? 0 });
  t.is(alter(world.groups, { sessionMs: 60_000 }), 'done');
  t.deepEqual(world.pass(45_000), [], 'its session is over with the next tick');
  beat();
  t.deepEqual(world.pass(60_000), [], 'it is longer now');
  t.is(alter(world.groups, { sessionMs: null }), 'done');
  beat();
  t.deepEqual(world.pass(45_001), ['its group']);
});

test('who says how long its session is has three heartbeats in it; others have what their group has', (t) => {
  const world = joined();
  const { groups } = world;
  const told = (name: string): number => {
    const member = world.group?.members.get(name);
    return member === undefined ? -1 : heartbeatMsOf(groups, GROUP, member);
  };
  t.deepEqual([told('its own'), told('its group')], [100_000, 5_000]);
  t.is(alter(groups, { heartbeatMs: 12_000 }), 'done');
  t.deepEqual([told('its own'), told('its group')], [100_000, 12_000]);
});

test('settings are there before their group and after it, also in a snapshot', (t) => {
  const { groups } = new MachineWorld();
  t.is(alter(groups, { sessionMs: 50_000 }), 'done');
  t.is(groups.get(GROUP), undefined, 'they make no group');
  groups.apply({ group: GROUP, type: 'epoch', epoch: 1 });
  groups.apply({ group: GROUP, type: 'deleted' });
  const again = new Groups();
  for (const record of groups.snapshot()) again.apply(record);
  t.deepEqual([...again.withSettings], [[GROUP, { sessionMs: 50_000 }]]);
  t.is(again.size, 0);
});

test('what the node allows no more counts as the nearest that it does', (t) => {
  const narrow: GroupBounds = { ...GROUP_BOUNDS, sessionMs: { least: 45_000, most: 48_000, default: 45_000 } };
  const groups = new Groups(0, 'bidirectional', narrow);
  groups.apply({ group: GROUP, type: 'settings', settings: { sessionMs: 50_000 } });
  t.deepEqual(groups.timesOf(GROUP), { sessionMs: 48_000, heartbeatMs: 5_000 });
});

test('so many groups of a coordinator have settings of their own, and no more', (t) => {
  const groups = new Groups();
  for (let at = 0; at < GROUP_SETTINGS_PER_COORDINATOR_MAX; at++) alter(groups, { sessionMs: 50_000 }, `group ${at}`);
  t.regex(alter(groups, { sessionMs: 50_000 }), /too many groups/);
  t.is(alter(groups, { sessionMs: 51_000 }, 'group 1'), 'done');
  t.is(alter(groups, { sessionMs: null }, 'group 1'), 'done');
  t.is(alter(groups, { sessionMs: 50_000 }), 'done');
});
