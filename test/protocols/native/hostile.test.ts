/** Bytes that no client should send: each is answered by a stated fault or ends the connection, nothing throws. */
import { encode } from '@msgpack/msgpack';
import test from 'ava';
import fc from 'fast-check';
import { isFaultCode } from '../../../src/model/faults.ts';
import { FIELDS_BYTES_MAX, FRAME_BYTES_BEFORE_HELLO_MAX, FRAME_BYTES_MAX } from '../../../src/model/limits.ts';
import type { Move } from '../../../src/protocols/conversation.ts';
import { calls } from '../../../src/protocols/native/calls.ts';
import { decodeAnswer, encodeHello, encodeRequest } from '../../../src/protocols/native/codec.ts';
import { HEADER_BYTES, measure, openFrame } from '../../../src/protocols/native/frame.ts';
import { isPlainMap } from '../../../src/protocols/native/scan.ts';
import { NativeSession } from '../../../src/protocols/native/session.ts';
import type { Request } from '../../../src/protocols/request.ts';
import { sized } from '../../long.ts';
import { frame } from './frames.ts';
import { msgpackFields } from './msgpack.ts';
import { anyRequest } from './values.ts';

const codec = msgpackFields();
const about = {
  software: '0',
  node: 1,
  cluster: 'c',
  features: ['a', 'b'],
  limits: { frameBytes: FRAME_BYTES_MAX, requestsInFlight: 1, fetchSessions: 1, fetchBytes: 1, waitMs: 1, idleMs: 1 },
};
const whole = (views: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(views));
const helloFrame = (versions = [1]): Uint8Array =>
  whole(encodeHello(codec, 1, { versions, client: 'x', features: ['b'] }));

/** The one move that a frame leads to. */
function move(session: NativeSession, bytes: Uint8Array): Move {
  const [first, ...more] = session.take(bytes, 1);
  if (first === undefined || more.length > 0) throw new Error('a frame leads to one move');
  return first;
}

function greeted(): NativeSession {
  const session = new NativeSession(codec, about);
  if (move(session, helloFrame()).type !== 'answer') throw new Error('hello was refused');
  return session;
}

/** The fault that a client reads from what was said, and whether the connection ends. */
function faultOf(said: Move): { code: string; message: string; ends: boolean; correlation: number } {
  if (said.type === 'ask') throw new Error('it was accepted');
  const answer = openFrame(whole(said.views));
  if (!answer.ok) throw new Error(answer.fault.message);
  const decoded = decodeAnswer(codec, answer.value);
  if (!decoded.ok || decoded.value.type !== 'reply' || decoded.value.reply.call !== 'refused')
    throw new Error('no fault was answered');
  const { code, message } = decoded.value.reply.fault;
  return { code, message, ends: said.type === 'end', correlation: answer.value.correlation };
}

test('ten thousand mutated or random frames lead to requests or faults, never to a throw', (t) => {
  const names = Object.keys(calls) as (keyof typeof calls)[];
  const anyFrame = fc
    .constantFrom(...names)
    .chain((name) =>
      (anyRequest[name] as fc.Arbitrary<Request>).map((request) => whole(encodeRequest(codec, 5, request))),
    );
  const flip = fc.record({ at: fc.nat(), to: fc.nat(255) });
  const mutated = fc
    .tuple(anyFrame, fc.array(flip, { maxLength: 4 }), fc.option(fc.nat(), { nil: undefined }))
    .map(([bytes, flips, cut]) => {
      for (const { at, to } of flips) bytes[4 + (at % (bytes.length - 4))] = to;
      return cut === undefined ? bytes : bytes.subarray(0, cut % (bytes.length + 1));
    });
  const random = fc.uint8Array({ maxLength: 200 });
  const kindAndFields = fc.tuple(fc.nat(255), random, random).map(([kind, fields, raw]) => frame(kind, fields, raw));
  const counts = { ask: 0, answer: 0, end: 0 };
  fc.assert(
    fc.property(fc.oneof(mutated, random, kindAndFields), (bytes) => {
      const session = greeted();
      const length = measure(bytes.subarray(0, HEADER_BYTES), FRAME_BYTES_MAX);
      if (!length.ok) return isFaultCode(length.fault.code);
      const said = move(session, bytes);
      counts[said.type]++;
      return said.type === 'ask' || isFaultCode(faultOf(said).code) || said.type === 'answer';
    }),
    { numRuns: sized(10_000, 1_000_000) },
  );
  t.true(counts.ask > 100 && counts.answer > 100 && counts.end > 100, JSON.stringify(counts));
});

