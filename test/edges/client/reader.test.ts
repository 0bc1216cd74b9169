/** Judges readers without a group, and broadcast readers with their file: every message in order, from where was said. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { CallboardError } from '../../../src/edges/client/errors.ts';
import { fault } from '../../../src/model/faults.ts';
import { batchOf, connected, type TestWorld } from './world.ts';

function fill({ node }: TestWorld, partitions: number, count: number): void {
  const topic = node.topics.get('t') ?? node.createTopic('t', partitions);
  for (const index of topic.partitions.keys()) {
    const { end } = node.partition('t', index);
    for (let at = 0; at < count; at++) node.partition('t', index).append(batchOf([`${index}:${end + at}`]));
  }
}

async function folder(t: { teardown(run: () => Promise<void>): void }): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'callboard-client-'));
  t.teardown(() => rm(path, { recursive: true, force: true }));
  return path;
}

/** Reads until `count` messages came. */
async function read(source: AsyncIterable<{ readonly value: Buffer | null }>, count: number): Promise<string[]> {
  const values: string[] = [];
  for await (const message of source) {
    values.push(message.value?.toString() ?? '');
    if (values.length === count) break;
  }
  return values;
}

test('a reader begins where it was told, in all partitions or in each', async (t) => {
  const world = await connected();
  fill(world, 2, 10);
  for (const [from, expected] of [
    ['begin', [0, 0]],
    ['end', [10, 10]],
    [{ offset: 7 }, [7, 7]],
    [{ timestamp: 1_700_000_000_001 }, [10, 10]],
    [new Map([[1, { offset: 3 }]]), [0, 3]],
  ] as const) {
    const reader = world.client.reader({ topic: 't', from });
    await world.clock.until(reader.open());
    t.deepEqual([...reader.positions().values()], [...expected]);
    await reader.close();
  }
});

test('poll answers what is there, waits for what is not, and gives up after its time or by its signal', async (t) => {
  const world = await connected();
  fill(world, 1, 5);
  const reader = world.client.reader({ topic: 't' });
  const first = await world.clock.until(reader.poll({ max: 3 }));
  t.deepEqual(
    first.map(({ offset }) => offset),
    [0, 1, 2],
  );
  t.is((await world.clock.until(reader.poll())).length, 2);
  t.deepEqual(await world.clock.until(reader.poll({ waitMs: 300 })), []);
  const waiting = reader.poll({ waitMs: 60_000 });
  await world.clock.advance(50);
  fill(world, 1, 1);
  t.is((await world.clock.until(waiting))[0]?.offset, 5);
  const controller = new AbortController();
  const given = reader.poll({ waitMs: 60_000, signal: controller.signal });
  await world.clock.advance(50);
  controller.abort();
  t.is((await t.throwsAsync(given, { instanceOf: CallboardError }))?.code, 'ABORTED');
  fill(world, 1, 1);
  t.is((await world.clock.until(reader.poll()))[0]?.offset, 6, 'nothing is lost by giving up');
});

test('seek to offset, begin, end; a seek while the node holds an answer does not wait for it', async (t) => {
  const world = await connected();
  fill(world, 1, 20);
  const reader = world.client.reader({ topic: 't', from: 'end', fetchWaitMs: 60_000 });
  t.deepEqual(await world.clock.until(reader.poll({ waitMs: 100 })), []);
  const before = world.clock.monotonicMs();
  await world.clock.until(reader.seek({ offset: 12 }, 0));
  t.is((await world.clock.until(reader.poll()))[0]?.offset, 12);
  t.true(world.clock.monotonicMs() - before < 100);
  await world.clock.until(reader.seek('begin'));
  t.is((await world.clock.until(reader.poll({ max: 1 })))[0]?.offset, 0);
  await world.clock.until(reader.seek('end'));
  t.deepEqual(await world.clock.until(reader.poll({ waitMs: 100 })), []);
  t.deepEqual([...(await world.clock.until(reader.ends()))], [[0, 20]]);
});

