/** Messages as bytes: what goes in comes out, bytes untouched, and leases change hands exactly once. */
import test from 'ava';
import fc from 'fast-check';
import type { Address, Message } from '../../runtime/actor.ts';
import { Arena } from '../../runtime/arena.ts';
import { ArenaMap } from '../../runtime/arena-map.ts';
import { createArena } from '../../runtime/arena-memory.ts';
import { EnvelopeWriter, readEnvelope } from '../../runtime/envelope.ts';
import { id, type NodeId } from '../../src/model/ids.ts';
import { INLINE_BYTES_MAX, MIB } from '../../src/model/limits.ts';

const node = id<NodeId>(1);
const target: Address = { node, name: 'partition/70', incarnation: 0 };
const sender: Address = { node, name: 'connection/0.12', incarnation: 4_000_000_000 };

function world(): { arena: Arena; here: ArenaMap; there: ArenaMap } {
  const memories = [createArena(MIB, 2), createArena(MIB, 2)];
  const arenas = memories.map((memory, index) => new Arena(index, memory)) as [Arena, Arena];
  return {
    arena: arenas[0],
    here: new ArenaMap(arenas[0], memories, () => {}),
    there: new ArenaMap(arenas[1], memories, () => {}),
  };
}

function carry(from: ArenaMap, to: ArenaMap, message: Message, kind = 0): ReturnType<typeof readEnvelope> {
  const writer = new EnvelopeWriter(from, 1);
  const length = writer.prepare(kind, target, sender, message);
  const record = new Uint8Array(new SharedArrayBuffer(length + 24));
  writer.write(record, 16);
  return readEnvelope(record, 16, length, to);
}

test('fields, names and incarnations come out as they went in', (t) => {
  const { here, there } = world();
  const fields = fc.dictionary(
    fc.string().filter((key) => !['type', 'bytes', 'lease', '__proto__'].includes(key)),
    fc.oneof(
      fc.string(),
      fc.maxSafeInteger(),
      fc.double({ noNaN: true }).map((value) => value + 0),
      fc.boolean(),
      fc.array(fc.nat()),
      fc.constant(null),
    ),
  );
  fc.assert(
    fc.property(fields, (given) => {
      const message = { ...given, type: 'ask' };
      const got = carry(here, there, message, 3);
      t.deepEqual({ ...got.message }, message);
      t.deepEqual([got.kind, got.target, got.sender], [3, target, sender]);
    }),
  );
});

test('bytes without a lease travel inside the record', (t) => {
  const { here, there } = world();
  const bytes = Uint8Array.from({ length: 10_000 }, (_, index) => index);
  const got = carry(here, there, { type: 'append', bytes });
  t.deepEqual(got.message?.bytes, bytes);
  t.is(got.message?.lease, undefined);
});

test('a few bytes of a lease are copied and the lease is let go of', (t) => {
  const { arena, here, there } = world();
  const lease = arena.lease(INLINE_BYTES_MAX);
  if (lease === null) return t.fail();
  lease.bytes.fill(7);
  const got = carry(here, there, { type: 'append', bytes: lease.bytes, lease });
  t.deepEqual(got.message?.bytes, new Uint8Array(INLINE_BYTES_MAX).fill(7));
  t.is(got.message?.lease, undefined);
  t.is(arena.bytesLeased, 0);
});

test('many bytes of a lease stay where they are, and the hold moves to the receiver', (t) => {
  const { arena, here, there } = world();
  const lease = arena.lease(100_000);
  if (lease === null) return t.fail();
  lease.bytes.fill(9);
  const got = carry(here, there, { type: 'append', bytes: lease.bytes.subarray(10, 90_010), lease });
  t.is(got.message?.bytes?.length, 90_000);
  t.is(got.message?.bytes?.buffer, lease.bytes.buffer, 'the same memory');
  t.throws(() => lease.release(), { message: /twice/ }, 'the sender has nothing left');
  got.message?.lease?.release();
  arena.collect();
  t.is(arena.bytesLeased, 0);
});

test('fields longer than a ring takes travel through the arena, alone or beside bytes, and leave nothing behind', (t) => {
  const { arena, here, there } = world();
  const list = Array.from({ length: 20_000 }, (_, index) => `place ${index}`);
  const alone = carry(here, there, { type: 'answer', list } as Message);
  t.deepEqual(alone.message, { type: 'answer', list } as Message);
  const lease = arena.lease(100_000);
  if (lease === null) return t.fail();
  lease.bytes.fill(5);
  const both = carry(here, there, { type: 'answer', list, bytes: lease.bytes, lease } as Message);
  t.deepEqual((both.message as { list?: unknown }).list, list);
  t.is(both.message?.bytes?.length, 100_000);
  both.message?.lease?.release();
  arena.collect();
  t.is(arena.bytesLeased, 0);
});

test('long fields that find no memory are refused, and nothing is taken', (t) => {
  const { arena, here } = world();
  const all = arena.lease(MIB);
  const writer = new EnvelopeWriter(here, 1);
  const list = Array.from({ length: 20_000 }, (_, index) => `place ${index}`);
  t.is(writer.prepare(0, target, sender, { type: 'answer', list } as Message), -1);
  all?.release();
  t.true(writer.prepare(0, target, sender, { type: 'answer', list } as Message) > 0);
  // The ring was full: the next message begins anew.
  writer.prepare(0, target, sender, { type: 'short' });
  t.is(arena.bytesLeased, 0);
});
