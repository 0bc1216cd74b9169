/** Crashes: what each directive does to the actor, its mailbox, its children and its parent. */
import test from 'ava';
import type { Context, Kind, Message } from '../../runtime/actor.ts';
import { address, kind, restart, World } from './kernel-world.ts';

type Any = Message & Record<string, unknown>;

/** An actor that throws at `boom` and notes everything; messages are put in from outside. */
function crashing(rest: Partial<Kind>) {
  const seen: string[] = [];
  let incarnations = 0;
  const victim = kind(
    (message) => {
      seen.push(`${message.type} in ${incarnations}`);
      if (message.type === 'boom') throw new Error('boom');
    },
    rest,
    () => {
      incarnations += 1;
    },
  );
  const contexts: Context[] = [];
  const driver = kind(
    () => {},
    { begins: 'start', keys: () => ['0'] },
    (context) => contexts.push(context),
  );
  const world = new World({ victim, driver });
  const send = (...types: string[]): void => {
    for (const type of types) contexts[0]?.send(address<Any>('victim/0'), { type });
  };
  return { world, seen, send };
}

test('restart: what waited is a dead letter, what comes later waits for the next incarnation', (t) => {
  const { world, seen, send } = crashing({});
  send('a', 'boom', 'lost');
  world.clock.settle();
  t.deepEqual(world.deadLetters(), { total: 1, kinds: [{ what: 'lost to victim: crashed', count: 1 }] });
  t.true(world.alive().includes('victim/0 (resting)'));
  send('b');
  world.clock.advance(9);
  t.deepEqual(seen, ['a in 1', 'boom in 1']);
  world.clock.advance(1);
  t.deepEqual(seen, ['a in 1', 'boom in 1', 'b in 2']);
});

test('resume: the same incarnation goes on with the next message', (t) => {
  const { world, seen, send } = crashing({ supervision: { ...restart, directive: 'resume' } });
  send('a', 'boom', 'b');
  world.clock.settle();
  t.deepEqual(seen, ['a in 1', 'boom in 1', 'b in 1']);
});

test('stop: it is gone; a kind on demand comes back with the next message', (t) => {
  const { world, seen, send } = crashing({ supervision: { ...restart, directive: 'stop' } });
  send('boom');
  world.clock.settle();
  t.false(world.alive().some((name) => name.startsWith('victim')));
  send('a');
  world.clock.settle();
  t.deepEqual(seen, ['boom in 1', 'a in 2']);
});

test('more crashes than the budget escalate: at the top of the tree the shard fails', (t) => {
  const { world, send } = crashing({});
  for (let crash = 0; crash < 4; crash++) {
    t.deepEqual(world.failures, []);
    send('boom');
    world.clock.advance(50);
  }
  t.deepEqual(world.failures, ['0: victim/0 escalated: boom']);
});

test('a start that throws is a crash of the incarnation, with back-off', (t) => {
  let attempts = 0;
  const failing = kind(
    () => {},
    { begins: 'start', keys: () => ['0'] },
    () => {
      attempts += 1;
      if (attempts < 3) throw new Error('not yet');
    },
  );
  const world = new World({ failing });
  t.is(attempts, 1);
  world.clock.advance(10);
  t.is(attempts, 2);
  world.clock.advance(20);
  t.is(attempts, 3);
  t.deepEqual(world.alive(), ['failing/0']);
});

/** A parent that spawns two children at its start. */
function family(childSupervision: Kind['supervision'], parentRest: Partial<Kind> = {}) {
  const events: string[] = [];
  const contexts = new Map<string, Context>();
  const note =
    (what: string) =>
    (context: Context): void => {
      events.push(`${what} begins`);
      contexts.set(context.self.name, context);
    };
  const child = kind(
    (message, context) => {
      if (message.type === 'boom') throw new Error('boom');
      if (message.type === 'stop') context.stop();
    },
    { begins: 'spawn', place: undefined as never, supervision: childSupervision },
    note('child'),
  );
  const { place: _, ...placeless } = child;
  const parent = kind(
    (message, context) => {
      if (message.type === 'boom') throw new Error('boom');
      if (message.type === 'stop') context.stop();
    },
    { begins: 'start', keys: () => ['0'], children: { child: placeless }, ...parentRest },
    (context) => {
      note('parent')(context);
      context.spawn('child', '0.a', null);
      context.spawn('child', '0.b', null);
    },
  );
  const world = new World({ parent });
  const tell = (name: string, type: string): void => {
    const context = contexts.get('parent/0');
    context?.send(address<Any>(name), { type });
    world.clock.settle();
  };
  return { world, events, tell };
}

test('a child restarts alone; its parent and its siblings do not notice', (t) => {
  const { world, events, tell } = family(restart);
  tell('child/0.a', 'boom');
  world.clock.advance(10);
  t.deepEqual(events, ['parent begins', 'child begins', 'child begins', 'child begins']);
  t.deepEqual(world.alive(), ['parent/0', 'child/0.a', 'child/0.b']);
});

test('a child that escalates crashes its parent, which begins anew with new children', (t) => {
  const { world, events, tell } = family({ ...restart, directive: 'escalate' });
  tell('child/0.a', 'boom');
  t.deepEqual(world.alive(), ['parent/0 (resting)']);
  world.clock.advance(10);
  t.deepEqual(events.slice(3), ['parent begins', 'child begins', 'child begins']);
  t.deepEqual(world.alive(), ['parent/0', 'child/0.a', 'child/0.b']);
});

test('children end with their parent', (t) => {
  const { world, tell } = family(restart);
  tell('parent/0', 'stop');
  t.deepEqual(world.alive(), []);
});

test('a child that stops is gone, and not started again by a message', (t) => {
  const { world, tell } = family(restart);
  tell('child/0.a', 'stop');
  tell('child/0.a', 'hello');
  t.deepEqual(world.alive(), ['parent/0', 'child/0.b']);
});

test('stopped() is called at every end, and its own throw ends nothing else', (t) => {
  const calls: string[] = [];
  const actor: Kind = {
    ...kind(() => {}),
    make: () => ({
      receive(message: Message): void {
        if (message.type === 'boom') throw new Error('boom');
      },
      stopped(): void {
        calls.push('stopped');
        throw new Error('in stopped');
      },
    }),
  };
  const contexts: Context[] = [];
  const driver = kind(
    () => {},
    { begins: 'start', keys: () => ['0'] },
    (context) => contexts.push(context),
  );
  const world = new World({ actor, driver });
  contexts[0]?.send(address<Any>('actor/0'), { type: 'boom' });
  world.clock.advance(10);
  t.deepEqual(calls, ['stopped']);
  t.true(world.alive().includes('actor/0'));
});
