/**
 * A partition whose manifest does not hold comes back all the same: the sidecars say which segments there are and what is
 * in them. Only where the log was cut at its beginning is lost with it: what was removed and is still there comes back.
 * Reads the folder, changes nothing; what of a sidecar is damaged shows when it is read.
 */
import type { Context } from '../../runtime/actor.ts';
import type { DiskError } from '../../runtime/ports.ts';
import { ENTRY_BYTES } from '../../src/log/entry.ts';
import type { Manifest, SegmentRecord } from '../../src/log/manifest.ts';
import {
  newestSegments,
  parseSegmentName,
  partitionFolder,
  type SegmentName,
  sidecarPath,
} from '../../src/log/paths.ts';
import { Sidecar } from '../../src/log/sidecar.ts';
import type { Crc32c } from '../../src/model/crc.ts';
import { id, type PartitionId } from '../../src/model/ids.ts';
import { type Step, step } from '../step.ts';

/** @param done gets null where no sidecar is there: everything the partition has is in the journal. */
export function rebuildManifest(
  context: Context<Step>,
  partition: PartitionId,
  crc32c: Crc32c,
  done: (manifest: Manifest | null) => void,
): void {
  const records: SegmentRecord[] = [];
  const read = (names: readonly SegmentName[]): void => {
    const [name, ...others] = names;
    if (name === undefined) {
      done(joined(partition, records));
      return;
    }
    const { base, generation } = name;
    const path = sidecarPath(partition, base, generation);
    // Compaction has put several segments into one, and was about to remove this one.
    if (base < (records.at(-1)?.end ?? 0)) read(others);
    else
      context.disk.readAll(path, (error, bytes) =>
        step(() => {
          const sidecar = new Sidecar(must(path, error, bytes).slice(), { partition, base, end: null }, crc32c);
          records.push(recordOf(sidecar, name));
          read(others);
        }),
      );
  };
  const folder = partitionFolder(partition);
  context.disk.list(folder, (error, entries) =>
    step(() => {
      const names = must(folder, error, entries).map(({ name }) => parseSegmentName(name));
      read(newestSegments(names.flatMap((parsed) => (parsed?.kind === 'entries' ? [parsed] : []))));
    }),
  );

  function recordOf(sidecar: Sidecar, { base, generation }: SegmentName): SegmentRecord {
    const last = sidecar.count === 0 ? null : sidecar.entry(sidecar.count - 1);
    let maxTimestamp = -1;
    for (let index = 0; index < sidecar.count; index++)
      maxTimestamp = Math.max(maxTimestamp, sidecar.entry(index).maxTimestamp);
    return {
      base,
      generation,
      end: last?.next ?? base,
      bytes: last === null ? 0 : last.position + last.length,
      entries: Math.floor(sidecar.bytes.length / ENTRY_BYTES),
      maxTimestamp,
      openedAt: context.now(),
      sealed: true,
      // Told by its next compaction.
      tombstonesUntil: -1,
    };
  }
}

/** The log is asked for producers where their file is missing. Each segment ends where the next begins, whatever of its sidecar still says so; the last one is open. */
function joined(partition: PartitionId, records: readonly SegmentRecord[]): Manifest | null {
  const [first] = records;
  if (first === undefined) return null;
  const segments = records.map((record, index) => {
    const next = records[index + 1];
    return next === undefined ? { ...record, sealed: false } : { ...record, end: next.base };
  });
  return { partition, begin: first.base, clean: false, cleanedTo: id(0), producers: true, segments };
}

function must<T>(path: string, error: DiskError | null, value: T | undefined): T {
  if (value === undefined) throw new Error(`${path} could not be read: ${error?.message ?? 'no answer'}`);
  return value;
}
