/** Groups whose members wait for each other, through the real kernel: answers that are held, restarts, full disks, the end. */
import test from 'ava';
import type { Topic } from '../../src/model/topic.ts';
import type {
  InspectGroupReply,
  JoinGroupReply,
  JoinGroupRequest,
  SyncGroupReply,
} from '../../src/protocols/classic.ts';
import type { DescribeGroupReply } from '../../src/protocols/groups.ts';
import { codeOf, GROUP, GroupWorld, joining } from './group-world.ts';
import { coordinatorName } from './state-world.ts';

const text = new TextEncoder();
const asText = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
/** As the state world sets it. */
const INITIAL_MS = 500;

const join = (name: string, member = ''): JoinGroupRequest => ({
  call: 'joinGroup',
  group: GROUP,
  member,
  protocolType: 'consumer',
  protocols: [{ name: 'range', metadata: text.encode(`of ${name}`), topics: ['orders'], owned: [] }],
  sessionMs: 6_000,
  rebalanceMs: 10_000,
  twoSteps: false,
  maySkip: true,
});

interface Running {
  readonly orders: Topic;
  readonly it: GroupWorld;
  readonly a: JoinGroupReply;
  readonly b: JoinGroupReply;
}

/** Two members in a generation that has been assigned. */
function running(shards = 1): Running {
  const it = new GroupWorld({ shards });
  const orders = it.topic('orders', 4);
  const [first, second] = [it.asker.sendCall(join('a')), it.asker.sendCall(join('b'))];
  it.advance(INITIAL_MS + INITIAL_MS + 1_000);
  const [a, b] = [it.asker.reply(first) as JoinGroupReply, it.asker.reply(second) as JoinGroupReply];
  const waiting = it.asker.sendCall(sync(b));
  it.settle();
  it.call(sync(a, [a, b]));
  it.asker.reply(waiting);
  return { it, orders, a, b };
}

const sync = (of: JoinGroupReply, all: readonly JoinGroupReply[] = []) =>
  ({
    call: 'syncGroup',
    group: GROUP,
    member: of.member,
    generation: of.generation,
    assignments: all.map(({ member }) => ({ member, assignment: text.encode(`for ${member}`), places: [] })),
  }) as const;
const alive = ({ member, generation }: JoinGroupReply) =>
  ({ call: 'keepAlive', group: GROUP, member, generation }) as const;

for (const shards of [1, 3]) {
  test(`members wait for each other, then for the leader, over ${shards} shard(s)`, (t) => {
    const it = new GroupWorld({ shards });
    const [first, second] = [it.asker.sendCall(join('a')), it.asker.sendCall(join('b'))];
    it.advance(INITIAL_MS - 100);
    t.is(it.asker.answer(first), undefined, 'more may come');
    it.advance(INITIAL_MS + 1_000);
    const [a, b] = [it.asker.reply(first) as JoinGroupReply, it.asker.reply(second) as JoinGroupReply];
    t.is(a.leader, a.member);
    t.deepEqual(
      a.members.map(({ member, metadata }) => [member, asText(metadata)]),
      [
        [a.member, 'of a'],
        [b.member, 'of b'],
      ],
    );
    t.deepEqual(b.members, []);
    const waiting = it.asker.sendCall(sync(b));
    it.settle();
    t.is(it.asker.answer(waiting), undefined, 'the leader has not assigned');
    t.is(asText(it.call<SyncGroupReply>(sync(a, [a, b])).assignment), `for ${a.member}`);
    t.is(asText((it.asker.reply(waiting) as SyncGroupReply).assignment), `for ${b.member}`);
  });
}

test('a restart of the node disturbs nobody', (t) => {
  const { it, a, b } = running();
  const after = it.restart();
  t.is(after.code(alive(a)), undefined);
  t.is(asText(after.call<SyncGroupReply>(sync(b)).assignment), `for ${b.member}`);
  after.advance(4_000);
  t.is(after.code(alive(a)), undefined);
  after.advance(3_000);
  t.is(after.code(alive(b)), 'UNKNOWN_MEMBER', 'it had a new session, and that is over');
  t.is(after.code(alive(a)), 'REBALANCE_IN_PROGRESS');
});

