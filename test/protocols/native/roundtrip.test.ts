/** Every call, request and answer, comes back from its frame as it went in. */
import test from 'ava';
import fc from 'fast-check';
import { fault, faultCodes } from '../../../src/model/faults.ts';
import { calls } from '../../../src/protocols/native/calls.ts';
import {
  decodeAnswer,
  decodeRequest,
  encodeFault,
  encodeHello,
  encodeHelloAnswer,
  encodeReply,
  encodeRequest,
} from '../../../src/protocols/native/codec.ts';
import { type Frame, measure, openFrame } from '../../../src/protocols/native/frame.ts';
import type { Reply, Request } from '../../../src/protocols/request.ts';
import { msgpackFields } from './msgpack.ts';
import { anyHello, anyHelloAnswer, anyReply, anyRequest } from './values.ts';

const codec = msgpackFields();

function reopen(views: readonly Uint8Array[]): Frame {
  const bytes = new Uint8Array(Buffer.concat(views));
  const length = measure(bytes, bytes.length);
  if (!length.ok || length.value !== bytes.length) throw new Error('frame does not know its length');
  const frame = openFrame(bytes);
  if (!frame.ok) throw new Error(frame.fault.message);
  return frame.value;
}

for (const call of Object.keys(calls) as (keyof typeof calls)[]) {
  test(`${call}: request and answer come back as they went in`, (t) => {
    const request = anyRequest[call] as fc.Arbitrary<Request>;
    const reply = anyReply[call] as fc.Arbitrary<Reply>;
    fc.assert(
      fc.property(request, reply, fc.nat(0xffffffff), (asked, said, correlation) => {
        const frame = reopen(encodeRequest(codec, correlation, asked));
        t.is(frame.correlation, correlation);
        t.deepEqual(decodeRequest(codec, frame), { ok: true, value: { type: 'request', request: asked } });
        const back = reopen(encodeReply(codec, correlation, said));
        t.is(back.correlation, correlation);
        t.deepEqual(decodeAnswer(codec, back), { ok: true, value: { type: 'reply', reply: said } });
      }),
      { numRuns: 60 },
    );
  });
}

test('hello and its answer come back as they went in', (t) => {
  fc.assert(
    fc.property(anyHello, anyHelloAnswer, (asked, said) => {
      const frame = reopen(encodeHello(codec, 7, asked));
      t.deepEqual(decodeRequest(codec, frame), { ok: true, value: { type: 'hello', hello: asked } });
      const back = reopen(encodeHelloAnswer(codec, 7, said));
      t.deepEqual(decodeAnswer(codec, back), { ok: true, value: { type: 'hello', hello: said } });
    }),
  );
});

test('every fault comes back as it went in', (t) => {
  for (const code of faultCodes) {
    const given = fault(code, `about ${code}`);
    const frame = reopen(encodeFault(codec, 1, given));
    t.deepEqual(decodeAnswer(codec, frame), {
      ok: true,
      value: { type: 'reply', reply: { call: 'refused', fault: given } },
    });
  }
});

test('every call has a kind of its own below the answer bit', (t) => {
  const kinds = Object.values(calls).map((call) => call.kind);
  t.is(new Set(kinds).size, kinds.length);
  t.true(kinds.every((kind) => kind > 0 && kind < 0x7f));
});
