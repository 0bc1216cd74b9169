/** One judge for every clock, and clocks with one defect each that the judge must find. */
import assert from 'node:assert/strict';
import test from 'ava';
import type { Clock } from '../../runtime/ports.ts';
import { type Clause, firstBroken, judge, type PortsWorld, simulatedWorld } from './worlds.ts';

/** Notes what ran, and fails when it ran inside the call that asked for it. */
function recorder(): { ran: string[]; note(name: string): () => void; returned(): void } {
  const ran: string[] = [];
  let inside = true;
  return {
    ran,
    note: (name) => () => {
      assert.equal(inside, false, `${name} ran before its call had returned`);
      ran.push(name);
    },
    returned: () => {
      inside = false;
    },
  };
}

const clauses: readonly Clause[] = [
  {
    promise: 'a timer comes once, not before its time',
    async run({ clock, until, pass }) {
      const { ran, note, returned } = recorder();
      const start = clock.monotonic();
      const times: number[] = [];
      for (const ms of [1, 7, 7.5, 20]) {
        clock.after(ms, () => {
          note(String(ms))();
          times.push(clock.monotonic() - start - ms);
        });
      }
      returned();
      await until(() => ran.length === 4);
      await pass(30);
      // Each once; in which order those come that are late together, the port does not say.
      assert.deepEqual(ran.toSorted(), ['1', '20', '7', '7.5']);
      for (const late of times) assert(late >= -1e-6, `${-late} ms early`);
    },
  },
  {
    promise: 'a timer of no time or of the past comes in a later turn',
    async run({ clock, until }) {
      const { ran, note, returned } = recorder();
      clock.after(0, note('none'));
      clock.after(-5, note('past'));
      returned();
      await until(() => ran.length === 2);
    },
  },
  {
    promise: 'soon comes in a later turn, in the order of asking',
    async run({ clock, until }) {
      const { ran, note, returned } = recorder();
      clock.soon(note('first'));
      clock.soon(() => {
        note('second')();
        clock.soon(note('fourth'));
      });
      clock.soon(note('third'));
      returned();
      await until(() => ran.length === 4);
      assert.deepEqual(ran, ['first', 'second', 'third', 'fourth']);
    },
  },
  {
    promise: 'a cancelled timer never comes, and cancelling twice or late does no harm',
    async run({ clock, pass }) {
      const ran: string[] = [];
      const gone = clock.after(1, () => ran.push('gone'));
      const came = clock.after(2, () => ran.push('came'));
      gone.cancel();
      gone.cancel();
      await pass(30);
      came.cancel();
      assert.deepEqual(ran, ['came']);
    },
  },
  {
    promise: 'a timer of a month does not come at once',
    async run({ clock, pass }) {
      let came = false;
      const timer = clock.after(31 * 24 * 3_600_000, () => {
        came = true;
      });
      await pass(20);
      timer.cancel();
      assert.equal(came, false);
    },
  },
  {
    promise: 'monotonic time only goes on, wall time is in this century',
    async run({ clock, pass }) {
      let last = clock.monotonic();
      for (let step = 0; step < 5; step += 1) {
        await pass(2);
        const now = clock.monotonic();
        assert(now >= last + 2);
        last = now;
      }
      assert(Number.isInteger(clock.now()));
      assert(clock.now() > Date.UTC(2026, 0, 1) - 1 && clock.now() < Date.UTC(2100, 0, 1));
    },
  },
];

judge(test, clauses);

const defects: Readonly<Record<string, (clock: Clock) => Partial<Clock>>> = {
  'a clock that calls back at once': () => ({ soon: (run) => run() }),
  'timers that come early': (clock) => ({ after: (ms, run) => clock.after(ms - 2, run) }),
  'timers that wrap around at 2^31 ms': (clock) => ({ after: (ms, run) => clock.after(ms > 2 ** 31 ? 1 : ms, run) }),
  'timers that cannot be cancelled': (clock) => ({
    after: (ms, run) => {
      clock.after(ms, run);
      return { cancel() {} };
    },
  }),
  'a monotonic clock that stands still': () => ({ monotonic: () => 1 }),
};

for (const [name, defect] of Object.entries(defects)) {
  test(`the judge finds ${name}`, async (t) => {
    const make = (): PortsWorld => {
      const world = simulatedWorld();
      const { clock } = world;
      const plain: Clock = {
        now: () => clock.now(),
        monotonic: () => clock.monotonic(),
        after: (ms, run) => clock.after(ms, run),
        soon: (run) => clock.soon(run),
      };
      return { ...world, clock: { ...plain, ...defect(clock) } };
    };
    t.not(await firstBroken(clauses, make), null);
  });
}
