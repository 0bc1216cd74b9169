/**
 * `callboard log dump`: what lies in a data folder, piece by piece, for people and programs: segments, entries, batches,
 * records, groups of the journal. Read only. Shows what is there, with what does not match said beside it; judging the
 * whole folder is log-verify.ts.
 */
import { decodeChecked } from '../../log/checked.ts';
import {
  DIRECT_FLAG,
  ENTRY_BYTES,
  type Entry,
  entryHolds,
  mismatch,
  readEntry,
  SIDECAR_SEED,
} from '../../log/entry.ts';
import { type GroupView, inspectGroup, stretchesOf } from '../../log/inspect-journal.ts';
import * as paths from '../../log/paths.ts';
import * as batches from '../../model/batch.ts';
import type { Crc32c } from '../../model/crc.ts';
import type { Offset, PartitionId } from '../../model/ids.ts';
import { MIB } from '../../model/limits.ts';
import { type Decompress, openRecords } from '../../model/record.ts';
import { FolderReader, type LogFile, type LogFolder } from './log-files.ts';
import { type Shown, show } from './record.ts';

/** Records of one batch are shown up to this size when they are decompressed. */
const RECORDS_BYTES_MAX = 64 * MIB;

export interface DumpOptions {
  readonly folder: LogFolder;
  /** Empty: all. */
  readonly partitions: readonly number[];
  /** Batches that end at or below it are left out. */
  readonly from: number;
  /** Shows this many batches of each partition at most. */
  readonly count: number;
  readonly entries: boolean;
  readonly records: boolean;
  readonly journal: boolean;
  readonly crc32c: Crc32c;
  readonly decompress: Decompress;
  /** Takes a row; what it answers is waited for. */
  emit(row: Row): Promise<void> | undefined;
}

/** One line of the dump. */
export type Row =
  | { readonly row: 'manifest'; readonly file: string; readonly content: unknown }
  | { readonly row: 'segment'; readonly file: string; readonly bytes: number; readonly entries: number }
  | ({ readonly row: 'entry'; readonly file: string; readonly at: number; readonly fault?: string } & Partial<Entry>)
  | ({
      readonly row: 'batch';
      readonly file: string;
      readonly at: number;
      readonly fault?: string;
    } & Partial<BatchShown>)
  | RecordRow
  | {
      readonly row: 'group';
      readonly file: string;
      readonly at: number;
      readonly bytes: number;
      readonly number: number;
      readonly durable: number;
      readonly entries: number;
      readonly faults: readonly string[];
    }
  | { readonly row: 'unreadable'; readonly file: string; readonly at: number; readonly bytes: number };

interface BatchShown {
  readonly partition: PartitionId;
  readonly base: Offset;
  readonly next: Offset;
  readonly bytes: number;
  readonly epoch: number;
  readonly codec: string;
  readonly count: number;
  readonly baseTimestamp: number;
  readonly maxTimestamp: number;
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly baseSequence: number;
  readonly control: boolean;
}

interface RecordRow {
  readonly row: 'record';
  readonly partition: PartitionId;
  readonly offset: Offset;
  readonly timestamp: number;
  readonly key: Shown;
  readonly value: Shown;
  readonly headers: readonly { readonly key: string; readonly value: Shown }[];
}

/** @throws when the folder or a file of it cannot be read. */
export async function dumpFolder(options: DumpOptions): Promise<void> {
  const files = await options.folder.list();
  await new Dump(options, new Map(files.map(({ path, bytes }) => [path, bytes]))).run();
}

class Dump {
  readonly #options: DumpOptions;
  readonly #files: ReadonlyMap<string, number>;
  readonly #reader: FolderReader;
  /** Batches still to be shown of the partition at hand. */
  #left = 0;

  constructor(options: DumpOptions, files: ReadonlyMap<string, number>) {
    this.#options = options;
    this.#files = files;
    this.#reader = new FolderReader(options.folder, () => {});
  }

  async run(): Promise<void> {
    const segments = new Map<PartitionId, paths.SegmentName[]>();
    for (const path of this.#files.keys()) {
      const [, name, file] = path.split('/');
      const partition = path.startsWith(`${paths.PARTITIONS_FOLDER}/`) ? paths.parsePartitionName(name ?? '') : null;
      if (partition === null || !this.#wanted(partition)) continue;
      const found = segments.get(partition) ?? [];
      segments.set(partition, found);
      const segment = paths.parseSegmentName(file ?? '');
      if (segment?.kind === 'log') found.push(segment);
    }
    for (const [partition, found] of [...segments].sort(([one], [other]) => one - other))
      await this.#partition(partition, found);
    if (this.#options.journal) await this.#journal();
  }

  #wanted(partition: number): boolean {
    return this.#options.partitions.length === 0 || this.#options.partitions.includes(partition);
  }

  async #partition(partition: PartitionId, found: readonly paths.SegmentName[]): Promise<void> {
    this.#left = this.#options.count;
    const file = paths.manifestPath(partition);
    if (this.#files.has(file)) {
      const content = decodeChecked(await this.#reader.whole(file), this.#options.crc32c);
      await this.#options.emit({
        row: 'manifest',
        file,
        content: typeof content === 'string' ? content : content.value,
      });
    }
    for (const name of found) if (this.#left > 0) await this.#segment(partition, name);
  }

