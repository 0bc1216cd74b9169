/**
 * What the journal's actor finds at start: reads the journal files of its own shard and those that another number of
 * shards left behind, has them judged, cuts torn tails and makes sure that what is left is durable. Plain functions.
 */
import type { Context } from '../../runtime/actor.ts';
import type { DiskEntry, DiskError } from '../../runtime/ports.ts';
import { type FileJudgement, type FileReport, judge } from '../../src/log/journal-scan.ts';
import { JOURNAL_FOLDER, PARTITIONS_FOLDER, parseJournalName } from '../../src/log/paths.ts';
import type { Crc32c } from '../../src/model/crc.ts';
import type { Offset, PartitionId } from '../../src/model/ids.ts';
import { rewrite } from '../rewrite.ts';
import { type Step, step } from '../step.ts';
import { JournalScanner } from './scanner.ts';

export interface StartFile {
  readonly name: string;
  readonly needs: ReadonlyMap<PartitionId, Offset>;
  /** Groups with this number and later ones do not count. */
  readonly behind: number;
  readonly recycle: boolean;
}
export interface JournalStart {
  readonly nextNumber: number;
  readonly nextSequence: number;
  /** In the order in which they were written. */
  readonly files: readonly StartFile[];
  /** Highest durable offset known of each partition. */
  readonly durable: ReadonlyMap<PartitionId, Offset>;
  readonly damaged: ReadonlySet<string>;
  /** Files of another layout: all shards read them, shard 0 removes them. */
  readonly shared: ReadonlySet<string>;
}

export function readJournals(context: Context<Step>, crc32c: Crc32c, done: (start: JournalStart) => void): void {
  new Start(context, crc32c, done).begin();
}

class Start {
  readonly #context: Context<Step>;
  readonly #scanner: JournalScanner;
  readonly #done: (start: JournalStart) => void;
  readonly #reports: FileReport[] = [];
  #names: { readonly name: string; readonly shard: number; readonly sequence: number }[] = [];

  constructor(context: Context<Step>, crc32c: Crc32c, done: (start: JournalStart) => void) {
    this.#context = context;
    this.#scanner = new JournalScanner(context, crc32c);
    this.#done = done;
  }