test('what the node says of the old place after a seek is not handed out, however many seeks there are', async (t) => {
  const world = await connected();
  fill(world, 1, 20);
  const reader = world.client.reader({ topic: 't', from: 'end', fetchWaitMs: 60_000 });
  t.deepEqual(await world.clock.until(reader.poll({ waitMs: 50 })), []);
  // More than may be left waiting at the node.
  for (let seeks = 0; seeks < 6; seeks++) {
    await reader.seek({ offset: 20 });
    await world.clock.advance(1);
  }
  await reader.seek({ offset: 3 });
  fill(world, 1, 1);
  const offsets: number[] = [];
  while (offsets.length < 18) offsets.push(...(await world.clock.until(reader.poll())).map(({ offset }) => offset));
  t.deepEqual(
    offsets,
    Array.from({ length: 18 }, (_, index) => 3 + index),
  );
});

test('assign reads exactly these partitions, and pause holds them back', async (t) => {
  const world = await connected();
  fill(world, 3, 2);
  const reader = world.client.reader({ topic: 't', partitions: [0] });
  t.deepEqual((await world.clock.until(read(reader, 2))).sort(), ['0:0', '0:1']);
  await world.clock.until(reader.assign([1, 2]));
  reader.pause([1]);
  t.deepEqual((await world.clock.until(read(reader, 2))).sort(), ['2:0', '2:1']);
  reader.resume([1]);
  t.deepEqual((await world.clock.until(read(reader, 2))).sort(), ['1:0', '1:1']);
  const wrong = await t.throwsAsync(world.clock.until(reader.assign([9])), { instanceOf: CallboardError });
  t.is(wrong?.code, 'UNKNOWN_PARTITION');
});

test('a partition that is damaged stops with its fault once, the others go on, and a seek leads past it', async (t) => {
  const world = await connected();
  fill(world, 2, 5);
  let damaged = true;
  world.node.fate = (request) => {
    if (request.call !== 'fetch' || !damaged || !request.add.some(({ partition }) => partition === 0)) return undefined;
    damaged = false;
    const topic = request.add[0]?.topic;
    const nothing = { begin: 0, end: 5, bytes: new Uint8Array(0), fault: fault('DATA_DAMAGED', 'scripted') };
    return { call: 'fetch', session: 0, parts: [{ topic, partition: 0, ...nothing }] } as never;
  };
  const reader = world.client.reader({ topic: 't', partitions: [0] });
  const error = await t.throwsAsync(world.clock.until(reader.poll()), { instanceOf: CallboardError });
  t.is(error?.code, 'DATA_DAMAGED');
  t.deepEqual(await world.clock.until(reader.poll({ waitMs: 100 })), []);
  await world.clock.until(reader.seek({ offset: 3 }, 0));
  t.is((await world.clock.until(reader.poll()))[0]?.offset, 3);
});

test('partitions that are added to the topic are read from their begin', async (t) => {
  const world = await connected();
  fill(world, 1, 2);
  const reader = world.client.reader({ topic: 't', from: 'end' });
  await world.clock.until(reader.open());
  world.node.addPartition('t');
  world.node.partition('t', 1).append(batchOf(['new']));
  t.deepEqual(await world.clock.until(read(reader, 1)), ['new']);
});

test('connections that break leave no gap and repeat nothing', async (t) => {
  const world = await connected();
  fill(world, 2, 100);
  const reader = world.client.reader({ topic: 't', prefetchBytes: 1_000 });
  const values: string[] = [];
  const reading = (async () => {
    for await (const message of reader) {
      values.push(message.value?.toString() ?? '');
      if (values.length % 30 === 0) world.node.disconnect();
      if (values.length === 200) break;
    }
  })();
  await world.clock.until(reading);
  t.is(new Set(values).size, 200);
  for (const partition of [0, 1]) {
    const mine = values
      .filter((value) => value.startsWith(`${partition}:`))
      .map((value) => Number(value.split(':')[1]));
    t.deepEqual(
      mine,
      [...mine].sort((a, b) => a - b),
    );
  }
});

