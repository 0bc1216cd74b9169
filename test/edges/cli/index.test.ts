/** Judges the command line as a program: what it prints where, and which exit code it ends with. */
import { Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { type Console, cli } from '../../../src/edges/cli/index.ts';
import { freePort } from '../../node/harness.ts';
import { fakeNode, testConsole, testDoors } from './console.ts';

/** A port on which nothing listens. */
async function deadServer(): Promise<string> {
  return `127.0.0.1:${await freePort()}`;
}

async function until(condition: () => boolean): Promise<void> {
  // Looks are counted, not time: a machine that stands still meanwhile is nobody's fault.
  for (let looks = 0; !condition(); looks++) {
    if (looks > 6_000) throw new Error(`not so: ${condition}`);
    await sleep(10);
  }
}

test('help teaches: commands, examples, exit codes, shared options', async (t) => {
  const console = testConsole();
  t.is(await cli(['--help'], testDoors(), console), 0);
  for (const word of [
    'start',
    'pub',
    'sub',
    'topic',
    'group',
    'log',
    'status',
    'config',
    'A minute with it',
    'Exit codes',
  ])
    t.true(console.out().includes(word), word);
  const sub = testConsole();
  t.is(await cli(['sub', '--help'], testDoors(), sub), 0);
  for (const word of ['Examples:', '--from <position>', '15min', '--json', '--server'])
    t.true(sub.out().includes(word), word);
  const nested = testConsole();
  t.is(await cli(['topic', 'create', '--help'], testDoors(), nested), 0);
  t.regex(nested.out(), /--partitions <number>[\s\S]*callboard topic create orders --partitions 8/);
});

test('the version is printed', async (t) => {
  const console = testConsole();
  t.is(await cli(['--version'], testDoors(), console), 0);
  t.is(console.out(), '1.2.3\n');
});

test('what is not understood ends with 2, and says what would be', async (t) => {
  const wrong: [string[], RegExp][] = [
    [['topci'], /unknown command/],
    [['topic', 'create'], /missing required argument/],
    [['pub', 'orders', 'x', '--acks', 'some'], /Allowed choices are all, leader, none/],
    [['pub', 'orders', 'x', '--header', 'nonsense'], /"nonsense" is no header\nWrite it as name=value/],
    [['pub', 'orders', 'x', '--timeout', 'soon'], /no duration/],
    [['pub', 'orders', '--file', '/does/not/exist'], /cannot be read/],
    [['sub', 'orders', '--from', 'yesterday'], /"yesterday" is no position/],
    [['sub', 'orders', '--count', '0'], /whole number from 1/],
    [['topic', 'create', 'x', '--set', 'retention=1'], /unknown topic setting "retention"\nKnown are engine, /],
    [['topic', 'create', 'x', '--set', 'segmentBytes=3parsecs'], /segmentBytes cannot be "3parsecs"/],
    [['topic', 'alter', 'x'], /nothing to change/],
    [['group', 'reset', 'g', '--topic', 'x'], /required option '--to/],
    [['status', '--server', 'a b'], /no server\nWrite it as host:port/],
  ];
  for (const [argv, message] of wrong) {
    const console = testConsole();
    t.is(await cli(argv, testDoors(), console), 2, argv.join(' '));
    t.regex(console.err(), message, argv.join(' '));
    t.is(console.out(), '', argv.join(' '));
  }
});

test('a node that is not there ends with 3, names the place and says what to do', async (t) => {
  const server = await deadServer();
  const console = testConsole('', { CALLBOARD_SERVER: server });
  t.is(await cli(['status', '--timeout', '300ms'], testDoors(), console), 3);
  t.true(console.err().startsWith(`callboard: no node answers at ${server}: `), console.err());
  t.regex(console.err(), /Start one with "callboard start"/);
  const json = testConsole();
  t.is(await cli(['topic', 'list', '--timeout', '300ms', '--server', server, '--json'], testDoors(), json), 3);
  t.is(JSON.parse(json.err()).error.code, 'DISCONNECTED');
});

test('an interrupt ends a command that waits', async (t) => {
  const server = await deadServer();
  const console = testConsole('one\n', { CALLBOARD_SERVER: server });
  const running = cli(['pub', 'orders'], testDoors(), console);
  await until(console.interruptible);
  console.interrupt();
  t.is(await running, 130);
  t.deepEqual(console.exits, []);
});

test('start says what the node is, and stops it in order at an interrupt', async (t) => {
  const node = fakeNode();
  const started: unknown[] = [];
  const console = testConsole();
  const running = cli(
    ['start', '--native-port', '7700', '--insecure', '--config', 'mine.yaml'],
    testDoors(node, started),
    console,
  );
  await until(() => console.out().includes('Try in another terminal'));
  t.deepEqual(started, [{ settings: { 'native.port': '7700', insecure: true }, config: 'mine.yaml' }]);
  t.regex(console.out(), /^Callboard 1\.2\.3: one node, 2 shards, Node \d+/);
  t.regex(console.out(), /clients {2}127\.0\.0\.1:7700/);
  t.regex(console.out(), /admin {4}http:\/\/127\.0\.0\.1:7680/);
  t.regex(console.out(), /data {5}\/srv\/callboard \(written directly\)/);
  t.regex(console.out(), /an ack {3}means that the record is on disk, fsynced/);
  t.regex(console.out(), /npx callboard pub orders "hello" --server 127\.0\.0\.1:7700/);
  t.is(node.stops(), 0);
  console.interrupt();
  t.is(await running, 0);
  t.is(node.stops(), 1);
  t.regex(console.err(), /Stopping: [\s\S]*Stopped\./);
});

test('the second interrupt does not wait', async (t) => {
  const node = { ...fakeNode(), stop: () => new Promise<void>(() => undefined) };
  const console = testConsole();
  const running = cli(['start', '--json'], testDoors(node), console);
  await until(() => console.out() !== '');
  t.is(JSON.parse(console.out()).native.port, 7700);
  console.interrupt();
  console.interrupt();
  t.deepEqual(console.exits, [130]);
  t.is(await Promise.race([running, sleep(20, 'still stopping')]), 'still stopping');
});

test('a node that ends by itself, or cannot start, is a failure', async (t) => {
  const node = fakeNode();
  const console = testConsole();
  const running = cli(['start'], testDoors(node), console);
  await until(() => console.out() !== '');
  node.fail(new Error('shard 1 crashed too often'));
  t.is(await running, 1);
  t.regex(console.err(), /shard 1 crashed too often/);
  const problems = Object.assign(new Error('callboard.yaml:3: shard: unknown setting'), { problems: [] });
  const settings = testConsole();
  const doors = { ...testDoors(), startNode: () => Promise.reject(problems) };
  t.is(await cli(['start'], doors, settings), 2);
  t.regex(settings.err(), /callboard\.yaml:3: shard/);
});

test('config prints what is in force and from where', async (t) => {
  const console = testConsole();
  t.is(await cli(['config'], testDoors(), console), 0);
  t.is(
    console.out(),
    ['SETTING      VALUE   FROM', 'native.port  7625    default', 'memory       256MiB  callboard.yaml:2', ''].join(
      '\n',
    ),
  );
  const json = testConsole();
  t.is(await cli(['--json', 'config'], testDoors(), json), 0);
  t.deepEqual(JSON.parse(json.out())[1], { key: 'memory', value: 268435456, from: 'file', where: 'callboard.yaml:2' });
});

test('a reader that has gone away is no failure', async (t) => {
  const gone = new Writable({
    write: (_chunk, _encoding, done) => done(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' })),
  });
  const console: Console = { ...testConsole(), output: gone };
  t.is(await cli(['config'], testDoors(), console), 0);
  // the error comes when the command has ended
  await sleep(10);
});