test('a truncated frame is refused as such', (t) => {
  const bytes = helloFrame();
  for (let length = 0; length < bytes.length; length++)
    t.is(faultOf(move(new NativeSession(codec, about), bytes.subarray(0, length))).code, 'BAD_FRAME');
});

test('a frame that is too long is refused by its first four bytes, sooner before hello', (t) => {
  const head = new Uint8Array([0xff, 0xff, 0xff, 0xff]);
  const fresh = new NativeSession(codec, about);
  for (const session of [fresh, greeted()]) {
    const measured = session.measure(head);
    t.is(measured.ok ? '' : measured.fault.code, 'FRAME_TOO_LARGE');
  }
  const middling = new Uint8Array(4);
  new DataView(middling.buffer).setUint32(0, FRAME_BYTES_BEFORE_HELLO_MAX);
  t.false(fresh.measure(middling).ok);
  t.true(greeted().measure(middling).ok);
});

test('fields that are too long or longer than their frame are refused by the header', (t) => {
  const head = frame(1, new Uint8Array(0));
  const view = new DataView(head.buffer);
  view.setUint32(0, FRAME_BYTES_MAX - 4);
  view.setUint32(12, FIELDS_BYTES_MAX + 1);
  const long = measure(head, FRAME_BYTES_MAX);
  t.is(long.ok ? '' : long.fault.code, 'FRAME_TOO_LARGE');
  view.setUint32(0, 100);
  view.setUint32(12, 89);
  const lying = measure(head, FRAME_BYTES_MAX);
  t.is(lying.ok ? '' : lying.fault.code, 'BAD_FRAME');
});

test('another version and flags that are not there yet end the connection', (t) => {
  const version = helloFrame();
  version[4] = 2;
  t.like(faultOf(move(greeted(), version)), { code: 'UNSUPPORTED_VERSION', ends: true, correlation: 1 });
  const flags = helloFrame();
  flags[7] = 1;
  t.like(faultOf(move(greeted(), flags)), { code: 'BAD_FRAME', ends: true });
  t.like(faultOf(move(new NativeSession(codec, about), helloFrame([2, 9]))), {
    code: 'UNSUPPORTED_VERSION',
    ends: true,
  });
});

test('nothing but hello may come first, and hello comes once', (t) => {
  const topics = frame(calls.topics.kind, encode({}));
  t.like(faultOf(move(new NativeSession(codec, about), topics)), { code: 'HELLO_REQUIRED', ends: true });
  t.like(faultOf(move(greeted(), helloFrame())), { code: 'INVALID_REQUEST', ends: false });
});

test('features in force are those that both sides know', (t) => {
  const said = move(new NativeSession(codec, about), helloFrame());
  if (said.type !== 'answer') throw new Error('refused');
  const opened = openFrame(whole(said.views));
  const answer = opened.ok ? decodeAnswer(codec, opened.value) : opened;
  t.deepEqual(answer.ok && answer.value.type === 'hello' ? answer.value.hello.features : [], ['b']);
});

test('an unknown call is answered, the connection goes on', (t) => {
  for (const kind of [19, 0x7f, 0x81, 0xff])
    t.like(faultOf(move(greeted(), frame(kind, encode({})))), { code: 'UNKNOWN_CALL', ends: false, correlation: 77 });
});

