/**
 * What can be said about a journal file by looking at it: finds the groups one behind the other, also behind one that is
 * damaged, and compares headers, entries, bodies and padding. For the inspection tools: reports, repairs nothing, and
 * tells a torn tail from damage only as far as the bytes do.
 */
import type { Crc32c } from '../model/crc.ts';
import type { Offset, PartitionId } from '../model/ids.ts';
import { BLOCK_BYTES } from '../model/limits.ts';
import { DIRECT_FLAG, type Entry, mismatch, readEntry } from './entry.ts';
import {
  GROUP_HEADER_BYTES,
  type GroupEntry,
  type GroupHeader,
  groupBytes,
  headersAgree,
  paddingIsZero,
  readEntries,
  readHeader,
} from './group.ts';
import type { Range } from './inspect.ts';

/** A group of a journal file, whole or not. */
export interface GroupView {
  /** Position in the file, and behind it. */
  readonly at: number;
  readonly end: number;
  readonly header: GroupHeader;
  readonly entries: readonly GroupEntry[];
}

/** What does not match in a group; `entry` where it is known whose records are hit. */
export interface GroupFault {
  readonly position: number;
  readonly entry?: Entry;
  readonly what: string;
}

/** One stretch of a journal file: a group, bytes between groups that are none, or the end of what belongs to the file. */
export type Stretch =
  | { readonly kind: 'group'; readonly group: GroupView }
  | { readonly kind: 'lost'; readonly at: number; readonly end: number }
  | { readonly kind: 'rest'; readonly at: number };

/** Walks a journal file of that sequence from its beginning. The rest, older groups or zeros, is the last stretch. */
export function* stretchesOf(bytes: Uint8Array, sequence: number, crc32c: Crc32c): Generator<Stretch, void, undefined> {
  let at = 0;
  for (;;) {
    const group = groupAt(bytes, at, sequence, crc32c);
    if (group !== null) {
      yield { kind: 'group', group };
      at = group.end;
      continue;
    }
    const next = nextGroup(bytes, at, sequence, crc32c);
    if (next < 0) break;
    yield { kind: 'lost', at, end: next };
    at = next;
  }
  yield { kind: 'rest', at };
}

/** The group that begins at `at`, by its header or by the copy of it at its end. */
function groupAt(bytes: Uint8Array, at: number, sequence: number, crc32c: Crc32c): GroupView | null {
  if (at >= bytes.length) return null;
  const header = ownHeader(bytes, at, sequence, crc32c) ?? headerAtEnd(bytes, at, sequence, crc32c);
  if (header === null) return null;
  const end = at + groupBytes(header.count, header.bodyBytes);
  if (end > bytes.length) return null;
  return { at, end, header, entries: readEntries(bytes, at, header, crc32c) };
}

function ownHeader(bytes: Uint8Array, at: number, sequence: number, crc32c: Crc32c): GroupHeader | null {
  const header = readHeader(bytes, at, crc32c);
  return header?.sequence === sequence ? header : null;
}

/** The first header of this file that ends a block behind `at`, when it is the one of a group that begins at `at`. */
function headerAtEnd(bytes: Uint8Array, at: number, sequence: number, crc32c: Crc32c): GroupHeader | null {
  for (let end = at + BLOCK_BYTES; end <= bytes.length; end += BLOCK_BYTES) {
    const header = ownHeader(bytes, end - GROUP_HEADER_BYTES, sequence, crc32c);
    if (header === null) continue;
    return groupBytes(header.count, header.bodyBytes) === end - at ? header : null;
  }
  return null;
}

/** Where the next group behind `at` begins that can be read; -1 when there is none. */
function nextGroup(bytes: Uint8Array, at: number, sequence: number, crc32c: Crc32c): number {
  for (let next = at + BLOCK_BYTES; next < bytes.length; next += BLOCK_BYTES) {
    const header = ownHeader(bytes, next, sequence, crc32c);
    if (header !== null && next + groupBytes(header.count, header.bodyBytes) <= bytes.length) return next;
  }
  return -1;
}

/** Everything of a group that is not as it was written, in the order of the file. */
export function inspectGroup(bytes: Uint8Array, group: GroupView, crc32c: Crc32c): GroupFault[] {
  const faults: GroupFault[] = [];
  const { at, end, header } = group;
  if (!headersAgree(bytes, at, header)) faults.push({ position: at, what: 'the two copies of its header differ' });
  for (const { entryAt, bodyAt, clean } of group.entries) {
    if (entryAt < 0) {
      faults.push({ position: at, what: 'both copies of an entry are damaged' });
      continue;
    }
    const entry = readEntry(bytes, entryAt);
    if (!clean) faults.push({ position: entryAt, entry, what: 'the two copies of an entry differ' });
    const wrong = bodyAt < 0 ? null : mismatch(entry, bytes, bodyAt, crc32c);
    if (wrong !== null) faults.push({ position: bodyAt, entry, what: `batch of ${entry.length} bytes: ${wrong}` });
  }
  if (!paddingIsZero(bytes, at, header))
    faults.push({ position: end - GROUP_HEADER_BYTES, what: 'the padding before its last header is not zero' });
  return faults;
}

/** What the journal of a folder holds of its partitions: gathered group by group, asked when segments are inspected. */
export class Journaled {
  readonly #ranges = new Map<PartitionId, [Offset, Offset][]>();
  readonly #direct = new Map<PartitionId, Entry[]>();
  readonly #durable = new Map<PartitionId, Offset>();

  note(entry: Entry): void {
    const { partition, base, next, flags, durable } = entry;
    const ranges = this.#ranges.get(partition) ?? [];
    this.#ranges.set(partition, ranges);
    const last = ranges.at(-1);
    // Entries of a partition come in order: most of them only make the last range longer.
    if (last !== undefined && last[0] <= base && base <= last[1]) last[1] = Math.max(last[1], next) as Offset;
    else ranges.push([base, next]);
    this.#durable.set(partition, Math.max(durable, this.durable(partition)) as Offset);
    if ((flags & DIRECT_FLAG) === 0) return;
    const direct = this.#direct.get(partition) ?? [];
    this.#direct.set(partition, direct);
    direct.push(entry);
  }

  get partitions(): readonly PartitionId[] {
    return [...this.#ranges.keys()];
  }

  /** Offsets that the journal has entries of. */
  ranges(partition: PartitionId): readonly Range[] {
    return this.#ranges.get(partition) ?? [];
  }

  /** Entries of batches whose bytes are in the segments. */
  direct(partition: PartitionId): readonly Entry[] {
    return this.#direct.get(partition) ?? [];
  }

  /** Everything of the partition below this was durable when its newest entry was made. */
  durable(partition: PartitionId): Offset {
    return this.#durable.get(partition) ?? (0 as Offset);
  }
}
