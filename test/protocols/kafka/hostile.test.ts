/** Bytes that no client should send: refused as a bad frame or read as something, never a throw, never more work than bytes. */
import test from 'ava';
import type { AnyCall } from '../../../src/protocols/kafka/call.ts';
import { apiVersions } from '../../../src/protocols/kafka/calls/api-versions.ts';
import { fetch } from '../../../src/protocols/kafka/calls/fetch.ts';
import { joinGroup } from '../../../src/protocols/kafka/calls/join-group.ts';
import { metadata } from '../../../src/protocols/kafka/calls/metadata.ts';
import { HEAD_BYTES, measure, openRequest } from '../../../src/protocols/kafka/frame.ts';
import { ELEMENTS_MAX, Reading } from '../../../src/protocols/kafka/reading.ts';
import type { Codec } from '../../../src/protocols/kafka/schema.ts';
import { sized } from '../../long.ts';
import { calls } from './calls.ts';
import { bodiesOf, liesOf, varint } from './lies.ts';

/** Counts what a codec asks for. */
class Counting extends Reading {
  steps = 0;

  override int8(): number {
    this.steps++;
    return super.int8();
  }
  override int16(): number {
    this.steps++;
    return super.int16();
  }
  override int32(): number {
    this.steps++;
    return super.int32();
  }
  override int64(): number {
    this.steps++;
    return super.int64();
  }
  override varint(): number {
    this.steps++;
    return super.varint();
  }
  override text(length: number): string {
    this.steps++;
    return super.text(length);
  }
  override view(length: number): Uint8Array {
    this.steps++;
    return super.view(length);
  }
  override uuid(): string {
    this.steps++;
    return super.uuid();
  }
}

/** Once it failed, what the open structs still ask for: no call has more fields, two levels deep, than this. */
const STEPS_AFTER_FAILURE = 100;

/** Same numbers from the same seed: xorshift. */
function dice(seed: number): (sides: number) => number {
  let state = seed | 1;
  return (sides) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % sides;
  };
}

