/** Judges pub and sub against a node over a real socket: what is stored, printed, written down, and how they end. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { cli } from '../../../src/edges/cli/index.ts';
import { fault } from '../../../src/model/faults.ts';
import { valuesOf } from '../client/world.ts';
import { type TestConsole, testConsole, testDoors } from './console.ts';
import { serveFake } from './served.ts';

interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function run(server: string, args: readonly string[], input = ''): Promise<Ended> {
  const console = testConsole(input, { CALLBOARD_SERVER: server });
  const code = await cli(args, testDoors(), console);
  return { code, out: console.out(), err: console.err() };
}

function folderOf(t: ExecutionContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'callboard-cli-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  return folder;
}

async function until(condition: () => boolean): Promise<void> {
  // Looks are counted, not time: a machine that stands still meanwhile is nobody's fault.
  for (let looks = 0; !condition(); looks++) {
    if (looks > 6_000) throw new Error(`not so: ${condition}`);
    await sleep(10);
  }
}

test('one message: where it went is told', async (t) => {
  const { node, server } = await serveFake(t);
  node.createTopic('orders', 1);
  const text = await run(server, ['pub', 'orders', 'grüße']);
  t.deepEqual([text.code, text.out], [0, 'Stored in orders, partition 0, offset 0.\n']);
  const json = await run(server, ['pub', 'orders', 'more', '--json']);
  t.like(JSON.parse(json.out), { topic: 'orders', acked: 1, failed: 0, partition: 0, offset: 1 });
  t.deepEqual(valuesOf(node.partition('orders', 0)), ['grüße', 'more']);
});

test('lines, files and repetitions are stored as they are, with key and headers', async (t) => {
  const { node, server } = await serveFake(t);
  node.createTopic('orders', 2);
  const lines = await run(server, ['pub', 'orders', '--partition', '1', '--compression', 'gzip'], 'one\n\ntwo\r\nlast');
  t.is(lines.code, 0, lines.err);
  t.regex(lines.out, /^4 messages stored in orders in /);
  t.deepEqual(valuesOf(node.partition('orders', 1)), ['one', '', 'two\r', 'last']);
  const path = join(folderOf(t), 'picture');
  writeFileSync(path, Buffer.from([0, 255, 10, 13]));
  const file = ['pub', 'orders', '--file', path, '--repeat', '2', '--partition', '0'];
  t.is((await run(server, [...file, '--key', 'k', '--header', 'a=b=c', '--header', 'a='])).code, 0);
  const shown = await run(server, [
    'sub',
    'orders',
    '--partition',
    '0',
    '--from',
    'beginning',
    '--count',
    '2',
    '--json',
  ]);
  t.is(shown.code, 0, shown.err);
  const [first, second] = shown.out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  t.like(first, { topic: 'orders', partition: 0, offset: 0, key: 'k', value: { base64: 'AP8KDQ==' } });
  t.deepEqual(first.headers, [
    { key: 'a', value: 'b=c' },
    { key: 'a', value: '' },
  ]);
  t.is(second.offset, 1);
});

test('what was acked is written down, all of it, through lost connections', async (t) => {
  const { node, server } = await serveFake(t);
  node.createTopic('orders', 3);
  let requests = 0;
  node.fate = (request) => {
    if (request.call !== 'produce') return undefined;
    requests += 1;
    return requests % 3 === 0 ? 'forget' : requests % 5 === 0 ? 'drop' : undefined;
  };
  const path = join(folderOf(t), 'acked.tsv');
  const count = 50_000;
  const values = Array.from({ length: count }, (_, index) => `message ${index} ${'x'.repeat(60)}`);
  const { code, out, err } = await run(server, ['pub', 'orders', '--acked', path], `${values.join('\n')}\n`);
  t.is(code, 0, err);
  t.regex(out, /^50,000 messages stored/);
  t.true(requests > 5);
  const stored = [0, 1, 2].map((index) => valuesOf(node.partition('orders', index)));
  const lines = readFileSync(path, 'utf8').trim().split('\n');
  t.is(lines.length, count);
  t.is(new Set(lines.map((line) => line.split('\t')[2])).size, count);
  const wrong = lines.filter((line) => {
    const [partition, offset, value] = line.split('\t');
    return stored[Number(partition)]?.[Number(offset)] !== value;
  });
  t.deepEqual(wrong, []);
});

test('a refusal ends with 4 and the reason of the node', async (t) => {
  const { node, server } = await serveFake(t);
  node.createTopic('orders', 1);
  node.fate = (request) =>
    request.call === 'produce'
      ? {
          call: 'produce',
          parts: request.parts.map(({ topic, partition }) => ({
            topic,
            partition,
            fault: fault('BATCH_TOO_LARGE', 'a batch of 2 MiB'),
          })),
        }
      : undefined;
  const { code, out, err } = await run(server, ['pub', 'orders', 'x']);
  t.is(code, 4);
  t.is(out, '');
  t.regex(err, /the message was not stored: BATCH_TOO_LARGE: a batch of 2 MiB\nSend smaller batches/);
});

test('while the node is away pub keeps trying, inside its deadline', async (t) => {
  const { node, server } = await serveFake(t);
  node.createTopic('orders', 1);
  node.up = false;
  const running = run(server, ['pub', 'orders', 'patient']);
  await sleep(300);
  node.up = true;
  t.is((await running).code, 0);
  t.deepEqual(valuesOf(node.partition('orders', 0)), ['patient']);
  node.up = false;
  node.disconnect();
  const late = await run(server, ['pub', 'orders', 'late', '--timeout', '400ms']);
  t.is(late.code, 3);
  t.regex(late.err, /no node answers at/);
});

test('sub prints from a position, and ends at its count', async (t) => {
  const { node, server } = await serveFake(t);
  node.createTopic('orders', 1);
  await run(server, ['pub', 'orders'], 'a\nb\nc\nd\n');
  const { code, out } = await run(server, ['sub', 'orders', '--from', '1', '--count', '2']);
  t.is(code, 0);
  t.deepEqual(
    out
      .trim()
      .split('\n')
      .map((line) => line.split('\t').filter((_, column) => column !== 2)),
    [
      ['0', '1', '', 'b'],
      ['0', '2', '', 'c'],
    ],
  );
});

test('sub follows the end until Ctrl-C, and ends well', async (t) => {
  const { node, server } = await serveFake(t);
  node.createTopic('orders', 1);
  await run(server, ['pub', 'orders', 'before']);
  const console: TestConsole = testConsole('', { CALLBOARD_SERVER: server });
  const running = cli(['sub', 'orders'], testDoors(), console);
  await until(() => node.requests.some((request) => request.call === 'fetch'));
  await run(server, ['pub', 'orders', 'after']);
  await until(() => console.out() !== '');
  t.regex(console.out(), /^0\t1\t\d+\t\tafter\n$/);
  console.interrupt();
  t.is(await running, 0);
  t.deepEqual(console.exits, []);
});

test('sub ends well when its pipe is closed', async (t) => {
  const { node, server } = await serveFake(t);
  node.createTopic('orders', 1);
  await run(server, ['pub', 'orders'], 'line\n'.repeat(5_000));
  const console: TestConsole = testConsole('', { CALLBOARD_SERVER: server });
  const running = cli(['sub', 'orders', '--from', 'beginning'], testDoors(), console);
  await until(() => console.out() !== '');
  console.output.destroy(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }));
  t.is(await running, 0);
  t.is(console.err(), '');
});

test('a group remembers exactly what was printed', async (t) => {
  const { node, server } = await serveFake(t);
  const topic = node.createTopic('orders', 1);
  await run(server, ['pub', 'orders'], 'a\nb\nc\nd\ne\n');
  const { code, out, err } = await run(server, [
    'sub',
    'orders',
    '--group',
    'g',
    '--from',
    'beginning',
    '--count',
    '3',
  ]);
  t.is(code, 0, err);
  t.deepEqual(
    out
      .trim()
      .split('\n')
      .map((line) => line.split('\t')[4]),
    ['a', 'b', 'c'],
  );
  t.is(node.groups.committed('g', topic, 0), 3);
  const wrong = await run(server, ['sub', 'orders', '--group', 'g', '--from', '17']);
  t.is(wrong.code, 2);
  t.regex(wrong.err, /cannot begin at an offset/);
});
