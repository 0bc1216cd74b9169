/** Members of groups through the real kernel: long polls, restarts, full disks, topics that come and go, the end. */
import test from 'ava';
import type { CommittedReply, DescribeGroupReply, HeartbeatReply } from '../../src/protocols/request.ts';
import { batchOf } from '../model/batches.ts';
import { beatOf, codeOf, GROUP, GroupWorld, joining, owned, partitionsOf, world } from './group-world.ts';
import { codec, coordinatorName, RETENTION_MS } from './state-world.ts';

for (const shards of [1, 3]) {
  test(`a second member gets half, after the first has given it up, over ${shards} shard(s)`, (t) => {
    const { world: it, topic } = world(shards);
    const first = it.call<HeartbeatReply>(joining('a'));
    t.deepEqual(partitionsOf(first.assignment), [0, 1, 2, 3]);
    const held = it.asker.sendCall(beatOf({ member: 'a', epoch: first.epoch, waitMs: 5_000 }));
    it.settle();
    t.is(it.asker.answer(held), undefined, 'nothing is new: it waits');

    const second = it.call<HeartbeatReply>(joining('b'));
    t.deepEqual(second.assignment, [], 'nothing is free yet');
    const told = it.asker.reply(held) as HeartbeatReply;
    t.deepEqual(partitionsOf(told.assignment), [0, 1]);
    t.is(told.epoch, first.epoch, 'its epoch stays while it gives up, so that it can still commit');

    const waiting = it.asker.sendCall(beatOf({ member: 'b', epoch: second.epoch, waitMs: 5_000 }));
    it.settle();
    t.is(it.asker.answer(waiting), undefined);
    const kept = it.beat({ member: 'a', epoch: told.epoch, owned: owned(topic, 0, 1) });
    t.true(kept.epoch > told.epoch);
    t.deepEqual(partitionsOf((it.asker.reply(waiting) as HeartbeatReply).assignment), [2, 3]);
  });
}

test('a heartbeat that is held is answered when its time is over, without an assignment', (t) => {
  const { world: it } = world();
  const { epoch } = it.call<HeartbeatReply>(joining('a'));
  const held = it.asker.sendCall(beatOf({ member: 'a', epoch, waitMs: 60_000 }));
  it.advance(1_500);
  t.is(it.asker.answer(held), undefined);
  it.advance(1_000);
  t.deepEqual(
    it.asker.reply(held),
    { call: 'heartbeat', member: 'a', epoch, heartbeatMs: 2_000 } as never,
    'a third of the session',
  );
});

test('a restart of the node fences nobody and uses no epoch twice', (t) => {
  const { world: it, topic } = world();
  const first = it.call<HeartbeatReply>(joining('a'));
  it.call(joining('b'));
  it.beat({ member: 'a', epoch: first.epoch });
  const after = it.restart();
  const back = after.beat({ member: 'a', epoch: first.epoch, owned: owned(topic, 0, 1) });
  t.deepEqual(partitionsOf(back.assignment), [0, 1]);
  const c = after.call<HeartbeatReply>(joining('c'));
  t.true(c.epoch > back.epoch);
  after.advance(5_000);
  t.is(after.code(beatOf({ member: 'b', epoch: 2 })), undefined, 'sessions start anew');
});

test('a member that says it holds what was taken from it is told once more', (t) => {
  const { world: it, topic } = world();
  const { epoch } = it.call<HeartbeatReply>(joining('a'));
  it.call(joining('b'));
  // The answer that takes two of them away gets lost, and the connection stays.
  it.beat({ member: 'a', epoch });
  const again = it.beat({ member: 'a', epoch, owned: owned(topic, 0, 1, 2, 3) });
  t.deepEqual(partitionsOf(again.assignment), [0, 1]);
  t.is(it.beat({ member: 'a', epoch, owned: owned(topic, 0, 1) }).assignment?.length, 1, 'a new epoch is news');
});

test('members that fall silent are out, and the others get what they had', (t) => {
  const { world: it, topic } = world();
  const { epoch } = it.call<HeartbeatReply>(joining('a'));
  it.call(joining('b'));
  it.beat({ member: 'a', epoch });
  const back = it.beat({ member: 'a', epoch, owned: owned(topic, 0, 1) });
  for (let n = 0; n < 4; n++) {
    it.advance(2_000);
    it.beat({ member: 'a', epoch: back.epoch });
  }
  const now = it.beat({ member: 'a', epoch: back.epoch, owned: owned(topic, 0, 1) });
  t.deepEqual(partitionsOf(now.assignment), [0, 1, 2, 3]);
  t.is(it.code(beatOf({ member: 'b', epoch: 2 })), 'UNKNOWN_MEMBER');
});

