/** Judges the parts of the command line: arguments, lines of input, printed records, tables, the file of acks. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import test from 'ava';
import fc from 'fast-check';
import { AckedFile } from '../../../src/edges/cli/acked.ts';
import { endingOf } from '../../../src/edges/cli/exit.ts';
import { LineSplitter, linesOf } from '../../../src/edges/cli/lines.ts';
import { bar, Lines, Progress, table } from '../../../src/edges/cli/output.ts';
import { parseDuration, parsePosition, parseServers, parseTopicSettings } from '../../../src/edges/cli/parse.ts';
import { messageJson, messageLine, plain, show } from '../../../src/edges/cli/record.ts';
import { statusText } from '../../../src/edges/cli/status.ts';
import { CallboardError } from '../../../src/edges/client/errors.ts';
import { id, type Timestamp } from '../../../src/model/ids.ts';

const NOW = Date.parse('2026-11-21T12:00:00Z');

test('a position is a word, an offset, a time or an age', (t) => {
  t.is(parsePosition('beginning', NOW), 'begin');
  t.is(parsePosition('end', NOW), 'end');
  t.deepEqual(parsePosition('1200', NOW), { offset: 1200 });
  t.deepEqual(parsePosition('2026-11-21T10:00Z', NOW), { timestamp: NOW - 7_200_000 });
  t.deepEqual(parsePosition('2026-11-20', NOW), { timestamp: Date.parse('2026-11-20') });
  t.deepEqual(parsePosition('15min', NOW), { timestamp: NOW - 900_000 });
  for (const wrong of ['', '-1', '1.5', 'soon', '99999999999999999999', '15 parsecs', '2026-99-99'])
    t.throws(() => parsePosition(wrong, NOW), { message: /is no position/ }, wrong);
});

test('durations and servers are read, and refused by name', (t) => {
  t.deepEqual(['30', '500ms', '2min'].map(parseDuration), [30_000, 500, 120_000]);
  for (const wrong of ['', '0', '-5s', '30d', 'x'])
    t.throws(() => parseDuration(wrong), { message: /no duration/ }, wrong);
  t.deepEqual(parseServers('a, b:9000,[::1]:7,[::1]'), ['a:7625', 'b:9000', '[::1]:7', '[::1]:7625']);
  for (const wrong of ['', 'a:', 'a:0', 'a:70000', 'a b', 'a,,b', '::1'])
    t.throws(() => parseServers(wrong), { message: /no server/ }, wrong);
});

test('settings of topics take units and are checked before anybody is asked', (t) => {
  const given = ['retentionMs=7d', 'segmentBytes=64MiB', 'engine=memory', 'retentionBytes=-1'];
  t.deepEqual(parseTopicSettings(given), {
    retentionMs: 604_800_000,
    segmentBytes: 67_108_864,
    engine: 'memory',
    retentionBytes: -1,
  });
  for (const wrong of ['__proto__=1', 'constructor=1', 'retentionMs=7GiB', 'engine=disk', 'flushIntervalMs=1'])
    t.throws(() => parseTopicSettings([wrong]), { message: /unknown topic setting|cannot be/ }, wrong);
});

test('lines are the bytes between line feeds, however the stream is cut', (t) => {
  const text = fc.array(fc.constantFrom('\n', 'a', 'ü', '\r', '\0', 'bc'), { maxLength: 40 });
  fc.assert(
    fc.property(text, fc.array(fc.nat(20)), (letters, cuts) => {
      const bytes = Buffer.from(letters.join(''));
      const splitter = new LineSplitter();
      const lines: Buffer[] = [];
      let from = 0;
      for (const cut of [...cuts, bytes.length]) {
        lines.push(...splitter.split(bytes.subarray(from, from + cut)));
        from += cut;
      }
      lines.push(...splitter.rest());
      const expected = bytes.toString().split('\n');
      if (expected.at(-1) === '') expected.pop();
      t.deepEqual(lines.map(String), expected);
    }),
  );
});

test('a line without end is refused before it fills the memory', async (t) => {
  const endless = Readable.from(Array.from({ length: 20 }, () => Buffer.alloc(1024 * 1024, 'x')));
  const read = async (): Promise<void> => {
    for await (const lines of linesOf(endless, new AbortController().signal)) t.is(lines.length, 0);
  };
  await t.throwsAsync(read, { message: /longer than/ });
});

test('an interrupt ends the reading of lines, without an error', async (t) => {
  const input = new PassThrough();
  const ending = new AbortController();
  const lines: string[] = [];
  input.write('one\ntwo');
  for await (const list of linesOf(input, ending.signal)) {
    lines.push(...list.map(String));
    setImmediate(() => ending.abort());
  }
  t.deepEqual(lines, ['one']);
  t.true(input.destroyed);
});

const message = {
  topic: 'orders',
  partition: 3,
  offset: 17,
  timestamp: NOW,
  key: Buffer.from('k'),
  value: Buffer.from('grüße'),
  headers: [{ key: 'h', value: Buffer.from([0xff]) }],
};

test('a record is printed for people and as JSON', (t) => {
  t.is(messageLine(message), `3\t17\t${NOW}\tk\tgrüße`);
  t.is(messageLine({ ...message, key: null, value: null }), `3\t17\t${NOW}\t\t`);
  t.deepEqual(JSON.parse(messageJson(message)), {
    topic: 'orders',
    partition: 3,
    offset: 17,
    timestamp: NOW,
    key: 'k',
    value: 'grüße',
    headers: [{ key: 'h', value: { base64: '/w==' } }],
  });
  t.is(JSON.parse(messageJson({ ...message, value: null })).value, null);
});

test('what would break the line or steer the terminal is quoted', (t) => {
  t.is(plain(Buffer.from('two\nlines')), '"two\\nlines"');
  t.is(plain(Buffer.from('\x1b[2Jgone')), '"\\u001b[2Jgone"');
  t.is(plain(Buffer.from('a\tb')), 'a\tb');
  t.is(messageLine({ ...message, key: Buffer.from('a\tb') }).split('\t').length, 5);
  t.is(plain(Buffer.from([0xc3, 0x28])), '{"base64":"wyg="}');
});

test('every value comes back from what is shown', (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      const shown = JSON.parse(JSON.stringify(show(bytes)));
      const back = typeof shown === 'string' ? Buffer.from(shown) : Buffer.from(shown.base64, 'base64');
      t.true(back.equals(bytes));
    }),
  );
});

test('acks are written down as they come, one line each', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'callboard-acked-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'acked.tsv');
  const file = new AckedFile(path);
  const sent = { topic: 'orders', partition: 1, timestamp: 0 };
  file.add({ ...sent, offset: 7 }, Buffer.from('value\twith tab'));
  await new Promise(setImmediate);
  t.is(readFileSync(path, 'utf8'), '1\t7\tvalue\twith tab\n');
  file.add({ ...sent, offset: 8 }, Buffer.from('two\nlines'));
  const long = 'x'.repeat(300_000);
  file.add({ ...sent, offset: 9 }, Buffer.from(long));
  for (let offset = 10; offset < 20_010; offset++) file.add({ ...sent, offset }, Buffer.from(`value ${offset}`));
  file.close();
  const lines = readFileSync(path, 'utf8').split('\n');
  t.is(lines[1], '1\t8\t"two\\nlines"');
  t.is(lines[2], `1\t9\t${long}`);
  t.is(lines[20_002], '1\t20009\tvalue 20009');
  t.is(lines.length, 20_004);
  t.throws(() => new AckedFile(folder), { message: /cannot be written/ });
});

test('bulk output waits for a slow reader, and ends when it goes away', async (t) => {
  const stream = new PassThrough({ highWaterMark: 1024 });
  const lines = new Lines(stream);
  let waits: Promise<void> | undefined;
  for (let count = 0; waits === undefined && count < 10_000; count++) waits = lines.add('x'.repeat(100));
  t.truthy(waits);
  let waited = false;
  const done = waits?.then(() => {
    waited = true;
  });
  await new Promise(setImmediate);
  t.false(waited);
  stream.resume();
  await done;
  t.true(waited);
  stream.destroy();
  lines.add('nobody reads this');
  await lines.end();
});

test('tables line up, numbers to the right', (t) => {
  t.is(table([]), '');
  const rows = [
    { name: 'a', count: 5, last: 'x' },
    { name: 'longer', count: 12345, last: '' },
  ];
  t.is(table(rows), 'NAME    COUNT  LAST\na           5  x\nlonger  12345');
  t.is(bar(1, 4), '[#####...............] 25 %');
  t.is(bar(0, 0), '[####################] 100 %');
});

test('progress shows on a terminal and nowhere else', async (t) => {
  const shown = async (isTTY: boolean): Promise<string> => {
    const stream = Object.assign(new PassThrough(), { isTTY });
    const progress = new Progress(stream, () => 'half way');
    await new Promise((resolve) => setTimeout(resolve, 300));
    progress.end();
    stream.end();
    return (await stream.toArray()).join('');
  };
  t.regex(await shown(true), /half way.*\r/);
  t.is(await shown(false), '');
});

test('errors of the client become exit codes', (t) => {
  const codes = (['DISCONNECTED', 'TIMED_OUT', 'ABORTED', 'INVALID_OPTION', 'UNKNOWN_TOPIC', 'CLOSED'] as const).map(
    (code) => endingOf(new CallboardError(code, 'x'), 'a:1').exitCode,
  );
  t.deepEqual(codes, [3, 3, 130, 2, 4, 1]);
  t.is(endingOf('thrown', 'a:1').exitCode, 1);
});

test('status tells what matters: shards that start again, refused writes, buffered disks', (t) => {
  const node = {
    version: '1.2.3',
    node: 1,
    cluster: 'c',
    startedAt: id<Timestamp>(NOW - 90_061_000),
    shards: [
      { shard: 0, incarnation: 1, state: 'running' },
      { shard: 1, incarnation: 3, state: 'starting' },
    ],
    topics: 2,
    partitions: 8,
    storage: { folder: '/srv/x', direct: false, freeBytes: 2 ** 30, totalBytes: 2 ** 31, refusingWrites: true },
  } as const;
  const text = statusText(node, NOW);
  t.regex(text, /up {10}1 d 1 h, since 2026-11-20T10:58:59/);
  t.regex(text, /shards {6}2, 1 starting again/);
  t.regex(text, /writes {6}buffered/);
  t.regex(text, /1\.0 GiB of 2\.0 GiB free; WRITES ARE REFUSED/);
});
