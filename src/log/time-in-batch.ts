/**
 * The first record of a time in one batch, for look-ups by time: to the record also where it is compressed, which a job
 * thread opens. Decides nothing about which batch that is.
 */
import {
  codecOf,
  LOG_APPEND_TIME_FLAG,
  readAttributes,
  readBaseOffset,
  readBaseTimestamp,
  readMaxTimestamp,
} from '../model/batch.ts';
import type { Codecs } from '../model/batch-demands.ts';
import type { Offset } from '../model/ids.ts';
import { OpenBatch } from './rewriting.ts';

export interface TimePiece {
  readonly batch: Uint8Array;
  /** Ms since 1970. */
  readonly time: number;
  /** Records before are none: the log begins here. */
  readonly from: Offset;
}
export interface TimeFound {
  readonly offset: Offset;
  readonly timestamp: number;
}

/** Where all records have the same time, or can be read as they lie, nobody has to be asked. */
export function isOpenForTime(batch: Uint8Array): boolean {
  const attributes = readAttributes(batch);
  return codecOf(attributes) === 'none' || (attributes & LOG_APPEND_TIME_FLAG) !== 0;
}

/** Of a batch that cannot be opened, or is too large to be, itself: its first records may be older. */
export function firstOfTime({ batch, time, from }: TimePiece, codecs: Codecs): TimeFound {
  const base = readBaseOffset(batch);
  const whole = { offset: Math.max(base, from) as Offset, timestamp: readMaxTimestamp(batch) };
  const open = (readAttributes(batch) & LOG_APPEND_TIME_FLAG) !== 0 ? null : OpenBatch.open(batch, codecs);
  let found: TimeFound | null = null;
  const first = readBaseTimestamp(batch);
  open?.each(({ offsetDelta, timestampDelta }) => {
    const offset = (base + offsetDelta) as Offset;
    if (found === null && offset >= from && first + timestampDelta >= time)
      found = { offset, timestamp: first + timestampDelta };
  });
  return found ?? whole;
}
