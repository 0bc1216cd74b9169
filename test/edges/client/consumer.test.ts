/** Judges consumers against the real group machine: at least once, in order, given up before others get it, committed when processed. */
import test from 'ava';
import type { Consumer, ConsumerOptions } from '../../../src/edges/client/consumer.ts';
import { CallboardError } from '../../../src/edges/client/errors.ts';
import type { Message } from '../../../src/edges/client/message.ts';
import { fault } from '../../../src/model/faults.ts';
import { batchOf, connected, type TestWorld } from './world.ts';

/** A topic with `count` messages in each partition, valued `partition:number`, in batches of ten. */
function fill({ node }: TestWorld, topic: string, partitions: number, count: number): void {
  const known = node.topics.get(topic) ?? node.createTopic(topic, partitions);
  for (const index of known.partitions.keys()) {
    const { end } = node.partition(topic, index);
    for (let from = 0; from < count; from += 10) {
      const numbers = Array.from({ length: Math.min(10, count - from) }, (_, at) => `${index}:${end + from + at}`);
      node.partition(topic, index).append(batchOf(numbers));
    }
  }
}

const textOf = (message: Message): string => message.value?.toString() ?? '';

/** Reads until `count` messages came. */
async function read(consumer: Consumer, count: number): Promise<string[]> {
  const values: string[] = [];
  if (count === 0) return values;
  for await (const message of consumer) {
    values.push(textOf(message));
    consumer.markProcessed(message);
    if (values.length === count) break;
  }
  return values;
}

/** Messages of one partition, as they came. */
const of = (values: readonly string[], partition: number): number[] =>
  values.filter((value) => value.startsWith(`${partition}:`)).map((value) => Number(value.split(':')[1]));

const upTo = (count: number, from = 0): number[] => Array.from({ length: count }, (_, index) => from + index);

const group = (options: Partial<ConsumerOptions> = {}): ConsumerOptions => ({
  group: 'g',
  topics: ['t'],
  from: 'begin',
  ...options,
});

test('a consumer alone gets everything, each partition in order, and commits what it processed', async (t) => {
  const world = await connected();
  fill(world, 't', 3, 25);
  const consumer = world.client.consumer(group());
  const values = await world.clock.until(read(consumer, 75));
  for (const partition of [0, 1, 2]) t.deepEqual(of(values, partition), upTo(25));
  await world.clock.until(consumer.close());
  const topic = world.node.topics.get('t');
  for (const partition of [0, 1, 2]) t.is(topic && world.node.groups.committed('g', topic, partition), 25);
  t.deepEqual(world.node.groups.members('g'), []);
});

test('the next consumer goes on where the last one stopped; what was in hands comes again', async (t) => {
  const world = await connected();
  fill(world, 't', 1, 20);
  const first = world.client.consumer(group());
  const values: string[] = [];
  const reading = (async () => {
    for await (const message of first) {
      values.push(textOf(message));
      // The loop ends before the eighth was marked or followed by another.
      if (values.length === 8) break;
    }
  })();
  await world.clock.until(reading);
  await world.clock.until(first.close());
  const second = world.client.consumer(group());
  t.deepEqual(of(await world.clock.until(read(second, 13)), 0), upTo(13, 7));
});

test('a group without offsets begins at the end by default, and that place is committed at once', async (t) => {
  const world = await connected();
  fill(world, 't', 1, 10);
  const consumer = world.client.consumer({ group: 'g', topics: 't', autoCommitMs: 100 });
  consumer.join();
  await world.clock.advance(1_000);
  const topic = world.node.topics.get('t');
  t.is(topic && world.node.groups.committed('g', topic, 0), 10);
  const values = read(consumer, 10);
  fill(world, 't', 1, 10);
  t.deepEqual(of(await world.clock.until(values), 0), upTo(10, 10));
});

