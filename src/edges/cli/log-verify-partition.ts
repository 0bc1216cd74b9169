/**
 * A partition's part of `log verify`: manifest, snapshot of producers, sidecars, and every batch of every segment against
 * its entry; then, whether sidecars and journal together hold every offset.
 */
import { type Entry, mismatch } from '../../log/entry.ts';
import type { Inspected, Range, Reached } from '../../log/inspect.ts';
import * as inspect from '../../log/inspect.ts';
import type { Journaled } from '../../log/inspect-journal.ts';
import { decodeManifest, type Manifest, type SegmentRecord } from '../../log/manifest.ts';
import * as paths from '../../log/paths.ts';
import { readSlots, type SlotsFound } from '../../log/slots.ts';
import type { Offset, PartitionId } from '../../model/ids.ts';
import { MIB } from '../../model/limits.ts';
import type { LogFile } from './log-files.ts';
import type { Verification } from './log-verification.ts';

/** Bytes of a segment that are read at once; a batch that is larger is read alone. */
const WINDOW_BYTES = 8 * MIB;
const MISSING: SlotsFound = { faults: [{ position: 0, what: 'it is missing', perhapsTorn: false }] };
/** What a power cut leaves whole. */
const SECTOR_BYTES = 512;

export async function verifyPartition(
  verification: Verification,
  partition: PartitionId,
  journaled: Journaled,
): Promise<void> {
  await new PartitionWalk(verification, partition, journaled).run();
}

class PartitionWalk {
  readonly #verification: Verification;
  readonly #partition: PartitionId;
  readonly #journaled: Journaled;
  /** Files of the partition's folder by path, with their sizes. */
  readonly #files = new Map<string, number>();
  /** Offsets that sidecars and journal hold. */
  readonly #ranges: Range[] = [];
  /** Offsets that were reported: not to be told once more as missing. */
  readonly #reported = new Set<Offset>();
  /** End of the segment that was looked at last. */
  #reachedTo = 0 as Offset;

  constructor(verification: Verification, partition: PartitionId, journaled: Journaled) {
    this.#verification = verification;
    this.#partition = partition;
    this.#journaled = journaled;
    this.#ranges.push(...journaled.ranges(partition));
    const folder = `${paths.partitionFolder(partition)}/`;
    for (const { path, bytes } of verification.files) if (path.startsWith(folder)) this.#files.set(path, bytes);
  }