test('unknown, missing and wrong fields are named', (t) => {
  const refused = (kind: number, fields: unknown, raw?: Uint8Array<ArrayBuffer>): string => {
    const { code, message, ends } = faultOf(move(greeted(), frame(kind, encode(fields), raw)));
    t.false(ends);
    return `${code} ${message}`;
  };
  const fetch = { session: 0, add: [], drop: [], bytesMin: 0, bytesMax: 1, waitMs: 0 };
  const part = { topic: 1, partition: 0, length: 1 };
  t.is(refused(5, { constructor: 1 }), 'INVALID_REQUEST unknown field "constructor"');
  t.is(refused(4, { names: [] }), 'INVALID_REQUEST field create is missing');
  t.is(refused(4, { names: 'x', create: true }), 'INVALID_REQUEST names: not an array');
  t.is(refused(5, {}, new Uint8Array(3)), 'INVALID_REQUEST 3 raw bytes, where the call has none');
  t.is(
    refused(2, { ...fetch, add: [{ topic: 1, partition: 0, offset: -1, bytesMax: 1 }] }),
    `INVALID_REQUEST add[0].offset: not a whole number from 0 to ${Number.MAX_SAFE_INTEGER}`,
  );
  for (const offset of [2 ** 53, 1.5, Number.NaN, '1', null])
    t.regex(
      refused(2, { ...fetch, add: [{ topic: 1, partition: 0, offset, bytesMax: 1 }] }),
      /^INVALID_REQUEST add\[0\].offset/,
    );
  t.is(
    refused(2, { ...fetch, drop: new Array(10_001).fill({ topic: 1, partition: 0 }) }),
    'INVALID_REQUEST drop: 10001 entries; the limit is 10000',
  );
  t.is(
    refused(1, { acks: 'some', timeoutMs: 1, parts: [] }),
    'INVALID_REQUEST acks: "some" is none of none, leader, all',
  );
  t.is(
    refused(1, { acks: 'all', timeoutMs: 1, parts: [part] }, new Uint8Array(2)),
    'INVALID_REQUEST 1 raw bytes belong to no part',
  );
  t.is(refused(1, { acks: 'all', timeoutMs: 1, parts: [part] }), 'INVALID_REQUEST parts are longer than the raw bytes');
  t.is(
    refused(1, { acks: 'all', timeoutMs: 1, parts: [part, part] }, new Uint8Array(2)),
    'INVALID_REQUEST parts: a partition stands there twice',
  );
  t.regex(
    refused(6, { name: 'a', settings: { retentionDays: 1 } }),
    /^INVALID_SETTING settings: unknown topic setting/,
  );
  t.regex(refused(6, { name: 'a', settings: { segmentBytes: 1 } }), /^INVALID_SETTING settings: segmentBytes must be/);
});

const commit = { epoch: 0, offsets: [], member: 'm' };
const beat = { group: 'g', member: 'm', epoch: 0, waitMs: 0 };
const nameFields: readonly (readonly [string, number, (name: string) => unknown])[] = [
  ['resolve.names', 4, (name) => ({ names: [name], create: true })],
  ['createTopic.name', 6, (name) => ({ name, settings: {} })],
  ['alterTopic.name', 7, (name) => ({ name, settings: {} })],
  ['deleteTopic.name', 8, (name) => ({ name })],
  ['describeTopic.name', 9, (name) => ({ name })],
  ['heartbeat.group', 11, (group) => ({ ...beat, group })],
  ['heartbeat.topics', 11, (name) => ({ ...beat, topics: [name] })],
  ['commit.group', 12, (group) => ({ ...commit, group })],
  ['committed.group', 13, (group) => ({ group })],
  ['describeGroup.group', 15, (group) => ({ group })],
  ['resetGroup.group', 16, (group) => ({ group, places: [], dryRun: false })],
  ['deleteGroup.group', 17, (group) => ({ group })],
];