  /** Both folders of the log are made here, and their names durable, before anything is written into them. */
  begin(): void {
    const { disk } = this.#context;
    const list = (): void =>
      disk.list(JOURNAL_FOLDER, (error, entries) => step(() => this.#listed(error, entries ?? [])));
    const then = (next: () => void) => (error: DiskError | null) =>
      step(() => {
        must(error);
        next();
      });
    const sync = (): void => disk.syncFolder('.', then(list));
    const second = (): void => disk.makeFolder(PARTITIONS_FOLDER, then(sync));
    disk.makeFolder(JOURNAL_FOLDER, then(second));
  }

  #listed(error: DiskError | null, entries: readonly DiskEntry[]): void {
    must(error);
    for (const { name } of entries) {
      const parsed = parseJournalName(name);
      if (parsed !== null) this.#names.push({ name, ...parsed });
    }
    this.#names.sort((a, b) => a.sequence - b.sequence || a.shard - b.shard);
    this.#scan(0);
  }

  /** One file after the other: their order is the order of what is in them. */
  #scan(index: number): void {
    const file = this.#names[index];
    if (file === undefined) {
      this.#judge();
      return;
    }
    const { shard, shards } = this.#context;
    const ofOther = (first: { shard: number; shards: number }): boolean =>
      first.shards === shards && first.shard !== shard;
    this.#scanner.report(file.name, file.sequence, ofOther, (report) => {
      const isEmpty = report.groups.length === 0;
      if (isEmpty ? this.#ownsEmpty(file.shard) : !ofOther(report)) this.#reports.push(report);
      this.#scan(index + 1);
    });
  }

  #ownsEmpty(shard: number): boolean {
    return shard === this.#context.shard || (shard >= this.#context.shards && this.#context.shard === 0);
  }

  #judge(): void {
    const series = new Map<string, FileReport[]>();
    for (const report of this.#reports) {
      const key = report.groups.length === 0 ? `empty ${report.name}` : `${report.shards}/${report.shard}`;
      series.set(key, [...(series.get(key) ?? []), report]);
    }
    const judgements = [...series.values()].flatMap((files) => judge(files));
    judgements.sort((a, b) => a.file.sequence - b.file.sequence || (a.file.name < b.file.name ? -1 : 1));
    this.#settle(judgements, 0, this.#result(judgements));
  }

  /** Cuts what is torn and makes the rest durable: only then may anybody see it. */
  #settle(judgements: readonly FileJudgement[], index: number, start: JournalStart): void {
    const judgement = judgements[index];
    if (judgement === undefined) {
      this.#done(start);
      return;
    }
    const path = `${JOURNAL_FOLDER}/${judgement.file.name}`;
    this.#tell(judgement, path);
    const next = (): void => this.#settle(judgements, index + 1, start);
    const prove = (): void => {
      const from = judgement.unprovenFrom ?? Number.POSITIVE_INFINITY;
      rewrite(this.#context, { path, direct: true, from, to: Number.POSITIVE_INFINITY }, next);
    };
    const { cutAt } = judgement;
    if (cutAt === null) prove();
    else this.#cut(path, cutAt, prove);
  }

  #cut(path: string, position: number, done: () => void): void {
    const { disk } = this.#context;
    disk.open(path, { mode: 'write', direct: true }, (error, file) =>
      step(() => {
        must(error);
        if (file === undefined) return;
        disk.truncate(file, position, (failure) =>
          step(() => {
            must(failure);
            disk.close(file, () => step(done));
          }),
        );
      }),
    );
  }

  #tell({ cutAt, damaged, file }: FileJudgement, path: string): void {
    if (cutAt !== null) {
      const unfinished = file.unfinished === null ? 0 : 1;
      const cut = file.groups.filter((group) => group.position >= cutAt).length + unfinished;
      this.#context.log.warn({ file: path, position: cutAt, groups: cut }, 'a torn tail was cut off the journal');
    }
    if (damaged.length > 0) this.#context.log.error({ file: path, groups: damaged }, 'the journal is damaged');
  }

  #result(judgements: readonly FileJudgement[]): JournalStart {
    const { shard, shards } = this.#context;
    const files: StartFile[] = [];
    const durable = new Map<PartitionId, Offset>();
    const damaged = new Set<string>();
    const shared = new Set<string>();
    let nextNumber = 1;
    for (const judgement of judgements) {
      const { file, numbers } = judgement;
      const isOwn = file.groups.length === 0 || (file.shards === shards && file.shard === shard);
      if (isOwn) nextNumber = Math.max(nextNumber, numbers[1]);
      else shared.add(file.name);
      if (judgement.damaged.length > 0) damaged.add(file.name);
      const needs = needsOf(judgement, (partition) => partition % shards === shard, durable);
      files.push({ name: file.name, needs, behind: numbers[1], recycle: false });
    }
    const nextSequence = Math.max(0, ...this.#names.map((name) => name.sequence)) + 1;
    return { nextNumber, nextSequence, files, durable, damaged, shared };
  }
}

function needsOf(
  { file, numbers }: FileJudgement,
  isOurs: (partition: PartitionId) => boolean,
  durable: Map<PartitionId, Offset>,
): ReadonlyMap<PartitionId, Offset> {
  const needs = new Map<PartitionId, Offset>();
  for (const group of file.groups) {
    if (group.number >= numbers[1]) break;
    for (const { partition, next, durable: known } of group.partitions) {
      if (!isOurs(partition)) continue;
      needs.set(partition, next);
      durable.set(partition, Math.max(durable.get(partition) ?? 0, known) as Offset);
    }
  }
  return needs;
}

/** Without its journal a shard can do nothing: the supervisor tries again. */
function must(error: DiskError | null): void {
  if (error !== null) throw new Error(`the journal could not be read: ${error.message}`);
}
