/**
 * Carries out what a partition's log wants written: segments by whole blocks, sidecars, the manifest, the producers'
 * state; removes what is no longer named. One piece of work at a time. A plain class inside the partition's actor; decides
 * nothing about order, src/log/flushing.ts does.
 */
import type { Context } from '../runtime/actor.ts';
import type { DiskError, DiskFile } from '../runtime/ports.ts';
import { encodeChecked } from '../src/log/checked.ts';
import type { Flushing, Work } from '../src/log/flushing.ts';
import type { PartitionLog } from '../src/log/partition-log.ts';
import {
  manifestPath,
  PARTITIONS_FOLDER,
  partitionFolder,
  producersPath,
  segmentPath,
  sidecarPath,
} from '../src/log/paths.ts';
import type { Producers } from '../src/log/producers.ts';
import type { Segment } from '../src/log/segment.ts';
import type { Offset } from '../src/model/ids.ts';
import { type Step, step } from './step.ts';

/** What the writer tells its partition. */
export interface WriterEvents {
  /** A piece of work is done: offsets may have moved, and more may be to do. */
  progressed(): void;
  /** Nothing more can be written to the segment now: what is not durable is to be given up. */
  failed(error: DiskError): void;
}

type OnDisk = (error: DiskError | null) => void;

/** After the disk was full, the next try comes so much later, ms. */
const RETRY_MS = 1_000;

export class PartitionWriter {
  readonly #context: Context<Step>;
  readonly #log: PartitionLog;
  readonly #flushing: Flushing;
  readonly #producers: () => Producers;
  readonly #events: WriterEvents;
  #busy = false;
  #resting = false;
  #folder = false;
  /** The newest segment's files, open while they are in use. */
  readonly #files = new Map<string, DiskFile>();
  #snapshotTo = -1;

  constructor(
    context: Context<Step>,
    log: PartitionLog,
    flushing: Flushing,
    producers: () => Producers,
    events: WriterEvents,
  ) {
    this.#context = context;
    this.#log = log;
    this.#flushing = flushing;
    this.#producers = producers;
    this.#events = events;
  }

  get idle(): boolean {
    return !this.#busy;
  }

  /** Does the next piece of work, if there is one. */
  pump(): void {
    if (this.#busy || this.#resting) return;
    if (this.#flushing.over && this.#log.segments.length > 0) throw new Error('a segment has failed and was sealed');
    const work = this.#flushing.next();
    if (work === null) return;
    this.#busy = true;
    this.#perform(work, (error) => {
      this.#busy = false;
      if (error === null) this.#flushing.done(work);
      else this.#failed(work, error);
      this.#events.progressed();
    });
  }

  #failed(work: Work, error: DiskError): void {
    const fields = { partition: this.#log.partition, code: error.code, error: error.message };
    this.#context.log.error(fields, `the ${work.kind} could not be written`);
    if (this.#flushing.over)
      throw new Error(`after a failed segment the manifest could not be written: ${error.message}`);
    if (work.kind === 'segment' && error.code !== 'ENOSPC') this.#flushing.fail(work.segment);
    else {
      if (work.kind === 'manifest') this.#flushing.manifestFailed(work);
      this.#resting = true;
      this.#context.after(
        RETRY_MS,
        step(() => {
          this.#resting = false;
          this.#events.progressed();
        }),
      );
    }
    if (work.kind === 'segment') this.#events.failed(error);
  }

