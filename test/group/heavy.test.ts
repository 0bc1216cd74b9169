/** What the groups of one coordinator hold is bounded as a whole: whatever would add to it is refused, and the rest goes on. */
import test from 'ava';
import { commit } from '../../src/group/offsets.ts';
import { id } from '../../src/model/ids.ts';
import { COMMIT_METADATA_CHARS_MAX } from '../../src/model/limits.ts';
import { GROUP, MachineWorld } from './machine-world.ts';

const PARTITIONS = 3_000;
const METADATA = 'x'.repeat(COMMIT_METADATA_CHARS_MAX);

/** Commits by a reader without membership. Answers the codes of the faults, one a partition that has one. */
function commitBy(world: MachineWorld, group: string, partitions: readonly number[], offset: number, metadata: string) {
  const offsets = partitions.map((partition) => ({
    topic: id<never>(1),
    partition: id<never>(partition),
    offset: id<never>(offset),
    metadata,
  }));
  const decided = commit(world.groups, world.topics, { group, member: '', epoch: -1, offsets }, 0);
  if (!decided.ok) return [decided.fault.code];
  if (decided.value.record !== null) world.carryOut([decided.value.record]);
  return decided.value.parts.flatMap((part) => (part.fault === undefined ? [] : [part.fault.code]));
}

function full(): MachineWorld {
  const world = new MachineWorld();
  world.topic(1, 'orders', PARTITIONS);
  for (let at = 0; at < PARTITIONS && !world.groups.heavy; at++) commitBy(world, 'hoarder', [at], 1, METADATA);
  return world;
}

test('offsets with long metadata fill it: new ones and longer ones are refused, known ones still move', (t) => {
  const world = full();
  t.true(world.groups.heavy, 'fewer than there are partitions fill it');
  t.deepEqual(commitBy(world, 'hoarder', [PARTITIONS - 1], 1, ''), ['OVERLOADED']);
  t.deepEqual(commitBy(world, 'other', [0, 1], 1, ''), ['OVERLOADED', 'OVERLOADED']);
  t.deepEqual(commitBy(world, 'hoarder', [0], 2, METADATA), []);
  t.deepEqual(commitBy(world, 'hoarder', [0], 3, ''), []);
  t.false(world.groups.heavy, 'a shorter text made room');
  t.deepEqual(commitBy(world, 'other', [0], 1, ''), []);
});

test('members are refused, and come in once the offsets have gone', (t) => {
  const world = full();
  const join = { member: 'a', epoch: 0, topics: ['orders'] };
  t.is(world.beat(join)?.code, 'OVERLOADED');
  t.is(world.groups.get(GROUP), undefined);
  world.carryOut([{ group: 'hoarder', type: 'forget', topics: [id(1)] }]);
  world.carryOut([{ group: 'hoarder', type: 'deleted' }]);
  t.is(world.beat(join), null);
  t.is(world.beat({ member: 'a', epoch: -1 }), null);
  t.false(world.groups.heavy);
});

test('a group that is gone, whatever it held, has left nothing in the sum', (t) => {
  const world = new MachineWorld();
  world.topic(1, 'orders', 4);
  for (let round = 0; round < 2_000; round++) {
    commitBy(world, 'passing', [0, 1, 2, 3], 1, METADATA);
    world.carryOut([{ group: 'passing', type: 'deleted' }]);
  }
  t.false(world.groups.heavy);
});
