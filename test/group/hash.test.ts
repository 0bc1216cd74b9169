/** Where groups lie is part of the folder's format: these numbers must never change. */
import test from 'ava';
import { coordinatorOf } from '../../src/group/hash.ts';
import { GROUP_PARTITIONS } from '../../src/model/ids.ts';

test('groups stay with the coordinator that has them', (t) => {
  const pinned: readonly (readonly [group: string, coordinator: number])[] = [
    // FNV-1a of "a" is e40c292c, as its authors publish it.
    ['a', 1 + 0xc],
    ['billing', 13],
    ['orders.read', 15],
    ['constructor', 16],
    ['group-1', 7],
    ['g'.repeat(249), 15],
  ];
  for (const [group, coordinator] of pinned) t.is(coordinatorOf(group), coordinator, group);
});

test('groups spread over all coordinators', (t) => {
  const counts = new Map<number, number>();
  for (let n = 0; n < 16_000; n++) {
    const coordinator = coordinatorOf(`group-${n}`);
    counts.set(coordinator, (counts.get(coordinator) ?? 0) + 1);
  }
  t.is(counts.size, GROUP_PARTITIONS);
  t.deepEqual(
    [...counts.keys()].sort((a, b) => a - b),
    Array.from({ length: GROUP_PARTITIONS }, (_, n) => n + 1),
  );
  for (const count of counts.values()) t.true(count > 800 && count < 1_200, `${count} of 1,000`);
});
