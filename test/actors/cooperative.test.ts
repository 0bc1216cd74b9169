/** Members who go on reading while they join, call by call: in the moment between what they are told and what they do then. */
import test from 'ava';
import type {
  JoinGroupReply,
  JoinGroupRequest,
  SyncGroupReply,
  SyncGroupRequest,
} from '../../src/protocols/classic.ts';
import type { HeartbeatReply } from '../../src/protocols/request.ts';
import { beatOf, GROUP, GroupWorld, joining, owned, partitionsOf } from './group-world.ts';

const TOPIC = 'orders';
const ALL = [0, 1, 2, 3];
const places = (partitions: readonly number[]) => [{ topic: TOPIC, partitions }];

interface Cooperative {
  readonly member?: string;
  readonly instance?: string;
  readonly holds?: readonly number[];
}
const join = ({ member = '', instance, holds = [] }: Cooperative): JoinGroupRequest => ({
  ...{ call: 'joinGroup', group: GROUP, member, protocolType: 'consumer' },
  protocols: [{ name: 'cooperative', metadata: Uint8Array.from(holds), topics: [TOPIC], owned: places(holds) }],
  ...{ sessionMs: 6_000, rebalanceMs: 10_000, twoSteps: false, maySkip: true },
  ...(instance === undefined ? {} : { instance }),
});
const named = (instance?: string) => (instance === undefined ? {} : { instance });

/** Of each member, what the leader gives it. */
const sync = (
  of: JoinGroupReply,
  instance?: string,
  given: readonly (readonly [string, readonly number[]])[] = [],
): SyncGroupRequest => ({
  ...{ call: 'syncGroup', group: GROUP, member: of.member, generation: of.generation, ...named(instance) },
  assignments: given.map(([member, partitions]) => {
    return { member, assignment: Uint8Array.from(partitions), places: places(partitions) };
  }),
});

/**
 * One that holds everything is told to give up half of it for another one, and has not joined again yet.
 * @param restarted the node was, since.
 */
function betweenTheSteps(instance?: string, restarted = false) {
  const it = new GroupWorld();
  const topic = it.topic(TOPIC, ALL.length);
  const first = it.asker.sendCall(join(named(instance)));
  it.advance(2_000);
  const alone = it.asker.reply(first) as JoinGroupReply;
  it.call(sync(alone, instance, [[alone.member, ALL]]));
  const second = it.asker.sendCall(join({}));
  it.settle();
  const a = it.call<JoinGroupReply>(join({ member: alone.member, holds: ALL, ...named(instance) }));
  const b = it.asker.reply(second) as JoinGroupReply;
  const given = [
    [a.member, [0, 1]],
    [b.member, []],
  ] as const;
  it.call(sync(a, instance, given));
  it.call(sync(b));
  return { it: restarted ? it.restart() : it, topic, a, b };
}

for (const restarted of [false, true])
  test(`a static member that is back before it has joined again for what it gave up leaves nothing to nobody${restarted ? ', after a restart, too' : ''}`, (t) => {
    const { it, b } = betweenTheSteps('one', restarted);
    const back = it.asker.sendCall(join({ instance: 'one' }));
    it.settle();
    const alive = { call: 'keepAlive', group: GROUP, member: b.member, generation: b.generation } as const;
    t.is(it.code(alive), 'REBALANCE_IN_PROGRESS', 'the other one is to have what was given up');
    const again = it.call<JoinGroupReply>(join({ member: b.member }));
    t.is((it.asker.reply(back) as JoinGroupReply).generation, again.generation);
    t.is(again.generation, b.generation + 1);
  });

test('a static member that is back when nothing is left to give up disturbs nobody', (t) => {
  const { it, a, b } = betweenTheSteps('one');
  const second = it.asker.sendCall(join({ member: a.member, instance: 'one', holds: [0, 1] }));
  const other = it.call<JoinGroupReply>(join({ member: b.member }));
  const next = it.asker.reply(second) as JoinGroupReply;
  const [leader, given] = [
    next.leader === next.member ? next : other,
    [
      [next.member, [0, 1]],
      [b.member, [2, 3]],
    ] as const,
  ];
  const waits = it.asker.sendCall(sync(leader === next ? other : next, leader === next ? undefined : 'one'));
  it.call(sync(leader, leader === next ? 'one' : undefined, given));
  it.asker.reply(waits);
  const back = it.call<JoinGroupReply>(join({ instance: 'one' }));
  t.is(back.generation, next.generation);
  t.deepEqual([...it.call<SyncGroupReply>(sync(back, 'one')).assignment], [0, 1]);
});

for (const restarted of [false, true])
  test(`what a member was told to give up is its own until it says that it did, also when the node begins to assign${restarted ? ' after a restart' : ''}`, (t) => {
    // The answer that tells it is lost.
    const { it, topic, a } = betweenTheSteps(undefined, restarted);
    const n = it.call<HeartbeatReply>(joining('n'));
    t.deepEqual(partitionsOf(n.assignment), [], 'it may be reading all of them');
    const again = it.call<JoinGroupReply>(join({ member: a.member, holds: ALL }));
    const kept = it.call<SyncGroupReply>(sync(again)).places?.flatMap(({ partitions }) => partitions) ?? [];
    it.call(join({ member: a.member, holds: kept }));
    const free = ALL.filter((partition) => !kept.includes(partition));
    const later = it.beat(beatOf({ member: 'n', epoch: n.epoch, owned: owned(topic) }));
    const given = partitionsOf(later.assignment) ?? [];
    t.true(given.length > 0);
    t.deepEqual(
      given.filter((partition) => !free.includes(partition)),
      [],
    );
  });