test('a member that does not give up in time is out', (t) => {
  const { world: it } = world();
  const { epoch } = it.call<HeartbeatReply>(joining('a', { rebalanceMs: 2_000 }));
  it.call(joining('b', { sessionMs: 60_000 }));
  for (let n = 0; n < 3; n++) {
    if (n < 2) it.beat({ member: 'a', epoch });
    it.advance(1_000);
  }
  t.is(it.code(beatOf({ member: 'a', epoch })), 'UNKNOWN_MEMBER');
  const b = it.beat({ member: 'b', epoch: 2, owned: [] });
  t.deepEqual(partitionsOf(b.assignment), [0, 1, 2, 3]);
});

test('a static member comes back to its partitions, and nobody else moves', (t) => {
  const { world: it, topic } = world();
  const { epoch } = it.call<HeartbeatReply>(joining('a1', { instance: 'a' }));
  t.is(it.code(joining('a2', { instance: 'a' })), 'MEMBER_EXISTS');
  t.is(it.beat({ member: 'a1', epoch, instance: 'a' }).epoch, epoch);
  t.is(it.beat({ member: 'a1', epoch: -2, instance: 'a' }).epoch, -2);
  t.is(it.code(beatOf({ member: 'a1', epoch })), 'FENCED_MEMBER');
  const back = it.call<HeartbeatReply>(joining('a2', { instance: 'a' }));
  t.deepEqual(back.assignment, owned(topic, 0, 1, 2, 3));
  t.is(back.epoch, epoch, 'no new target was needed');
  t.is(it.code(beatOf({ member: 'a1', epoch })), 'UNKNOWN_MEMBER');
  t.is(it.beat({ member: 'a2', epoch: -1 }).epoch, -1);
});

test('with a full disk a group goes on as it is; what would change it is refused until there is room', (t) => {
  const { world: it } = world();
  const { epoch } = it.call<HeartbeatReply>(joining('a'));
  it.logOf(GROUP).refuse = { code: 'DISK_FULL', message: 'full', retryable: true, hint: '' };
  t.is(it.code(joining('b')), 'DISK_FULL');
  for (let n = 0; n < 10; n++) {
    it.advance(2_000);
    t.is(it.beat({ member: 'a', epoch }).epoch, epoch);
  }
  t.is(it.code(joining('b')), 'DISK_FULL');
  it.logOf(GROUP).refuse = null;
  it.advance(6_000);
  t.is(it.call<HeartbeatReply>(joining('b')).epoch, epoch + 1, 'the refused joins have left nothing behind');
});

test('after a refused write nobody waits for what was on its way then', (t) => {
  const { world: it, topic } = world();
  const { epoch } = it.call<HeartbeatReply>(joining('a'));
  const held = it.asker.sendCall(beatOf({ member: 'a', epoch, waitMs: 60_000 }));
  it.settle();
  it.logOf(GROUP).refuse = { code: 'DISK_FULL', message: 'full', retryable: true, hint: '' };
  const offsets = [{ topic: topic.id, partition: 1 as never, offset: 3 as never }];
  t.is(it.code({ call: 'commit', group: GROUP, member: 'a', epoch, offsets }), 'DISK_FULL');
  t.is(codeOf(it.asker.answer(held) as never), 'UNAVAILABLE', 'who waited for news comes again');
  it.logOf(GROUP).refuse = null;
  it.advance(1_000);
  const b = it.asker.call(joining('b'));
  t.is(b?.type, 'answered', 'as soon as the log has it, however much was written before');
});

test('topics that come, grow and vanish move through the group; what was committed for them goes, too', (t) => {
  const it = new GroupWorld({ shards: 2 });
  const { epoch, assignment } = it.call<HeartbeatReply>(joining('a'));
  t.deepEqual(assignment, [], 'a topic that does not exist yet may be wanted');
  const held = it.asker.sendCall(beatOf({ member: 'a', epoch, waitMs: 60_000 }));
  it.settle();
  const topic = it.topic('orders', 1);
  t.deepEqual((it.asker.reply(held) as HeartbeatReply).assignment, owned(topic, 0));
  it.asker.ask('catalog', { type: 'alter', name: 'orders', partitions: 2, settings: {} });
  const grown = it.beat({ member: 'a', epoch: epoch + 1 });
  t.deepEqual(grown.assignment, owned(topic, 0, 1));
  const offsets = [{ topic: topic.id, partition: 1 as never, offset: 3 as never }];
  it.call({ call: 'commit', group: GROUP, member: 'a', epoch: grown.epoch, offsets });
  it.asker.ask('catalog', { type: 'remove', name: 'orders' });
  t.deepEqual(it.beat({ member: 'a', epoch: grown.epoch }).assignment, []);
  t.deepEqual(it.call<CommittedReply>({ call: 'committed', group: GROUP }).parts, []);
  t.deepEqual(it.restart().call<CommittedReply>({ call: 'committed', group: GROUP }).parts, []);
});