  #perform(work: Work, done: OnDisk): void {
    switch (work.kind) {
      case 'segment':
        this.#writeSegment(work, done);
        break;
      case 'sidecar':
        this.#write(work.segment, 'entries', [work.bytes], work.position, done);
        break;
      case 'manifest':
        this.#writeManifest(work, done);
        break;
    }
  }

  /** The memory is held until the write is over, whatever becomes of the chunks. */
  #writeSegment(work: Work & { kind: 'segment' }, done: OnDisk): void {
    const holds = work.memories.map((memory) => memory.retain());
    this.#context.count(
      'segment_bytes',
      work.views.reduce((sum, view) => sum + view.length, 0),
    );
    this.#write(work.segment, 'log', work.views, work.position, (error) => {
      for (const hold of holds) hold.release();
      done(error);
    });
  }

  #write(
    segment: Segment,
    kind: 'log' | 'entries',
    views: readonly Uint8Array[],
    position: number,
    done: OnDisk,
  ): void {
    this.#open(segment, kind, (error, file) => {
      if (error !== null || file === null) {
        done(error);
        return;
      }
      this.#context.disk.write(file, views, position, (failure) => step(() => done(failure)));
    });
  }

  /** Opens a file of the segment; where it is new, its name is durable before anything in it counts. */
  #open(
    segment: Segment,
    kind: 'log' | 'entries',
    done: (error: DiskError | null, file: DiskFile | null) => void,
  ): void {
    const { partition } = this.#log;
    const path = kind === 'log' ? segmentPath(partition, segment.base) : sidecarPath(partition, segment.base);
    const known = this.#files.get(path);
    if (known !== undefined) {
      done(null, known);
      return;
    }
    const { disk } = this.#context;
    this.#makeFolder((folderError) => {
      if (folderError !== null) {
        done(folderError, null);
        return;
      }
      disk.open(path, { mode: 'write', direct: kind === 'log', durable: true }, (error, file) =>
        step(() => {
          if (file !== undefined) this.#files.set(path, file);
          if (error !== null || file === undefined || segment.created) done(error, file ?? null);
          else disk.syncFolder(partitionFolder(partition), (failure) => step(() => this.#named(path, failure, done)));
        }),
      );
    });
  }

  #named(path: string, error: DiskError | null, done: (error: DiskError | null, file: DiskFile | null) => void): void {
    const file = this.#files.get(path) ?? null;
    if (error !== null && file !== null) {
      this.#files.delete(path);
      this.#context.disk.close(file, () => step(() => {}));
    }
    done(error, file);
  }

  /** The partition's folder and its name, once. */
  #makeFolder(done: OnDisk): void {
    if (this.#folder) {
      done(null);
      return;
    }
    const { disk } = this.#context;
    disk.makeFolder(partitionFolder(this.#log.partition), (error) =>
      step(() => {
        if (error !== null) done(error);
        else
          disk.syncFolder(PARTITIONS_FOLDER, (failure) =>
            step(() => {
              this.#folder = failure === null;
              done(failure);
            }),
          );
      }),
    );
  }

  #writeManifest(work: Work & { kind: 'manifest' }, done: OnDisk): void {
    const { disk } = this.#context;
    this.#makeFolder((error) => {
      if (error !== null) done(error);
      else
        disk.replace(manifestPath(this.#log.partition), work.bytes, (failure) =>
          step(() => {
            if (failure === null) for (const segment of work.remove) this.#remove(segment);
            done(failure);
          }),
        );
    });
  }

  /** What is left over after a crash is found by the start: the manifest names it no more. */
  #remove(segment: Segment): void {
    const { disk } = this.#context;
    const { partition } = this.#log;
    for (const path of [segmentPath(partition, segment.base), sidecarPath(partition, segment.base)]) {
      const file = this.#files.get(path);
      this.#files.delete(path);
      const remove = (): void => disk.remove(path, () => step(() => {}));
      if (file === undefined) remove();
      else disk.close(file, () => step(remove));
    }
  }

  /**
   * Brings the producers' state to disk, as of the end of what the segments have: the journal may forget what is below.
   * @param done is told whether that is so; if not, the journal keeps what it has and asks again.
   */
  snapshot(done: (done: boolean) => void): void {
    const upTo = this.#log.listedTo();
    const producers = this.#producers();
    if (producers.size === 0 || upTo <= this.#snapshotTo) {
      done(true);
      return;
    }
    const bytes = encodeChecked(producers.snapshot(upTo as Offset), this.#log.tools.crc32c);
    this.#makeFolder((folderError) => {
      if (folderError !== null) done(false);
      else
        this.#context.disk.replace(producersPath(this.#log.partition), bytes, (error) =>
          step(() => {
            if (error === null) this.#snapshotTo = upTo;
            done(error === null);
          }),
        );
    });
  }

  /** Closes files that are not in use. */
  closeFiles(): void {
    if (this.#busy) return;
    for (const file of this.#files.values()) this.#context.disk.close(file, () => step(() => {}));
    this.#files.clear();
  }
}
