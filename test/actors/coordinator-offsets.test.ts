/** Committed offsets through the real kernel: who may commit, lag, resets, deletion, logs that grow, disks that hang. */
import test from 'ava';
import type { GroupRequest } from '../../actors/coordinator/contract.ts';
import type {
  CommittedReply,
  DescribeGroupReply,
  HeartbeatReply,
  ResetGroupReply,
} from '../../src/protocols/request.ts';
import { smallBatch } from '../model/batches.ts';
import { GROUP, joining, world } from './group-world.ts';

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

test('a topic that was deleted while the coordinator was away is dropped when it is back', (t) => {
  const { world: it, topic } = world();
  const offsets = [{ topic: topic.id, partition: 0 as never, offset: 3 as never }];
  it.call({ call: 'commit', group: GROUP, member: '', epoch: -1, offsets });
  const second = it.restart();
  // No coordinator has started in this world: they begin on demand.
  second.asker.ask('catalog', { type: 'remove', name: 'orders' });
  t.deepEqual(second.call<CommittedReply>({ call: 'committed', group: GROUP }).parts, []);
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