test('names that objects have of themselves are ordinary names', (t) => {
  const it = new GroupWorld();
  const names = ['__proto__', 'constructor', 'toString', 'hasOwnProperty'];
  it.topic('constructor', 4);
  for (const group of names) {
    for (const member of names) {
      const reply = it.call<HeartbeatReply>(joining(member, { group, topics: names, instance: member }));
      t.is(reply.member, member);
    }
    t.is(it.call<DescribeGroupReply>({ call: 'describeGroup', group }).members.length, 4);
  }
});

test('a coordinator or its log that crashes comes back with everything, and refuses whom it could not answer', (t) => {
  const { world: it } = world();
  const { epoch } = it.call<HeartbeatReply>(joining('a'));
  const name = coordinatorName(GROUP);
  const held = it.asker.sendCall(beatOf({ member: 'a', epoch, waitMs: 60_000 }));
  it.asker.send(name.replace('coordinator', 'partition'), { type: 'crash' });
  it.advance(1_000);
  t.is(codeOf(it.asker.answer(held) as never), 'UNAVAILABLE');
  t.is(it.beat({ member: 'a', epoch }).epoch, epoch);
  it.asker.send(name, { type: 'nonsense' });
  it.advance(1_000);
  t.is(it.beat({ member: 'a', epoch }).epoch, epoch);
});

test('a log from a newer version is not guessed at: every request says so', (t) => {
  const { world: it } = world();
  const batch = batchOf([{ timestamp: 1, key: null, value: codec.encode([2, 0, {}]), headers: [] }]);
  it.asker.ask(coordinatorName(GROUP).replace('coordinator', 'partition'), {
    type: 'append',
    acks: 'all',
    bytes: batch,
  });
  t.is(it.code(joining('a')), 'UNSUPPORTED_VERSION');
});

test('a clean stop answers what is on its way to the log, sends those away who wait for news, and lets nobody in', (t) => {
  const { world: it, topic } = world();
  const { epoch } = it.call<HeartbeatReply>(joining('a'));
  const held = it.asker.sendCall(beatOf({ member: 'a', epoch, waitMs: 60_000 }));
  it.settle();
  it.logOf(GROUP).hold = true;
  const offsets = [{ topic: topic.id, partition: 0 as never, offset: 7 as never }];
  const commit = it.asker.sendCall({ call: 'commit', group: GROUP, member: 'a', epoch, offsets });
  it.settle();
  const left: string[][] = [];
  it.world.shards.shard(0).drain(3, 60_000, (names) => left.push(names));
  it.settle();
  t.is(it.code(joining('b')), 'SHUTTING_DOWN');
  t.deepEqual(left, [], 'the commit is not durable yet');
  it.logOf(GROUP).release();
  it.settle();
  t.is(it.asker.reply(commit)?.call, 'commit');
  t.is(codeOf(it.asker.answer(held) as never), 'SHUTTING_DOWN');
  t.deepEqual(left, [[]]);
});

test('what a group has committed is forgotten when nobody came for too long, and the group with it', (t) => {
  const { world: it, topic } = world();
  it.beat(joining('a'));
  const offsets = [{ topic: topic.id, partition: 0, offset: 3 }];
  it.call({ call: 'commit', group: GROUP, member: 'a', epoch: 1, offsets } as never);
  it.beat({ member: 'a', epoch: -1 });
  it.advance(RETENTION_MS / 2);
  const after = it.restart();
  t.is(after.code({ call: 'inspectGroup', group: GROUP }), undefined);
  after.advance(RETENTION_MS * 1.2);
  t.is(after.code({ call: 'inspectGroup', group: GROUP }), 'UNKNOWN_GROUP');
  t.is(after.restart().code({ call: 'inspectGroup', group: GROUP }), 'UNKNOWN_GROUP', 'and stays so');
});
