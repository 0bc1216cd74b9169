/** Bytes that are no frames, frames that lie about themselves, and fields built to cost more than they weigh. */
import { randomBytes } from 'node:crypto';
import { encode } from '@msgpack/msgpack';
import test from 'ava';
import type { FaultCode } from '../../src/model/faults.ts';
import { FIELDS_BYTES_MAX, FRAME_BYTES_MAX, KIB, MIB } from '../../src/model/limits.ts';
import { HELLO_KIND } from '../../src/protocols/native/calls/hello.ts';
import { calls } from '../../src/protocols/native/calls.ts';
import type { NativeCallName } from '../../src/protocols/request.ts';
import { sized } from '../long.ts';
import { codeOf, frame, HELLO, Hostile } from './hostile.ts';
import { attacks, SMALL, targetOf } from './target.ts';

const target = targetOf(test);
const names = Object.keys(calls) as readonly NativeCallName[];

/** The first 16 bytes of a frame, which may say anything. */
function head(length: number, { version = 1, kind = 1, flags = 0, fields = 0 } = {}): Buffer {
  const bytes = Buffer.alloc(16);
  bytes.writeUInt32BE(length, 0);
  bytes[4] = version;
  bytes[5] = kind;
  bytes.writeUInt16BE(flags, 6);
  bytes.writeUInt32BE(7, 8);
  bytes.writeUInt32BE(fields, 12);
  return bytes;
}

test.serial(
  'frames that claim more than is allowed are refused before memory is taken for them',
  attacks(target, SMALL, async (t, { port }) => {
    const limit = FRAME_BYTES_MAX - 3;
    for (const length of [limit, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff]) {
      const before = new Hostile(port);
      before.send(head(length));
      t.is(await before.lastWords(), 'FRAME_TOO_LARGE', `${length} before hello`);
      const after = await Hostile.greeted(port);
      after.send(head(length));
      t.is(await after.lastWords(), 'FRAME_TOO_LARGE', `${length} after hello`);
    }
    const early = new Hostile(port);
    early.send(head(9_000));
    t.is(await early.lastWords(), 'FRAME_TOO_LARGE', 'the smaller limit before hello');
    const fields = await Hostile.greeted(port);
    fields.send(head(2 * FIELDS_BYTES_MAX, { fields: FIELDS_BYTES_MAX + 1 }));
    t.is(await fields.lastWords(), 'FRAME_TOO_LARGE', 'too many fields');
  }),
);

test.serial(
  'frames that claim the most that is allowed and never come take no memory that nobody wrote to',
  attacks(target, { peakMib: 96, leftMib: 64 }, async (t, { port, honest }) => {
    const claiming = await Promise.all(Array.from({ length: sized(100, 1_000) }, () => Hostile.greeted(port)));
    for (const one of claiming) one.send(head(FRAME_BYTES_MAX - 4, { fields: 10 }));
    await honest.advance(5);
    for (const one of claiming.filter(({ ended }) => ended)) t.is(await one.lastWords(), 'OVERLOADED');
    await Promise.all(claiming.map((one) => one.close()));
  }),
);

test.serial(
  'frames of all lengths that never come leave memory for those that do, and are shed when it is short',
  attacks(target, { peakMib: 96, leftMib: 96 }, async (t, { port, honest }) => {
    const claiming: Hostile[] = [];
    for (const bytes of [FRAME_BYTES_MAX, 4 * MIB, MIB, 256 * KIB, 64 * KIB, 8 * KIB]) {
      const same = await Promise.all(Array.from({ length: sized(30, 300) }, () => Hostile.greeted(port)));
      for (const one of same) one.send(head(bytes - 4, { fields: 10 }));
      claiming.push(...same);
      await honest.advance(3);
    }
    const shed = claiming.filter((one) => one.ended);
    t.true(shed.length > 0);
    for (const one of shed) t.is(await one.lastWords(), 'OVERLOADED');
    await Promise.all(claiming.map((one) => one.close()));
  }),
);

test.serial(
  'headers that cannot be are refused by name',
  attacks(target, SMALL, async (t, { port }) => {
    const cases: readonly (readonly [string, Buffer, FaultCode])[] = [
      ['length 0', head(0), 'BAD_FRAME'],
      ['length 11', head(11), 'BAD_FRAME'],
      ['fields longer than the frame', head(12, { fields: 1 }), 'BAD_FRAME'],
      ['fields of 4 GiB', head(1_000, { fields: 0xffff_ffff }), 'BAD_FRAME'],
      ['another version', head(12, { version: 2 }), 'UNSUPPORTED_VERSION'],
      ['flags', head(12, { flags: 1 }), 'BAD_FRAME'],
      ['HTTP', Buffer.from('GET / HTTP/1.1\r\nhost: x\r\n\r\n'), 'FRAME_TOO_LARGE'],
      ['TLS', Buffer.from('1603010200010001fc0303', 'hex'), 'FRAME_TOO_LARGE'],
    ];
    for (const [what, bytes, code] of cases) {
      const before = new Hostile(port);
      before.send(bytes);
      t.is(await before.lastWords(), code, `${what}, before hello`);
      const after = await Hostile.greeted(port);
      after.send(bytes);
      t.is(await after.lastWords(), code, `${what}, after hello`);
    }
  }),
);

