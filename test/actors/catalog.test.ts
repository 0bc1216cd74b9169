/** Topics and producer ids through the real kernel: what is answered when, what every shard knows, what survives. */
import test from 'ava';
import type { Topic } from '../../src/model/topic.ts';
import { type Answer, StateWorld } from './state-world.ts';

const create = (name: string, rest: Record<string, unknown> = {}): Answer =>
  ({ type: 'create', name, settings: {}, onDemand: false, ...rest }) as Answer;
const topicOf = (answer: Answer | undefined): Topic => answer?.topic as Topic;
const codeOf = (answer: Answer | undefined): unknown => (answer?.fault as { code?: string } | undefined)?.code;

test('a created topic can be used on every shard once it is answered', (t) => {
  const world = new StateWorld({ shards: 3 });
  const created = world.asker.ask('catalog', create('orders', { partitions: 5 }));
  t.is(created?.type, 'changed');
  for (const [shard, asker] of world.askers.entries()) {
    const found = asker.ask(`directory/${shard}`, { type: 'resolve', topic: 'orders', create: false });
    t.deepEqual(found?.topic, created?.topic);
  }
  t.deepEqual(topicOf(created).partitions.length, 5);
});

test('nothing is told or answered before the log has committed', (t) => {
  const world = new StateWorld({ shards: 2 });
  world.log(0).hold = true;
  const request = world.asker.send('catalog', create('orders'));
  world.settle();
  t.is(world.asker.answer(request), undefined);
  t.is(codeOf(world.asker.ask('directory/0', { type: 'resolve', topic: 'orders', create: false })), 'UNKNOWN_TOPIC');
  world.log(0).release();
  world.settle();
  t.is(world.asker.answer(request)?.type, 'changed');
});

test('deleted topics do not come back, and their ids are not used again after a restart', (t) => {
  const world = new StateWorld();
  const first = world.asker.ask('catalog', create('orders'))?.topic as Topic;
  t.is(world.asker.ask('catalog', { type: 'remove', name: 'orders' })?.type, 'changed');
  const again = world.restart();
  t.is(codeOf(again.asker.ask('directory/0', { type: 'resolve', topic: 'orders', create: false })), 'UNKNOWN_TOPIC');
  const second = again.asker.ask('catalog', create('orders'))?.topic as Topic;
  t.true(second.id > first.id);
  t.true((second.partitions[0] ?? 0) > (first.partitions.at(-1) ?? 0));
});

test('a full disk refuses politely, leaves nothing behind, and is forgotten when there is room', (t) => {
  const world = new StateWorld();
  world.asker.ask('catalog', create('before'));
  const fault = { code: 'DISK_FULL', message: 'full', retryable: true, hint: '' } as const;
  world.log(0).refuse = fault;
  t.is(codeOf(world.asker.ask('catalog', create('orders'))), 'DISK_FULL');
  const { appends } = world.log(0);
  t.is(codeOf(world.asker.ask('catalog', create('others'))), 'DISK_FULL');
  t.is(world.log(0).appends, appends, 'not every request tries the disk');
  t.is(world.asker.ask('directory/0', { type: 'resolve', topic: 'before', create: false })?.type, 'resolved');
  world.advance(10_000);
  world.log(0).refuse = null;
  world.advance(10_000);
  const created = world.asker.ask('catalog', create('orders'));
  t.is(created?.type, 'changed', 'the refused creation has left no topic of that name');
});

test('a dead directory holds nobody back, and knows everything when it is there again', (t) => {
  const world = new StateWorld({ shards: 2 });
  world.world.shards.kill(1, () => {});
  const created = world.asker.ask('catalog', create('orders'));
  t.is(created?.type, 'changed');
  world.world.shards.replace(1);
  world.advance(1_000);
  const found = world.askers[1]?.ask('directory/1', { type: 'resolve', topic: 'orders', create: false });
  t.deepEqual(found?.topic, created?.topic);
});

test('look-ups of one new name from all sides make one topic', (t) => {
  const world = new StateWorld({ shards: 2 });
  const requests = world.askers.map((asker, shard) =>
    Array.from({ length: 20 }, () => asker.send(`directory/${shard}`, { type: 'resolve', topic: 'new', create: true })),
  );
  world.settle();
  const topics = world.askers.flatMap((asker, shard) =>
    requests[shard]?.map((request) => asker.answer(request)?.topic),
  );
  t.is(topics.length, 40);
  t.is(new Set(topics.map((topic) => (topic as Topic).id)).size, 1);
  t.is(world.log(0).appends, 1);
});

test('without topics.autoCreate a look-up names the setting', (t) => {
  const world = new StateWorld({ autoCreate: false });
  const answer = world.asker.ask('directory/0', { type: 'resolve', topic: 'new', create: true });
  t.is(codeOf(answer), 'UNKNOWN_TOPIC');
  t.regex(JSON.stringify(answer), /topics\.autoCreate/);
});

