/** Messages, addresses, back-pressure and dead letters on one shard and between shards. */
import test from 'ava';
import type { Context, Kind, Message } from '../../runtime/actor.ts';
import { address, kind, World } from './kernel-world.ts';

type Any = Message & Record<string, unknown>;

/** Two kinds: `echo` answers what it gets; `driver` does what the test tells it, outside of its own code. */
function drivenWorld(shards: number, echo = kind((message, context, from) => context.reply(from, message))) {
  const heard: Any[] = [];
  const contexts: Context[] = [];
  const driver = kind(
    (message) => void heard.push(message),
    { begins: 'start', keys: () => ['0'] },
    (context) => {
      contexts.push(context);
    },
  );
  const world = new World({ driver, echo }, { shards });
  return { world, heard, context: contexts[0] as Context };
}

for (const [where, shards, key] of [
  ['on the same shard', 1, '0'],
  ['on another shard', 2, '1'],
] as const) {
  test(`a message ${where} begins its actor on demand and is answered`, (t) => {
    const { world, heard, context } = drivenWorld(shards);
    t.is(context.send(address<Any>(`echo/${key}`), { type: 'hello', n: 1 }), 'sent');
    t.deepEqual(heard, [], 'send never runs the receiver');
    world.clock.settle();
    t.deepEqual(heard, [{ type: 'hello', n: 1 }]);
    t.true(world.alive(Number(key)).includes(`echo/${key}`));
  });

  test(`a full receiver ${where} says so, and the sender hears when there is room`, (t) => {
    const { world, heard, context } = drivenWorld(
      shards,
      kind(() => {}, { mailboxMax: 4 }),
    );
    const echo = address<Any>(`echo/${key}`);
    const body = new Uint8Array(20_000);
    let sent = 0;
    while (context.send(echo, { type: 'hello', bytes: body }) === 'sent') sent += 1;
    t.true(sent >= 3 && sent <= 4, `${sent} fitted`);
    context.whenWritable(echo, { type: 'again' });
    t.deepEqual(heard, []);
    world.clock.settle();
    t.deepEqual(heard, [{ type: 'again' }]);
    t.is(context.send(echo, { type: 'hello' }), 'sent');
  });

  test(`bytes in a lease move ${where} to the receiver, which alone releases them`, (t) => {
    const seen: number[] = [];
    const { world, context } = drivenWorld(
      shards,
      kind((message) => {
        seen.push(message.bytes?.[0] as number);
        message.lease?.release();
      }),
    );
    for (const length of [100, 10_000]) {
      const lease = context.lease(length);
      if (lease === null) return t.fail('no room');
      lease.bytes.fill(length & 0xff);
      context.send(address<Any>(`echo/${key}`), { type: 'take', bytes: lease.bytes, lease });
      t.is(
        world.shards
          .shard(0)
          .inspect()
          .actors.find(({ name }) => name === 'driver/0')?.held.leases,
        0,
      );
      if (shards > 1) t.throws(() => lease.release());
    }
    world.clock.settle();
    t.deepEqual(seen, [100, 10_000 & 0xff]);
    return undefined;
  });

  test(`an answer for an incarnation ${where} that is gone is a dead letter`, (t) => {
    const { world, context } = drivenWorld(shards);
    const echo = address<Any>(`echo/${key}`);
    context.send(echo, { type: 'hello' });
    world.clock.settle();
    context.reply({ ...echo, incarnation: 999_999 }, { type: 'late' });
    world.clock.settle();
    t.deepEqual(world.deadLetters(Number(key)), { total: 1, kinds: [{ what: 'late to echo: gone', count: 1 }] });
    t.is(world.counters.get('dead_letters'), 1);
  });
}

test('a name that the tree does not have is a dead letter, logged once for its kind', (t) => {
  const { world, context } = drivenWorld(1);
  for (let i = 0; i < 3; i++) context.send(address<Any>(`nobody/${i}`), { type: 'hello' });
  world.clock.settle();
  t.deepEqual(world.deadLetters(), { total: 3, kinds: [{ what: 'hello to nobody: not there', count: 3 }] });
  t.is(world.logged.filter((line) => line.includes('could not be delivered')).length, 1);
  world.clock.advance(60_000);
  t.is(world.logged.filter((line) => line.includes('could not be delivered')).length, 2);
});

test('replies come before requests that wait', (t) => {
  const order: string[] = [];
  const actor = kind((message, context) => {
    order.push(message.type);
    if (message.type !== 'first') return;
    context.reply(context.self, { type: 'answer' });
  });
  const { world, context } = drivenWorld(1, actor);
  const to = address<Any>('echo/0');
  for (const type of ['first', 'second', 'third']) context.send(to, { type });
  world.clock.settle();
  t.deepEqual(order, ['first', 'answer', 'second', 'third']);
});

test('messages from one sender to one receiver on another shard keep their order, also through a full mailbox', (t) => {
  const seen: unknown[] = [];
  const { world, context } = drivenWorld(
    2,
    kind((message) => void seen.push(message.n), { mailboxMax: 2 }),
  );
  for (let n = 0; n < 500; n++) t.is(context.send(address<Any>('echo/1'), { type: 'count', n }), 'sent');
  world.clock.settle();
  t.deepEqual(
    seen,
    Array.from({ length: 500 }, (_, n) => n),
  );
});

