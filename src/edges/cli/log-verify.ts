/**
 * `callboard log verify`: reads every byte of a data folder and reports what is not as it was written. Offline and read
 * only; on the folder of a node that runs the newest bytes change under it. What the bytes mean is src/log's affair.
 *
 * Covered by a checksum, a copy or a check for zeros: segments up to their last batch, sidecars, manifests, snapshots of
 * producers, node.json, and the journal's groups with their padding. Not covered, because it carries nothing: what a journal file
 * still holds of an earlier use, and what lies in a segment without being named by its sidecar or, for large batches, by
 * the journal: copies of what the journal has, and behind the last batch perhaps a write that was given up.
 * Such bytes are counted as `bytesUncovered` when they are not zero, after a clean stop with a note.
 */

import { crc32 } from 'node:zlib';
import type { Finding } from '../../log/inspect.ts';
import { PARTITIONS_FOLDER, parsePartitionName } from '../../log/paths.ts';
import { readChecked } from '../../model/checked-text.ts';
import type { Crc32c } from '../../model/crc.ts';
import type { PartitionId } from '../../model/ids.ts';
import { FolderReader, type FoundFile, type LogFolder } from './log-files.ts';
import type { Verification } from './log-verification.ts';
import { verifyJournal } from './log-verify-journal.ts';
import { verifyPartition } from './log-verify-partition.ts';

const IDENTITY_FILE = 'node.json';

export interface VerifyOptions {
  readonly folder: LogFolder;
  readonly crc32c: Crc32c;
  /** Stops the work with an error when it fires. */
  readonly signal?: AbortSignal;
  /** Hears of every finding as it is made. */
  report(finding: Finding): void;
  /** Hears how far it is, in bytes of the folder. */
  progress?(bytesDone: number, bytesTotal: number): void;
}

export interface VerifySummary {
  readonly partitions: number;
  readonly segments: number;
  readonly batches: number;
  readonly groups: number;
  readonly bytes: number;
  /** Bytes that carry nothing and that nothing covers. */
  readonly bytesUncovered: number;
  readonly damage: number;
  readonly torn: number;
  readonly unclear: number;
  readonly notes: number;
}

/** @throws when the folder or a file of it cannot be read at all. */
export async function verifyFolder(options: VerifyOptions): Promise<VerifySummary> {
  const files = await options.folder.list();
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  const summary = {
    partitions: 0,
    segments: 0,
    batches: 0,
    groups: 0,
    bytes,
    bytesUncovered: 0,
    damage: 0,
    torn: 0,
    unclear: 0,
    notes: 0,
  };
  let done = 0;
  const verification: Verification = {
    files,
    crc32c: options.crc32c,
    reader: new FolderReader(options.folder, (read) => {
      options.signal?.throwIfAborted();
      done += read;
      options.progress?.(Math.min(done, bytes), bytes);
    }),
    report: (finding) => {
      summary[finding.kind === 'note' ? 'notes' : finding.kind]++;
      options.report(finding);
    },
    count: (what, by) => {
      summary[what] += by;
    },
  };
  await verifyIdentity(verification);
  const journaled = await verifyJournal(verification);
  for (const partition of partitionsOf(files, journaled.partitions))
    await verifyPartition(verification, partition, journaled);
  reportStrangers(verification);
  return summary;
}

async function verifyIdentity({ reader, files, report }: Verification): Promise<void> {
  if (!files.some(({ path }) => path === IDENTITY_FILE)) return;
  const text = new TextDecoder().decode(await reader.whole(IDENTITY_FILE));
  const { wrong } = readChecked(text, crc32);
  if (wrong !== null) report({ kind: 'damage', file: IDENTITY_FILE, position: 0, what: wrong });
}

/** Partitions with a folder, and those that are in the journal alone. */
function partitionsOf(files: readonly FoundFile[], journaled: readonly PartitionId[]): PartitionId[] {
  const partitions = new Set<PartitionId>(journaled);
  for (const { path } of files) {
    const [folder, name] = path.split('/');
    const partition = folder === PARTITIONS_FOLDER ? parsePartitionName(name ?? '') : null;
    if (partition !== null) partitions.add(partition);
  }
  return [...partitions].sort((one, other) => one - other);
}

/** Names in the folder that belong neither to the journal nor to a partition. */
function reportStrangers({ files, report }: Verification): void {
  for (const { path } of files) {
    const known = path === IDENTITY_FILE || /^(journal|partitions\/\d+)\//.test(path);
    if (!known) report({ kind: 'note', file: path, position: 0, what: 'is no file of the log' });
  }
}
