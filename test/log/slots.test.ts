/** A file of two slots: the newest state that holds comes back, whatever a crash or a flipped bit has left of the other. */
import { crc32c } from '@node-rs/crc32';
import test from 'ava';
import { firstSlots, nextSlot, readSlots, type SlotPlace, type SlotWrite } from '../../src/log/slots.ts';
import { id, type PartitionId } from '../../src/model/ids.ts';

const P = id<PartitionId>(70);

/** A file that was written by `states`, in turn; each time the bytes before the last write, and that write. */
function written(states: readonly unknown[]): { file: Uint8Array; before: Uint8Array; position: number; made: number } {
  let [file, before, position, made] = [new Uint8Array(0), new Uint8Array(0), 0, 0];
  let place: SlotPlace | null = null;
  for (const state of states) {
    const next: SlotWrite | null = place === null ? null : nextSlot(place, P, state, crc32c);
    const write: SlotWrite = next ?? firstSlots(P, state, crc32c);
    before = file.slice();
    if (next === null) file = write.bytes.slice();
    else file.set(next.bytes, next.position);
    made += next === null ? 1 : 0;
    position = write.position;
    place = write;
  }
  return { file, before, position, made };
}

test('the newest state comes back, from one slot and the other', (t) => {
  for (let count = 1; count <= 5; count++) {
    const states = Array.from({ length: count }, (_, index) => ({ index }));
    const { file, made } = written(states);
    t.deepEqual(readSlots(file, P, crc32c), { state: { index: count - 1 }, faults: [] });
    t.is(file.length, 8_192);
    t.is(made, 1);
  }
});

test('a write that was cut short at any sector leaves the state before it, or is whole', (t) => {
  const text = 'x'.repeat(3_000);
  const { file, before, position } = written(['a', text, 'c', 'd']);
  for (let mask = 0; mask < 256; mask++) {
    const torn = before.slice();
    for (let sector = 0; sector < 8; sector++) {
      const [from, to] = [position + sector * 512, position + (sector + 1) * 512];
      if ((mask & (1 << sector)) !== 0) torn.set(file.subarray(from, to), from);
    }
    const { state, faults } = readSlots(torn, P, crc32c);
    t.is(state, (mask & 1) === 1 ? 'd' : 'c');
    t.true(faults.every(({ perhapsTorn }) => perhapsTorn));
    // The longer state that stood there reaches into six sectors.
    t.is(faults.length, mask % 64 === 0 || mask % 64 === 63 ? 0 : 1);
  }
});

test('every flipped bit is seen, and the state that it did not hit comes back', (t) => {
  const { file } = written(['the older one', 'the newer one']);
  for (let bit = 0; bit < file.length * 8; bit++) {
    const at = bit >> 3;
    file[at] = (file[at] as number) ^ (1 << (bit & 7));
    const { state, faults } = readSlots(file, P, crc32c);
    file[at] = (file[at] as number) ^ (1 << (bit & 7));
    const slot = at < 4_096 ? 0 : 4_096;
    if (faults.length !== 1 || faults[0]?.position !== slot || !faults[0].perhapsTorn) t.fail(`bit ${bit}`);
    if (state !== 'the newer one' && slot === 0) t.fail(`bit ${bit}: ${state}`);
  }
  t.pass();
});

test('a lone state that does not hold is damage, and so is a file that lost its end', (t) => {
  const { file } = written(['alone']);
  t.deepEqual(readSlots(file.subarray(0, 4_095), P, crc32c), {
    faults: [{ position: 0, what: 'it is not whole', perhapsTorn: false }],
  });
  t.deepEqual(readSlots(new Uint8Array(0), P, crc32c).state, undefined);
  t.like(readSlots(new Uint8Array(8_192), P, crc32c), { faults: [{ position: 0, perhapsTorn: false }] });
  file[10] = 0;
  t.like(readSlots(file, P, crc32c), { faults: [{ position: 0, perhapsTorn: false }] });
  t.is(readSlots(file, P, crc32c).state, undefined);
});

test('the state of another partition, and one in the other slot’s place, is none', (t) => {
  const { file } = written(['a', 'b']);
  t.is(readSlots(file, id<PartitionId>(71), crc32c).state, undefined);
  const moved = file.slice();
  moved.copyWithin(0, 4_096);
  t.like(readSlots(moved, P, crc32c), { state: 'b', faults: [{ position: 0 }] });
});

test('slots are made anew for a state that has outgrown them, or that they have outgrown', (t) => {
  const large = 'y'.repeat(40_000);
  const { file, made } = written(['small', large, large]);
  t.is(made, 2);
  t.is(file.length, 2 * 65_536);
  t.is(readSlots(file, P, crc32c).state, large);
  const again = written([large, 'small']);
  t.is(again.made, 2);
  t.is(again.file.length, 8_192);
  t.is(readSlots(again.file, P, crc32c).state, 'small');
});
