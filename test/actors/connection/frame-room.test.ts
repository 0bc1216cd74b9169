/** Judges who may hold memory for a frame that is not whole, and who is shed when there is too little. */
import test from 'ava';
import { FrameRoom, type Unfinished } from '../../../actors/connection/frame-room.ts';
import { MIB } from '../../../src/model/limits.ts';

class Frame implements Unfinished {
  filled = 0;
  sheds = 0;
  told = 0;
  shed(): void {
    this.sheds++;
  }
  roomy(): void {
    this.told++;
  }
}

/** A room of 100 bytes and its clock. */
function world(): { readonly room: FrameRoom; pass(ms: number): void } {
  let now = 1_000;
  const room = new FrameRoom(100, () => now);
  return {
    room,
    pass: (ms) => {
      now += ms;
    },
  };
}

test('frames share the room, and what was given back can be taken again', (t) => {
  const { room } = world();
  const [first, second, third] = [new Frame(), new Frame(), new Frame()];
  t.true(room.take(first, 60));
  t.true(room.take(second, 20));
  t.false(room.take(third, 30));
  t.is(third.told, 0);
  room.give(first);
  room.give(first);
  t.is(third.told, 1);
  t.true(room.take(third, 40));
  t.false(room.take(first, 21));
});

test('long frames leave room for short ones', (t) => {
  const { room } = world();
  t.true(room.take(new Frame(), 60));
  t.false(room.take(new Frame(), 40));
  t.true(room.take(new Frame(), 20));
  t.true(room.take(new Frame(), 10));
  t.true(room.take(new Frame(), 5));
});

test('those who wait are told one after the other, as long as there is room', (t) => {
  const { room } = world();
  const [held, first, second] = [new Frame(), new Frame(), new Frame()];
  room.take(held, 100);
  room.take(first, 10);
  room.take(second, 10);
  room.give(held);
  t.deepEqual([first.told, second.told], [1, 0]);
  t.true(room.take(first, 10));
  t.is(second.told, 1);
});

test('short frames that wait come before long ones, also those that came first', (t) => {
  const { room } = world();
  const [held, long, short] = [new Frame(), new Frame(), new Frame()];
  room.take(held, 100);
  t.false(room.take(long, 2 * MIB));
  t.false(room.take(short, 10));
  room.give(held);
  t.deepEqual([long.told, short.told], [0, 1]);
  t.false(room.take(new Frame(), 2 * MIB), 'whoever claims much is not faster');
  t.true(room.take(short, 10));
  t.is(long.told, 1);
});

test('one frame is taken however long it is, so that none waits for ever', (t) => {
  const { room } = world();
  t.true(room.take(new Frame(), 1_000));
  t.false(room.take(new Frame(), 1));
});

test('slow frames are shed when others find no room, and not before', (t) => {
  const { room, pass } = world();
  const [slow, fast, young, late] = [new Frame(), new Frame(), new Frame(), new Frame()];
  room.take(slow, 50);
  room.take(fast, 20);
  fast.filled = 1_000_000;
  pass(400);
  room.take(young, 15);
  pass(200);
  t.is(slow.sheds, 0, 'nobody wants its memory');
  t.false(room.take(late, 20));
  t.deepEqual([slow.sheds, fast.sheds, young.sheds], [1, 0, 0]);
  room.give(slow);
  t.true(room.take(late, 20));
});

test('a flood of claims does not look at all frames again each time', (t) => {
  const { room, pass } = world();
  const slow = new Frame();
  room.take(slow, 100);
  pass(1_000);
  for (let claim = 0; claim < 1_000; claim++) room.take(new Frame(), 1);
  t.is(slow.sheds, 1);
});
