/** Consumer groups through the real kernel: long polls, restarts, full disks, lag, resets, deleted topics. */
import test from 'ava';
import type { CoordinatorAnswer, GroupRequest } from '../../actors/coordinator.ts';
import type { Topic } from '../../src/model/topic.ts';
import type {
  CommittedReply,
  DescribeGroupReply,
  GroupPlaces,
  HeartbeatReply,
  HeartbeatRequest,
  ResetGroupReply,
} from '../../src/protocols/request.ts';
import { batchOf, smallBatch } from '../model/batches.ts';
import { codec, coordinatorName, StateWorld, type StateWorldOptions } from './state-world.ts';

const GROUP = 'billing';
type Beat = Partial<HeartbeatRequest> & { readonly member: string; readonly epoch: number };

const beatOf = ({ group = GROUP, waitMs = 0, ...rest }: Beat): HeartbeatRequest => ({
  call: 'heartbeat',
  group,
  waitMs,
  ...rest,
});
const joining = (member: string, rest: Partial<HeartbeatRequest> = {}): HeartbeatRequest =>
  beatOf({ member, epoch: 0, topics: ['orders'], sessionMs: 6_000, ...rest });

function codeOf(answer: CoordinatorAnswer | undefined): string | undefined {
  return answer?.type === 'refused' ? answer.fault.code : undefined;
}
function replyOf<R>(answer: CoordinatorAnswer | undefined): R {
  if (answer?.type !== 'answered') throw new Error(`no answer but ${JSON.stringify(answer)}`);
  return answer.reply as R;
}

class GroupWorld extends StateWorld {
  call<R>(ask: GroupRequest & { readonly group: string }): R {
    return replyOf(this.asker.call(ask));
  }
  code(ask: GroupRequest & { readonly group: string }): string | undefined {
    return codeOf(this.asker.call(ask));
  }
  beat(beat: Beat): HeartbeatReply {
    return this.call(beatOf(beat));
  }
  topic(name: string, partitions: number): Topic {
    const message = { type: 'create', name, partitions, settings: {}, onDemand: false } as const;
    return this.asker.ask('catalog', message)?.topic as Topic;
  }
  /** Fills a partition with batches of `records`. */
  fill(topic: Topic, partition: number, batches: number, records: number): void {
    const request = { type: 'append', acks: 'all' } as const;
    for (let n = 0; n < batches; n++)
      this.asker.ask(`partition/${topic.partitions[partition]}`, { ...request, bytes: smallBatch(records) });
  }
  override restart(options: StateWorldOptions = {}): GroupWorld {
    return new GroupWorld(options, this.logs);
  }
}

const world = (shards = 1, partitions = 4): { world: GroupWorld; topic: Topic } => {
  const made = new GroupWorld({ shards });
  return { world: made, topic: made.topic('orders', partitions) };
};
const partitionsOf = (places: readonly GroupPlaces[] | undefined): number[] | undefined =>
  places?.flatMap(({ partitions }) => partitions);
const owned = (topic: Topic, ...partitions: number[]): GroupPlaces[] => [
  { topic: topic.id, partitions: partitions as never },
];

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

test('commits count only from owners at the present epoch, and never go back', (t) => {
  const { world: it, topic } = world();
  const { epoch } = it.call<HeartbeatReply>(joining('a'));
  const place = { topic: topic.id, partition: 0 as never };
  const commit = (offset: number, who = 'a', at = epoch, metadata = 'x'): GroupRequest & { group: string } => ({
    call: 'commit',
    group: GROUP,
    member: who,
    epoch: at,
    offsets: [{ ...place, offset: offset as never, metadata }],
  });
  const committed = (): CommittedReply['parts'][number] | undefined =>
    it.call<CommittedReply>({ call: 'committed', group: GROUP, places: [place] }).parts[0];
  t.is(committed()?.offset, -1);
  t.is(it.code(commit(5)), undefined);
  t.is(it.code(commit(3)), undefined, 'a lower one is answered as done');
  t.deepEqual(committed(), { ...place, offset: 5, metadata: 'x' });
  t.is(it.code(commit(9, 'a', epoch + 1)), 'FENCED_MEMBER');
  t.is(it.code(commit(9, 'a', 0)), 'STALE_MEMBER_EPOCH');
  t.is(it.code(commit(9, 'z')), 'UNKNOWN_MEMBER');
  t.is(it.code(commit(9, '', -1)), 'GROUP_NOT_EMPTY');
  const wrong = it.call<{ parts: { fault?: { code: string } }[] }>({
    call: 'commit',
    group: GROUP,
    member: 'a',
    epoch,
    offsets: [
      { ...place, partition: 9 as never, offset: 1 as never },
      { topic: 999 as never, partition: 0 as never, offset: 1 as never },
      { ...place, offset: 9 as never, metadata: 'x'.repeat(5_000) },
    ],
  });
  t.deepEqual(
    wrong.parts.map(({ fault }) => fault?.code),
    ['UNKNOWN_PARTITION', 'UNKNOWN_TOPIC', 'INVALID_REQUEST'],
  );
  t.is(it.restart().call<CommittedReply>({ call: 'committed', group: GROUP }).parts[0]?.offset, 5);
});

