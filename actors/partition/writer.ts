/**
 * Carries out what a partition's log wants written: segments by whole blocks, sidecars, the manifest, and by
 * producers-file.ts the producers' state; removes what is no longer named. One piece of work of each lane at a time. A plain class inside the partition's actor; decides
 * nothing about order, src/log/flushing.ts does.
 */
import type { Context } from '../../runtime/actor.ts';
import type { DiskError, DiskFile } from '../../runtime/ports.ts';
import type { Flushing, Work } from '../../src/log/flushing.ts';
import type { PartitionLog } from '../../src/log/partition-log.ts';
import { manifestPath, PARTITIONS_FOLDER, partitionFolder, segmentPath, sidecarPath } from '../../src/log/paths.ts';
import type { Producers } from '../../src/log/producers.ts';
import { isSealed, type Segment } from '../../src/log/segment.ts';
import type { Offset, PartitionId } from '../../src/model/ids.ts';
import { type Step, step } from '../step.ts';
import { ProducersFile } from './producers-file.ts';

/** What the writer tells its partition. */
export interface WriterEvents {
  /** A piece of work is done: offsets may have moved, and more may be to do. */
  progressed(): void;
  /** Nothing more can be written to the segment now: what is not durable is to be given up. */
  failed(error: DiskError): void;
}

type OnDisk = (error: DiskError | null) => void;

/** A segment is open twice: what nobody waits to be durable would pay for a durable write. */
const FILE_KINDS = ['log', 'durable log', 'entries'] as const;
type FileKind = (typeof FILE_KINDS)[number];

interface OpenFile {
  readonly file: DiskFile;
  readonly segment: Segment;
}

/** After the disk was full, the next try comes so much later, ms. */
const RETRY_MS = 1_000;

