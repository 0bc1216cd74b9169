/** The clock that is told to go on: its order, its jumps, and a host's view of it that ends with the host. */

import test from 'ava';
import fc from 'fast-check';
import type { TimerHandle } from '../../../runtime/ports.ts';
import { HostClock, SimulatedClock } from '../../../runtime/simulated/clock.ts';
import { AssertionError } from '../../../src/model/assert.ts';

test('runs nothing until it is told to, and then everything that is due at its time', (t) => {
  const clock = new SimulatedClock();
  const ran: string[] = [];
  clock.after(10, () => ran.push(`ten at ${clock.monotonic()}`));
  clock.after(5.5, () => {
    ran.push(`five at ${clock.monotonic()}`);
    clock.after(1, () => ran.push(`six at ${clock.monotonic()}`));
  });
  t.is(clock.waiting, 2);
  clock.advance(9);
  t.deepEqual(ran, ['five at 5.5', 'six at 6.5']);
  t.is(clock.monotonic(), 9);
  t.true(clock.step());
  t.is(ran.at(-1), 'ten at 10');
  t.false(clock.step());
});

test('runs by time, then by order of asking, but for what was cancelled', (t) => {
  const timer = fc.record({ ms: fc.integer({ min: 0, max: 20 }), cancelled: fc.boolean() });
  fc.assert(
    fc.property(fc.array(timer), (timers) => {
      const clock = new SimulatedClock();
      const ran: number[] = [];
      const handles: TimerHandle[] = timers.map(({ ms }, index) => clock.after(ms, () => ran.push(index)));
      timers.forEach(({ cancelled }, index) => {
        if (cancelled) handles[index]?.cancel();
      });
      const kept = timers.map((one, index) => ({ ...one, index })).filter(({ cancelled }) => !cancelled);
      t.is(clock.waiting, kept.length);
      clock.advance(20);
      const expected = kept.toSorted((a, b) => a.ms - b.ms || a.index - b.index).map(({ index }) => index);
      t.deepEqual(ran, expected);
      t.is(clock.waiting, 0);
    }),
  );
});

test('waits for a condition, or until the time is over or nothing more comes', (t) => {
  const clock = new SimulatedClock();
  let ready = false;
  clock.after(5, () => {
    ready = true;
  });
  clock.after(50, () => {});
  t.true(clock.advanceUntil(() => ready, 100));
  t.is(clock.monotonic(), 5);
  t.false(clock.advanceUntil(() => false, 10));
  t.false(clock.advanceUntil(() => false, 1_000));
});

test('the wall clock jumps and time does not, for the world or for one host', (t) => {
  const world = new SimulatedClock();
  const one = new HostClock(world);
  const other = new HostClock(world);
  const start = world.now();
  one.jump(-5_000);
  t.deepEqual([one.now(), other.now(), one.monotonic()], [start - 5_000, start, 0]);
  world.jump(1_000);
  world.advance(10);
  t.deepEqual([one.now(), other.now(), one.monotonic()], [start - 3_990, start + 1_010, 10]);
});

test('nothing that a stopped host has asked for happens', (t) => {
  const world = new SimulatedClock();
  const host = new HostClock(world);
  const ran: string[] = [];
  host.after(1, () => ran.push('timer'));
  host.soon(() => ran.push('soon'));
  world.after(1, () => ran.push('world'));
  host.stop();
  world.advance(10);
  t.deepEqual(ran, ['world']);
});

test('a loop that lets no time pass is found', (t) => {
  const clock = new SimulatedClock();
  const again = (): void => clock.soon(again);
  again();
  t.throws(() => clock.advance(1), { instanceOf: AssertionError });
});
