/**
 * Reads journal files back, window by window: finds groups, also behind a bad one, and then judges a whole series of files
 * (one shard of one layout): what is whole, what is a torn tail and is cut, what is damage and stays. Reads nothing itself.
 */
import type { Crc32c } from '../model/crc.ts';
import type { Offset, PartitionId } from '../model/ids.ts';
import { BLOCK_BYTES } from '../model/limits.ts';
import { DIRECT_FLAG, mismatch, readEntry } from './entry.ts';
import {
  GROUP_HEADER_BYTES,
  type GroupHeader,
  groupBytes,
  headersAgree,
  paddingIsZero,
  readEntries,
  readHeader,
} from './group.ts';
import { GROUP_BYTES_MAX } from './journal.ts';
import type { TailBatch } from './replay.ts';

/** A window holds a whole group wherever it begins, and whatever shows that a bad one has a successor. */
export const WINDOW_BYTES_MIN = 3 * GROUP_BYTES_MAX;
/** Two groups' worth at the end of a window are read once more with the next one: of a longer window that is less. */
export const WINDOW_BYTES = 8 * GROUP_BYTES_MAX;

export interface FoundGroup {
  readonly header: GroupHeader;
  /** File position. */
  readonly position: number;
  readonly batches: readonly TailBatch[];
  /** Every bit is as it was written. */
  readonly clean: boolean;
}
/** `groups` of the window in order; go on with a window from `next`, or stop there where `ended`. */
export interface ScannedWindow {
  readonly groups: readonly FoundGroup[];
  readonly next: number;
  readonly ended: boolean;
}

export class FileScan {
  readonly #sequence: number;
  readonly #crc32c: Crc32c;
  #last = 0;
  /** A group that began at the end of the file and is not whole. */
  unfinished: { readonly number: number; readonly position: number } | null = null;

  constructor(sequence: number, crc32c: Crc32c) {
    this.#sequence = sequence;
    this.#crc32c = crc32c;
  }

  /** @param position file position of the window's first byte; `whole`: the file ends with the window. */
  scan(window: Uint8Array, position: number, whole: boolean): ScannedWindow {
    const groups: FoundGroup[] = [];
    let at = 0;
    for (;;) {
      if (!whole && window.length - at < 2 * GROUP_BYTES_MAX) return { groups, next: position + at, ended: false };
      const start = this.#nextGroup(window, at);
      if (start === null) {
        const begun = this.#header(window, at);
        if (begun !== null) this.unfinished = { number: begun.number, position: position + at };
        return { groups, next: position + at, ended: true };
      }
      const group = this.#read(window, start.at, start.header, position);
      this.#last = group.header.number;
      groups.push(group);
      at = start.at + groupBytes(start.header.count, start.header.bodyBytes);
    }
  }

