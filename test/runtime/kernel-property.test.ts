/** Whatever is sent, crashed, watched and killed in whatever order: nothing is lost in silence, nothing leaks, all comes to rest. */
import test from 'ava';
import fc from 'fast-check';
import type { Context, Directive, Lease, Message } from '../../runtime/actor.ts';
import type { DeadLettersView } from '../../runtime/dead-letters.ts';
import { address, isDown, kind, restart, World } from './kernel-world.ts';

type Any = Message & Record<string, unknown>;
type Step =
  | { readonly do: 'send'; readonly to: number; readonly what: 'work' | 'boom' | 'stop'; readonly bytes: number }
  | { readonly do: 'watch' | 'unwatch'; readonly to: number }
  | { readonly do: 'advance'; readonly ms: number }
  | { readonly do: 'tick' }
  | { readonly do: 'kill' };

const SHARDS = 2;
const VICTIMS = 4;
/** Small leases share a slab, which stays. */
const OPEN_SLAB_BYTES = 65_536;

const send = fc.record({
  do: fc.constant('send' as const),
  to: fc.nat(VICTIMS - 1),
  what: fc.constantFrom('work' as const, 'work' as const, 'work' as const, 'boom' as const, 'stop' as const),
  bytes: fc.constantFrom(0, 100, 10_000, 200_000),
});
const quietSteps = fc.oneof(
  { weight: 6, arbitrary: send },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constantFrom('watch' as const, 'unwatch' as const), to: fc.nat(VICTIMS - 1) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('tick' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('advance' as const), ms: fc.nat(30) }) },
);
const deadlySteps = fc.oneof(
  { weight: 10, arbitrary: quietSteps },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('kill' as const) }) },
);

class Run {
  readonly world: World;
  handled = 0;
  sent = 0;
  downs = 0;
  #driver: Context | null = null;
  #deadBefore = 0;

  constructor(directive: Directive) {
    const victim = kind(
      (message, context) => {
        this.handled += 1;
        if (message.type === 'boom') throw new Error('boom');
        message.lease?.release();
        if (message.type === 'stop') context.stop();
      },
      {
        place: (key) => Number(key) % SHARDS,
        mailboxMax: 3,
        supervision: { ...restart, directive, crashesMax: 1_000 },
      },
    );
    const driver = kind(
      (message) => {
        if (isDown(message)) this.downs += 1;
      },
      { begins: 'start', keys: () => ['0'] },
      (context) => {
        this.#driver = context;
      },
    );
    this.world = new World({ driver, victim }, { shards: SHARDS, pipeBytes: 16_384 });
  }

  step(step: Step): void {
    const driver = this.#driver as Context;
    switch (step.do) {
      case 'send':
        this.#send(driver, step.to, step.what, step.bytes);
        break;
      case 'watch':
        driver.watch(address(`victim/${step.to}`));
        break;
      case 'unwatch':
        driver.unwatch(address(`victim/${step.to}`));
        break;
      case 'advance':
        this.world.clock.advance(step.ms);
        break;
      case 'tick':
        this.world.clock.tick();
        break;
      case 'kill':
        this.#kill();
        break;
    }
  }

  get deadLetters(): number {
    return this.#deadBefore + [0, 1].reduce((sum, shard) => sum + this.#lettersOf(shard), 0);
  }

  #lettersOf(shard: number): number {
    return (this.world.deadLetters(shard) as DeadLettersView).total;
  }

  #send(driver: Context, to: number, type: string, length: number): void {
    let message: Any = { type };
    const lease: Lease | null = length > 0 ? driver.lease(length) : null;
    if (lease !== null) message = { ...message, bytes: lease.bytes, lease };
    if (driver.send(address<Any>(`victim/${to}`), message) === 'sent') this.sent += 1;
    else lease?.release();
  }

  #kill(): void {
    this.world.clock.settle();
    this.#deadBefore += this.#lettersOf(1);
    this.world.shards.kill(1, () => {});
    this.world.clock.advance(5_000);
    this.world.shards.replace(1);
  }
}

for (const directive of ['restart', 'resume', 'stop'] as const) {
  test(`${directive}: every message that was taken is handled once or a dead letter; its memory is free again`, (t) => {
    fc.assert(
      fc.property(fc.array(quietSteps, { maxLength: 80, size: 'max' }), (steps) => {
        const run = new Run(directive);
        for (const step of steps) run.step(step);
        run.world.clock.advance(5_000);
        t.is(run.handled + run.deadLetters, run.sent);
        // Who resumes keeps what a crash left with it.
        if (directive === 'resume') for (const shard of [0, 1]) run.world.shards.shard(shard).stop(0, () => {});
        run.world.clock.settle();
        for (const shard of [0, 1]) t.true(run.world.shards.shard(shard).inspect().bytesLeased <= OPEN_SLAB_BYTES);
        t.deepEqual(run.world.failures, []);
      }),
      { numRuns: 60 },
    );
  });
}

test('with a shard that dies now and then, nothing is handled twice and its memory comes back', (t) => {
  fc.assert(
    fc.property(fc.array(deadlySteps, { maxLength: 80, size: 'max' }), (steps) => {
      const run = new Run('restart');
      for (const step of steps) run.step(step);
      run.world.clock.advance(5_000);
      t.true(run.handled + run.deadLetters <= run.sent);
      for (const shard of [0, 1]) t.true(run.world.shards.shard(shard).inspect().bytesLeased <= OPEN_SLAB_BYTES);
      t.deepEqual(run.world.failures, []);
    }),
    { numRuns: 60 },
  );
});