test('a second member takes over only after the first has committed and given up', async (t) => {
  const world = await connected();
  fill(world, 't', 4, 50);
  const events: string[] = [];
  const first = world.client.consumer(
    group({ onRevoked: (partitions) => void events.push(`revoked ${partitions.length}`) }),
  );
  const seen: string[] = [];
  const running = first.run(async (message) => {
    seen.push(textOf(message));
    await new Promise((resolve) => setImmediate(resolve));
  });
  await world.clock.advance(30);
  const second = world.client.consumer(group());
  const taken: string[] = [];
  const other = second.run((message) => void taken.push(textOf(message)));
  await world.clock.advance(5_000);
  t.is(first.assignment().length, 2);
  t.is(second.assignment().length, 2);
  t.deepEqual(events, ['revoked 2']);
  // Every message came, and none twice: the hand-over lost nothing and repeated nothing.
  const all = [...seen, ...taken];
  t.is(all.length, 200);
  t.is(new Set(all).size, 200);
  await world.clock.until(world.client.close());
  await running;
  await other;
});

test('a revocation waits for the message in hands', async (t) => {
  const world = await connected();
  fill(world, 't', 2, 5);
  const first = world.client.consumer(group());
  let finish = (): void => undefined;
  const inHand = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const running = first.run(() => inHand);
  await world.clock.advance(1_000);
  const second = world.client.consumer(group());
  second.join();
  await world.clock.advance(10_000);
  t.is(second.assignment().length, 0, 'the first still has both in hands');
  finish();
  await world.clock.advance(5_000);
  t.is(second.assignment().length, 1);
  await world.clock.until(world.client.close());
  await running;
});

test('a fenced member loses its partitions, tells so, and joins again', async (t) => {
  const world = await connected();
  fill(world, 't', 2, 10);
  const events: string[] = [];
  const consumer = world.client.consumer(
    group({
      onAssigned: (partitions) => void events.push(`assigned ${partitions.length}`),
      onLost: (partitions) => void events.push(`lost ${partitions.length}`),
    }),
  );
  await world.clock.until(read(consumer, 20));
  await world.clock.advance(2_000);
  world.node.groups.expel('g', consumer.member);
  await world.clock.advance(5_000);
  t.deepEqual(events, ['assigned 2', 'lost 2', 'assigned 2']);
  fill(world, 't', 2, 10);
  const values = await world.clock.until(read(consumer, 20));
  for (const partition of [0, 1]) t.deepEqual(of(values, partition), upTo(10, 10));
});

test('connections that break lose no message and repeat none that was processed', async (t) => {
  const world = await connected();
  fill(world, 't', 2, 200);
  const consumer = world.client.consumer(group({ prefetchBytes: 2_000 }));
  const values: string[] = [];
  const running = consumer.run((message) => {
    values.push(textOf(message));
    if (values.length % 60 === 0) world.node.disconnect();
  });
  await world.clock.advance(30_000);
  for (const partition of [0, 1]) t.deepEqual(of(values, partition), upTo(200));
  await world.clock.until(consumer.close());
  await running;
});

test('handlers of one partition run in turn, of several side by side; concurrency allows more', async (t) => {
  for (const [concurrency, most] of [
    [1, 2],
    [3, 6],
  ] as const) {
    const world = await connected();
    fill(world, 't', 2, 30);
    const consumer = world.client.consumer(group());
    let active = 0;
    let peak = 0;
    let handled = 0;
    const controller = new AbortController();
    const running = consumer.run(
      async () => {
        peak = Math.max(peak, ++active);
        await world.clock.pause(1);
        active -= 1;
        if (++handled === 60) controller.abort();
      },
      { concurrency, signal: controller.signal },
    );
    await world.clock.until(running);
    t.is(peak, most);
    t.is(handled, 60);
  }
});

test('a handler that fails ends the run with its error, and its message comes again', async (t) => {
  const world = await connected();
  fill(world, 't', 1, 10);
  const consumer = world.client.consumer(group());
  const seen: string[] = [];
  const running = consumer.run((message) => {
    seen.push(textOf(message));
    if (seen.length === 4) throw new Error('can not');
  });
  await t.throwsAsync(world.clock.until(running), { message: 'can not' });
  await world.clock.until(consumer.close());
  const next = world.client.consumer(group());
  t.deepEqual(of(await world.clock.until(read(next, 7)), 0), upTo(7, 3));
});