test('a commit is not answered, and not seen, before the log has it', (t) => {
  const { world: it, topic } = world();
  it.logOf(GROUP).hold = true;
  const offsets = [{ topic: topic.id, partition: 0 as never, offset: 7 as never }];
  const request = it.asker.sendCall({ call: 'commit', group: GROUP, member: '', epoch: -1, offsets });
  const look = it.asker.sendCall({ call: 'committed', group: GROUP });
  it.settle();
  t.is(it.asker.answer(request), undefined);
  t.is(it.asker.answer(look), undefined);
  it.logOf(GROUP).release();
  it.settle();
  t.is(it.asker.reply(request)?.call, 'commit');
  t.is((it.asker.reply(look) as CommittedReply).parts[0]?.offset, 7);
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

test('describe shows the lag exactly; what a partition does not say is unknown', (t) => {
  const { world: it, topic } = world(1, 2);
  it.fill(topic, 0, 3, 10);
  const offsets = [{ topic: topic.id, partition: 0 as never, offset: 12 as never }];
  it.call({ call: 'commit', group: GROUP, member: '', epoch: -1, offsets });
  it.call(joining('a'));
  const { partitions, state, members } = it.call<DescribeGroupReply>({ call: 'describeGroup', group: GROUP });
  t.is(state, 'stable');
  t.like(members[0], { member: 'a', client: 'test', topics: ['orders'] });
  t.like(partitions[0], { topicName: 'orders', committed: 12, begin: 0, end: 30, member: 'a' });
  const batchBytes = smallBatch(10).length;
  t.deepEqual(partitions[0]?.lag, { messages: 18, bytes: 2 * batchBytes, seconds: 999 });
  t.like(partitions[1], { committed: -1, begin: 0, end: 0, lag: 'unknown' });

  it.log(topic.partitions[0] as number).silent = true;
  const asked = it.asker.sendCall({ call: 'describeGroup', group: GROUP });
  it.advance(3_000);
  const late = it.asker.reply(asked) as DescribeGroupReply;
  t.like(late.partitions[0], { committed: 12, end: -1, lag: 'unknown' });
  t.is(late.partitions[1]?.end, 0);
});

test('a reset goes to begin, end and offset, refuses what is outside, and changes nothing in a dry run', (t) => {
  const { world: it, topic } = world(1, 3);
  it.fill(topic, 0, 2, 10);
  const at = (partition: number, to: unknown) => ({ topic: topic.id, partition, to }) as never;
  const reset = (dryRun: boolean, ...places: never[]): GroupRequest & { group: string } => ({
    call: 'resetGroup',
    group: GROUP,
    places,
    dryRun,
  });
  t.is(it.code(reset(false, at(0, 'end'))), 'UNKNOWN_GROUP');
  const offsets = [{ topic: topic.id, partition: 0 as never, offset: 15 as never }];
  it.call({ call: 'commit', group: GROUP, member: '', epoch: -1, offsets });
  const committed = (): number | undefined =>
    it.call<CommittedReply>({ call: 'committed', group: GROUP, places: [at(0, '')] }).parts[0]?.offset;
  const dry = it.call<ResetGroupReply>(reset(true, at(0, 'begin'), at(1, 'end'), at(9, 'end')));
  t.deepEqual(dry.parts.map((part) => ('fault' in part ? part.fault.code : [part.from, part.to])) as unknown[], [
    [15, 0],
    [-1, 0],
    'UNKNOWN_PARTITION',
  ]);
  t.is(committed(), 15);
  it.call(reset(false, at(0, { offset: 4 })));
  t.is(committed(), 4, 'an admin may go back');
  const outside = it.call<ResetGroupReply>(reset(false, at(0, { offset: 21 })));
  t.like(outside.parts[0], { fault: { code: 'OFFSET_OUT_OF_RANGE' } });
  it.call(joining('a'));
  t.is(it.code(reset(false, at(0, 'end'))), 'GROUP_NOT_EMPTY');
});

test('a group can be deleted when it is empty, and is gone after a restart', (t) => {
  const { world: it, topic } = world();
  it.call(joining('a'));
  const remove = { call: 'deleteGroup', group: GROUP } as const;
  t.is(it.code(remove), 'GROUP_NOT_EMPTY');
  const offsets = [{ topic: topic.id, partition: 0 as never, offset: 1 as never }];
  it.call({ call: 'commit', group: GROUP, member: 'a', epoch: 1, offsets });
  it.beat({ member: 'a', epoch: -1 });
  t.is(it.code(remove), undefined);
  t.is(it.code(remove), 'UNKNOWN_GROUP');
  t.is(it.restart().code({ call: 'describeGroup', group: GROUP }), 'UNKNOWN_GROUP');
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

test('a topic that was deleted while the coordinator was away is dropped when it is back', (t) => {
  const { world: it, topic } = world();
  const offsets = [{ topic: topic.id, partition: 0 as never, offset: 3 as never }];
  it.call({ call: 'commit', group: GROUP, member: '', epoch: -1, offsets });
  const second = it.restart();
  // No coordinator has started in this world: they begin on demand.
  second.asker.ask('catalog', { type: 'remove', name: 'orders' });
  t.deepEqual(second.call<CommittedReply>({ call: 'committed', group: GROUP }).parts, []);
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

test('a log that grows is cut behind a snapshot, and says the same as before', (t) => {
  const { world: it, topic } = world();
  const log = it.logOf(GROUP);
  it.call(joining('a', { group: GROUP }));
  const metadata = 'm'.repeat(4_000);
  for (let n = 0; n < 1_200; n++) {
    const offsets = [0, 1, 2, 3].map((partition) => ({ topic: topic.id, partition, offset: n, metadata }) as never);
    it.asker.sendCall({ call: 'commit', group: GROUP, member: 'a', epoch: 1, offsets });
    if (n % 20 === 0) it.settle();
  }
  it.settle();
  t.true(log.begin > 0, 'it was trimmed');
  t.true(log.sizeBytes < 12 * 1024 * 1024);
  const before = it.call<CommittedReply>({ call: 'committed', group: GROUP });
  t.deepEqual(
    before.parts.map(({ offset }) => offset),
    [1_199, 1_199, 1_199, 1_199],
  );
  const after = it.restart();
  t.deepEqual(after.call<CommittedReply>({ call: 'committed', group: GROUP }), before);
  t.is(after.beat({ member: 'a', epoch: 1 }).epoch, 1);
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

test('a disk that hangs fills no memory: beyond a bound requests are refused, and all are answered in the end', (t) => {
  const { world: it, topic } = world();
  it.call({ call: 'committed', group: GROUP });
  it.logOf(GROUP).hold = true;
  const requests: number[] = [];
  for (let n = 0; n < 10_100; n++) {
    const offsets = [{ topic: topic.id, partition: 0 as never, offset: n as never }];
    requests.push(it.asker.sendCall({ call: 'commit', group: GROUP, member: '', epoch: -1, offsets }));
    if (n % 1_000 === 999) it.settle();
  }
  it.settle();
  const refused = (): number => requests.filter((request) => it.asker.answer(request)?.type === 'refused').length;
  t.is(refused(), 100);
  it.logOf(GROUP).release();
  it.settle();
  t.is(requests.filter((request) => it.asker.reply(request)?.call === 'commit').length, 10_000);
});
