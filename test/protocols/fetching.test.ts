/** Fetch sessions against a world of partitions: fair, bounded, quiet when idle, and never a record lost or twice. */
import test from 'ava';
import fc from 'fast-check';
import { fault } from '../../src/model/faults.ts';
import { id } from '../../src/model/ids.ts';
import { type FetchEffect, FetchSession, type Followed } from '../../src/protocols/fetching.ts';
import type { FetchReply, FetchRequest } from '../../src/protocols/request.ts';

type Effect = FetchEffect<string>;

const add = (partition: number, offset = 0, bytesMax = 1_000) => ({
  topic: id<never>(1),
  partition: id<never>(partition),
  offset: id<never>(offset),
  bytesMax,
});
const fetchOf = (fields: Partial<FetchRequest> = {}): FetchRequest => ({
  call: 'fetch',
  session: 0,
  add: [],
  drop: [],
  bytesMin: 1,
  bytesMax: 10_000,
  waitMs: 500,
  ...fields,
});

/** Partitions whose "records" are single bytes in batches of ten: offset 10 n is the begin of batch n. */
class World {
  readonly session = new FetchSession<string>();
  readonly ends = new Map<number, number>();
  readonly watches = new Map<number, { of: Followed; offset: number }>();
  readonly answers: { token: number; parts: FetchReply['parts'] }[] = [];
  readonly holds = new Set<string>();
  readonly pending: Effect[] = [];
  reads = 0;
  watched = 0;
  #hold = 0;

  /** There is no room for the first read that is to be done. */
  crowd(): void {
    this.pending.push(...this.session.effects.splice(0));
    const at = this.pending.findIndex(({ type }) => type === 'read');
    const effect = this.pending[at];
    if (effect?.type === 'read' && this.session.crowded(effect.of)) this.pending.splice(at, 1);
  }
  /** Runs one effect; reads may be left for later. */
  step(): boolean {
    this.pending.push(...this.session.effects.splice(0));
    const effect = this.pending.shift();
    if (effect === undefined) return false;
    this.#perform(effect);
    return true;
  }
  settle(): void {
    while (this.step());
  }
  append(partition: number, records: number): void {
    const end = (this.ends.get(partition) ?? 0) + records;
    this.ends.set(partition, end);
    const watch = this.watches.get(partition);
    if (watch === undefined || watch.offset >= end) return;
    this.watches.delete(partition);
    this.session.ready(watch.of);
  }
  #perform(effect: Effect): void {
    switch (effect.type) {
      case 'locate':
        if (effect.of.partition >= 900) this.session.failed(effect.of, fault('UNKNOWN_PARTITION', 'none'));
        else this.session.located(effect.of, id(effect.of.partition + 64));
        break;
      case 'read':
        this.#read(effect.of, effect.offset, effect.bytesMax);
        break;
      case 'watch':
        this.watched++;
        if ((this.ends.get(effect.of.partition) ?? 0) > effect.offset) this.session.ready(effect.of);
        else this.watches.set(effect.of.partition, { of: effect.of, offset: effect.offset });
        break;
      case 'unwatch':
        this.watches.delete(effect.of.partition);
        break;
      case 'release':
        this.holds.delete(effect.hold);
        break;
      case 'answer':
        this.answers.push(effect);
        for (const hold of effect.holds) this.holds.delete(hold);
        break;
    }
  }
  #read(of: Followed, offset: number, bytesMax: number): void {
    this.reads++;
    const end = this.ends.get(of.partition) ?? 0;
    if (offset > end) {
      this.session.failed(of, fault('OFFSET_OUT_OF_RANGE', `${offset}`));
      return;
    }
    // Whole batches, one at least.
    const stop = Math.min(end, offset + Math.max(10, bytesMax - (bytesMax % 10)));
    const bytes = Uint8Array.from({ length: stop - offset }, (_, i) => (offset + i) % 251);
    const hold = `hold ${++this.#hold}`;
    this.holds.add(hold);
    this.session.records(of, { begin: id(0), end: id(end), stable: id(end), next: id(stop), bytes }, hold);
  }
}