for (const [field, kind, fields] of nameFields) {
  test(`${field}: bad names are refused by name, names of Object.prototype are ordinary`, (t) => {
    const take = (name: string): Move => move(greeted(), frame(kind, encode(fields(name))));
    for (const bad of ['', '.', '..', '../x', 'a/b', 'a\0b', '\0', 'a b', 'ä', 'x'.repeat(10_000), '\ud800'])
      t.like(faultOf(take(bad)), { code: 'INVALID_NAME', ends: false }, JSON.stringify(bad.slice(0, 20)));
    for (const ordinary of ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'CON', '-', '_'])
      t.is(take(ordinary).type, 'ask', ordinary);
  });
}

test('ids of clients and members: bounded, printable, else anything', (t) => {
  const ids: ((value: string) => Move)[] = [
    (client) =>
      move(new NativeSession(codec, about), whole(encodeHello(codec, 1, { versions: [1], client, features: [] }))),
    (member) => move(greeted(), frame(11, encode({ ...beat, member }))),
    (instance) => move(greeted(), frame(11, encode({ ...beat, instance }))),
    (member) => move(greeted(), frame(12, encode({ ...commit, group: 'g', member }))),
  ];
  for (const take of ids) {
    for (const bad of ['a\0', '\u001b[2J', 'x'.repeat(10_000), 'x'.repeat(256)]) {
      const said = take(bad);
      t.true(said.type !== 'ask' && ['INVALID_REQUEST', 'FRAME_TOO_LARGE'].includes(faultOf(said).code));
    }
    for (const ordinary of ['__proto__', 'constructor', '../x', 'ünï', 'x'.repeat(255)])
      t.true(['ask', 'answer'].includes(take(ordinary).type), ordinary);
  }
});

test('msgpack that costs more than its bytes never reaches the decoder', (t) => {
  const deep = new Uint8Array(20).fill(0x91);
  const bad: readonly (readonly [string, number[]])[] = [
    ['nothing', []],
    ['no map', [0x90]],
    ['an array of 2^32 - 1', [0x81, 0xa1, 0x61, 0xdd, 0xff, 0xff, 0xff, 0xff]],
    ['a map of 2^32 - 1', [0xdf, 0xff, 0xff, 0xff, 0xff]],
    ['a string of 2^32 - 1', [0x81, 0xa1, 0x61, 0xdb, 0xff, 0xff, 0xff, 0xff]],
    ['deep nesting', [0x81, 0xa1, 0x61, ...deep, 0xc0]],
    ['a key that is a number', [0x81, 0x01, 0x01]],
    ['binary', [0x81, 0xa1, 0x61, 0xc4, 0x01, 0x00]],
    ['an extension', [0x81, 0xa1, 0x61, 0xd4, 0x01, 0x00]],
    ['the unused format', [0x81, 0xa1, 0x61, 0xc1]],
    ['bytes behind', [0x80, 0x80]],
    ['a map cut short', [0x82, 0xa1, 0x61, 0x01]],
  ];
  for (const [what, bytes] of bad) {
    t.false(isPlainMap(Uint8Array.from(bytes)), what);
    t.like(faultOf(move(greeted(), frame(5, Uint8Array.from(bytes)))), { code: 'BAD_FRAME', ends: true }, what);
  }
});

test('whatever msgpack map of plain values is encoded passes the walk', (t) => {
  const plain = fc.dictionary(
    fc.string(),
    fc.oneof(
      fc.integer(),
      fc.double(),
      fc.string({ maxLength: 300 }),
      fc.boolean(),
      fc.constant(null),
      fc.array(fc.maxSafeInteger()),
    ),
  );
  fc.assert(fc.property(plain, (value) => isPlainMap(encode(value))));
  t.pass();
});
