/** Places in a partition as people name them, and how the node finds the offset. Keeps nothing. */
import { id, type Offset } from '../../model/ids.ts';
import type { OffsetAt, Place } from '../../protocols/place.ts';
import type { CallOptions } from './call.ts';
import { CallboardError } from './errors.ts';
import type { Link } from './link.ts';

/** An end of the partition, or the first message from a time on, ms since 1970-01-01T00:00Z. */
export type TimedPosition = 'begin' | 'end' | { readonly timestamp: number };
/** Also an offset. */
export type Position = TimedPosition | { readonly offset: number };

/** @throws CallboardError INVALID_OPTION for what is no offset. */
export function wireOffset(offset: number): Offset {
  if (Number.isSafeInteger(offset) && offset >= 0) return id<Offset>(offset);
  throw new CallboardError('INVALID_OPTION', `offset ${offset} is not a whole number from 0`);
}

/** @throws CallboardError INVALID_OPTION for a time that is none. */
export function wirePosition(position: TimedPosition): OffsetAt {
  if (position === 'begin' || position === 'end') return position;
  const { timestamp } = position;
  if (Number.isSafeInteger(timestamp) && timestamp >= 0) return { timestamp: id(timestamp) };
  throw new CallboardError('INVALID_OPTION', `timestamp ${timestamp} is not a whole number of milliseconds from 0`);
}

/** The offsets of places, in their order. @throws CallboardError where one can't be found. */
export async function findOffsets(
  link: Link,
  wanted: readonly { readonly place: Place; readonly at: Position }[],
  options: CallOptions = {},
): Promise<readonly Offset[]> {
  const found: Offset[] = [];
  const parts = [];
  const slots: number[] = [];
  for (const [slot, { place, at }] of wanted.entries()) {
    if (typeof at === 'object' && 'offset' in at) found[slot] = wireOffset(at.offset);
    else {
      slots.push(slot);
      parts.push({ topic: place.topic, partition: place.partition, at: wirePosition(at) });
    }
  }
  if (parts.length === 0) return found;
  const reply = await link.call({ call: 'offsets', parts }, options);
  for (const [index, slot] of slots.entries()) {
    const part = reply.parts[index];
    if (part === undefined) throw new CallboardError('BAD_FRAME', 'the node left out an offset that was asked for');
    if ('fault' in part) throw CallboardError.from(part.fault);
    found[slot] = part.offset;
  }
  return found;
}
