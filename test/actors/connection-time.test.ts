/** What a connection does when time goes by and the client does not do its part: on a clock that is told to go on. */
import test from 'ava';
import { makeConnection } from '../../actors/connection.ts';
import { HeapRoom } from '../../actors/heap-room.ts';
import { greetNative } from '../../actors/listener/native.ts';
import { type ListenerInit, type LoadDialect, makeListener } from '../../actors/listener.ts';
import type { Kind, Message } from '../../runtime/actor.ts';
import { fieldsCodec } from '../../runtime/envelope.ts';
import { GROUP_BOUNDS } from '../../src/model/group-settings.ts';
import { id } from '../../src/model/ids.ts';
import { FRAME_MS_MAX, HELLO_MS_MAX, IDLE_MS_MAX, MIB, WRITE_MS_MAX } from '../../src/model/limits.ts';
import { TOPIC_DEFAULTS } from '../../src/model/topic.ts';
import { decodeAnswer, encodeHello, encodeRequest } from '../../src/protocols/native/codec.ts';
import { HEADER_BYTES, openFrame } from '../../src/protocols/native/frame.ts';
import { kind, restart, type TestSocket, World } from '../runtime/kernel-world.ts';

const init: ListenerInit = {
  listeners: { native: { host: '', port: 0, shared: false } },
  advertised: { host: '' },
  dialects: { native: (done) => done(greetNative), kafka: () => {} },
  defaults: { partitions: 4, settings: TOPIC_DEFAULTS },
  autoCreate: true,
  offsetRetentionMs: 604_800_000,
  migration: 'bidirectional',
  groupBounds: GROUP_BOUNDS,
  connectionsMax: 10,
  frameBytesMax: 4 * MIB,
  frameRoomBytes: 32 * 1024,
  fields: fieldsCodec,
  requests: {
    crc32c: () => 0,
    heapRoom: new HeapRoom(MIB),
    facts: { version: '', cluster: '', startedAt: id(0), folder: '', direct: false },
  },
};

function start(
  directory: Parameters<typeof kind>[0] = () => {},
  journal: (message: { readonly type: string }) => void = () => {},
  native: LoadDialect = (done) => done(greetNative),
): {
  world: World;
  socket: TestSocket;
  write(...views: readonly Uint8Array[]): void;
} {
  const world = new World({
    listener: {
      make: ((context: never, key: string) =>
        makeListener(context, key, { ...init, dialects: { ...init.dialects, native } })) as Kind['make'],
      supervision: restart,
      begins: 'start',
      keys: () => ['0.native'],
      mailboxMax: 10,
    },
    connection: { make: makeConnection as Kind['make'], supervision: restart, begins: 'spawn', mailboxMax: 10 },
    directory: kind(directory, { begins: 'start', keys: () => ['0'] }),
    journal: kind(journal as () => void, { begins: 'start', keys: () => ['0'] }),
  });
  const socket = world.network.connect();
  world.clock.settle();
  const write = (...views: readonly Uint8Array[]): void => {
    for (const view of views) socket.handlers?.data(view);
    world.clock.settle();
  };
  return { world, socket, write };
}

const hello = encodeHello(fieldsCodec, 1, { versions: [1], client: '', features: [] });
const topics = encodeRequest(fieldsCodec, 2, { call: 'topics' });

function lastFault(socket: TestSocket): string {
  const last = socket.written.at(-1);
  const frame = last === undefined ? undefined : openFrame(last);
  const answer = frame?.ok ? decodeAnswer(fieldsCodec, frame.value) : undefined;
  const reply = answer?.ok && answer.value.type === 'reply' ? answer.value.reply : undefined;
  return reply?.call === 'refused' ? reply.fault.code : '';
}

test('who does not say hello is closed', (t) => {
  const { world, socket } = start();
  world.clock.advance(HELLO_MS_MAX - 1);
  t.false(socket.closed);
  world.clock.advance(1);
  t.true(socket.closed);
  t.false(world.alive().some((name) => name.startsWith('connection')));
});

test('who comes before the dialect is loaded is greeted once it is', (t) => {
  let loaded = (): void => t.fail('nothing was loaded');
  let loads = 0;
  const { world, socket } = start(undefined, undefined, (done) => {
    loads++;
    loaded = () => done(greetNative);
  });
  const other = world.network.connect();
  world.clock.advance(5_000);
  t.is(loads, 1);
  t.false(world.alive().some((name) => name.startsWith('connection')));
  loaded();
  world.clock.settle();
  for (const one of [socket, other]) {
    for (const view of hello) one.handlers?.data(view);
    world.clock.settle();
    t.is(one.written.length, 1);
  }
});

test('a dialect is loaded without a client, too', (t) => {
  let loads = 0;
  const world = new World({
    listener: {
      make: ((context: never, key: string) =>
        makeListener(context, key, { ...init, dialects: { ...init.dialects, native: () => loads++ } })) as Kind['make'],
      supervision: restart,
      begins: 'start',
      keys: () => ['0.native'],
      mailboxMax: 10,
    },
  });
  t.is(loads, 0);
  world.clock.advance(1_000);
  t.is(loads, 1);
});