  /** The group at `at`, or the first behind it when that one cannot be told; null when none follows. */
  #nextGroup(window: Uint8Array, at: number): { at: number; header: GroupHeader } | null {
    const to = Math.min(window.length, at + 2 * GROUP_BYTES_MAX);
    for (let block = at; block < to; block += BLOCK_BYTES) {
      const header = this.#header(window, block);
      if (header !== null && fits(window, block, header)) return { at: block, header };
      const end = block + BLOCK_BYTES;
      const footer = this.#header(window, end - GROUP_HEADER_BYTES);
      if (footer === null) continue;
      const begin = end - groupBytes(footer.count, footer.bodyBytes);
      if (begin >= at) return { at: begin, header: footer };
    }
    return null;
  }

  /** A header of this file that comes after what was found so far: what a recycled file held before never passes. */
  #header(window: Uint8Array, at: number): GroupHeader | null {
    const header = readHeader(window, at, this.#crc32c);
    return header !== null && header.sequence === this.#sequence && header.number > this.#last ? header : null;
  }

  #read(window: Uint8Array, at: number, header: GroupHeader, position: number): FoundGroup {
    const entries = readEntries(window, at, header, this.#crc32c);
    let clean = headersAgree(window, at, header) && paddingIsZero(window, at, header);
    const batches: TailBatch[] = [];
    for (const { entryAt, bodyAt, clean: entryClean } of entries) {
      if (!entryClean) clean = false;
      if (entryAt < 0) continue;
      const entry = readEntry(window, entryAt);
      const isDirect = (entry.flags & DIRECT_FLAG) !== 0;
      const body = bodyAt < 0 ? null : window.subarray(bodyAt, bodyAt + entry.length);
      const damaged = !isDirect && (body === null || mismatch(entry, body, 0, this.#crc32c) !== null);
      if (damaged) clean = false;
      batches.push({ entry, body, damaged });
    }
    return { header, position: position + at, batches, clean };
  }
}

function fits(window: Uint8Array, at: number, header: GroupHeader): boolean {
  return groupBytes(header.count, header.bodyBytes) <= window.length - at;
}

/** What is known of one file after its scan. */
export interface FileReport {
  readonly name: string;
  readonly sequence: number;
  /** Of the first group; 0 when the file has none. */
  readonly shard: number;
  readonly shards: number;
  readonly groups: readonly GroupReport[];
  readonly unfinished: FileScan['unfinished'];
}
export interface GroupReport {
  readonly number: number;
  readonly durable: number;
  readonly position: number;
  readonly clean: boolean;
  readonly partitions: readonly { readonly partition: PartitionId; readonly next: Offset; readonly durable: Offset }[];
}

export function reportGroup(group: FoundGroup): GroupReport {
  const partitions = new Map<PartitionId, { partition: PartitionId; next: Offset; durable: Offset }>();
  for (const { entry } of group.batches) {
    const known = partitions.get(entry.partition);
    if (known === undefined)
      partitions.set(entry.partition, { partition: entry.partition, next: entry.next, durable: entry.durable });
    else {
      known.next = entry.next;
      known.durable = Math.max(known.durable, entry.durable) as Offset;
    }
  }
  const { header, position, clean } = group;
  return { number: header.number, durable: header.durable, position, clean, partitions: [...partitions.values()] };
}

/** What is to be done with one file of a series. */
export interface FileJudgement {
  readonly file: FileReport;
  /** Groups with these numbers count: from, behind the last. */
  readonly numbers: readonly [number, number];
  /** The file is to be cut here: what follows was not acknowledged. */
  readonly cutAt: number | null;
  /**
   * From here on nothing proves that an fsync has succeeded: what is read may stand in a cache alone, and the next fsync
   * would not tell. It is to be written once more.
   */
  readonly unprovenFrom: number | null;
  /** Numbers of groups that were acknowledged and are not as they were written. */
  readonly damaged: readonly number[];
}

/** Judges the files of one series, ascending by sequence. */
export function judge(files: readonly FileReport[]): readonly FileJudgement[] {
  let durable = 0;
  for (const file of files) for (const group of file.groups) durable = Math.max(durable, group.durable);
  const judgements: FileJudgement[] = [];
  let torn = false;
  let expected = 0;
  for (const [index, file] of files.entries()) {
    // A later file that begins with a lower number took over there: its predecessor had failed.
    const behind = files.slice(index + 1).find((later) => later.groups.length > 0)?.groups[0]?.number;
    const judged = judgeFile(file, durable, behind ?? Number.POSITIVE_INFINITY, torn, expected);
    if (file.groups.length > 0) expected = judged.numbers[1];
    const unproven = file.groups.find((group) => group.number > durable && group.number < judged.numbers[1]);
    const judgement = { ...judged, unprovenFrom: unproven?.position ?? null };
    torn ||= judgement.cutAt !== null;
    judgements.push(judgement);
  }
  return judgements;
}

/** @param expectedFirst number that follows the last group of the file before; 0 when there is none. */
function judgeFile(
  file: FileReport,
  durable: number,
  behind: number,
  tornBefore: boolean,
  expectedFirst: number,
): Omit<FileJudgement, 'unprovenFrom'> {
  const first = file.groups[0]?.number ?? 0;
  const damaged: number[] = [];
  let expected = expectedFirst === 0 ? first : Math.min(first, expectedFirst);
  if (tornBefore) return { file, numbers: [first, first], cutAt: 0, damaged };
  for (const group of file.groups) {
    if (group.number >= behind) break;
    for (let missing = expected; missing < group.number && missing <= durable; missing++) damaged.push(missing);
    const hole = group.number > expected && expected > durable;
    if (group.number > durable && (!group.clean || hole))
      return { file, numbers: [first, group.number], cutAt: group.position, damaged };
    if (!group.clean) damaged.push(group.number);
    expected = group.number + 1;
  }
  const { unfinished } = file;
  if (unfinished === null || unfinished.number >= behind)
    return { file, numbers: [first, expected], cutAt: null, damaged };
  if (unfinished.number > durable) return { file, numbers: [first, expected], cutAt: unfinished.position, damaged };
  damaged.push(unfinished.number);
  return { file, numbers: [first, unfinished.number + 1], cutAt: null, damaged };
}