test('a reader of a topic that is not there says so, and its loop ends at close', async (t) => {
  const world = await connected();
  const reader = world.client.reader({ topic: 'missing' });
  const error = await t.throwsAsync(world.clock.until(reader.poll()), { instanceOf: CallboardError });
  t.is(error?.code, 'UNKNOWN_TOPIC');
  world.node.createTopic('missing', 1);
  const loop = read(reader, 1);
  await world.clock.advance(100);
  await reader.close();
  t.deepEqual(await world.clock.until(loop), []);
  await world.clock.until(world.client.close());
  t.is(world.clock.timers, 0);
});

test('a broadcast reader goes on where its file says, with what was in hands once more', async (t) => {
  const world = await connected();
  const file = join(await folder(t), 'deep', 'offsets.json');
  fill(world, 2, 5);
  const options = { topic: 't', file, from: 'begin' } as const;
  const first = world.client.broadcast(options);
  t.is((await untilReal(world, read(first, 4))).length, 4);
  await untilReal(world, first.close());
  const stored = JSON.parse(await readFile(file, 'utf8'));
  t.is(stored.topic, 't');
  const second = world.client.broadcast(options);
  t.is((await untilReal(world, read(second, 7))).length, 7, 'the fourth was in hands');
  await untilReal(world, second.close());
});

test('a broadcast reader without a file begins at the end, and that place is kept at once', async (t) => {
  const world = await connected();
  const file = join(await folder(t), 'offsets.json');
  fill(world, 1, 5);
  const first = world.client.broadcast({ topic: 't', file });
  await untilReal(world, first.open());
  await untilReal(world, first.close());
  fill(world, 1, 3);
  const second = world.client.broadcast({ topic: 't', file });
  t.deepEqual(await untilReal(world, read(second, 3)), ['0:5', '0:6', '0:7']);
  await untilReal(world, second.close());
});

test('the file is written every so often while messages come', async (t) => {
  const world = await connected();
  const file = join(await folder(t), 'offsets.json');
  fill(world, 1, 5);
  const broadcast = world.client.broadcast({ topic: 't', file, from: 'begin', saveMs: 1_000 });
  await untilReal(world, read(broadcast, 5));
  await world.clock.advance(1_100);
  await untilReal(world, broadcast.save());
  t.deepEqual(JSON.parse(await readFile(file, 'utf8')).offsets, { 0: 4 });
  await untilReal(world, broadcast.close());
});

test('a file of something else is refused by name and left alone', async (t) => {
  const world = await connected();
  fill(world, 1, 1);
  for (const text of [
    '',
    '{}',
    '[1]',
    '{"format":1,"topic":"other","topicId":1,"offsets":{}}',
    '{"format":1,"topic":"t","topicId":1,"offsets":{"0":-1}}',
  ]) {
    const file = join(await folder(t), 'offsets.json');
    await writeFile(file, text);
    const broadcast = world.client.broadcast({ topic: 't', file });
    const error = await t.throwsAsync(untilReal(world, broadcast.open()), { instanceOf: CallboardError });
    t.is(error?.code, 'INVALID_OPTION');
    await untilReal(world, broadcast.close());
    t.is(await readFile(file, 'utf8'), text);
  }
});

/** For work that also waits for the real file system: simulated time goes on beside it. */
async function untilReal<T>(world: TestWorld, work: Promise<T>): Promise<T> {
  let settled = false;
  const mark = (): void => {
    settled = true;
  };
  work.then(mark, mark);
  while (!settled) {
    await new Promise((resolve) => setTimeout(resolve, 1));
    await world.clock.advance(1);
  }
  return work;
}
