/** Committed offsets grow old when nobody needs them: without members, or of topics that the members do not read. */
import test from 'ava';
import { expire } from '../../src/group/expiry.ts';
import type { CommittedEntry } from '../../src/group/record.ts';
import { GROUP, MachineWorld, Pretender } from './machine-world.ts';

const RETENTION_MS = 1_000;

function made(): MachineWorld {
  const world = new MachineWorld();
  world.topic(1, 'orders', 2);
  world.topic(2, 'payments', 1);
  return world;
}
const commit = (world: MachineWorld, ...offsets: CommittedEntry[]): void =>
  void world.carryOut([{ group: GROUP, type: 'offsets', offsets }]);
/** Topics of which there are still offsets. */
function left(world: MachineWorld, at: number): number[] | null {
  const { group } = world;
  if (group !== undefined) world.carryOut(expire(world.groups, world.topics, group, at, RETENTION_MS));
  return world.group === undefined ? null : [...world.group.offsets.keys()].map((key) => Math.floor(key / 16_384));
}

test('of a group without members they are kept from the commit on, and the group goes with the last', (t) => {
  const world = made();
  commit(world, [1, 0, 5, '', -1, 100], [2, 0, 5, '', -1, 800]);
  t.deepEqual(left(world, 100), [1, 2]);
  t.deepEqual(left(world, 1_099), [1, 2]);
  t.deepEqual(left(world, 1_100), [2]);
  t.deepEqual(left(world, 1_799), [2]);
  t.is(left(world, 1_800), null);
});

test('they are kept from when the members were found gone, also over a restart', (t) => {
  const world = made();
  const member = new Pretender('a', ['orders']);
  member.join(world);
  commit(world, [1, 0, 5, '', -1, 100]);
  t.deepEqual(left(world, 50_000), [1], 'somebody reads the topic');
  member.leave(world, -1);
  t.deepEqual(left(world, 50_000), [1]);
  const before = world.records.splice(0);
  const again = made();
  again.carryOut([...world.groups.snapshot()]);
  t.true(before.length > 0);
  t.deepEqual(left(again, 50_999), [1]);
  t.is(left(again, 51_000), null);
});

test('who comes back in time keeps them', (t) => {
  const world = made();
  commit(world, [1, 0, 5, '', -1, 100]);
  t.deepEqual(left(world, 900), [1]);
  const member = new Pretender('a', ['orders']);
  member.join(world);
  t.deepEqual(left(world, 5_000), [1]);
  member.leave(world, -1);
  t.deepEqual(left(world, 5_100), [1]);
  t.deepEqual(left(world, 6_099), [1]);
  t.is(left(world, 6_100), null);
});

test('of topics that members do not read they go, whoever is there', (t) => {
  const world = made();
  new Pretender('a', ['orders']).join(world);
  commit(world, [1, 0, 5, '', -1, 100], [2, 0, 5, '', -1, 100]);
  t.deepEqual(left(world, 1_099), [1, 2]);
  t.deepEqual(left(world, 1_100), [1]);
});

test('what a transaction is about to commit stays until it has ended', (t) => {
  const world = made();
  commit(world, [1, 0, 5, '', -1, 100]);
  left(world, 100);
  world.carryOut([{ group: GROUP, type: 'pending', producer: 7, epoch: 0, offsets: [[1, 0, 9, '', -1, 200]] }]);
  t.deepEqual(left(world, 9_000), [1]);
  world.carryOut([{ group: GROUP, type: 'settled', producer: 7, commit: false }]);
  t.is(left(world, 9_000), null);
});