export class PartitionWriter {
  readonly #context: Context<Step>;
  readonly #log: PartitionLog;
  readonly #flushing: Flushing;
  readonly #producers: () => Producers;
  readonly #producersFile: ProducersFile;
  readonly #events: WriterEvents;
  #isWriting = false;
  #isProving = false;
  #resting = false;
  #syncTimer = false;
  #folder = false;
  /** Whose segment files will be found after a power cut. */
  readonly #named = new WeakSet<Segment>();
  /** The newest segments' files, open while they are in use. */
  readonly #files = new Map<string, OpenFile>();
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
    this.#producersFile = new ProducersFile(context, log.partition, log.tools.crc32c);
    this.#events = events;
  }

  get idle(): boolean {
    return !this.#isWriting && !this.#isProving;
  }

  /** Does the next pieces of work, if there are some. */
  pump(): void {
    if (!this.#resting && !this.#isProving) this.#prove();
    if (!this.#resting && !this.#isWriting) this.#fill();
  }

  #prove(): void {
    if (this.#flushing.over && this.#log.segments.length > 0) throw new Error('a segment has failed and was sealed');
    const work = this.#flushing.nextProof();
    if (work === null) return;
    this.#isProving = true;
    this.#perform(work, (error) => {
      this.#isProving = false;
      this.#ended(work, error);
    });
  }

  #fill(): void {
    const work = this.#flushing.nextWrite();
    if (work === null) return;
    this.#isWriting = true;
    this.#perform(work, (error) => {
      this.#isWriting = false;
      this.#ended(work, error);
    });
  }

  #ended(work: Work, error: DiskError | null): void {
    if (error === null) this.#flushing.done(work);
    else this.#failed(work, error);
    this.#syncLater();
    this.#events.progressed();
  }

  /** What was acknowledged when it was written is fsynced within the time that its topic promises. */
  #syncLater(): void {
    if (this.#syncTimer || this.#log.direct.nextToSync === null) return;
    this.#syncTimer = true;
    this.#context.after(
      this.#log.settings.flushIntervalMs,
      step(() => {
        this.#syncTimer = false;
        this.#flushing.syncDue();
        this.#events.progressed();
      }),
    );
  }

  #failed(work: Work, error: DiskError): void {
    const fields = { partition: this.#log.partition, code: error.code, error: error.message };
    this.#context.log.error(fields, `the ${work.kind} could not be written`);
    if (this.#flushing.over)
      throw new Error(`after a failed segment the manifest could not be written: ${error.message}`);
    const ofSegment = work.kind === 'segment' || work.kind === 'sync';
    const owed = ofSegment && this.#log.owes(work.segment);
    if (ofSegment && error.code !== 'ENOSPC' && !owed) this.#flushing.fail(work.segment);
    else {
      if (owed) this.#flushing.again(work.segment);
      if (work.kind === 'manifest') this.#flushing.manifestFailed(work);
      this.#rest();
    }
    if (ofSegment) this.#events.failed(error);
  }

  #rest(): void {
    this.#resting = true;
    this.#context.after(
      RETRY_MS,
      step(() => {
        this.#resting = false;
        this.#events.progressed();
      }),
    );
  }

  #perform(work: Work, done: OnDisk): void {
    switch (work.kind) {
      case 'segment':
        this.#writeSegment(work, done);
        break;
      case 'sync':
        this.#sync(work.segment, done);
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
    this.#write(work.segment, work.durable ? 'durable log' : 'log', work.views, work.position, (error) => {
      for (const hold of holds) hold.release();
      done(error);
    });
  }

  #sync(segment: Segment, done: OnDisk): void {
    this.#open(segment, 'log', (error, file) => {
      if (error !== null || file === null) done(error);
      else this.#context.disk.sync(file, (failure) => step(() => done(failure)));
    });
  }

  #write(segment: Segment, kind: FileKind, views: readonly Uint8Array[], position: number, done: OnDisk): void {
    this.#open(segment, kind, (error, file) => {
      if (error !== null || file === null) {
        done(error);
        return;
      }
      this.#context.disk.write(file, views, position, (failure) => step(() => done(failure)));
    });
  }

  /** Opens a file of the segment. Where it is new, its name is durable before anything in it counts, or a manifest tells of it. */
  #open(segment: Segment, kind: FileKind, done: (error: DiskError | null, file: DiskFile | null) => void): void {
    const { partition } = this.#log;
    const key = keyOf(kind, segment);
    const known = this.#files.get(key);
    if (known !== undefined) {
      done(null, known.file);
      return;
    }
    this.#closeSealed();
    const { disk } = this.#context;
    this.#makeFolder((folderError) => {
      if (folderError !== null) {
        done(folderError, null);
        return;
      }
      const path = pathOf(kind, partition, segment);
      disk.open(path, { mode: 'write', direct: kind !== 'entries', durable: kind !== 'log' }, (error, file) =>
        step(() => {
          if (file !== undefined) this.#files.set(key, { file, segment });
          const isNamed = segment.created || (kind !== 'entries' && this.#named.has(segment));
          if (error !== null || file === undefined || isNamed) done(error, file ?? null);
          else
            disk.syncFolder(partitionFolder(partition), (failure) =>
              step(() => this.#nameTold(kind, key, failure, done)),
            );
        }),
      );
    });
  }

  #nameTold(
    kind: FileKind,
    key: string,
    error: DiskError | null,
    done: (error: DiskError | null, file: DiskFile | null) => void,
  ): void {
    const open = this.#files.get(key);
    if (open !== undefined && error !== null) {
      this.#files.delete(key);
      this.#context.disk.close(open.file, () => step(() => {}));
    } else if (open !== undefined && kind !== 'entries') this.#named.add(open.segment);
    done(error, open?.file ?? null);
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
    const { base, generation } = segment;
    const files = FILE_KINDS.flatMap((kind) => this.#take(keyOf(kind, segment)) ?? []);
    let open = files.length;
    const remove = (): void => {
      for (const path of [segmentPath(partition, base, generation), sidecarPath(partition, base, generation)])
        disk.remove(path, () => step(() => {}));
    };
    const closed = (): void => {
      open--;
      if (open === 0) remove();
    };
    for (const file of files) disk.close(file, () => step(closed));
    if (files.length === 0) remove();
  }

  /** A log that never pauses would keep the files of all its segments open. */
  #closeSealed(): void {
    for (const [key, { file, segment }] of this.#files) {
      if (!isSealed(segment)) continue;
      this.#files.delete(key);
      this.#context.disk.close(file, () => step(() => {}));
    }
  }

  #take(key: string): DiskFile | undefined {
    const file = this.#files.get(key)?.file;
    this.#files.delete(key);
    return file;
  }

  /**
   * Brings the producers' state to disk, as of the end of what the segments have: the journal may forget what is below.
   * @param done is told whether that is so; if not, the journal keeps what it has and asks again.
   * @param changed although the end is where it was: what was on disk before is not to come back.
   */
  snapshot(done: (done: boolean) => void, changed = false): void {
    const upTo = this.#log.listedTo();
    const producers = this.#producers();
    if (!changed && (producers.isEmpty || upTo <= this.#snapshotTo)) {
      done(true);
      return;
    }
    const state = producers.snapshot(upTo as Offset);
    this.#makeFolder((folderError) => {
      if (folderError !== null) done(false);
      else
        this.#producersFile.write(state, changed, (error) => {
          if (error === null) this.#kept(upTo);
          done(error === null);
        });
    });
  }

  /** From the first one on the manifest says that there is such a file: one that is missing is noticed. */
  #kept(upTo: number): void {
    this.#snapshotTo = upTo;
    if (this.#log.keepsProducers) return;
    this.#log.keepsProducers = true;
    this.#flushing.manifestDue();
  }

  /** Closes files that are not in use. @returns false when it has to be tried again. */
  closeFiles(): boolean {
    if (!this.idle || this.#syncTimer || !this.#producersFile.idle) return false;
    this.#producersFile.close();
    for (const { file } of this.#files.values()) this.#context.disk.close(file, () => step(() => {}));
    this.#files.clear();
    return true;
  }
}

const keyOf = (kind: FileKind, segment: Segment): string => `${kind} ${segment.base} ${segment.generation}`;

function pathOf(kind: FileKind, partition: PartitionId, segment: Segment): string {
  const { base, generation } = segment;
  return kind === 'entries' ? sidecarPath(partition, base, generation) : segmentPath(partition, base, generation);
}
