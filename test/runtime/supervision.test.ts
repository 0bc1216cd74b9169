/** What supervision decides, from data alone. */
import test from 'ava';
import fc from 'fast-check';
import type { Supervision } from '../../runtime/actor.ts';
import { CrashHistory } from '../../runtime/supervision.ts';

const restart: Supervision = { directive: 'restart', crashesMax: 3, windowMs: 1_000, backoffMs: [10, 25] };

test('a restart waits twice as long after each crash within the window, up to the most', (t) => {
  const crashes = new CrashHistory();
  t.deepEqual(crashes.judge(restart, 0), { directive: 'restart', waitMs: 10 });
  t.deepEqual(crashes.judge(restart, 1), { directive: 'restart', waitMs: 20 });
  t.deepEqual(crashes.judge(restart, 2), { directive: 'restart', waitMs: 25 });
});

test('one crash more than the budget escalates, until the window has passed', (t) => {
  const crashes = new CrashHistory();
  for (const now of [0, 100, 200]) t.is(crashes.judge(restart, now).directive, 'restart');
  t.is(crashes.judge(restart, 300).directive, 'escalate');
  t.deepEqual(crashes.judge(restart, 1_300), { directive: 'restart', waitMs: 10 });
});

test('no directive but stop outlives its budget, and none escalates within it', (t) => {
  const directives = fc.constantFrom('resume', 'restart', 'stop', 'escalate') as fc.Arbitrary<Supervision['directive']>;
  const gaps = fc.array(fc.nat(400), { maxLength: 60 });
  fc.assert(
    fc.property(directives, fc.integer({ min: 1, max: 5 }), gaps, (directive, crashesMax, steps) => {
      const crashes = new CrashHistory();
      const times: number[] = [];
      let now = 0;
      for (const step of steps) {
        now += step;
        times.push(now);
        const inWindow = times.filter((time) => now - time < 1_000).length;
        const verdict = crashes.judge({ ...restart, directive, crashesMax }, now);
        t.is(verdict.directive, inWindow > crashesMax && directive !== 'stop' ? 'escalate' : directive);
        t.true(verdict.waitMs <= 25);
      }
    }),
  );
});