const bytesOf = (parts: FetchReply['parts']): Record<number, number> => {
  const sums: Record<number, number> = {};
  for (const part of parts) sums[part.partition] = (sums[part.partition] ?? 0) + part.bytes.length;
  return sums;
};

test('records that are there are answered at once, and the session goes on behind them', (t) => {
  const world = new World();
  world.append(0, 30);
  world.session.fetch(1, fetchOf({ add: [add(0), add(1)] }));
  world.settle();
  t.deepEqual(
    world.answers.map(({ token, parts }) => [token, bytesOf(parts)]),
    [[1, { 0: 30 }]],
  );
  world.append(0, 10);
  world.session.fetch(2, fetchOf());
  world.settle();
  t.deepEqual(
    world.answers[1]?.parts.map((part) => [part.partition, part.end, part.bytes[0]]),
    [[0, 40, 30]],
  );
});

test('a fetch waits for its bytes, or until its time is over', (t) => {
  const world = new World();
  world.session.fetch(1, fetchOf({ add: [add(0)], bytesMin: 25 }));
  world.settle();
  world.append(0, 10);
  world.settle();
  world.append(0, 10);
  world.settle();
  t.is(world.answers.length, 0);
  world.append(0, 10);
  world.settle();
  t.deepEqual(bytesOf(world.answers[0]?.parts ?? []), { 0: 30 });
  world.session.fetch(2, fetchOf({ bytesMin: 25 }));
  world.append(0, 10);
  world.settle();
  t.is(world.answers.length, 1);
  world.session.expire(1);
  world.settle();
  t.is(world.answers.length, 1, 'the alarm of an answered fetch does nothing');
  world.session.expire(2);
  world.settle();
  t.deepEqual(bytesOf(world.answers[1]?.parts ?? []), { 0: 10 });
});

test('a fetch that does not wait is answered with what is there, also nothing', (t) => {
  const world = new World();
  world.session.fetch(1, fetchOf({ add: [add(0)], waitMs: 0 }));
  world.settle();
  t.deepEqual(world.answers, [{ type: 'answer', token: 1, parts: [], holds: [] } as never]);
});

test('idle partitions cost one watch each, and nothing a fetch', (t) => {
  const world = new World();
  world.session.fetch(1, fetchOf({ add: Array.from({ length: 1_000 }, (_, n) => add(n % 900, 0)), waitMs: 0 }));
  world.settle();
  const { reads, watched } = world;
  t.is(watched, 900);
  for (let token = 2; token < 52; token++) {
    world.session.fetch(token, fetchOf());
    world.append(7, 10);
    world.settle();
  }
  t.is(world.answers.length, 51);
  t.is(world.reads - reads, 50);
  t.is(world.watched - watched, 50);
});

test('partitions take turns when not all fit in an answer', (t) => {
  const world = new World();
  for (let n = 0; n < 6; n++) world.append(n, 1_000);
  const seen: number[] = [];
  world.session.fetch(1, fetchOf({ add: [0, 1, 2, 3, 4, 5].map((n) => add(n, 0, 100)), bytesMax: 200 }));
  world.settle();
  for (let token = 2; token <= 6; token++) {
    world.session.fetch(token, fetchOf({ bytesMax: 200 }));
    world.settle();
  }
  for (const { parts } of world.answers) {
    t.is(
      parts.reduce((sum, part) => sum + part.bytes.length, 0),
      200,
    );
    seen.push(...parts.map((part) => part.partition));
  }
  t.deepEqual(seen, [0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5]);
});