test('replies that the ring has no room for wait and arrive in order', (t) => {
  const { world, heard, context } = drivenWorld(
    2,
    kind((message, own, from) => {
      // Small ones would still fit where a large one waits.
      for (let n = 0; n < 200; n++)
        own.reply(from, { type: message.type, n, bytes: new Uint8Array(n % 2 === 0 ? 3_000 : 10) } as Message);
    }),
  );
  context.send(address<Any>('echo/1'), { type: 'flood' });
  world.clock.settle();
  t.deepEqual(
    heard.map(({ n }) => n),
    Array.from({ length: 200 }, (_, n) => n),
  );
});

test('a timer comes to its actor after its time, and not once cancelled', (t) => {
  const { world, heard, context } = drivenWorld(1);
  context.after(50, { type: 'due' });
  context.after(50, { type: 'cancelled' }).cancel();
  world.clock.advance(49);
  t.deepEqual(heard, []);
  world.clock.advance(1);
  t.deepEqual(heard, [{ type: 'due' }]);
});

test('who found the arena full hears when a lease was released, also by another shard', (t) => {
  const { world, heard, context } = drivenWorld(
    2,
    kind((message) => message.lease?.release()),
  );
  const lease = context.lease(1 << 20);
  if (lease === null) return t.fail('no room');
  t.is(context.lease(8_192), null);
  context.whenLeasable({ type: 'room' });
  context.send(address<Any>('echo/1'), { type: 'take', bytes: lease.bytes, lease });
  t.deepEqual(heard, []);
  world.clock.settle();
  t.deepEqual(heard, [{ type: 'room' }]);
  t.not(context.lease(8_192), null);
  return undefined;
});

test('a shard at rest does nothing', (t) => {
  const { world } = drivenWorld(2);
  t.is(world.clock.timers, 0);
  t.notThrows(() => world.clock.settle());
});

test('a receiver that is slower than its sender pushes back through the ring: what waits is bounded', (t) => {
  let handled = 0;
  const slow = kind(
    () => {
      handled += 1;
    },
    { mailboxMax: 2 },
  );
  const { world, context } = drivenWorld(2, slow);
  let sent = 0;
  let refused = 0;
  for (let round = 0; round < 100; round++) {
    for (let i = 0; i < 200; i++) {
      if (context.send(address<Any>('echo/1'), { type: 'work' }) === 'sent') sent += 1;
      else refused += 1;
    }
    world.clock.tick();
    t.true(sent - handled < 2_000, `${sent - handled} wait`);
  }
  t.true(refused > 0);
  world.clock.settle();
  t.is(handled, sent);
});

test('an actor that gathers runs behind the others of a turn, and in every turn however busy they are', (t) => {
  const order: string[] = [];
  // Each message leads to another one for the chatterer, and to one for the gatherer.
  const chatterer = kind((message, context) => {
    const left = (message as Any).left as number;
    order.push('chat');
    context.send(address<Any>('gatherer/0'), { type: 'news' });
    if (left > 0) context.send(context.self, { type: 'chat', left: left - 1 });
  });
  const gatherer = kind(() => void order.push('news'), { gathers: true, mailboxMax: 10_000 });
  const driver = kind(
    () => {},
    { begins: 'start', keys: () => ['0'] },
    (context) => void context.send(address<Any>('chatterer/0'), { type: 'chat', left: 5_000 }),
  );
  const world = new World({ driver, chatterer, gatherer }, { shards: 1 });
  world.clock.settle();
  const first = order.indexOf('news');
  t.true(first > 500, `others came first: ${first}`);
  t.true(first < 2_000, `but not for ever: ${first}`);
  t.is(order.filter((what) => what === 'news').length, 5_001);
});

test('behind the messages of a turn an actor is called once more, and may end or crash there', (t) => {
  const order: string[] = [];
  const worker: Kind = {
    ...kind(() => {}),
    make: (context: Context) => {
      let last = '';
      return {
        receive: (message: Message) => {
          last = message.type;
          order.push(last);
        },
        afterTurn: () => {
          order.push('behind');
          if (last === 'stop') context.stop();
          if (last === 'crash') throw new Error('behind');
        },
      };
    },
  };
  const { world, context } = drivenWorld(1, worker);
  const say = (...types: string[]): void => {
    for (const type of types) context.send(address<Any>('echo/0'), { type });
    world.clock.settle();
  };
  say('one', 'two');
  t.deepEqual(order.splice(0), ['one', 'two', 'behind']);
  say('stop');
  t.false(world.alive(0).includes('echo/0'));
  say('one', 'crash');
  t.deepEqual(order.splice(0), ['stop', 'behind', 'one', 'crash', 'behind']);
  const { actors } = world.shards.shard(0).inspect();
  t.is(actors.find(({ name }) => name === 'echo/0')?.crashes, 1);
});
