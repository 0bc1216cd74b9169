/** Death watch, on the same shard and across shards, and the death of a shard. */
import test from 'ava';
import type { Context, Down, Lease, Message } from '../../runtime/actor.ts';
import { address, isDown, kind, World } from './kernel-world.ts';

type Any = Message & Record<string, unknown>;

function watching(shards: number) {
  const downs: Down[] = [];
  const heard: string[] = [];
  const contexts: Context[] = [];
  const watcher = kind(
    (message) => {
      if (isDown(message)) downs.push(message);
      else heard.push(message.type);
    },
    { begins: 'start', keys: () => ['0'] },
    (context) => contexts.push(context),
  );
  const target = kind((message, context, from) => {
    if (message.type === 'boom') throw new Error('boom');
    if (message.type === 'stop') context.stop();
    if (message.type === 'hold') return;
    message.lease?.release();
    context.reply(from, { type: `${message.type} done` });
  });
  const world = new World({ watcher, target }, { shards });
  const context = contexts[0] as Context;
  const tell = (key: string, type: string): void => {
    context.send(address<Any>(`target/${key}`), { type });
    world.clock.settle();
  };
  const reasons = (): string[] => downs.map((down) => `${down.address.name} ${down.reason}`);
  return { world, context, downs, heard, tell, reasons };
}

for (const [where, shards, key] of [
  ['on the same shard', 1, '0'],
  ['on another shard', 2, '1'],
] as const) {
  test(`down comes once, ${where}, with the incarnation that ended`, (t) => {
    const { world, context, downs, tell } = watching(shards);
    const target = address(`target/${key}`);
    tell(key, 'hello');
    context.watch(target);
    context.watch(target);
    world.clock.settle();
    tell(key, 'boom');
    t.is(downs.length, 1);
    t.is(downs[0]?.reason, 'crashed');
    t.true((downs[0]?.address.incarnation ?? 0) > 0);
    world.clock.advance(10);
    tell(key, 'boom');
    t.is(downs.length, 1, 'the next incarnation is not watched');
  });

  test(`watching a kind on demand ${where} begins it; a watch and a message that cross do not miss each other`, (t) => {
    const { world, context, downs, heard } = watching(shards);
    context.watch(address(`target/${key}`));
    context.send(address<Any>(`target/${key}`), { type: 'hello' });
    world.clock.settle();
    t.deepEqual(downs, []);
    t.deepEqual(heard, ['hello done']);
  });

  test(`a watch after a crash ${where} is on the coming incarnation`, (t) => {
    const { world, context, tell, reasons } = watching(shards);
    tell(key, 'boom');
    context.watch(address(`target/${key}`));
    world.clock.settle();
    t.deepEqual(reasons(), []);
    world.clock.advance(10);
    tell(key, 'stop');
    t.deepEqual(reasons(), [`target/${key} stopped`]);
  });

  test(`an incarnation ${where} that is not there is unknown at once`, (t) => {
    const { world, context, reasons } = watching(shards);
    context.watch(address(`target/${key}`, 12_345));
    context.watch(address(`nobody/${key}`));
    world.clock.settle();
    t.deepEqual(reasons().sort(), [`nobody/${key} unknown`, `target/${key} unknown`]);
  });

  test(`unwatch ${where} ends it`, (t) => {
    const { world, context, tell, reasons } = watching(shards);
    context.watch(address(`target/${key}`));
    world.clock.settle();
    context.unwatch(address(`target/${key}`));
    world.clock.settle();
    tell(key, 'stop');
    t.deepEqual(reasons(), []);
  });
}

test('a shard that dies is down for those who watch it, full for senders, and there again once replaced', (t) => {
  const { world, context, heard, reasons } = watching(2);
  const target = address<Any>('target/1');
  context.watch(target);
  context.send(target, { type: 'before' });
  world.clock.settle();
  context.send(target, { type: 'unread' });
  let laidAnew = false;
  world.shards.kill(1, () => {
    laidAnew = true;
  });
  world.clock.settle();
  t.true(laidAnew);
  t.deepEqual(reasons(), ['target/1 shard died']);
  t.is(context.send(target, { type: 'away' }), 'full');
  context.whenWritable(target, { type: 'back' });
  context.watch(target);
  world.clock.settle();
  t.deepEqual(reasons(), ['target/1 shard died', 'target/1 shard died']);
  world.shards.replace(1);
  world.clock.settle();
  t.deepEqual(heard, ['before done', 'back']);
  t.is(context.send(target, { type: 'after' }), 'sent');
  world.clock.settle();
  t.deepEqual(heard, ['before done', 'back', 'after done']);
});

test('what a shard had published before it died still arrives', (t) => {
  const { world, context, heard } = watching(2);
  context.send(address<Any>('target/1'), { type: 'last' });
  // One turn of the other shard: it answers, and is dead before anybody reads it.
  const before = world.shards.shard(1).inspect().actors.length;
  for (let turn = 0; turn < 10 && world.shards.shard(1).inspect().actors.length === before; turn++) world.clock.tick();
  world.shards.kill(1, () => {});
  world.clock.settle();
  t.deepEqual(heard, ['last done']);
});

test("leases across a death: the living give back what is the dead shard's, and get back what it held", (t) => {
  const held: Message[] = [];
  const contexts = new Map<number, Context>();
  const keeper = kind(
    (message) => void held.push(message),
    { begins: 'start', keys: (shards) => Array.from({ length: shards }, (_, shard) => String(shard)) },
    (context) => contexts.set(context.shard, context),
  );
  const world = new World({ keeper }, { shards: 2 });
  const give = (from: number, to: number): void => {
    const context = contexts.get(from) as Context;
    const lease = context.lease(50_000) as Lease;
    context.send(address<Any>(`keeper/${to}`), { type: 'keep', bytes: lease.bytes, lease });
    world.clock.settle();
  };
  give(0, 1);
  give(1, 0);
  t.is(held.length, 2);
  let laidAnew = false;
  world.shards.kill(1, () => {
    laidAnew = true;
  });
  world.clock.advance(1_000);
  t.false(laidAnew, 'its memory is still held here');
  world.clock.advance(2_000);
  t.true(laidAnew, 'who held it for too long has crashed');
  t.true(world.logged.some((line) => line.includes('crashed')));
  world.shards.replace(1);
  world.clock.advance(100);
  for (const shard of [0, 1]) t.is(world.shards.shard(shard).inspect().bytesLeased, 0);
});

test('who watched from a shard that died is forgotten', (t) => {
  const watcher = kind(
    () => {},
    { begins: 'start', keys: () => ['1'] },
    (context) => context.watch(address('target/0')),
  );
  const target = kind((_, context) => context.stop());
  const world = new World({ watcher, target }, { shards: 2 });
  t.deepEqual(world.alive(0), ['target/0']);
  world.shards.kill(1, () => {});
  world.clock.settle();
  const before = world.counters.get('dead_letters') ?? 0;
  world.shards.shard(0).post.send(address('target/0'), { type: 'stop' }, address('target/0'));
  world.clock.settle();
  t.deepEqual(world.alive(0), [], 'it could stop without anybody to tell');
  t.is(world.counters.get('dead_letters') ?? 0, before);
});