test('a hello that comes byte by byte does not buy time', (t) => {
  const { world, socket, write } = start();
  for (const byte of hello[0] ?? []) {
    if (socket.closed) break;
    write(Uint8Array.of(byte));
    world.clock.advance(HELLO_MS_MAX / 10);
  }
  t.true(socket.closed);
});

test('a frame that has begun must end, however slowly it goes on', (t) => {
  const { world, socket, write } = start();
  write(...hello);
  socket.flushed();
  world.clock.advance(60_000);
  t.false(socket.closed);
  const bytes = topics[0] ?? new Uint8Array(0);
  for (let at = 0; at < bytes.length - 1 && !socket.closed; at++) {
    write(bytes.subarray(at, at + 1));
    world.clock.advance(FRAME_MS_MAX / 10);
  }
  t.true(socket.closed);
});

test('what a closed connection had claimed for its frame is for others', (t) => {
  const { world, socket, write } = start();
  const claim = new Uint8Array(HEADER_BYTES);
  claim.set([0, 0, 0x60, 0, 1, 1], 0);
  write(...hello, claim);
  socket.flushed();
  world.clock.advance(2 * FRAME_MS_MAX);
  t.true(socket.closed);
  const other = world.network.connect();
  world.clock.settle();
  for (const part of [hello, [claim, new Uint8Array(0x60_04 - HEADER_BYTES)]]) {
    for (const view of part) other.handlers?.data(view);
    world.clock.settle();
    other.flushed();
  }
  world.clock.settle();
  t.is(lastFault(other), 'BAD_FRAME', 'the whole frame was taken and read');
});

test('a frame that finds no memory has the journal let go of what it can', (t) => {
  const heard: string[] = [];
  const { world, write } = start(undefined, (message) => heard.push(message.type));
  write(...hello);
  const claim = new Uint8Array(HEADER_BYTES);
  claim.set([0, 0x3f, 0, 0, 1, 1], 0);
  write(claim);
  world.clock.settle();
  t.deepEqual(heard, ['hurry']);
});

test('a client that always has a frame under way, and ends each in time, goes on', (t) => {
  const { world, socket, write } = start();
  write(...hello);
  const bytes = topics[0] ?? new Uint8Array(0);
  write(bytes.subarray(0, 10));
  for (let n = 0; n < 8; n++) {
    socket.flushed();
    world.clock.advance(FRAME_MS_MAX / 2);
    write(bytes.subarray(10), bytes.subarray(0, 10));
  }
  t.false(socket.closed);
  world.clock.advance(2 * FRAME_MS_MAX);
  t.true(socket.closed);
});

test('a connection without requests is closed after a while', (t) => {
  const idle = start();
  idle.write(...hello);
  idle.socket.flushed();
  idle.world.clock.advance(IDLE_MS_MAX - 1);
  t.false(idle.socket.closed);
  idle.world.clock.advance(2 * IDLE_MS_MAX);
  t.true(idle.socket.closed);
});

test('a client that does not take what is written is closed', (t) => {
  const { world, socket, write } = start();
  write(...hello);
  world.clock.advance(WRITE_MS_MAX - 1);
  t.false(socket.closed);
  world.clock.advance(1);
  t.true(socket.closed);
  t.false(world.alive().some((name) => name.startsWith('connection')));
});

test('an answer that never comes is a fault after its time', (t) => {
  const { world, socket, write } = start();
  write(...hello);
  socket.flushed();
  write(...topics);
  world.clock.advance(30_000);
  t.is(lastFault(socket), 'TIMED_OUT');
});

test('a connection that has rested asks anew, and an answer from before meets no question of after', (t) => {
  const asked: { readonly request: number; answer(): void }[] = [];
  const { world, socket, write } = start((message, context, from) => {
    const request = message.request as number;
    asked.push({ request, answer: () => context.reply(from, { type: 'topics', request, topics: [] } as Message) });
  });
  write(...hello);
  socket.flushed();
  write(...topics);
  world.clock.advance(30_000);
  t.is(lastFault(socket), 'TIMED_OUT');
  socket.flushed();
  world.clock.advance(60_000);
  const before = socket.written.length;
  write(...topics);
  t.is(asked.length, 2);
  asked[0]?.answer();
  world.clock.settle();
  t.is(socket.written.length, before);
  asked[1]?.answer();
  world.clock.settle();
  t.is(socket.written.length, before + 1);
  t.is(lastFault(socket), '');
});

test('who was asked crashes: the request is refused at once, and may be sent again', (t) => {
  const { world, socket, write } = start(() => {
    throw new Error('as the test wants it');
  });
  write(...hello);
  socket.flushed();
  write(...topics);
  world.clock.settle();
  t.is(lastFault(socket), 'UNAVAILABLE');
});

test('bytes that are no frame: the fault is written before the end', (t) => {
  const { world, socket, write } = start();
  write(new Uint8Array(20));
  t.is(lastFault(socket), 'BAD_FRAME');
  t.false(socket.ended);
  socket.flushed();
  world.clock.settle();
  t.true(socket.ended);
  t.false(socket.closed);
  world.clock.advance(3_000);
  t.true(socket.closed);
});
