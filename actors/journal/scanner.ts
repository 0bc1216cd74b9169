/**
 * Reads journal files for the journal's actor, window by window: at start all that concern this shard, later those that
 * hold what a partition lost with its last life. A plain class inside the actor, not an actor. Never writes.
 */
import type { Context, Lease } from '../../runtime/actor.ts';
import type { DiskError, DiskFile } from '../../runtime/ports.ts';
import {
  type FileReport,
  FileScan,
  type FoundGroup,
  type GroupReport,
  reportGroup,
  WINDOW_BYTES,
  WINDOW_BYTES_MIN,
} from '../../src/log/journal-scan.ts';
import { JOURNAL_FOLDER } from '../../src/log/paths.ts';
import type { Crc32c } from '../../src/model/crc.ts';
import { type Step, step } from '../step.ts';

/** Gets the groups of one window and calls `next` when it needs the window no more; with `false` the file is not read on. */
type TakeWindow = (groups: readonly FoundGroup[], lease: Lease, next: (goOn?: boolean) => void) => void;

export class JournalScanner {
  readonly #context: Context<Step>;
  readonly #crc32c: Crc32c;

  constructor(context: Context<Step>, crc32c: Crc32c) {
    this.#context = context;
    this.#crc32c = crc32c;
  }

  /** Scans one file and tells what groups it has. Stops early when `skip` says so of the first. */
  report(
    name: string,
    sequence: number,
    skip: (first: GroupReport & { readonly shard: number; readonly shards: number }) => boolean,
    done: (report: FileReport) => void,
  ): void {
    const groups: GroupReport[] = [];
    let shard = 0;
    let shards = 0;
    let skipped = false;
    const take: TakeWindow = (found, _lease, next) => {
      for (const group of found) {
        const report = reportGroup(group);
        shard = group.header.shard;
        shards = group.header.shards;
        skipped ||= groups.length === 0 && skip({ ...report, shard, shards });
        groups.push(report);
      }
      next(!skipped);
    };
    const scan = new FileScan(sequence, this.#crc32c);
    const report = (): void => done({ name, sequence, shard, shards, groups, unfinished: scan.unfinished });
    // Another shard has begun already and let go of it. What this one needs waits for it: nothing of that was in there.
    this.scan(name, scan, take, report, report);
  }

  /**
   * Scans a file to its end; throws what the disk says, so that the supervisor tries again.
   * @param gone what to do when the file is not there; it throws for a file that must be.
   */
  scan(name: string, scan: FileScan, take: TakeWindow, done: () => void, gone: (() => void) | null = null): void {
    const path = `${JOURNAL_FOLDER}/${name}`;
    const { disk } = this.#context;
    disk.open(path, { mode: 'read', direct: true }, (error, file) =>
      step(() => {
        if (error?.code === 'ENOENT' && gone !== null) {
          gone();
          return;
        }
        const opened = expect(error, file, path);
        disk.size(opened, (failure, size) =>
          step(() => {
            const bytes = expect(failure, size, path);
            this.#windows(opened, bytes, scan, 0, take, () => disk.close(opened, () => step(done)));
          }),
        );
      }),
    );
  }

  #windows(file: DiskFile, size: number, scan: FileScan, position: number, take: TakeWindow, done: () => void): void {
    const lease = this.#context.lease(WINDOW_BYTES) ?? this.#context.lease(WINDOW_BYTES_MIN);
    if (lease === null) {
      this.#context.whenLeasable(step(() => this.#windows(file, size, scan, position, take, done)));
      return;
    }
    this.#context.disk.read(file, lease.bytes, position, (error, count) =>
      step(() => {
        const length = expect(error, count, file.path);
        const window = lease.bytes.subarray(0, length);
        // The journal of another shard may have cut the file's torn tail since its size was asked.
        const whole = position + length >= size || length < lease.bytes.length;
        const found = scan.scan(window, position, whole);
        take(found.groups, lease, (goOn = true) => {
          lease.release();
          if (found.ended || !goOn) done();
          else this.#windows(file, size, scan, found.next, take, done);
        });
      }),
    );
  }
}

function expect<T>(error: DiskError | null, value: T | undefined, path: string): T {
  if (error !== null || value === undefined) throw new Error(`${path}: ${error?.message ?? 'nothing was answered'}`);
  return value;
}
