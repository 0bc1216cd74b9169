/** Judges the short way of reading a produce request by the general one: what the one takes, the other reads the same. */
import test from 'ava';
import fc from 'fast-check';
import { readUsualProduce } from '../../../src/protocols/native/calls/produce-fields.ts';
import { calls } from '../../../src/protocols/native/calls.ts';
import { encodeRequest } from '../../../src/protocols/native/codec.ts';
import { openFrame } from '../../../src/protocols/native/frame.ts';
import { isPlainMap } from '../../../src/protocols/native/scan.ts';
import { Reading } from '../../../src/protocols/native/shape.ts';
import type { ProduceRequest } from '../../../src/protocols/request.ts';
import { msgpackFields } from './msgpack.ts';
import { anyRequest } from './values.ts';

const codec = msgpackFields();

function fieldsOf(request: ProduceRequest): { readonly fields: Uint8Array; readonly raw: Uint8Array } {
  const frame = openFrame(new Uint8Array(Buffer.concat(encodeRequest(codec, 1, request))));
  if (!frame.ok) throw new Error(frame.fault.message);
  return frame.value;
}

function readGenerally(fields: Uint8Array, raw: Uint8Array): ProduceRequest | undefined {
  return isPlainMap(fields) ? calls.produce.request.read(codec.decode(fields), raw, new Reading(true)) : undefined;
}

test('what this codec writes for a batch or two is taken', (t) => {
  const places = [
    { topic: 7, partition: 0 },
    { topic: 300, partition: 9_999 },
    { topic: 70_000, partition: 200 },
  ] as const;
  for (const acks of ['all', 'leader', 'none'] as const)
    for (const length of [1, 200, 300, 70_000]) {
      const parts = places.map((place) => ({ ...place, batch: new Uint8Array(length).fill(length) }));
      const request = { call: 'produce', acks, timeoutMs: 30_000, parts } as unknown as ProduceRequest;
      const { fields, raw } = fieldsOf(request);
      t.deepEqual(readUsualProduce(fields, raw), request);
    }
});

test('whatever it takes, the general reading reads the same, also from bytes that were changed', (t) => {
  let taken = 0;
  const change = fc.record({ at: fc.nat(400), byte: fc.nat(255), cut: fc.integer({ min: 0, max: 3 }) });
  fc.assert(
    fc.property(anyRequest.produce, fc.option(change), (request, changed) => {
      let { fields, raw } = fieldsOf(request as ProduceRequest);
      if (changed !== null) {
        fields[changed.at % fields.length] = changed.byte;
        fields = fields.subarray(0, fields.length - (changed.cut === 3 ? 1 : 0));
        raw = raw.subarray(0, raw.length - (changed.cut === 2 ? 1 : 0));
      }
      const usual = readUsualProduce(fields, raw);
      if (usual === undefined) return;
      taken++;
      t.deepEqual(usual, readGenerally(fields, raw));
    }),
    { numRuns: 5_000 },
  );
  t.true(taken > 100, `${taken} were taken`);
});

test('a partition that stands there twice, and bytes behind the last part, are left to the general reading', (t) => {
  const part = { topic: 1, partition: 1, batch: new Uint8Array(5) };
  const request = { call: 'produce', acks: 'all', timeoutMs: 1, parts: [part, part] } as unknown as ProduceRequest;
  const { fields, raw } = fieldsOf(request);
  t.is(readUsualProduce(fields, raw), undefined);
  const one = fieldsOf({ ...request, parts: [part] } as unknown as ProduceRequest);
  t.is(readUsualProduce(one.fields, raw), undefined);
  t.is(readUsualProduce(Buffer.concat([one.fields, Buffer.of(0)]), one.raw), undefined);
});
