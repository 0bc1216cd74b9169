/** Disk, pool and sockets of an actor: answers as messages, and the ledger when it crashes in the middle. */
import test from 'ava';
import type { Context, Kind, Message } from '../../runtime/actor.ts';
import type { DiskFile, Listening, Socket } from '../../runtime/ports.ts';
import { address, kind, World } from './kernel-world.ts';

type Any = Message & Record<string, unknown>;

function acting(shards = 1, rest: Partial<Kind> = {}) {
  const heard: Any[] = [];
  const contexts: Context[] = [];
  const actor = kind(
    (message, context) => {
      heard.push(message);
      if (message.type === 'boom') throw new Error('boom');
      if (message.type === 'stop') context.stop();
    },
    { begins: 'start', keys: () => ['0'], ...rest },
    (context) => contexts.push(context),
  );
  const world = new World({ actor }, { shards });
  const tell = (type: string): void => {
    contexts.at(-1)?.send(address<Any>('actor/0'), { type });
    world.clock.settle();
  };
  return { world, heard, contexts, context: contexts[0] as Context, tell };
}

test('a disk operation answers with the message that its actor made', (t) => {
  const { world, heard, context } = acting();
  context.disk.open('a', { mode: 'write' }, (error, file) => ({ type: 'opened', error, path: file?.path }) as Message);
  context.disk.sync({} as DiskFile, (error) => ({ type: 'synced', code: error?.code }) as Message);
  t.deepEqual(heard, []);
  const [open, sync] = world.disk.pending.splice(0);
  open?.finish();
  sync?.finish({ code: 'EIO', message: 'broken' });
  t.deepEqual(heard, [], 'the port never runs the actor');
  world.clock.settle();
  t.deepEqual(heard, [
    { type: 'opened', error: null, path: 'a' },
    { type: 'synced', code: 'EIO' },
  ]);
});

test('after a crash its I/O is waited for, then memory is given back and files are closed, then it begins again', (t) => {
  const { world, heard, contexts, context, tell } = acting();
  context.disk.open('a', { mode: 'write' }, () => ({ type: 'opened' }));
  world.disk.finishAll();
  world.clock.settle();
  const lease = context.lease(10_000);
  t.truthy(lease);
  context.disk.write({} as DiskFile, [new Uint8Array(1)], 0, () => ({ type: 'written' }));
  context.disk.open('late', { mode: 'write' }, () => ({ type: 'opened late' }));
  tell('boom');
  world.clock.advance(1_000);
  t.is(contexts.length, 1, 'the write still touches its memory');
  t.is(world.shards.shard(0).inspect().bytesLeased, 65_536 / 4 - 4096);
  world.disk.finishAll();
  t.is(world.shards.shard(0).inspect().bytesLeased, 0);
  t.is(contexts.length, 1, 'its files are still open');
  t.deepEqual(
    world.disk.pending.map(({ what }) => what),
    ['close', 'close'],
  );
  world.disk.finishAll();
  world.clock.settle();
  t.deepEqual(world.disk.closed, ['a', 'late']);
  t.is(contexts.length, 2);
  t.deepEqual(
    heard.map(({ type }) => type),
    ['opened', 'boom'],
  );
});

test('timers end with their incarnation', (t) => {
  const { world, heard, context, tell } = acting();
  context.after(100, { type: 'never' });
  tell('boom');
  t.is(world.clock.timers, 1, 'only the back-off is left');
  world.clock.advance(1_000);
  t.deepEqual(
    heard.map(({ type }) => type),
    ['boom'],
  );
});

test('a job answers; one of an actor that crashed meanwhile does not', (t) => {
  const { world, heard, contexts, context, tell } = acting();
  context.run('sum', 1, (error, result) => ({ type: 'first', error, result }) as Message);
  world.jobs.splice(0)[0]?.finish(null, 42);
  world.clock.settle();
  t.deepEqual(heard, [{ type: 'first', error: null, result: 42 }]);
  context.run('sum', 1, () => ({ type: 'second' }));
  tell('boom');
  world.clock.advance(100);
  t.is(contexts.length, 1, 'the job may still touch what it was given');
  world.jobs.splice(0)[0]?.finish('failed');
  world.clock.settle();
  t.is(contexts.length, 2);
  t.deepEqual(
    heard.map(({ type }) => type),
    ['first', 'boom'],
  );
});

test('an incarnation that has ended cannot act any more', (t) => {
  const { context, tell } = acting();
  tell('boom');
  t.throws(() => context.send(address<Any>('actor/0'), { type: 'x' }), { message: /has ended/ });
  t.throws(() => context.lease(10), { message: /has ended/ });
  t.throws(() => context.disk.sync({} as DiskFile, () => ({ type: 'x' })), { message: /gone/ });
});