test('without auto commit only what the caller commits is committed', async (t) => {
  const world = await connected();
  fill(world, 't', 1, 10);
  const consumer = world.client.consumer(group({ autoCommitMs: 0 }));
  const topic = world.node.topics.get('t');
  const iterator = consumer[Symbol.asyncIterator]();
  for (let count = 0; count < 5; count++) await world.clock.until(iterator.next());
  await world.clock.advance(10_000);
  t.is(topic && world.node.groups.committed('g', topic, 0), -1);
  await world.clock.until(consumer.commit());
  t.is(topic && world.node.groups.committed('g', topic, 0), 4, 'the fifth is still in hands');
  const sixth = await world.clock.until(iterator.next());
  if (sixth.done !== true) await world.clock.until(consumer.commit(sixth.value));
  t.is(topic && world.node.groups.committed('g', topic, 0), 6);
  await world.clock.until(consumer.commit([{ topic: 't', partition: 0, offset: 8 }]));
  t.is(topic && world.node.groups.committed('g', topic, 0), 8);
  await t.throwsAsync(world.clock.until(consumer.commit([{ topic: 't', partition: 9, offset: 8 }])), {
    instanceOf: CallboardError,
  });
  await world.clock.until(consumer.close());
  t.is(topic && world.node.groups.committed('g', topic, 0), 8);
});

test('pause holds a partition back, resume goes on; seek moves and drops what came ahead', async (t) => {
  const world = await connected();
  fill(world, 't', 2, 20);
  const consumer = world.client.consumer(group({ onAssigned: () => consumer.pause([{ topic: 't', partition: 1 }]) }));
  const values = await world.clock.until(read(consumer, 20));
  t.deepEqual(of(values, 0), upTo(20));
  consumer.resume();
  t.deepEqual(of(await world.clock.until(read(consumer, 20)), 1), upTo(20));
  await world.clock.until(consumer.seek({ topic: 't', partition: 1 }, { offset: 15 }));
  t.is(consumer.position({ topic: 't', partition: 1 }), 15);
  t.deepEqual(of(await world.clock.until(read(consumer, 5)), 1), upTo(5, 15));
  await world.clock.until(consumer.seek({ topic: 't', partition: 0 }, 'begin'));
  t.deepEqual(of(await world.clock.until(read(consumer, 20)), 0), upTo(20));
});

test('messages that retention took: on from the begin by default, or an error', async (t) => {
  const world = await connected();
  fill(world, 't', 1, 20);
  const first = world.client.consumer(group());
  await world.clock.until(read(first, 5));
  await world.clock.until(first.close());
  const partition = world.node.partition('t', 0);
  partition.batches.shift();
  partition.begin = 10;
  const strict = world.client.consumer(group({ outOfRange: 'fail' }));
  const error = await t.throwsAsync(world.clock.until(read(strict, 1)), { instanceOf: CallboardError });
  t.is(error?.code, 'OFFSET_OUT_OF_RANGE');
  await world.clock.until(strict.close());
  const lenient = world.client.consumer(group());
  t.deepEqual(of(await world.clock.until(read(lenient, 10)), 0), upTo(10, 10));
});

test('a slow partition does not hold up the others, and memory ahead is bounded', async (t) => {
  const world = await connected();
  world.node.createTopic('t', 2);
  for (const index of [0, 1])
    for (let number = 0; number < 500; number++)
      world.node.partition('t', index).append(batchOf([`${index}:${number} ${'x'.repeat(2_000)}`]));
  let stuck = true;
  const consumer = world.client.consumer(group({ prefetchBytes: 64 * 1024 }));
  const seen: string[] = [];
  const running = consumer.run(async (message) => {
    seen.push(textOf(message).split(' ')[0] ?? '');
    while (message.partition === 0 && stuck) await world.clock.pause(1);
  });
  await world.clock.advance(3_000);
  t.deepEqual(of(seen, 0), [0]);
  t.deepEqual(of(seen, 1), upTo(500));
  // 64 KiB ahead and one answer of 64 KiB, of messages of 2 KiB each.
  t.true(world.node.partition('t', 0).given < 80);
  stuck = false;
  await world.clock.until(consumer.close());
  await running;
});

