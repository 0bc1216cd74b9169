/** How much may lie in segments without a name: much for one partition, little for each of many. */
import test from 'ava';
import { UnlistedRoom } from '../../src/log/unlisted.ts';
import { MIB } from '../../src/model/limits.ts';

test('a partition that is alone names what it has written seldom, and never has more than is read quickly', (t) => {
  const room = new UnlistedRoom(1_024 * MIB);
  room.note(t, 31 * MIB);
  t.true(room.admits(31 * MIB));
  t.false(room.admits(32 * MIB));
});

test('once all of them have their share of the memory, each names what is more than a little', (t) => {
  const room = new UnlistedRoom(64 * MIB);
  const [one, other] = [{}, {}];
  room.note(one, 9 * MIB);
  t.true(room.admits(9 * MIB));
  room.note(other, 7 * MIB);
  t.false(room.admits(9 * MIB));
  t.true(room.admits(7 * MIB));
  room.note(other, 6 * MIB);
  t.true(room.admits(9 * MIB), 'it counts what each has now');
  room.note(other, 7 * MIB);
  room.note(one, 0);
  t.true(room.admits(15 * MIB), 'who has left has nothing');
});
