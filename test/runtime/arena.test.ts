/** Leases of shared memory: never two holders of one place, nothing lost, given back from anywhere. */
import test from 'ava';
import fc from 'fast-check';
import { Arena } from '../../runtime/arena.ts';
import type { ArenaLease } from '../../runtime/arena-lease.ts';
import { ArenaMap } from '../../runtime/arena-map.ts';
import { createArena, resetArena } from '../../runtime/arena-memory.ts';
import { BLOCK_BYTES, KIB, MIB } from '../../src/model/limits.ts';

test('leases of a block or more start on a page and are exactly as long as asked for', (t) => {
  const arena = new Arena(0, createArena(MIB));
  for (const length of [BLOCK_BYTES, BLOCK_BYTES + 1, 70_000]) {
    const lease = arena.lease(length);
    t.is(lease?.bytes.length, length);
    t.is((lease?.bytes.byteOffset ?? 1) % BLOCK_BYTES, 0);
  }
});

test('whatever is leased and let go of, holders never share a byte, and in the end all is free', (t) => {
  const step = fc.oneof(
    fc.record({ lease: fc.oneof(fc.integer({ min: 1, max: 3_000 }), fc.integer({ min: 4_096, max: 300_000 })) }),
    fc.record({ release: fc.nat() }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const arena = new Arena(0, createArena(MIB));
      const held: { lease: NonNullable<ReturnType<Arena['lease']>>; mark: number }[] = [];
      let mark = 0;
      for (const one of steps) {
        if ('lease' in one) {
          const lease = arena.lease(one.lease);
          if (lease === null) continue;
          mark = (mark + 1) % 251;
          lease.bytes.fill(mark);
          held.push({ lease, mark });
        } else if (held.length > 0) {
          const [gone] = held.splice(one.release % held.length, 1);
          gone?.lease.release();
        }
        for (const other of held) t.true(other.lease.bytes.every((byte) => byte === other.mark));
      }
      for (const { lease } of held) lease.release();
      t.true(arena.bytesLeased <= 16 * BLOCK_BYTES, 'at most the slab for small leases is left');
    }),
    { numRuns: 30 },
  );
});

test('no room is an answer, and who waits is told once when there is some', (t) => {
  const arena = new Arena(0, createArena(64 * KIB));
  let told = 0;
  arena.onRoom = () => {
    told += 1;
  };
  const lease = arena.lease(64 * KIB);
  t.is(arena.lease(BLOCK_BYTES), null);
  arena.awaitRoom();
  t.is(told, 0);
  lease?.release();
  t.is(told, 1);
  arena.lease(64 * KIB)?.release();
  t.is(told, 1);
});

test('a slot stays as long as anybody holds it', (t) => {
  const arena = new Arena(0, createArena(64 * KIB));
  const first = arena.lease(64 * KIB);
  const second = first?.retain();
  first?.release();
  t.is(arena.lease(BLOCK_BYTES), null);
  second?.release();
  t.truthy(arena.lease(BLOCK_BYTES));
});

test('released twice is a crash', (t) => {
  const lease = new Arena(0, createArena(64 * KIB)).lease(BLOCK_BYTES);
  lease?.release();
  t.throws(() => lease?.release(), { message: /twice/ });
});

/** Two shards that see each other's arenas. */
function pair(): { arenas: Arena[]; maps: ArenaMap[]; memories: ReturnType<typeof createArena>[]; rung: number[] } {
  const memories = [createArena(256 * KIB, 2), createArena(256 * KIB, 2)];
  const arenas = memories.map((memory, index) => new Arena(index, memory));
  const rung: number[] = [];
  const maps = arenas.map((arena) => new ArenaMap(arena, memories, (owner) => rung.push(owner)));
  return { arenas, maps, memories, rung };
}

test('a hold travels to another shard, which lets go of it there, and the owner that waits is woken', (t) => {
  const { arenas, maps, rung } = pair();
  const [owner] = arenas as [Arena, Arena];
  const [here, there] = maps as [ArenaMap, ArenaMap];
  const lease = owner.lease(256 * KIB);
  if (lease === null) return t.fail();
  lease.bytes.fill(42);
  const adopted = there.adopt(here.describe(lease, lease.bytes.subarray(100, 5_100), 1));
  t.is(adopted?.bytes.length, 5_000);
  t.true(adopted?.bytes.every((byte) => byte === 42));
  t.is(there.foreignHolds(0), 1);
  let told = 0;
  owner.onRoom = () => {
    told += 1;
  };
  t.is(owner.lease(BLOCK_BYTES), null);
  owner.awaitRoom();
  adopted?.release();
  t.is(there.foreignHolds(0), 0);
  t.deepEqual(rung, [0]);
  owner.collect();
  t.is(told, 1);
  t.is(owner.bytesLeased, 0);
});

test('a descriptor of an arena that was laid anew is worth nothing', (t) => {
  const { arenas, maps, memories } = pair();
  const [owner] = arenas as [Arena, Arena];
  const [here, there] = maps as [ArenaMap, ArenaMap];
  const lease = owner.lease(BLOCK_BYTES);
  if (lease === null) return t.fail();
  const descriptor = here.describe(lease, lease.bytes, 1);
  resetArena(memories[0] as ReturnType<typeof createArena>);
  t.is(there.adopt(descriptor), null);
  const anew = new Arena(0, memories[0] as ReturnType<typeof createArena>);
  t.is(anew.incarnation, owner.incarnation + 1);
  t.truthy(anew.lease(256 * KIB), 'all of it is free again');
});

test('a hold from before an arena was laid anew harms nobody when it is let go of late', (t) => {
  const { arenas, maps, memories } = pair();
  const [owner] = arenas as [Arena, Arena];
  const [here, there] = maps as [ArenaMap, ArenaMap];
  const lease = owner.lease(BLOCK_BYTES);
  if (lease === null) return t.fail();
  const late = there.adopt(here.describe(lease, lease.bytes, 1));
  resetArena(memories[0] as ReturnType<typeof createArena>);
  const anew = new Arena(0, memories[0] as ReturnType<typeof createArena>);
  const fresh = anew.lease(BLOCK_BYTES);
  late?.release();
  anew.collect();
  t.is(anew.bytesLeased, BLOCK_BYTES, 'the new holder keeps its slot');
  fresh?.release();
  t.is(anew.bytesLeased, 0);
});

test('what a dead shard held comes back to the owner: adopted, retained, unread in a ring; what others hold stays', (t) => {
  const { arenas, maps } = pair();
  const [owner] = arenas as [Arena, Arena];
  const [here, there] = maps as [ArenaMap, ArenaMap];
  const [unread, adopted, shared, passedBack] = [1, 2, 3, 4].map(() => owner.lease(BLOCK_BYTES)) as ArenaLease[];
  if (!unread || !adopted || !shared || !passedBack) return t.fail();
  here.describe(unread, unread.bytes, 1);
  there.adopt(here.describe(adopted, adopted.bytes, 1))?.retain();
  const kept = shared.retain();
  there.adopt(here.describe(shared, shared.bytes, 1));
  const back = there.adopt(here.describe(passedBack, passedBack.bytes, 1)) as ArenaLease;
  const home = here.adopt(there.describe(back, back.bytes, 0));
  t.is(owner.bytesLeased, 4 * BLOCK_BYTES);
  owner.takeBackFrom(1);
  t.is(owner.bytesLeased, 2 * BLOCK_BYTES, 'two are still held at home');
  kept.release();
  home?.release();
  t.is(owner.bytesLeased, 0);
  owner.takeBackFrom(1);
  t.is(owner.bytesLeased, 0);
});