test('what can not work ends the consumer with the reason', async (t) => {
  const world = await connected();
  world.node.createTopic('t');
  world.node.fate = (request) =>
    request.call === 'heartbeat' ? { call: 'refused', fault: fault('GROUP_FULL', 'scripted') } : undefined;
  const consumer = world.client.consumer(group());
  const error = await t.throwsAsync(world.clock.until(read(consumer, 1)), { instanceOf: CallboardError });
  t.is(error?.code, 'GROUP_FULL');
  await world.clock.until(consumer.close());
});

test('a topic that comes later is taken up', async (t) => {
  const world = await connected();
  const consumer = world.client.consumer(group({ topics: ['later'] }));
  const reading = read(consumer, 5);
  await world.clock.advance(2_000);
  fill(world, 'later', 1, 5);
  t.deepEqual(of(await world.clock.until(reading), 0), upTo(5));
});

test('a static member that comes back gets its partitions without others noticing', async (t) => {
  const world = await connected();
  fill(world, 't', 2, 10);
  const moves: string[] = [];
  const other = world.client.consumer(
    group({ instance: 'b', onAssigned: () => void moves.push('+'), onRevoked: () => void moves.push('-') }),
  );
  const first = world.client.consumer(group({ instance: 'a' }));
  other.join();
  first.join();
  await world.clock.advance(5_000);
  moves.length = 0;
  const mine = first.assignment();
  await world.clock.until(first.close());
  const again = world.client.consumer(group({ instance: 'a' }));
  again.join();
  await world.clock.advance(5_000);
  t.deepEqual(again.assignment(), mine);
  t.deepEqual(moves, []);
});

test('after close nothing is left: no timer, no connection, and the loop has ended', async (t) => {
  const world = await connected();
  fill(world, 't', 1, 3);
  const consumer = world.client.consumer(group());
  let ended = false;
  const loop = (async () => {
    for await (const _ of consumer);
    ended = true;
  })();
  await world.clock.advance(500);
  await world.clock.until(world.client.close());
  await loop;
  t.true(ended);
  t.is(world.clock.timers, 0);
  t.is(world.node.connections, 0);
  t.throws(() => consumer.join(), { instanceOf: CallboardError });
});

test('a loop that never waits lets heartbeats through', async (t) => {
  const world = await connected();
  fill(world, 't', 1, 300);
  const consumer = world.client.consumer(group({ sessionMs: 3_000 }));
  const beats = (): number => world.node.requests.filter(({ call }) => call === 'heartbeat').length;
  let before = 0;
  let count = 0;
  const reading = (async () => {
    for await (const _ of consumer) {
      if (++count === 1) before = beats();
      // Work of 20 ms a message, without a promise in it.
      world.clock.pass(20);
      if (count === 300) break;
    }
  })();
  await world.clock.until(reading);
  t.true(beats() - before >= 5, `${beats() - before} heartbeats in 6 s`);
  await world.clock.until(consumer.close());
});

test('close does not wait for a node that is away, when its signal says so', async (t) => {
  const world = await connected();
  fill(world, 't', 1, 5);
  const consumer = world.client.consumer(group({ autoCommitMs: 60_000 }));
  await world.clock.until(read(consumer, 5));
  world.node.up = false;
  world.node.disconnect();
  await world.clock.advance(100);
  const controller = new AbortController();
  const closing = world.client.close({ signal: controller.signal });
  await world.clock.advance(500);
  controller.abort();
  await world.clock.until(closing, 200);
  t.is(world.clock.timers, 0);
});
