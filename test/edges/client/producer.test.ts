/** Judges the producer against a node that drops, forgets, refuses and restarts: each message once, in order, or a typed error. */
import test from 'ava';
import { CallboardError } from '../../../src/edges/client/errors.ts';
import type { Sent } from '../../../src/edges/client/message.ts';
import { fault } from '../../../src/model/faults.ts';
import type { ProduceRequest, Reply, Request } from '../../../src/protocols/request.ts';
import { SeededRandom } from './simulated-clock.ts';
import { connected, valuesOf } from './world.ts';

const numbers = (count: number): string[] => Array.from({ length: count }, (_, index) => `v${index}`);

/** A fault for every part. */
const refuse = (request: ProduceRequest, code: Parameters<typeof fault>[0]): Reply => ({
  call: 'produce',
  parts: request.parts.map(({ topic, partition }) => ({ topic, partition, fault: fault(code, 'scripted') })),
});

/** Gives the n-th produce request a fate. */
function onProduce(decide: (nth: number, request: ProduceRequest) => ReturnType<FateOf>): FateOf {
  let seen = 0;
  return (request) => (request.call === 'produce' ? decide(++seen, request) : undefined);
}
type FateOf = (request: Request) => 'drop' | 'forget' | 'hold' | Reply | undefined;

test('a send creates the topic and resolves with partition, offset and timestamp', async (t) => {
  const { node, clock, client } = await connected();
  const producer = client.producer();
  const sent = await clock.until(producer.send({ topic: 'orders', key: 'abc', value: 'one', timestamp: 17 }));
  t.deepEqual(sent, { topic: 'orders', partition: (479470107 & 0x7fffffff) % 4, offset: 0, timestamp: 17 });
  const second = await clock.until(producer.send({ topic: 'orders', key: 'abc', value: 'two' }));
  t.is(second.offset, 1);
  t.deepEqual(valuesOf(node.partition('orders', sent.partition)), ['one', 'two']);
});

test('messages that come within the linger share one batch, and one request', async (t) => {
  const { node, clock, client } = await connected();
  const producer = client.producer({ lingerMs: 20 });
  const sends = numbers(50).map((value) => producer.send({ topic: 'orders', partition: 1, value }));
  const sent = await clock.until(Promise.all(sends));
  t.deepEqual(
    sent.map(({ offset }: Sent) => offset),
    numbers(50).map((_, index) => index),
  );
  t.is(node.partition('orders', 1).batches.length, 1);
});

test('a batch is closed at its size without waiting for the linger', async (t) => {
  const { node, clock, client } = await connected();
  const producer = client.producer({ lingerMs: 60_000, batchBytes: 1_000 });
  await clock.until(client.admin().listTopics());
  node.createTopic('orders');
  const value = 'x'.repeat(400);
  const sends = numbers(4).map(() => producer.send({ topic: 'orders', partition: 0, value }));
  await clock.until(Promise.all(sends.slice(0, 2)), 1_000);
  t.is(node.partition('orders', 0).batches.length, 1);
  for (const batch of node.partition('orders', 0).batches) t.true(batch.length <= 1_000);
  await clock.until(client.close());
  t.is((await Promise.all(sends)).length, 4);
});

for (const lossy of ['drop', 'forget'] as const) {
  test(`batches in flight when the stream ends (${lossy}) are stored once, in order`, async (t) => {
    const { node, clock, client } = await connected();
    const producer = client.producer({ lingerMs: 0, batchBytes: 200 });
    node.fate = onProduce((nth) => (nth % 4 === 2 ? lossy : undefined));
    const values = numbers(100);
    const sent = await clock.until(
      Promise.all(values.map((value) => producer.send({ topic: 'a', partition: 0, value }))),
    );
    t.deepEqual(valuesOf(node.partition('a', 0)), values);
    t.deepEqual(
      sent.map(({ offset }) => offset),
      values.map((_, index) => index),
    );
  });
}

for (const code of ['UNAVAILABLE', 'OVERLOADED', 'DISK_FULL', 'TIMED_OUT'] as const) {
  test(`a batch refused with ${code} goes again, and those behind it do not pass it`, async (t) => {
    const { node, clock, client } = await connected();
    const producer = client.producer({ lingerMs: 0, batchBytes: 200 });
    node.fate = onProduce((nth, request) => ([2, 3, 7, 8, 9].includes(nth) ? refuse(request, code) : undefined));
    const values = numbers(100);
    await clock.until(Promise.all(values.map((value) => producer.send({ topic: 'a', partition: 0, value }))));
    t.deepEqual(valuesOf(node.partition('a', 0)), values);
  });
}

