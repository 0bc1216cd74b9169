/** Clean stop, phase by phase. */
import test from 'ava';
import type { Context, Message } from '../../runtime/actor.ts';
import { address, kind, World } from './kernel-world.ts';

type Any = Message & Record<string, unknown>;

function stopping() {
  const events: string[] = [];
  const contexts: Context[] = [];
  const patient = (name: string, ms: number) =>
    kind(
      (message, context) => {
        events.push(`${name} ${message.type}`);
        if (message.type === 'drain') context.after(ms, { type: 'done' });
        if (message.type === 'done') context.stop();
        if (message.type === 'boom') throw new Error('boom');
      },
      { begins: 'demand' },
      (context) => contexts.push(context),
    );
  const world = new World({
    front: { ...patient('front', 10), stops: 1, begins: 'start', keys: () => ['0'] },
    store: { ...patient('store', 20), stops: 5 },
    helper: { ...patient('helper', 0), begins: 'start', keys: () => ['0'] },
  });
  const send = (name: string, type: string): void => {
    contexts[0]?.send(address<Any>(name), { type });
  };
  return { world, events, send, shard: world.shards.shard(0) };
}

test('a phase asks its kinds, waits until they are done, and leaves the others alone', (t) => {
  const { world, events, send, shard } = stopping();
  send('store/0', 'hello');
  world.clock.settle();
  t.deepEqual(shard.phases, [1, 5]);
  const done: string[][] = [];
  shard.drain(1, 1_000, (left) => done.push(left));
  world.clock.advance(9);
  t.deepEqual(done, []);
  world.clock.advance(1);
  t.deepEqual(done, [[]]);
  t.deepEqual(events, ['store hello', 'front drain', 'front done']);
  t.deepEqual(world.alive(), ['helper/0', 'store/0']);
  shard.drain(5, 1_000, (left) => done.push(left));
  world.clock.advance(20);
  shard.stop(1_000, (left) => done.push(left));
  world.clock.settle();
  t.deepEqual(done, [[], [], []]);
  t.deepEqual(world.alive(), []);
});

test('who is not done by the deadline is named and stopped as it is', (t) => {
  const { world, send, shard } = stopping();
  send('store/0', 'hello');
  world.clock.settle();
  const done: string[][] = [];
  shard.drain(5, 15, (left) => done.push(left));
  world.clock.advance(15);
  t.deepEqual(done, [['store/0']]);
  t.deepEqual(world.alive(), ['front/0', 'helper/0']);
});

test('none of a kind begins once its phase has come: not on demand, not after a crash', (t) => {
  const { world, events, send, shard } = stopping();
  send('store/0', 'boom');
  world.clock.settle();
  t.true(world.alive().includes('store/0 (resting)'));
  const done: string[][] = [];
  shard.drain(5, 1_000, (left) => done.push(left));
  send('store/1', 'hello');
  send('store/0', 'hello');
  world.clock.advance(100);
  t.deepEqual(done, [[]]);
  t.deepEqual(events, ['store boom']);
  t.deepEqual(world.deadLetters(), {
    total: 2,
    kinds: [{ what: 'hello to store: not there', count: 2 }],
  });
});

test('a phase with nobody in it is done', (t) => {
  const { world, shard } = stopping();
  const done: string[][] = [];
  shard.drain(5, 1_000, (left) => done.push(left));
  world.clock.settle();
  t.deepEqual(done, [[]]);
});