test('producer ids are never given out twice, and few of them cost a record', (t) => {
  const world = new StateWorld();
  const ids = new Set<unknown>();
  for (let n = 0; n < 1_500; n++) ids.add(world.asker.ask('catalog', { type: 'producer' })?.producerId);
  t.is(ids.size, 1_500);
  t.is(world.log(0).appends, 2);
  const after = world.restart().asker.ask('catalog', { type: 'producer' })?.producerId;
  t.false(ids.has(after));
});

test('who looked a topic up hears of its changes and of its end; partitions hear, too', (t) => {
  const world = new StateWorld();
  const { asker } = world;
  const topic = asker.ask('catalog', create('orders', { partitions: 1 }))?.topic as Topic;
  asker.ask('directory/0', { type: 'resolve', topic: topic.id, create: false });
  asker.ask('directory/0', { type: 'whoAmI', partition: topic.partitions[0] });
  asker.ask('catalog', { type: 'alter', name: 'orders', partitions: 3, settings: { retentionMs: 60_000 } });
  asker.ask('catalog', { type: 'remove', name: 'orders' });
  const pushed = asker.heard.filter((message) => !('request' in message)).map((message) => message.type);
  t.deepEqual(pushed, ['configure', 'configure', 'topicChanged', 'gone', 'topicGone']);
});

test('a partition that no topic has is told to go, but not while the catalog may just have made it', (t) => {
  const world = new StateWorld();
  const { asker } = world;
  const topic = asker.ask('catalog', create('orders', { partitions: 2 }))?.topic as Topic;
  asker.ask('catalog', { type: 'remove', name: 'orders' });
  asker.ask('directory/0', { type: 'whoAmI', partition: topic.partitions[0] });
  t.deepEqual(asker.heard.at(-1), { type: 'gone' });
  const before = asker.heard.length;
  asker.ask('directory/0', { type: 'whoAmI', partition: (topic.partitions[1] ?? 0) + 1 });
  t.is(asker.heard.length, before, 'it waits');
  const later = asker.ask('catalog', create('later', { partitions: 1 }))?.topic as Topic;
  t.is(later.partitions[0], ((topic.partitions[1] ?? 0) + 1) as never);
  t.is(asker.heard.find((message) => message.topicName === 'later')?.type, 'configure');
  asker.ask('directory/0', { type: 'whoAmI', partition: 1_000 });
  world.advance(4_000);
  t.is(asker.heard.filter(({ type }) => type === 'gone').length, 1);
  world.advance(2_000);
  t.is(asker.heard.filter(({ type }) => type === 'gone').length, 2, 'nobody made it in all that time');
});

test('the catalog, its log and the directories crash, and everything goes on from the log', (t) => {
  const world = new StateWorld({ shards: 2 });
  const { asker } = world;
  asker.ask('catalog', create('one'));
  asker.send('partition/0', { type: 'crash' });
  world.advance(1_000);
  t.is(asker.ask('catalog', create('two'))?.type, 'changed');
  asker.send('catalog', { type: 'nonsense' });
  world.advance(1_000);
  t.is(asker.ask('catalog', create('three'))?.type, 'changed');
  world.askers[1]?.send('directory/1', { type: 'nonsense' });
  world.settle();
  const request = asker.send('catalog', create('four'));
  world.advance(1_000);
  t.is(asker.answer(request)?.type, 'changed');
  const list = world.askers[1]?.ask('directory/1', { type: 'list' });
  t.deepEqual(
    ((list?.topics ?? []) as Topic[]).map(({ name }) => name),
    ['one', 'two', 'three', 'four'],
  );
});

test('an append in flight when the catalog crashes is part of what its successor reads', (t) => {
  const world = new StateWorld();
  world.log(0).hold = true;
  world.asker.send('catalog', create('orders'));
  world.settle();
  world.asker.send('catalog', { type: 'nonsense' });
  world.advance(100);
  world.log(0).release();
  world.advance(1_000);
  t.is(codeOf(world.asker.ask('catalog', create('orders'))), 'TOPIC_EXISTS');
});

test('requests are refused by name for what is wrong with them', (t) => {
  const { asker } = new StateWorld();
  const cases: readonly [Answer, string][] = [
    [create('../x'), 'INVALID_NAME'],
    [create('a'.repeat(10_000)), 'INVALID_NAME'],
    [create('__mine'), 'TOPIC_INTERNAL'],
    [create('x', { partitions: 0 }), 'INVALID_SETTING'],
    [create('x', { partitions: 1e9 }), 'INVALID_SETTING'],
    [create('x', { settings: { retentionMs: 'long' } }), 'INVALID_SETTING'],
    [create('x', { settings: { constructor: 1 } }), 'INVALID_SETTING'],
    [{ type: 'alter', name: 'x', settings: {} } as Answer, 'UNKNOWN_TOPIC'],
    [{ type: 'remove', name: 'constructor' } as Answer, 'UNKNOWN_TOPIC'],
  ];
  for (const [message, code] of cases) t.is(codeOf(asker.ask('catalog', message)), code);
  for (const name of ['__proto__', 'constructor', 'toString'])
    t.is(asker.ask('catalog', create(name))?.type, name === '__proto__' ? 'refused' : 'changed');
});
