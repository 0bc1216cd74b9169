/** Chunks of any size become the frames that were sent, whatever is short on the way. */
import test from 'ava';
import fc from 'fast-check';
import { fault, ok } from '../../src/model/faults.ts';
import { INLINE_BYTES_MAX } from '../../src/model/limits.ts';
import { Assembler, type Memory } from '../../src/protocols/assembling.ts';

/** Frames of a toy protocol: four bytes of length in all, then what it is filled with. */
const HEAD_BYTES = 4;
function toyFrame(length: number, fill: number): Uint8Array {
  const bytes = new Uint8Array(length).fill(fill);
  new DataView(bytes.buffer).setUint32(0, length);
  return bytes;
}
function measure(head: Uint8Array) {
  if (head.length < HEAD_BYTES) return ok(0);
  const length = new DataView(head.buffer, head.byteOffset).getUint32(0);
  return length < HEAD_BYTES || length > 50_000
    ? ({ ok: false, fault: fault('BAD_FRAME', `${length}`) } as const)
    : ok(length);
}

/** Room and willingness come and go by a script; everything taken is kept. */
class Owner {
  readonly frames: Uint8Array[] = [];
  readonly script: boolean[];
  leased = 0;

  constructor(script: readonly boolean[]) {
    this.script = [...script];
  }
  readonly measure = measure;
  #may(): boolean {
    return this.script.shift() ?? true;
  }
  lease(length: number): Memory | null {
    if (!this.#may()) return null;
    this.leased++;
    return { bytes: new Uint8Array(length).fill(0xee), release: () => void this.leased-- };
  }
  take(frame: Uint8Array, lease: Memory | undefined): boolean {
    if (!this.#may()) return false;
    this.frames.push(frame.slice());
    lease?.release();
    return true;
  }
}

const frames = fc.array(
  fc.record({
    length: fc.oneof(fc.integer({ min: 4, max: 60 }), fc.integer({ min: INLINE_BYTES_MAX - 2, max: 9_000 })),
    fill: fc.nat(255),
  }),
  { maxLength: 12 },
);

test('any chunking gives the same frames, with memory and taker failing at random', (t) => {
  const cuts = fc.array(fc.integer({ min: 1, max: 5_000 }), { minLength: 1, maxLength: 10 });
  fc.assert(
    fc.property(frames, cuts, fc.array(fc.boolean(), { maxLength: 30 }), (sent, sizes, script) => {
      const all = new Uint8Array(Buffer.concat(sent.map(({ length, fill }) => toyFrame(length, fill))));
      const owner = new Owner(script);
      const assembler = new Assembler<Memory>(owner, HEAD_BYTES);
      for (let at = 0, turn = 0; at < all.length; turn++) {
        const size = sizes[turn % sizes.length] ?? 1;
        // A chunk is only valid during the call.
        const chunk = all.slice(at, at + size);
        let progress = assembler.push(chunk);
        chunk.fill(0xdd);
        while (progress.type === 'blocked') progress = assembler.resume();
        t.is(progress.type, 'open');
        at += size;
      }
      t.deepEqual(
        owner.frames,
        sent.map(({ length, fill }) => toyFrame(length, fill)),
      );
      t.is(owner.leased, 0);
      t.false(assembler.midFrame);
      t.is(assembler.framesTaken, sent.length);
    }),
    { numRuns: 200 },
  );
});

test('what comes while it is blocked is kept in order', (t) => {
  const owner = new Owner([false]);
  const assembler = new Assembler<Memory>(owner, HEAD_BYTES);
  t.deepEqual(assembler.push(toyFrame(10, 1)), { type: 'blocked', by: 'taker' });
  owner.script.push(false);
  t.is(assembler.push(toyFrame(11, 2)).type, 'blocked');
  owner.script.push(false);
  t.is(assembler.push(toyFrame(12, 3)).type, 'blocked');
  t.is(assembler.resume().type, 'open');
  t.deepEqual(
    owner.frames.map((frame) => frame.length),
    [10, 11, 12],
  );
});

test('a bad head is told before any memory is taken for its frame', (t) => {
  const owner = new Owner([]);
  const assembler = new Assembler<Memory>(owner, HEAD_BYTES);
  assembler.push(new Uint8Array([0xff, 0xff]));
  const progress = assembler.push(new Uint8Array([0xff, 0xff, 1, 2, 3]));
  t.like(progress, { type: 'broken', fault: { code: 'BAD_FRAME' } });
  t.is(owner.leased, 0);
});

test('release gives back the memory of a frame that has only begun', (t) => {
  const owner = new Owner([]);
  const assembler = new Assembler<Memory>(owner, HEAD_BYTES);
  assembler.push(toyFrame(9_000, 1).subarray(0, 5_000));
  t.is(owner.leased, 1);
  t.true(assembler.midFrame);
  assembler.release();
  t.is(owner.leased, 0);
});
