/** Questions to other actors: each is settled once, those without room wait in order, watches come and go with business. */
import test from 'ava';
import { Asker, type AskerMessage, type Numbered, type Refused } from '../../../actors/requests/asker.ts';
import type { Address, Context, Lease, Message, Sent } from '../../../runtime/actor.ts';
import { fault } from '../../../src/model/faults.ts';
import { id } from '../../../src/model/ids.ts';

type Question = Message & Numbered;
const at = (name: string): Address<Question> => ({ node: id(1), name, incarnation: 0 });

/** The kernel as the asker sees it, with rooms that the test opens and shuts. */
class World {
  readonly full = new Set<string>();
  readonly sent: string[] = [];
  readonly watched = new Set<string>();
  readonly wanted: AskerMessage[] = [];
  readonly settled: string[] = [];
  readonly asker: Asker;

  constructor() {
    const context: Partial<Context<AskerMessage>> = {
      send: (to: Address<never>, message: Message): Sent => {
        if (this.full.has(to.name)) return 'full';
        this.sent.push(`${to.name} ${message.type}`);
        return 'sent';
      },
      whenWritable: (_: Address<never>, message: AskerMessage) => void this.wanted.push(message),
      watch: (address: Address<never>) => void this.watched.add(address.name),
      unwatch: (address: Address<never>) => void this.watched.delete(address.name),
    };
    this.asker = new Asker(context as Context<AskerMessage>);
  }

  ask(name: string, what: string, deadline = 1_000, lease?: Lease): number {
    const make = (request: number): Question =>
      lease === undefined ? { type: what, request } : { type: what, request, bytes: lease.bytes, lease };
    const settle = (answer: (Message & Numbered) | Refused): void => {
      const how = 'fault' in answer ? (answer as Refused).fault.code : answer.type;
      this.settled.push(`${what}: ${how}`);
    };
    return this.asker.ask<Question, Message & Numbered>(at(name), make, settle, deadline);
  }

  down(name: string): void {
    const address: Address = { node: id(1), name, incarnation: 3 };
    this.asker.receive({ type: 'down', address, reason: 'crashed' });
  }

  /** Room again, for all who wait. */
  open(name: string): void {
    this.full.delete(name);
    for (const message of this.wanted.splice(0)) this.asker.receive(message);
  }
}

function lease(): Lease & { released: number } {
  const one = {
    bytes: new Uint8Array(4),
    released: 0,
    retain: () => one,
    release: () => {
      one.released++;
    },
  };
  return one;
}

test('an answer settles its question, once', (t) => {
  const world = new World();
  const request = world.ask('a', 'q');
  t.true(world.asker.answered({ type: 'yes', request }));
  t.false(world.asker.answered({ type: 'again', request }));
  t.deepEqual(world.settled, ['q: yes']);
});

test('what finds no room is sent in order when there is some, and stays behind what waits', (t) => {
  const world = new World();
  world.full.add('a');
  for (const what of ['1', '2']) world.ask('a', what);
  world.asker.tell(at('a'), { type: '3', request: 0 });
  world.ask('b', 'other');
  world.full.delete('a');
  world.ask('a', '4');
  t.deepEqual(world.sent, ['b other']);
  world.open('a');
  t.deepEqual(world.sent, ['b other', 'a 1', 'a 2', 'a 3', 'a 4']);
  t.is(world.wanted.length, 0);
});

test('time over: TIMED_OUT for what was sent, OVERLOADED and its memory back for what was not', (t) => {
  const world = new World();
  world.ask('a', 'sent', 100);
  world.full.add('b');
  const held = lease();
  world.ask('b', 'held', 200, held);
  world.ask('a', 'later', 300);
  t.is(world.asker.nextDeadline, 100);
  world.asker.tick(99);
  t.deepEqual(world.settled, []);
  world.asker.tick(250);
  t.deepEqual(world.settled, ['sent: TIMED_OUT', 'held: OVERLOADED']);
  t.is(held.released, 1);
  t.is(world.asker.nextDeadline, 300);
  world.open('b');
  t.false(world.sent.includes('b held'));
});

test('who goes down settles all that was asked of it, sent or not, and is watched anew', (t) => {
  const world = new World();
  const request = world.ask('a', 'sent');
  world.full.add('a');
  const [held, told] = [lease(), lease()];
  world.ask('a', 'held', 1_000, held);
  world.asker.tell(at('a'), { type: 'told', request: 0, bytes: told.bytes, lease: told });
  world.ask('b', 'other');
  world.down('a');
  t.deepEqual(world.settled, ['sent: UNAVAILABLE', 'held: UNAVAILABLE']);
  t.deepEqual([held.released, told.released], [1, 1]);
  t.false(world.asker.answered({ type: 'late', request }));
  world.watched.delete('a');
  world.ask('a', 'anew');
  t.true(world.watched.has('a'));
});

test('a question asked while another is settled is kept', (t) => {
  const world = new World();
  world.asker.ask<Question, Message & Numbered>(
    at('a'),
    (request) => ({ type: 'first', request }),
    () => world.ask('a', 'second'),
    1_000,
  );
  world.down('a');
  t.deepEqual(world.sent, ['a first', 'a second']);
  t.deepEqual(world.settled, []);
});

test('alarms ring once, unless forgotten', (t) => {
  const world = new World();
  let rung = 0;
  world.asker.alarm(10, () => void rung++);
  world.asker.forget(world.asker.alarm(10, () => void rung++));
  world.asker.tick(10);
  world.asker.tick(20);
  t.is(rung, 1);
});

test('given up: settled at once with the reason, a later answer is dropped', (t) => {
  const world = new World();
  const request = world.ask('a', 'poll');
  world.asker.giveUp(request, fault('SHUTTING_DOWN', ''));
  t.deepEqual(world.settled, ['poll: SHUTTING_DOWN']);
  t.false(world.asker.answered({ type: 'yes', request }));
});

test('watches without business are ended when there are many', (t) => {
  const world = new World();
  const open = world.ask('busy', 'q');
  for (let n = 0; n < 2_000; n++) world.asker.answered({ type: 'yes', request: world.ask(`a${n}`, 'q') });
  t.true(world.watched.size < 1_100);
  t.true(world.watched.has('busy'));
  world.asker.answered({ type: 'yes', request: open });
});
