/**
 * A state that is written again and again, in a file of two slots: each write takes the slot of the older state, in place,
 * so that what a crash cuts short leaves the other one whole. The state with the higher number is the one that counts. A
 * slot is one checked line (checked.ts), then zeros to its end. Knows nothing of what the states mean.
 */
import type { Crc32c } from '../model/crc.ts';
import type { PartitionId } from '../model/ids.ts';
import { BLOCK_BYTES } from '../model/limits.ts';
import { CHECK_BYTES, decodeChecked, encodeChecked } from './checked.ts';

const SLOTS = 2;
const NEWLINE = 0x0a;
/** A slot that has become so many times what it holds is a waste to write. */
const SHRINK_FACTOR = 8;

/** Where the newest state stands: in slot `sequence % 2`. */
export interface SlotPlace {
  readonly slotBytes: number;
  readonly sequence: number;
}

/** What is to be written, whole slots of it, and where. */
export interface SlotWrite extends SlotPlace {
  readonly bytes: Uint8Array;
  readonly position: number;
}

export interface SlotFault {
  /** Byte in the file where the slot begins. */
  readonly position: number;
  readonly what: string;
  /** The other slot holds: a crash may have cut a write of this one short. */
  readonly perhapsTorn: boolean;
}

export interface SlotsFound {
  /** The newest state that holds. */
  readonly state?: unknown;
  readonly faults: readonly SlotFault[];
}

interface Line {
  readonly partition: PartitionId;
  readonly sequence: number;
  readonly state: unknown;
}

/** A file that has this state and no other, with room for it to grow. */
export function firstSlots(partition: PartitionId, state: unknown, crc32c: Crc32c): SlotWrite {
  const line = encodeChecked({ partition, sequence: 0, state } satisfies Line, crc32c);
  let slotBytes = BLOCK_BYTES;
  while (slotBytes < 1.5 * line.length) slotBytes *= 2;
  const bytes = new Uint8Array(SLOTS * slotBytes);
  bytes.set(line);
  return { bytes, position: 0, slotBytes, sequence: 0 };
}

/** The slot that is next, or null when slots of that size no longer suit the state. */
export function nextSlot(place: SlotPlace, partition: PartitionId, state: unknown, crc32c: Crc32c): SlotWrite | null {
  const { slotBytes } = place;
  const sequence = place.sequence + 1;
  const line = encodeChecked({ partition, sequence, state } satisfies Line, crc32c);
  const isWaste = slotBytes > BLOCK_BYTES && slotBytes > SHRINK_FACTOR * line.length;
  if (line.length > slotBytes || isWaste) return null;
  const bytes = new Uint8Array(slotBytes);
  bytes.set(line);
  return { bytes, position: (sequence % SLOTS) * slotBytes, slotBytes, sequence };
}

/** Reads what was on disk: nothing about its shape is taken for granted. */
export function readSlots(bytes: Uint8Array, partition: PartitionId, crc32c: Crc32c): SlotsFound {
  if (bytes.length === 0 || bytes.length % (SLOTS * BLOCK_BYTES) !== 0)
    return { faults: [{ position: 0, what: 'it is not whole', perhapsTorn: false }] };
  const slotBytes = bytes.length / SLOTS;
  const slots = [0, 1].map((index) => {
    const slot = bytes.subarray(index * slotBytes, (index + 1) * slotBytes);
    return { position: index * slotBytes, ...readSlot(slot, index, partition, crc32c) };
  });
  const held = slots.flatMap(({ line }) => line ?? []);
  const [newest] = held.toSorted((one, other) => other.sequence - one.sequence);
  const faults = slots.flatMap(({ position, line, what }) => {
    const perhapsTorn = held.some((one) => one !== line);
    return what === null ? [] : [{ position, what, perhapsTorn }];
  });
  return newest === undefined ? { faults } : { state: newest.state, faults };
}

/** The second slot of a file that was made anew is empty. */
function readSlot(
  slot: Uint8Array,
  index: number,
  partition: PartitionId,
  crc32c: Crc32c,
): { readonly line: Line | null; readonly what: string | null } {
  if (index > 0 && isZero(slot)) return { line: null, what: null };
  const lineEnd = slot.indexOf(NEWLINE) + 1 + CHECK_BYTES;
  const line = lineOf(slot.subarray(0, lineEnd), index, partition, crc32c);
  if (typeof line === 'string') return { line: null, what: line };
  return { line, what: isZero(slot.subarray(lineEnd)) ? null : 'padding is not zero' };
}

/** The line, or in words why there is none. */
function lineOf(bytes: Uint8Array, index: number, partition: PartitionId, crc32c: Crc32c): Line | string {
  const decoded = decodeChecked(bytes, crc32c);
  if (typeof decoded === 'string') return decoded;
  // What the checksum covers was written by this file.
  const line = decoded.value as Line;
  if (line.partition !== partition) return `it belongs to partition ${line.partition}`;
  return line.sequence % SLOTS === index ? line : 'it stands in the place of another';
}

function isZero(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0);
}