test.serial(
  'whatever is said before hello ends the connection',
  attacks(target, SMALL, async (t, { port }) => {
    for (const call of names) {
      const hostile = new Hostile(port);
      hostile.send(frame(calls[call].kind, 1, {}));
      t.regex(await hostile.lastWords(), /^(HELLO_REQUIRED|INVALID_REQUEST)$/, call);
    }
    for (const kind of [0x80, 0xff, 19, 127]) {
      const hostile = new Hostile(port);
      hostile.send(frame(kind, 1, {}));
      t.is(await hostile.lastWords(), 'UNKNOWN_CALL', `kind ${kind}`);
    }
    for (const fields of [
      {},
      { ...HELLO, versions: [] },
      { ...HELLO, client: 'x'.repeat(10_000) },
      { ...HELLO, more: 1 },
    ]) {
      const hostile = new Hostile(port);
      hostile.send(frame(HELLO_KIND, 1, fields));
      t.regex(await hostile.lastWords(), /^(INVALID_REQUEST|UNSUPPORTED_VERSION|FRAME_TOO_LARGE)$/);
    }
  }),
);

test.serial(
  'random bytes and frames cut anywhere end their connection and nothing else',
  attacks(target, SMALL, async (t, { port }) => {
    const whole = frame(calls.resolve.kind, 9, { names: ['cut'], create: true });
    const ends = Array.from({ length: sized(200, 5_000) }, async (_, number) => {
      const hostile = number % 2 === 0 ? new Hostile(port) : await Hostile.greeted(port);
      hostile.send(number % 4 < 2 ? randomBytes(1 + (number % 300)) : whole.subarray(0, number % whole.length));
      hostile.socket.end();
      await hostile.closed;
    });
    await Promise.all(ends);
    t.pass();
  }),
);

/** Fields that are no plain map, or cost far more to decode than they weigh. */
const bombs: readonly (readonly [string, Buffer])[] = [
  ['an array of 2^32 - 1 elements', Buffer.from('81a56e616d6573ddffffffff', 'hex')],
  ['an array with one element too few', Buffer.from('81a56e616d657392a161', 'hex')],
  ['a map of 2^32 - 1 entries', Buffer.from('dfffffffff', 'hex')],
  ['a string of 4 GiB', Buffer.from('81a56e616d6573dbffffffff', 'hex')],
  ['binary', Buffer.from('81a56e616d6573c40100', 'hex')],
  ['an extension', Buffer.from('81a56e616d6573d40100', 'hex')],
  ['a timestamp', Buffer.from('81a56e616d6573d6ff00000000', 'hex')],
  ['keys that are numbers', Buffer.from('8101c0', 'hex')],
  ['nested 100,000 deep', Buffer.concat([Buffer.from('81a56e616d6573', 'hex'), Buffer.alloc(100_000, 0x91)])],
  ['maps nested 100,000 deep', Buffer.concat(Array.from({ length: 100_000 }, () => Buffer.from('81a161', 'hex')))],
  ['something behind the map', Buffer.from('8080', 'hex')],
  ['no map', Buffer.from('90', 'hex')],
  ['nothing', Buffer.alloc(0)],
];

test.serial(
  'fields built to cost more than they weigh end the connection, in every call',
  attacks(target, SMALL, async (t, { port }) => {
    const asked = bombs.flatMap(([what, fields]) => names.map((call) => ({ what, fields, call })));
    for (let next = 0; next < asked.length; next += 40) {
      const some = asked.slice(next, next + 40).map(async ({ what, fields, call }) => {
        const hostile = await Hostile.greeted(port);
        hostile.send(frame(calls[call].kind, 1_000, fields));
        t.is(await hostile.lastWords(), 'BAD_FRAME', `${call}: ${what}`);
      });
      await Promise.all(some);
    }
  }),
);

test.serial(
  'the work for a frame grows with its bytes and not faster',
  attacks(target, { peakMib: 128, leftMib: 96 }, async (t, on) => {
    const hostile = await Hostile.greeted(on.port);
    /** CPU for so many requests whose fields are an array of the cheapest elements, in ticks. */
    const cost = async (elements: number, times: number): Promise<number> => {
      const fields = encode({ names: Array.from({ length: elements }, () => 0), create: false });
      const before = on.cpuTicks();
      for (let time = 0; time < times; time++) t.is(codeOf(await hostile.ask('resolve', fields)), 'INVALID_REQUEST');
      return on.cpuTicks() - before;
    };
    await cost(10_000, 20);
    const few = await cost(10_000, sized(100, 1_000));
    const many = await cost(FIELDS_BYTES_MAX - 100, sized(1, 10));
    t.log(`CPU ticks for the same bytes: ${few} in small frames, ${many} in large ones`);
    t.true(many <= 4 * few + 20, 'large frames cost what their bytes cost');
    await hostile.close();
  }),
);

test.serial(
  'a frame that comes byte by byte is taken, and costs no more memory than its bytes',
  attacks(target, SMALL, async (t, { port }) => {
    const hostile = await Hostile.greeted(port);
    const bytes = frame(calls.resolve.kind, 500, { names: ['honest'], create: false });
    for (const byte of bytes) {
      hostile.send(Buffer.of(byte));
      await new Promise((resolve) => setImmediate(resolve));
    }
    const answered = await hostile.ask('node', {});
    t.is(codeOf(answered), '');
    t.true(hostile.answers.some(({ correlation }) => correlation === 500));
    const large = frame(calls.produce.kind, 501, { acks: 'all', timeoutMs: 1, parts: [] }, new Uint8Array(2 * MIB));
    for (let at = 0; at < large.length; at += 64 * 1024) hostile.send(large.subarray(at, at + 64 * 1024));
    t.is(codeOf(await hostile.ask('node', {})), '');
    t.is(codeOf(hostile.answers.find(({ correlation }) => correlation === 501)), 'INVALID_REQUEST');
    await hostile.close();
  }),
);