test('the first batch of a producer is not passed by the second, though a node takes any first sequence', async (t) => {
  const { node, clock, client } = await connected();
  const producer = client.producer({ lingerMs: 0, batchBytes: 200 });
  node.fate = onProduce((nth, request) => (nth === 1 ? refuse(request, 'OVERLOADED') : undefined));
  const values = numbers(60);
  await clock.until(Promise.all(values.map((value) => producer.send({ topic: 'a', partition: 0, value }))));
  t.deepEqual(valuesOf(node.partition('a', 0)), values);
});

test('a batch that is given up leaves a gap, and the producer goes on under a new id', async (t) => {
  const { node, clock, client } = await connected();
  const producer = client.producer({ lingerMs: 0 });
  await clock.until(producer.send({ topic: 'a', partition: 0, value: 'before' }));
  node.fate = onProduce((nth, request) => (nth === 1 ? refuse(request, 'CORRUPT_BATCH') : undefined));
  const error = await t.throwsAsync(clock.until(producer.send({ topic: 'a', partition: 0, value: 'lost' })), {
    instanceOf: CallboardError,
  });
  t.is(error?.code, 'CORRUPT_BATCH');
  await clock.until(producer.send({ topic: 'a', partition: 0, value: 'after' }));
  t.deepEqual(valuesOf(node.partition('a', 0)), ['before', 'after']);
  t.is(node.requests.filter(({ call }) => call === 'producer').length, 2);
});

test('a message that is not stored by its deadline fails with TIMED_OUT and the cause', async (t) => {
  const { node, clock, client } = await connected();
  const lost: number[] = [];
  const producer = client.producer({ deliveryTimeoutMs: 2_000, onError: (_, { messages }) => lost.push(messages) });
  await clock.until(producer.send({ topic: 'a', partition: 0, value: 'x' }));
  node.fate = onProduce((_, request) => refuse(request, 'OVERLOADED'));
  const error = await t.throwsAsync(clock.until(producer.send({ topic: 'a', partition: 0, value: 'y' }), 3_000), {
    instanceOf: CallboardError,
  });
  t.is(error?.code, 'TIMED_OUT');
  t.true(error?.retryable);
  t.like(error?.cause, { code: 'OVERLOADED' });
  t.deepEqual(lost, [1]);
});

test('messages that meet a full disk until their deadline fail with DISK_FULL, also those behind that were never sent', async (t) => {
  const { node, clock, client } = await connected();
  const producer = client.producer({ deliveryTimeoutMs: 2_000, lingerMs: 0 });
  await clock.until(producer.send({ topic: 'a', partition: 0, value: 'x' }));
  node.fate = onProduce((_, request) => refuse(request, 'DISK_FULL'));
  const sends = [producer.send({ topic: 'a', partition: 0, value: 'y' })];
  await clock.advance(500);
  sends.push(producer.send({ topic: 'a', partition: 0, value: 'z' }));
  await clock.advance(5_000);
  for (const send of sends) {
    const error = await t.throwsAsync(send, { instanceOf: CallboardError });
    t.is(error?.code, 'DISK_FULL');
  }
  node.fate = () => undefined;
  t.is((await clock.until(producer.send({ topic: 'a', partition: 0, value: 'room again' }))).offset, 1);
});

test('a message that may have been stored before the disk was full fails with TIMED_OUT', async (t) => {
  const { node, clock, client } = await connected();
  const producer = client.producer({ deliveryTimeoutMs: 2_000, lingerMs: 0 });
  await clock.until(producer.send({ topic: 'a', partition: 0, value: 'x' }));
  node.fate = onProduce((nth, request) => refuse(request, nth === 1 ? 'STORAGE_FAILED' : 'DISK_FULL'));
  const error = await t.throwsAsync(clock.until(producer.send({ topic: 'a', partition: 0, value: 'y' }), 3_000), {
    instanceOf: CallboardError,
  });
  t.is(error?.code, 'TIMED_OUT');
  t.like(error?.cause, { code: 'DISK_FULL' });
});

test('a node that is away longer than the deadline: a typed error, no unhandled rejection, and it goes on afterwards', async (t) => {
  const { node, clock, client } = await connected();
  const producer = client.producer({ deliveryTimeoutMs: 1_000, lingerMs: 0 });
  await clock.until(producer.send({ topic: 'a', partition: 0, value: 'first' }));
  node.up = false;
  node.disconnect();
  const forgotten = producer.send({ topic: 'a', partition: 0, value: 'nobody listens' });
  await clock.advance(5_000);
  node.up = true;
  await clock.advance(5_000);
  t.is((await clock.until(producer.send({ topic: 'a', partition: 0, value: 'back' }))).offset, 1);
  await t.throwsAsync(forgotten, { instanceOf: CallboardError });
});