test('a batch larger than asked for is given all the same', (t) => {
  const world = new World();
  world.append(0, 20);
  world.session.fetch(1, fetchOf({ add: [add(0, 0, 1)], bytesMax: 1 }));
  world.settle();
  world.session.fetch(2, fetchOf({ bytesMax: 1 }));
  world.settle();
  t.deepEqual(
    world.answers.map(({ parts }) => bytesOf(parts)),
    [{ 0: 10 }, { 0: 10 }],
  );
});

test('what is left of a partition is not filled with a batch that exceeds it, unless the fetch waits for more', (t) => {
  const world = new World();
  world.append(0, 100);
  world.session.fetch(1, fetchOf({ add: [add(0, 0, 25)] }));
  world.settle();
  world.session.fetch(2, fetchOf({ bytesMin: 25 }));
  world.settle();
  t.deepEqual(
    world.answers.map(({ parts }) => bytesOf(parts)),
    [{ 0: 20 }, { 0: 30 }],
  );
});

test('a partition that fails is told at once, leaves the session, and the others go on', (t) => {
  const world = new World();
  world.append(1, 10);
  world.session.fetch(1, fetchOf({ add: [add(0, 5), add(1), add(950)] }));
  world.settle();
  const told = world.answers[0]?.parts.map((part) => part.fault?.code ?? `${part.bytes.length} bytes`);
  t.deepEqual(told?.sort(), ['10 bytes', 'OFFSET_OUT_OF_RANGE', 'UNKNOWN_PARTITION']);
  t.is(world.session.size, 1);
});

test('a fault that comes between two fetches is told by the next', (t) => {
  const world = new World();
  world.session.fetch(1, fetchOf({ add: [add(0)], waitMs: 0 }));
  world.settle();
  const watch = world.watches.get(0);
  if (watch === undefined) throw new Error('not watched');
  world.session.failed(watch.of, fault('UNKNOWN_PARTITION', 'deleted'));
  world.settle();
  world.session.fetch(2, fetchOf());
  world.settle();
  t.is(world.answers[1]?.parts[0]?.fault?.code, 'UNKNOWN_PARTITION');
});

test('a fetch that comes while another one waits hurries it, as often as one comes', (t) => {
  const world = new World();
  t.true(world.session.fetch(1, fetchOf({ add: [add(0)] })));
  world.settle();
  t.true(world.session.fetch(2, fetchOf({ drop: [add(0)], add: [add(1)] })));
  world.settle();
  t.deepEqual(
    world.answers.map(({ token }) => token),
    [1],
  );
  t.deepEqual([...world.watches.keys()], [1]);
  t.true(world.session.fetch(3, fetchOf()));
  t.true(world.session.fetch(4, fetchOf()));
  world.settle();
  t.deepEqual(
    world.answers.map(({ token }) => token),
    [1, 2, 3],
  );
});

test('a fetch that may be given nothing takes in what it names and is answered at once', (t) => {
  const world = new World();
  world.append(0, 10);
  world.session.fetch(1, fetchOf({ add: [add(0), add(1)], bytesMax: 0, waitMs: 0 }));
  world.settle();
  t.deepEqual(world.answers[0]?.parts, []);
  t.is(world.reads, 0);
  world.session.fetch(2, fetchOf());
  world.settle();
  t.deepEqual(bytesOf(world.answers[1]?.parts ?? []), { 0: 10 });
});

test('while reads of the first fetch are under way a third is refused', (t) => {
  const world = new World();
  world.append(0, 10);
  world.session.fetch(1, fetchOf({ add: [add(0)] }));
  world.step();
  t.true(world.session.fetch(2, fetchOf()));
  t.false(world.session.fetch(3, fetchOf()));
  world.settle();
  t.deepEqual(bytesOf(world.answers[0]?.parts ?? []), { 0: 10 });
});