  async #segment(partition: PartitionId, { base, generation }: paths.SegmentName): Promise<void> {
    const file = paths.segmentPath(partition, base, generation);
    const sidecar = paths.sidecarPath(partition, base, generation);
    const entries = this.#files.has(sidecar) ? await this.#reader.whole(sidecar) : new Uint8Array(0);
    const count = Math.floor(entries.length / ENTRY_BYTES);
    await this.#options.emit({ row: 'segment', file, bytes: this.#files.get(file) ?? 0, entries: count });
    await this.#reader.using(file, async (segment) => {
      for (let index = 0; index < count && this.#left > 0; index++)
        await this.#listed(segment, { file, sidecar }, entries, index * ENTRY_BYTES);
    });
  }

  /** An entry of the sidecar and its batch. */
  async #listed(
    segment: LogFile,
    place: { file: string; sidecar: string },
    entries: Uint8Array,
    at: number,
  ): Promise<void> {
    const { crc32c, emit } = this.#options;
    if (!entryHolds(entries, at, SIDECAR_SEED, crc32c)) {
      await emit({ row: 'entry', file: place.sidecar, at, fault: 'its checksum does not hold' });
      return;
    }
    const entry = readEntry(entries, at);
    if (entry.next <= this.#options.from) return;
    if (this.#options.entries) await emit({ row: 'entry', file: place.sidecar, at, ...entry });
    const bytes = await segment.range(entry.position, entry.position + entry.length);
    await this.#batch(place.file, entry.position, entry, bytes);
    this.#left--;
  }

  /** A batch that lies at `at` of `file`, and its records. */
  async #batch(file: string, at: number, entry: Entry, bytes: Uint8Array): Promise<void> {
    const fault = mismatch(entry, bytes, 0, this.#options.crc32c);
    const header = bytes.length < batches.BATCH_HEADER_BYTES ? {} : shownBatch(entry.partition, bytes);
    await this.#options.emit({ row: 'batch', file, at, ...header, ...(fault === null ? {} : { fault }) });
    if (!this.#options.records || fault !== null) return;
    const opened = openRecords(bytes, this.#options.decompress, RECORDS_BYTES_MAX);
    if (!opened.ok) {
      await this.#options.emit({ row: 'batch', file, at, fault: opened.fault.message });
      return;
    }
    const records = opened.value;
    while (records.next()) {
      const { offset, timestamp, key, value } = records;
      const headers = records.headers.map((header) => ({ key: header.key, value: show(header.value) }));
      await this.#options.emit({
        row: 'record',
        partition: entry.partition,
        offset,
        timestamp,
        key: show(key),
        value: show(value),
        headers,
      });
    }
    if (records.damaged)
      await this.#options.emit({ row: 'batch', file, at, fault: 'its records are not as its header says' });
  }

  async #journal(): Promise<void> {
    for (const path of this.#files.keys()) {
      if (!path.startsWith(`${paths.JOURNAL_FOLDER}/`)) continue;
      const name = paths.parseJournalName(path.slice(paths.JOURNAL_FOLDER.length + 1));
      if (name === null) continue;
      const bytes = await this.#reader.whole(path);
      for (const stretch of stretchesOf(bytes, name.sequence, this.#options.crc32c)) {
        if (stretch.kind === 'group') await this.#group(path, bytes, stretch.group);
        else if (stretch.kind === 'lost')
          await this.#options.emit({ row: 'unreadable', file: path, at: stretch.at, bytes: stretch.end - stretch.at });
      }
    }
  }

  async #group(file: string, bytes: Uint8Array, group: GroupView): Promise<void> {
    const { number, durable, count } = group.header;
    const faults = inspectGroup(bytes, group, this.#options.crc32c).map(
      ({ position, what }) => `${what} (at ${position})`,
    );
    await this.#options.emit({
      row: 'group',
      file,
      at: group.at,
      bytes: group.end - group.at,
      number,
      durable,
      entries: count,
      faults,
    });
    for (const { entryAt, bodyAt } of group.entries) {
      if (entryAt < 0) continue;
      const entry = readEntry(bytes, entryAt);
      if (!this.#wanted(entry.partition) || entry.next <= this.#options.from) continue;
      if (this.#options.entries || (entry.flags & DIRECT_FLAG) !== 0)
        await this.#options.emit({ row: 'entry', file, at: entryAt, ...entry });
      if (bodyAt >= 0) await this.#batch(file, bodyAt, entry, bytes.subarray(bodyAt, bodyAt + entry.length));
    }
  }
}

function shownBatch(partition: PartitionId, bytes: Uint8Array): BatchShown {
  const attributes = batches.readAttributes(bytes);
  return {
    partition,
    base: batches.readBaseOffset(bytes),
    next: batches.readNextOffset(bytes),
    bytes: batches.readBatchBytes(bytes),
    epoch: batches.readEpoch(bytes),
    codec: batches.codecOf(attributes) ?? `unknown ${attributes & batches.CODEC_MASK}`,
    count: batches.readRecordCount(bytes),
    baseTimestamp: batches.readBaseTimestamp(bytes),
    maxTimestamp: batches.readMaxTimestamp(bytes),
    producerId: batches.readProducerId(bytes),
    producerEpoch: batches.readProducerEpoch(bytes),
    baseSequence: batches.readBaseSequence(bytes),
    control: (attributes & batches.CONTROL_FLAG) !== 0,
  };
}