test('without idempotence a batch of unknown fate is not sent again', async (t) => {
  const { node, clock, client } = await connected();
  const producer = client.producer({ idempotent: false });
  await clock.until(producer.send({ topic: 'a', partition: 0, value: 'x' }));
  node.fate = onProduce((nth) => (nth === 1 ? 'forget' : undefined));
  const error = await t.throwsAsync(clock.until(producer.send({ topic: 'a', partition: 0, value: 'y' })), {
    instanceOf: CallboardError,
  });
  t.is(error?.code, 'DISCONNECTED');
  t.true(error?.retryable);
  t.deepEqual(valuesOf(node.partition('a', 0)), ['x', 'y']);
});

test('sends wait while memory is full, in their order, and one-way sends are refused', async (t) => {
  const { node, clock, client } = await connected();
  node.createTopic('a');
  const producer = client.producer({ memoryBytes: 1_000, lingerMs: 0 });
  node.fate = onProduce(() => 'hold');
  const value = 'x'.repeat(400);
  const sends = [1, 2, 3, 4].map((n) => producer.send({ topic: 'a', partition: 0, value: `${n}${value}` }));
  t.true(producer.full);
  t.false(producer.sendOneWay({ topic: 'a', partition: 0, value: '5' }));
  const controller = new AbortController();
  const given = producer.send({ topic: 'a', partition: 0, value: 'never' }, { signal: controller.signal });
  controller.abort();
  t.is((await t.throwsAsync(given, { instanceOf: CallboardError }))?.code, 'ABORTED');
  await clock.advance(100);
  node.fate = () => undefined;
  node.disconnect();
  await clock.until(producer.writable());
  await clock.until(Promise.all(sends));
  t.true(producer.sendOneWay({ topic: 'a', partition: 0, value: '5' }));
  await clock.until(producer.flush());
  t.deepEqual(
    valuesOf(node.partition('a', 0)).map((each) => each[0]),
    ['1', '2', '3', '4', '5'],
  );
});

test('acks none: nobody tells, and the offset is -1', async (t) => {
  const { node, clock, client } = await connected();
  const producer = client.producer({ acks: 'none' });
  t.is((await clock.until(producer.send({ topic: 'a', partition: 0, value: 'x' }))).offset, -1);
  await clock.advance(10);
  t.deepEqual(valuesOf(node.partition('a', 0)), ['x']);
});

test('close stores everything that was taken, and refuses what comes after', async (t) => {
  const { node, clock, client } = await connected();
  const producer = client.producer({ lingerMs: 60_000 });
  for (const value of numbers(1_000)) t.true(producer.sendOneWay({ topic: 'a', partition: 2, value }));
  await clock.until(producer.close());
  t.deepEqual(valuesOf(node.partition('a', 2)), numbers(1_000));
  t.is(
    (await t.throwsAsync(producer.send({ topic: 'a', value: 'x' }), { instanceOf: CallboardError }))?.code,
    'CLOSED',
  );
  t.throws(() => producer.sendOneWay({ topic: 'a', value: 'x' }), { instanceOf: CallboardError });
  await clock.until(client.close());
  t.is(clock.timers, 0);
  t.is(node.connections, 0);
});

test('flush sends at once what waits for company, and does not wait for what is sent later', async (t) => {
  const { node, clock, client } = await connected();
  node.createTopic('a');
  const producer = client.producer({ lingerMs: 1_000_000 });
  const first = producer.send({ topic: 'a', partition: 0, value: '1' });
  const flushed = producer.flush();
  const later = producer.send({ topic: 'a', partition: 0, value: '2' });
  await clock.until(flushed, 1_000);
  t.is((await first).offset, 0);
  t.deepEqual(valuesOf(node.partition('a', 0)), ['1']);
  await clock.until(producer.flush(), 1_000);
  t.is((await later).offset, 1);
});

for (const compression of ['gzip', 'snappy', 'lz4', 'zstd'] as const) {
  test(`batches compressed with ${compression} come out as they went in`, async (t) => {
    const { node, clock, client } = await connected();
    const producer = client.producer({ compression });
    const messages = numbers(200).map((value) => ({ topic: 'a', partition: 0, value: `${value} `.repeat(20) }));
    const sent = await clock.until(producer.sendBatch(messages));
    t.is(sent[199]?.offset, 199);
    t.deepEqual(
      valuesOf(node.partition('a', 0)),
      messages.map(({ value }) => value),
    );
  });
}