test('a read for which there is no room is put off: who has something is answered with it, who has nothing waits', (t) => {
  const world = new World();
  world.append(0, 2_000);
  world.append(1, 2_000);
  world.session.fetch(1, fetchOf({ add: [add(0), add(1)], bytesMin: 10_000 }));
  for (let located = 0; located < 2; located++) world.step();
  world.crowd();
  t.deepEqual(
    world.pending.map(({ type }) => type),
    ['read', 'read'],
    'nothing is there to answer with',
  );
  world.step();
  t.deepEqual(world.answers, [], 'it waits for more');
  world.crowd();
  world.settle();
  t.deepEqual(
    world.answers.map(({ parts }) => bytesOf(parts)),
    [{ 0: 1_000 }],
  );
  world.session.fetch(2, fetchOf({ bytesMin: 2_000 }));
  world.settle();
  t.deepEqual(bytesOf(world.answers[1]?.parts ?? []), { 0: 1_000, 1: 1_000 }, 'what was put off comes with the next');
  t.is(world.holds.size, 0);
});

test('closing answers what waits, ends the watches and releases what still comes', (t) => {
  const world = new World();
  world.append(0, 10);
  world.session.fetch(1, fetchOf({ add: [add(0), add(1)], bytesMin: 100 }));
  world.settle();
  world.append(0, 10);
  world.session.fetch(2, fetchOf());
  world.session.close();
  world.settle();
  t.deepEqual(
    world.answers.map(({ token }) => token),
    [1, 2],
  );
  t.is(world.watches.size, 0);
  t.is(world.holds.size, 0);
  t.is(world.session.size, 0);
});

test('whatever comes in whatever order: every record once and in order, every hold let go, no partition starved', (t) => {
  const step = fc.oneof(
    fc.record({ do: fc.constant('append' as const), partition: fc.nat(4), records: fc.integer({ min: 1, max: 60 }) }),
    fc.record({ do: fc.constant('fetch' as const), bytesMin: fc.nat(80), bytesMax: fc.integer({ min: 1, max: 120 }) }),
    fc.record({ do: fc.constant('perform' as const), steps: fc.integer({ min: 1, max: 6 }) }),
    fc.record({ do: fc.constant('expire' as const) }),
    fc.record({ do: fc.constant('crowd' as const) }),
    fc.record({ do: fc.constant('seek' as const), partition: fc.nat(4), back: fc.nat(30) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const world = new World();
      const next = [0, 0, 0, 0, 0];
      let token = 1;
      let told = 0;
      const check = (): void => {
        for (; told < world.answers.length; told++)
          for (const part of world.answers[told]?.parts ?? []) {
            const at = next[part.partition] ?? 0;
            t.is(part.fault, undefined);
            t.is(part.bytes[0], at % 251);
            next[part.partition] = at + part.bytes.length;
          }
      };
      world.session.fetch(token, fetchOf({ add: [0, 1, 2, 3, 4].map((n) => add(n, 0, 50)), waitMs: 0 }));
      for (const one of steps) {
        if (one.do === 'append') world.append(one.partition, one.records * 10);
        else if (one.do === 'perform') for (let i = 0; i < one.steps; i++) world.step();
        else if (one.do === 'expire') world.session.expire(token);
        else if (one.do === 'crowd') world.crowd();
        else {
          world.settle();
          world.session.expire(token);
          world.settle();
          check();
          if (one.do === 'seek') {
            const to = Math.max(0, (next[one.partition] ?? 0) - one.back * 10);
            next[one.partition] = to;
            world.session.fetch(++token, fetchOf({ add: [add(one.partition, to, 50)], waitMs: 0 }));
          } else world.session.fetch(++token, fetchOf({ bytesMin: one.bytesMin, bytesMax: one.bytesMax }));
        }
      }
      for (let left = 0; left < 400; left++) {
        world.settle();
        world.session.expire(token);
        world.settle();
        check();
        world.session.fetch(++token, fetchOf({ waitMs: 0 }));
      }
      world.settle();
      check();
      for (let n = 0; n < 5; n++) t.is(next[n], world.ends.get(n) ?? 0);
      t.is(world.holds.size, 0);
    }),
    { numRuns: 150 },
  );
});