  async run(): Promise<void> {
    this.#verification.count('partitions', 1);
    const manifest = await this.#manifest();
    await this.#producers(manifest?.producers ?? false);
    const records = new Map(manifest?.segments.map((record) => [record.base, record]));
    for (const name of this.#segments(manifest))
      if (manifest !== null || name.base >= this.#reachedTo)
        await this.#segment(name, records.get(name.base), manifest?.clean ?? false);
    const first =
      manifest?.begin ?? this.#ranges.reduce((least, [from]) => Math.min(least, from), Number.MAX_SAFE_INTEGER);
    for (const [from, to] of inspect.gapsIn(this.#ranges, first as Offset)) {
      if (this.#reported.has(from)) continue;
      inspect.reportGap(from, to, { ...this.#inspected(paths.manifestPath(this.#partition), from), position: 0 });
    }
  }

  async #manifest(): Promise<Manifest | null> {
    const file = paths.manifestPath(this.#partition);
    const { reader, crc32c, report } = this.#verification;
    if (!this.#files.has(file)) return null;
    const manifest = decodeManifest(await reader.whole(file), crc32c);
    const what =
      typeof manifest === 'string'
        ? `manifest: ${manifest}`
        : `manifest: it belongs to partition ${manifest.partition}`;
    if (typeof manifest !== 'string' && manifest.partition === this.#partition) return manifest;
    report({ kind: 'damage', file, position: 0, partition: this.#partition, what });
    return null;
  }

  async #producers(isNamed: boolean): Promise<void> {
    const file = paths.producersPath(this.#partition);
    const { reader, crc32c, report } = this.#verification;
    const isThere = this.#files.has(file);
    if (!isThere && !isNamed) return;
    const { faults } = isThere ? readSlots(await reader.whole(file), this.#partition, crc32c) : MISSING;
    for (const { position, what, perhapsTorn } of faults) {
      const kind = perhapsTorn ? 'unclear' : 'damage';
      const rest = perhapsTorn ? `; ${inspect.UNCLEAR}` : '';
      report({ kind, file, position, partition: this.#partition, what: `snapshot of producers: ${what}${rest}` });
    }
  }

  /**
   * Segments that the manifest names, and those behind them whose files are there. What retention or compaction was about
   * to remove, or has not put into place, is only counted.
   */
  #segments(manifest: Manifest | null): paths.SegmentName[] {
    const known = new Map(manifest?.segments.map(({ base, generation }) => [base, generation]));
    const last = manifest?.segments.at(-1)?.base ?? -1;
    const found: paths.SegmentName[] = [];
    for (const [base, generation] of known) found.push({ base, generation, kind: 'log' });
    for (const [path, bytes] of this.#files) {
      const name = path.slice(path.lastIndexOf('/') + 1);
      const segment = paths.parseSegmentName(name);
      if (segment === null) this.#noteStranger(path, name);
      else if (manifest === null || (segment.base > last && segment.generation === 0)) found.push(segment);
      else if (known.get(segment.base) !== segment.generation) this.#verification.count('bytesUncovered', bytes);
    }
    return paths.newestSegments(found);
  }

  #noteStranger(file: string, name: string): void {
    if (name === 'manifest' || name === 'producers') return;
    this.#verification.report({
      kind: 'note',
      file,
      position: 0,
      partition: this.#partition,
      what: 'is no file of a partition',
    });
  }

  async #segment(
    { base, generation }: paths.SegmentName,
    record: SegmentRecord | undefined,
    clean: boolean,
  ): Promise<void> {
    const { reader, count } = this.#verification;
    const sidecar = this.#inspected(paths.sidecarPath(this.#partition, base, generation), base);
    const segment = this.#inspected(paths.segmentPath(this.#partition, base, generation), base);
    count('segments', 1);
    const entries = this.#files.has(sidecar.file)
      ? inspect.inspectSidecar(await reader.whole(sidecar.file), this.#perhapsTorn(sidecar))
      : [];
    if (record !== undefined) inspect.inspectRecord(record, entries, sidecar);
    let end = base;
    for (const entry of entries) {
      this.#cover(inspect.isCompacted(entry) ? end : entry.base, entry.next);
      end = entry.next;
    }
    this.#reachedTo = end;
    count('batches', entries.length);
    if (this.#files.has(segment.file))
      await reader.using(segment.file, (file) => this.#batches(file, entries, segment, clean));
    else if (entries.length > 0)
      segment.report({
        kind: 'damage',
        file: segment.file,
        position: 0,
        partition: this.#partition,
        offset: base,
        what: 'the segment is missing',
      });
  }

  /** Where the journal still has what a sidecar lost, an append to it was cut short: a start takes the journal's. */
  #perhapsTorn(sidecar: Inspected): Inspected {
    const journaled = this.#journaled.ranges(this.#partition);
    const holds = (offset: Offset): boolean => journaled.some(([from, to]) => from <= offset && offset < to);
    const report = (finding: inspect.Finding): void => {
      const torn = finding.offset !== undefined && holds(finding.offset);
      sidecar.report(torn ? { ...finding, kind: 'torn' } : finding);
    };
    return { ...sidecar, report };
  }

  async #batches(file: LogFile, entries: readonly Entry[], segment: Inspected, clean: boolean): Promise<void> {
    let reached: Reached = { position: 0, offset: segment.base };
    for (let from = 0; from < entries.length; ) {
      let to = from + 1;
      while (to < entries.length && endOf(entries[to]) - reached.position <= WINDOW_BYTES) to++;
      const bytes = await file.range(reached.position, endOf(entries[to - 1]));
      inspect.inspectBatches(entries.slice(from, to), bytes, reached, segment);
      const last = entries[to - 1];
      if (last !== undefined) reached = inspect.reachedBehind(last);
      from = to;
    }
    await this.#unlisted(file, reached, segment, clean);
  }

  /** What lies behind the last batch of the sidecar: large batches that the journal names, or nothing of value. */
  async #unlisted(file: LogFile, listed: Reached, segment: Inspected, clean: boolean): Promise<void> {
    let position = listed.position;
    for (const entry of this.#journaled.direct(this.#partition)) {
      if (entry.segment !== segment.base || entry.position < position) continue;
      // Small batches between large ones were written along with them; the journal's copy is the one that counts.
      await this.#countUncovered(file, position, entry.position);
      await this.#directBatch(file, entry, segment);
      position = endOf(entry);
    }
    const at = await this.#countUncovered(file, position, file.size);
    // A write that was given up, or that a crash cut short, leaves bytes there which nobody reads again.
    const what = 'bytes behind the last batch are not zero; nothing is in them';
    if (at >= 0 && clean)
      segment.report({ kind: 'note', file: segment.file, position: at, partition: this.#partition, what });
  }

  /** Counts the bytes of a range from the first that is not zero on; answers its position, -1 when there is none. */
  async #countUncovered(file: LogFile, from: number, to: number): Promise<number> {
    for (let position = from; position < Math.min(to, file.size); position += WINDOW_BYTES) {
      const window = await file.range(position, Math.min(position + WINDOW_BYTES, to));
      const at = inspect.firstNonZero(window);
      if (at < 0) continue;
      this.#verification.count('bytesUncovered', Math.min(to, file.size) - position - at);
      return position + at;
    }
    return -1;
  }

  async #directBatch(file: LogFile, entry: Entry, segment: Inspected): Promise<void> {
    const bytes = await file.range(entry.position, endOf(entry));
    const wrong = mismatch(entry, bytes, 0, this.#verification.crc32c);
    this.#verification.count('batches', 1);
    if (wrong === null) return;
    // Its entry may have been durable before its bytes were: only what later entries say of the partition tells.
    const isProven = entry.next <= this.#journaled.durable(this.#partition);
    const kind = isProven ? 'damage' : lacksSector(bytes, entry.position, entry.length) ? 'torn' : 'unclear';
    inspect.reportBatch(entry, kind === 'unclear' ? `${wrong}; ${inspect.UNCLEAR}` : wrong, {
      ...segment,
      report: (finding) => segment.report({ ...finding, kind }),
    });
  }

  #cover(from: Offset, to: Offset): void {
    const last = this.#ranges.at(-1);
    if (last !== undefined && last[1] === from) this.#ranges[this.#ranges.length - 1] = [last[0], to];
    else this.#ranges.push([from, to]);
  }

  #inspected(file: string, base: Offset): Inspected {
    const { crc32c, report } = this.#verification;
    const remember = (finding: inspect.Finding): void => {
      if (finding.offset !== undefined) this.#reported.add(finding.offset);
      report(finding);
    };
    return { file, partition: this.#partition, base, crc32c, report: remember };
  }
}

/** A disk writes whole sectors: those of a new file that it has not written are missing or zero. No flipped bit does that. */
function lacksSector(bytes: Uint8Array, position: number, length: number): boolean {
  if (bytes.length < length) return true;
  const first = (SECTOR_BYTES - (position % SECTOR_BYTES)) % SECTOR_BYTES;
  for (let at = first; at + SECTOR_BYTES <= length; at += SECTOR_BYTES)
    if (inspect.firstNonZero(bytes.subarray(at, at + SECTOR_BYTES)) < 0) return true;
  return false;
}

function endOf(entry: Entry | undefined): number {
  return entry === undefined ? 0 : entry.position + entry.length;
}