/** Values that lengths and counts should not have. */
const NASTY: readonly (readonly number[])[] = [
  [0x7f, 0xff, 0xff, 0xff],
  [0xff, 0xff, 0xff, 0xff],
  [0xff, 0xff, 0xff, 0xfe],
  [0x80, 0x00, 0x00, 0x00],
  [0xff, 0xff, 0xff, 0xff, 0x0f],
  [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
  [0x80, 0x80, 0x80, 0x80],
  [0x00, 0xff],
];

/** Valid bytes with something wrong in them, or bytes that mean nothing at all. */
function spoiled(valid: Uint8Array, roll: (sides: number) => number): Uint8Array {
  if (roll(8) === 0) return Uint8Array.from({ length: roll(200) }, () => roll(256));
  const bytes = valid.slice(0, roll(3) === 0 ? roll(valid.length + 1) : valid.length);
  for (let left = roll(4); left > 0 && bytes.length > 0; left--) {
    const at = roll(bytes.length);
    if (roll(2) === 0) bytes[at] = roll(256);
    else bytes.set((NASTY[roll(NASTY.length)] ?? []).slice(0, bytes.length - at), at);
  }
  return bytes;
}

for (const call of calls) {
  test(`${call.name}: no bytes make it throw or work for more than their length`, (t) => {
    const valid = bodiesOf(call);
    const runs = sized(10_000, 1_000_000);
    let refused = 0;
    for (let run = 0; run < runs; run++) {
      const roll = dice(run * 2654435761 + call.key);
      const [version, body] = valid[roll(valid.length)] ?? [0, new Uint8Array(0)];
      const bytes = spoiled(body, roll);
      const reading = new Counting(bytes);
      (call.request.at(version) as Codec<unknown, never>).read(reading);
      if (reading.failed) refused++;
      if (reading.steps > 2 * bytes.length + STEPS_AFTER_FAILURE)
        t.fail(`run ${run}: ${reading.steps} steps for ${bytes.length} bytes of version ${version}`);
    }
    t.true(refused > runs / 20 && refused < runs, `${refused} of ${runs} refused`);
  });
}

test('every length and every count of every call, beyond the bytes that are there, is refused', (t) => {
  let marks = 0;
  for (const call of calls) {
    for (const [version, body] of bodiesOf(call)) {
      for (const { at, bytes } of liesOf(call, version, body)) {
        const reading = new Counting(bytes);
        (call.request.at(version) as Codec<unknown, never>).read(reading);
        const fine = reading.failed && reading.steps <= 2 * bytes.length + STEPS_AFTER_FAILURE;
        if (!fine) t.fail(`${call.name} version ${version}, byte ${at}: ${bytes} was taken`);
        marks++;
      }
    }
  }
  t.true(marks > 50_000, `${marks}`);
});

/** A whole frame, with a client id and no tags. */
function frameOf(call: AnyCall, version: number, body: readonly number[]): Uint8Array {
  const tags = version >= call.flexible ? [0] : [];
  const rest = [0, call.key, 0, version, 0, 0, 0, 9, 0, 1, 0x78, ...tags, ...body];
  return Uint8Array.from([0, 0, rest.length >> 8, rest.length & 0xff, ...rest]);
}
const faultOf = (call: AnyCall, version: number, body: readonly number[]): string => {
  const opened = openRequest(call, version, frameOf(call, version, body));
  return opened.ok ? 'read' : opened.fault.code;
};

test('counts that the bytes can not hold are refused before anything is allocated', (t) => {
  t.is(faultOf(metadata, 0, [0, 0, 0, 0]), 'read');
  for (const count of [
    [0x7f, 0xff, 0xff, 0xff],
    [0xff, 0xff, 0xff, 0xfe],
    [0x80, 0, 0, 0],
    [0, 0, 0, 1],
  ])
    t.is(faultOf(metadata, 0, count), 'BAD_FRAME', count.join());
  // null, where a version has none
  t.is(faultOf(metadata, 0, [0xff, 0xff, 0xff, 0xff]), 'BAD_FRAME');
  t.is(faultOf(metadata, 1, [0xff, 0xff, 0xff, 0xff]), 'read');
});

test('varints of more than 32 bits, or cut short, are refused', (t) => {
  const tail = [0, 0, 0, 0];
  t.is(faultOf(metadata, 9, [0, ...tail]), 'read');
  t.is(faultOf(metadata, 9, [0x80, 0x80, 0x80, 0x80, 0x00, ...tail]), 'read');
  t.is(faultOf(metadata, 9, [0x80, 0x80, 0x80, 0x80, 0x10, ...tail]), 'BAD_FRAME');
  t.is(faultOf(metadata, 9, [...new Array(9).fill(0x80), 0x01, ...tail]), 'BAD_FRAME');
  t.is(faultOf(metadata, 9, [0x80, 0x80]), 'BAD_FRAME');
});

test('tagged fields: unknown ones are stepped over, and all stay inside their size', (t) => {
  const read = (...tags: number[]): string => faultOf(apiVersions, 3, [2, 0x61, 2, 0x61, ...tags]);
  t.is(read(0), 'read');
  t.is(read(2, 5, 1, 0xaa, 100, 2, 0xbb, 0xcc), 'read');
  t.is(read(1, 5, 3, 0xaa), 'BAD_FRAME', 'longer than the frame');
  t.is(read(2, 5, 0, 5, 0), 'BAD_FRAME', 'twice');
  t.is(read(2, 6, 0, 5, 0), 'BAD_FRAME', 'falling');
  t.is(read(0xff, 0xff, 0xff, 0xff, 0x0f), 'BAD_FRAME', 'a flood');
  // cluster id of a fetch: nullable string of one byte in a field of three
  const head = [...new Array(16).fill(0), 0, ...new Array(8).fill(0), 1, 1, 1];
  t.is(faultOf(fetch, 13, [...head, 1, 0, 2, 2, 0x61]), 'read');
  t.is(faultOf(fetch, 13, [...head, 1, 0, 3, 2, 0x61, 0]), 'BAD_FRAME');
  t.is(faultOf(fetch, 13, [...head, 1, 0, 1, 2, 0x61]), 'BAD_FRAME');
});

test('strings that are no UTF-8 are refused; a replacement character that was sent is not', (t) => {
  const read = (...bytes: number[]): string => faultOf(metadata, 1, [0, 0, 0, 1, 0, bytes.length, ...bytes]);
  t.is(read(0xef, 0xbf, 0xbd), 'read');
  t.is(read(0xc3, 0xa4), 'read');
  for (const bytes of [[0xff], [0xc3], [0xed, 0xa0, 0x80], [0xf0, 0x9f, 0x98], [0xef, 0xbf, 0xbd, 0x80]])
    t.is(read(...bytes), 'BAD_FRAME', bytes.join());
});

test('names of Object.prototype are ordinary names', (t) => {
  const name = [...'__proto__'].map((letter) => letter.charCodeAt(0));
  const opened = openRequest(metadata, 1, frameOf(metadata, 1, [0, 0, 0, 1, 0, name.length, ...name]));
  t.deepEqual(opened.ok && opened.value.request.topics?.map((topic) => topic.name), ['__proto__']);
});

test('a compact string is no longer than an ordinary one can be', (t) => {
  const read = (length: number): string => {
    const body = [...varint(2), ...varint(length + 1), ...new Array(length).fill(0x61), 0, 0, 0, 0, 0];
    const reading = new Reading(Uint8Array.from(body));
    metadata.request.at(9).read(reading);
    return reading.failed ? 'refused' : 'read';
  };
  t.is(read(0x7fff), 'read');
  t.is(read(0x8000), 'refused');
});

test('a frame of very many empty things is refused for their number', (t) => {
  const read = (count: number): boolean => {
    const body = new Uint8Array(4 + 2 * count);
    new DataView(body.buffer).setInt32(0, count);
    const reading = new Reading(body);
    metadata.request.at(0).read(reading);
    return !reading.failed;
  };
  t.true(read(ELEMENTS_MAX));
  t.false(read(ELEMENTS_MAX + 1));
});

test('integers beyond 2^53 are refused', (t) => {
  const wide = (...bytes: number[]): boolean => {
    const reading = new Reading(Uint8Array.from(bytes));
    reading.int64();
    return !reading.failed;
  };
  t.true(wide(0, 0x1f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff));
  t.true(wide(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe));
  t.false(wide(0, 0x20, 0, 0, 0, 0, 0, 0));
  t.false(wide(0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff));
});

test('a frame is measured by its first four bytes', (t) => {
  const measured = (...head: number[]): string | number => {
    const length = measure(Uint8Array.from(head), 1_000);
    return length.ok ? length.value : length.fault.code;
  };
  t.is(measured(0, 0, 0), 0);
  t.is(measured(0, 0, 0, 8), 12);
  t.is(measured(0, 0, 3, 0xe4), 1_000);
  t.is(measured(0, 0, 3, 0xe5), 'FRAME_TOO_LARGE');
  t.is(measured(0, 0, 0, 7), 'BAD_FRAME');
  t.is(measured(0xff, 0xff, 0xff, 0xff), 'BAD_FRAME');
  t.is(measured(0x47, 0x45, 0x54, 0x20), 'FRAME_TOO_LARGE');
});

test('a frame that ends anywhere is refused, and never a field of its neighbour', (t) => {
  const valid =
    bodiesOf(joinGroup).find(([version, body]) => version === 9 && body.length > 100)?.[1] ?? new Uint8Array(0);
  const whole = frameOf(joinGroup, 9, [...valid]);
  t.true(openRequest(joinGroup, 9, whole).ok);
  for (let length = HEAD_BYTES; length < whole.length; length++)
    t.false(openRequest(joinGroup, 9, whole.subarray(0, length)).ok, `${length}`);
});