test('an assignment that can not be written is given to nobody, and the generation before stands', (t) => {
  const { it, a, b } = running();
  const joined = it.asker.sendCall(join('b, anew', b.member));
  it.call(join('a', a.member));
  const again = it.asker.reply(joined) as JoinGroupReply;
  t.is(again.generation, a.generation + 1);
  const waiting = it.asker.sendCall(sync(again));
  it.settle();
  it.logOf(GROUP).refuse = { code: 'DISK_FULL', message: 'full', retryable: true, hint: '' };
  t.is(it.code(sync({ ...a, generation: again.generation }, [a, b])), 'DISK_FULL');
  t.is(codeOf(it.asker.answer(waiting) as never), 'DISK_FULL');
  t.is(it.code(join('c')), 'DISK_FULL');
  it.logOf(GROUP).refuse = null;
  it.advance(5_000);
  t.is(it.code(alive(a)), undefined, 'as if the new generation had never been');
  t.is(it.code(alive(again)), 'ILLEGAL_GENERATION');
});

test('who waits is answered when the node stops, and when the log is read anew', (t) => {
  const it = new GroupWorld();
  const first = it.asker.sendCall(join('a'));
  it.settle();
  it.asker.send(coordinatorName(GROUP), { type: 'drain' });
  it.settle();
  t.is(codeOf(it.asker.answer(first) as never), 'SHUTTING_DOWN');
});

test('who assigns something else than partitions of topics keeps the others out', (t) => {
  const it = new GroupWorld();
  const waiting = it.asker.sendCall({ ...join('a'), protocolType: 'connect' });
  it.advance(INITIAL_MS + 1_000);
  const a = it.asker.reply(waiting) as JoinGroupReply;
  t.is(it.code(joining('n')), 'INCONSISTENT_PROTOCOL');
  it.call({ call: 'leaveGroup', group: GROUP, members: [{ member: a.member }] });
  t.is(it.code(joining('n')), undefined, 'when the last has left, the group takes the other kind');
  it.call({ call: 'heartbeat', group: GROUP, member: 'n', epoch: -1, waitMs: 0 });
  const again = it.asker.sendCall(join('c'));
  it.advance(INITIAL_MS + 1_000);
  t.true((it.asker.reply(again) as JoinGroupReply).generation > 0);
});

test('what members commit and hold is shown; topics that they read keep their offsets', (t) => {
  const { it, orders, a } = running();
  const topic = it.topic('payments', 1);
  const commit = (of: { id: unknown }, offset: number) =>
    ({
      ...alive(a),
      call: 'commitOffsets',
      offsets: [{ topic: of.id, partition: 0, offset, leaderEpoch: 3, metadata: 'm' }],
    }) as never;
  it.call(commit(topic, 7));
  it.call(commit(orders, 9));
  const report = it.call<InspectGroupReply>({ call: 'inspectGroup', group: GROUP }).report;
  t.like(report, { kind: 'classic', state: 'stable', protocolType: 'consumer', protocol: 'range' });
  t.is(report.members.length, 2);
  const described = it.call<DescribeGroupReply>({ call: 'describeGroup', group: GROUP });
  t.is(described.state, 'stable');
  t.deepEqual(
    described.members.map(({ topics }) => topics),
    [['orders'], ['orders']],
  );
  t.is(it.code({ call: 'deleteGroup', group: GROUP }), 'GROUP_NOT_EMPTY');
  const dropped = it.call<{ parts: { fault?: { code: string } }[] }>({
    call: 'dropOffsets',
    group: GROUP,
    places: [
      { topic: topic.id, partition: 0 as never },
      { topic: orders.id, partition: 0 as never },
    ],
  });
  t.deepEqual(
    dropped.parts.map((part) => part.fault?.code),
    [undefined, 'TOPIC_SUBSCRIBED'],
  );
  const left = it.call<{ parts: unknown }>({ call: 'committed', group: GROUP });
  t.deepEqual(left.parts, [{ topic: orders.id, partition: 0, offset: 9, metadata: 'm', leaderEpoch: 3 }] as never);
});