/** A listener that spawns a connection for every socket; the connection answers the bytes it gets. */
function serving() {
  const events: string[] = [];
  const state: { listening: Listening | undefined } = { listening: undefined };
  const connections: Context[] = [];
  const connection: Kind = kind(
    (message, context) => {
      events.push(message.type === 'bytes' ? `bytes ${message.length}` : message.type);
      if (message.type === 'boom') throw new Error('boom');
      if (message.type === 'stop') context.stop();
    },
    { begins: 'spawn', supervision: { directive: 'stop', crashesMax: 100, windowMs: 1_000, backoffMs: [0, 0] } },
    (context, _, init) => {
      connections.push(context);
      const socket = init as Socket;
      context.network.attach(socket, {
        data(chunk) {
          if (chunk[0] === 66) throw new Error('bad byte');
          if (context.network.deliver({ type: 'bytes', length: chunk.length } as Message) === 'full') socket.pause();
        },
        closed(reason) {
          context.network.deliver({ type: `closed: ${reason}` });
        },
      });
    },
  );
  const { place: _, ...placeless } = connection;
  let count = 0;
  const listener = kind(
    (message, context) => {
      if (message.type === 'listening') state.listening = message.listening as Listening;
      if (message.type === 'socket') context.spawn('connection', `0.${++count}`, message.socket);
      if (message.type === 'close') context.network.close(state.listening as Listening, () => ({ type: 'port free' }));
      if (message.type === 'port free') events.push('port free');
    },
    { begins: 'start', keys: () => ['0'], mailboxMax: 2 },
    (context) =>
      context.network.listen(
        { host: 'localhost', port: 0, shared: false },
        (socket) => ({ type: 'socket', socket }) as Message,
        (error, listening) => ({ type: 'listening', error, listening }) as Message,
      ),
  );
  const world = new World({ listener, connection: { ...placeless, mailboxMax: 2 } });
  return { world, events, connections };
}

test('a connection comes paused to its listener, and its bytes to the actor that attached to it', (t) => {
  const { world, events } = serving();
  t.true(world.network.listening);
  const socket = world.network.connect();
  t.true(socket.paused);
  world.clock.settle();
  t.false(socket.paused);
  t.deepEqual(world.alive(), ['listener/0', 'connection/0.1']);
  socket.handlers?.data(new Uint8Array(5));
  t.deepEqual(events, [], 'the socket never runs the actor');
  world.clock.settle();
  t.deepEqual(events, ['bytes 5']);
  socket.handlers?.closed('gone');
  world.clock.settle();
  t.deepEqual(events, ['bytes 5', 'closed: gone']);
});

test('a full mailbox is an answer to the handler, which pauses its socket', (t) => {
  const { world } = serving();
  const socket = world.network.connect();
  world.clock.settle();
  for (let i = 0; i < 2; i++) socket.handlers?.data(new Uint8Array(1));
  t.false(socket.paused);
  socket.handlers?.data(new Uint8Array(1));
  t.true(socket.paused);
});

test('more connections than the listener takes in are closed at once', (t) => {
  const { world } = serving();
  const sockets = [1, 2, 3].map(() => world.network.connect());
  t.deepEqual(
    sockets.map(({ closed }) => closed),
    [false, false, true],
  );
});

test('a connection that was closed before anybody attached hears of it', (t) => {
  const { world, events } = serving();
  const socket = world.network.connect();
  socket.handlers?.closed('reset');
  world.clock.settle();
  t.deepEqual(events, ['closed: reset']);
});

test('a crash cuts the socket and waits for its writes before memory is given back; a throw in a handler is a crash', (t) => {
  const { world, events, connections } = serving();
  const socket = world.network.connect();
  world.clock.settle();
  const context = connections[0] as Context;
  const lease = context.lease(5_000);
  context.network.write(socket, [lease?.bytes as Uint8Array], () => ({ type: 'written' }));
  socket.handlers?.data(new Uint8Array([66]));
  world.clock.settle();
  t.true(socket.closed);
  t.is(world.shards.shard(0).inspect().bytesLeased, 0);
  t.deepEqual(events, []);
  t.deepEqual(world.alive(), ['listener/0']);
});

test('an actor that stops lets its socket send what was written', (t) => {
  const { world, connections } = serving();
  const socket = world.network.connect();
  world.clock.settle();
  connections[0]?.stop();
  connections[0]?.send(connections[0].self, { type: 'stop' });
  world.clock.settle();
  t.true(socket.ended);
  t.false(socket.closed);
  world.clock.advance(3_000);
  t.true(socket.closed, 'a client that does not close is cut off');
  const polite = world.network.connect();
  world.clock.settle();
  connections[1]?.send(connections[1].self, { type: 'stop' });
  world.clock.settle();
  polite.destroy();
  t.is(world.clock.timers, 0, 'nobody waits for one that did');
});

test('close answers once the port is free; open connections stay', (t) => {
  const { world, events } = serving();
  const socket = world.network.connect();
  world.clock.settle();
  world.shards.shard(0).post.send(address('listener/0'), { type: 'close' }, address('listener/0'));
  world.clock.settle();
  t.deepEqual(events, ['port free']);
  t.false(world.network.listening);
  t.false(socket.closed);
});
