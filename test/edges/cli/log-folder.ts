/**
 * A small data folder in memory, laid out as the node does it, for the judges of the inspection tools: one partition at
 * rest, with a sealed and an open segment; one whose newest batches are in the journal alone; a journal of three groups.
 */
import { crc32 } from 'node:zlib';
import { crc32c } from '@node-rs/crc32';
import type { FoundFile, LogFolder } from '../../../src/edges/cli/log-files.ts';
import { DIRECT_FLAG, ENTRY_BYTES, type Entry, SIDECAR_SEED, writeEntry } from '../../../src/log/entry.ts';
import { GroupWriter } from '../../../src/log/group.ts';
import { encodeManifest, type SegmentRecord } from '../../../src/log/manifest.ts';
import * as paths from '../../../src/log/paths.ts';
import { Producers } from '../../../src/log/producers.ts';
import { firstSlots, nextSlot } from '../../../src/log/slots.ts';
import { readCrc, readMaxTimestamp, stampBatch } from '../../../src/model/batch.ts';
import { checkedText } from '../../../src/model/checked-text.ts';
import { type Epoch, id, type Offset, type PartitionId } from '../../../src/model/ids.ts';
import { BLOCK_BYTES } from '../../../src/model/limits.ts';
import { smallBatch } from '../../model/batches.ts';

export class MemoryFolder implements LogFolder {
  readonly files = new Map<string, Uint8Array>();

  list(): Promise<FoundFile[]> {
    const names = [...this.files.keys()].sort();
    return Promise.resolve(names.map((path) => ({ path, bytes: this.files.get(path)?.length ?? 0 })));
  }

  open(path: string): ReturnType<LogFolder['open']> {
    const bytes = this.files.get(path) ?? new Uint8Array(0);
    return Promise.resolve({
      size: bytes.length,
      range: (from, to) => Promise.resolve(bytes.subarray(from, to)),
      close: () => Promise.resolve(),
    });
  }
}

/** A batch with its entry. */
export interface Placed {
  readonly entry: Entry;
  readonly bytes: Uint8Array;
}

/** Lays batches of `counts` records one behind the other into a segment. */
export function place(
  partition: PartitionId,
  segment: Offset,
  counts: readonly number[],
  from = 0,
  base = segment,
  flags = 0,
): Placed[] {
  let position = from;
  let next: number = base;
  return counts.map((count) => {
    const bytes = smallBatch(count);
    stampBatch(bytes, 0, id<Offset>(next), id<Epoch>(3));
    const entry: Entry = {
      partition,
      base: id<Offset>(next),
      next: id<Offset>(next + count),
      segment,
      position,
      length: bytes.length,
      epoch: id<Epoch>(3),
      maxTimestamp: readMaxTimestamp(bytes),
      crc: readCrc(bytes),
      durable: base,
      flags,
    };
    position += bytes.length;
    next += count;
    return { entry, bytes };
  });
}

/** Writes segment and sidecar of `listed`; `unlisted` lie in the segment alone. Answers the segment's record. */
export function writeSegment(
  folder: MemoryFolder,
  listed: readonly Placed[],
  sealed: boolean,
  unlisted: readonly Placed[] = [],
): SegmentRecord {
  const last = listed.at(-1)?.entry;
  const first = listed[0]?.entry;
  if (first === undefined || last === undefined) throw new Error('a segment has batches');
  const all = [...listed, ...unlisted];
  const bytes = last.position + last.length;
  const end = all.at(-1)?.entry ?? last;
  const segment = new Uint8Array(Math.ceil((end.position + end.length) / BLOCK_BYTES) * BLOCK_BYTES);
  for (const { entry, bytes: batch } of all) segment.set(batch, entry.position);
  const sidecar = new Uint8Array(listed.length * ENTRY_BYTES);
  for (const [index, { entry }] of listed.entries())
    writeEntry(sidecar, index * ENTRY_BYTES, entry, SIDECAR_SEED, crc32c);
  folder.files.set(paths.segmentPath(first.partition, first.segment), segment);
  folder.files.set(paths.sidecarPath(first.partition, first.segment), sidecar);
  const { segment: base, maxTimestamp } = first;
  const told = { end: last.next, bytes, entries: listed.length, maxTimestamp, openedAt: 1, sealed };
  return { base, generation: 0, tombstonesUntil: -1, ...told };
}

/** One group of a journal file. */
export function groupOf(batches: readonly Placed[], sequence: number, number: number, durable: number): Uint8Array {
  const writer = new GroupWriter(new Uint8Array(64 * 1024), crc32c);
  writer.begin(batches.length);
  for (const { entry, bytes } of batches) {
    const plain = new Uint8Array(ENTRY_BYTES);
    writeEntry(plain, 0, entry, SIDECAR_SEED, crc32c);
    writer.copyIntoGroup(plain, (entry.flags & DIRECT_FLAG) === 0 ? bytes : null);
  }
  return writer.finish({ shard: 0, shards: 1, sequence, number, durable }).slice();
}

export const RESTING = id<PartitionId>(64);
export const LIVE = id<PartitionId>(65);
export const JOURNAL_FILE = paths.journalPath(0, 7);
const zero = id<Offset>(0);

export function smallFolder(): MemoryFolder {
  const folder = new MemoryFolder();
  const put = (path: string, bytes: Uint8Array): unknown => folder.files.set(path, bytes);
  put('node.json', new TextEncoder().encode(checkedText({ format: 1 }, crc32)));

  const sealed = writeSegment(folder, place(RESTING, zero, [1, 2]), true);
  const open = writeSegment(folder, place(RESTING, sealed.end, [3]), false);
  put(
    paths.manifestPath(RESTING),
    encodeManifest(
      { partition: RESTING, begin: zero, clean: true, cleanedTo: zero, producers: true, segments: [sealed, open] },
      crc32c,
    ),
  );
  const first = firstSlots(RESTING, new Producers().snapshot(zero), crc32c);
  const second = nextSlot(first, RESTING, new Producers().snapshot(open.end), crc32c);
  put(paths.producersPath(RESTING), first.bytes);
  if (second !== null) first.bytes.set(second.bytes, second.position);

  const listed = place(LIVE, zero, [2]);
  const end = listed[0]?.entry ?? { position: 0, length: 0, next: zero };
  const direct = place(LIVE, zero, [2], end.position + end.length, end.next, DIRECT_FLAG);
  const after = direct[0]?.entry ?? end;
  const journaled = place(LIVE, zero, [1, 1], after.position + after.length, after.next);
  const record = writeSegment(folder, listed, false, direct);
  put(
    paths.manifestPath(LIVE),
    encodeManifest(
      { partition: LIVE, begin: zero, clean: false, cleanedTo: zero, producers: false, segments: [record] },
      crc32c,
    ),
  );
  const groups = [
    groupOf(listed, 7, 40, 39),
    groupOf(direct, 7, 41, 40),
    groupOf(
      journaled.map(({ entry, bytes }) => ({ entry: { ...entry, durable: after.next }, bytes })),
      7,
      42,
      41,
    ),
  ];
  put(JOURNAL_FILE, Uint8Array.from(Buffer.concat([...groups, new Uint8Array(BLOCK_BYTES)])));
  return folder;
}