test('what can not be sent is refused by name and nothing is stored', async (t) => {
  const { node, clock, client } = await connected();
  const producer = client.producer({ partitioner: () => 99 });
  for (const [message, code] of [
    [{ topic: 'a', value: 'x' }, 'UNKNOWN_PARTITION'],
    [{ topic: 'a', partition: 7, value: 'x' }, 'UNKNOWN_PARTITION'],
    [{ topic: 'a', value: 7 as unknown as string }, 'INVALID_OPTION'],
    [{ topic: 'a', value: 'x', timestamp: -1 }, 'INVALID_OPTION'],
    [{ topic: 'a', partition: 0, value: 'x'.repeat(3_000_000) }, 'BATCH_TOO_LARGE'],
  ] as const) {
    const error = await t.throwsAsync(clock.until(producer.send(message)), { instanceOf: CallboardError });
    t.is(error?.code, code);
  }
  t.is(node.partition('a', 0).end, 0);
});

test('after a topic was deleted and made anew, messages go to the new one', async (t) => {
  const { node, clock, client } = await connected();
  const producer = client.producer();
  const old = await clock.until(producer.send({ topic: 'a', partition: 0, value: 'old' }));
  t.is(old.offset, 0);
  node.partitions.clear();
  node.createTopic('a');
  await t.throwsAsync(clock.until(producer.send({ topic: 'a', partition: 0, value: 'lost' })), {
    instanceOf: CallboardError,
  });
  await clock.until(producer.send({ topic: 'a', partition: 0, value: 'new' }));
  t.deepEqual(valuesOf(node.partition('a', 0)), ['new']);
});

test('a node that forgot the producer: what is certainly not stored goes under a new id, what may be is an error', async (t) => {
  const { node, clock, client } = await connected();
  const producer = client.producer({ lingerMs: 0 });
  await clock.until(producer.send({ topic: 'a', partition: 0, value: '0' }));
  node.fate = onProduce((nth, request) => (nth === 1 ? refuse(request, 'UNKNOWN_PRODUCER') : undefined));
  t.is((await clock.until(producer.send({ topic: 'a', partition: 0, value: '1' }))).offset, 1);
  t.is(node.requests.filter(({ call }) => call === 'producer').length, 2);
  node.fate = onProduce((nth, request) => {
    if (nth === 1) return 'forget';
    return nth === 2 ? refuse(request, 'UNKNOWN_PRODUCER') : undefined;
  });
  const error = await t.throwsAsync(clock.until(producer.send({ topic: 'a', partition: 0, value: '2' })), {
    instanceOf: CallboardError,
  });
  t.is(error?.code, 'UNKNOWN_PRODUCER');
  t.deepEqual(valuesOf(node.partition('a', 0)), ['0', '1', '2'], 'it was stored, and not twice');
});

test('whatever goes wrong by chance: every message is stored once, in the order of its partition', async (t) => {
  for (let seed = 1; seed <= 25; seed++) {
    const { node, clock, client } = await connected();
    const random = new SeededRandom(seed * 7_919);
    const codes = ['UNAVAILABLE', 'OVERLOADED', 'TIMED_OUT', 'DISK_FULL', 'STORAGE_FAILED', 'INTERNAL'] as const;
    node.fate = (request) => {
      const chance = random.next();
      if (chance < 0.06) return 'drop';
      if (chance < 0.12) return 'forget';
      if (request.call !== 'produce' || chance > 0.3) return undefined;
      return refuse(request, codes[Math.floor(random.next() * codes.length)] ?? 'UNAVAILABLE');
    };
    const producer = client.producer({ lingerMs: 2, batchBytes: 300, memoryBytes: 5_000 });
    const messages = numbers(300).map((value, index) => ({ topic: 'a', partition: index % 3, value }));
    const sent = await clock.until(producer.sendBatch(messages));
    for (const partition of [0, 1, 2]) {
      const mine = messages.filter((message) => message.partition === partition).map(({ value }) => value);
      t.deepEqual(valuesOf(node.partition('a', partition)), mine, `seed ${seed}`);
    }
    t.deepEqual(
      sent.map(({ offset }) => offset),
      messages.map((_, index) => Math.floor(index / 3)),
      `seed ${seed}`,
    );
    await clock.until(client.close());
  }
});
