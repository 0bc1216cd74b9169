/**
 * The files of a partition's segments that are at hand for reads: a few sidecars in leased memory, one file. Opens, loads and
 * lets go of them; whoever has a read under way keeps what it uses. Checks no batch. A plain class inside the partition's actor.
 */
import type { Context, Lease } from '../../runtime/actor.ts';
import type { DiskError, DiskFile } from '../../runtime/ports.ts';
import { ceilBlock, floorBlock } from '../../src/log/chunk.ts';
import { ENTRY_BYTES } from '../../src/log/entry.ts';
import type { PartitionLog } from '../../src/log/partition-log.ts';
import { segmentPath, sidecarPath } from '../../src/log/paths.ts';
import type { Segment } from '../../src/log/segment.ts';
import { Sidecar } from '../../src/log/sidecar.ts';
import { type Fault, fault } from '../../src/model/faults.ts';
import type { Offset } from '../../src/model/ids.ts';
import { type Step, step } from '../step.ts';

export type OnSidecar = (fault: Fault | null, sidecar: Sidecar | null) => void;
/** The lease goes with the bytes. */
export type OnBytes = (fault: Fault | null, bytes: Uint8Array | null, lease: Lease | null) => void;

/** Where memory for a read comes from. */
export type Leasing = (length: number) => Lease | null;
/** Of a segment's file. */
export interface Part {
  readonly segment: Segment;
  readonly position: number;
  readonly length: number;
  /** By way of the operating system's cache, or past it. */
  readonly cached: boolean;
}

interface OpenSidecar {
  readonly sidecar: Sidecar;
  readonly lease: Lease;
}
interface OpenFile {
  readonly segment: Segment;
  /** It is read by way of the operating system's cache. */
  readonly cached: boolean;
  readonly file: DiskFile;
  /** Reads under way: it is not closed before they have ended. */
  reads: number;
}
/** Readers at different places of the log share so many sidecars of up to 4 MiB. */
const SIDECARS_MAX = 2;

export class SegmentFiles {
  readonly #context: Context<Step>;
  readonly #log: PartitionLog;
  readonly #damaged: (first: Offset, behind: Offset, why: string) => void;
  /** By segment, least recently used first. */
  readonly #sidecars = new Map<Segment, OpenSidecar>();
  #file: OpenFile | null = null;

  /** @param damaged is told what a sidecar that does not hold was to name. */
  constructor(
    context: Context<Step>,
    log: PartitionLog,
    damaged: (first: Offset, behind: Offset, why: string) => void,
  ) {
    this.#context = context;
    this.#log = log;
    this.#damaged = damaged;
  }

  /** The sidecar of a segment where a read of `offset` needs nothing but it and the open file. */
  atHand(segment: Segment, offset: Offset, cached: boolean): Sidecar | null {
    const known = this.#sidecars.get(segment)?.sidecar;
    if (known === undefined || !this.#isOpen(segment, cached)) return null;
    return known.indexOf(offset) < known.count ? known : null;
  }

  /** The memory of a sidecar that is there stays until the lease is released. */
  hold(segment: Segment): Lease | null {
    return this.#sidecars.get(segment)?.lease.retain() ?? null;
  }

  forget(segment: Segment): void {
    this.#forgetSidecar(segment);
    if (this.#file?.segment === segment) this.#letFileGo();
  }

  forgetAll(): void {
    for (const segment of [...this.#sidecars.keys()]) this.#forgetSidecar(segment);
    this.#letFileGo();
  }

  /** One that covers `offset` where there is such a one; one at a time. */
  withSidecar(segment: Segment, offset: Offset, leasing: Leasing, done: OnSidecar): void {
    const known = this.#sidecars.get(segment);
    const covers = known !== undefined && known.sidecar.indexOf(offset) < known.sidecar.count;
    if (known !== undefined && (covers || known.sidecar.count === segment.listed)) {
      this.#sidecars.delete(segment);
      this.#sidecars.set(segment, known);
      done(null, known.sidecar);
      return;
    }
    this.#forgetSidecar(segment);
    const lease = leasing(Math.max(segment.listed * ENTRY_BYTES, 1));
    if (lease === null) {
      done(fault('OVERLOADED', 'no memory is free for a read'), null);
      return;
    }
    this.#load(segment, lease, done);
  }

  #forgetSidecar(segment: Segment): void {
    this.#sidecars.get(segment)?.lease.release();
    this.#sidecars.delete(segment);
  }

  #load(segment: Segment, lease: Lease, done: OnSidecar): void {
    const { disk } = this.#context;
    // The sidecar may grow while it is read: what was named by now is to be there.
    const end = segment.listedTo;
    const path = sidecarPath(this.#log.partition, segment.base, segment.generation);
    disk.open(path, { mode: 'read' }, (error, file) =>
      step(() => {
        if (file === undefined) {
          lease.release();
          done(readFault(path, error), null);
          return;
        }
        disk.read(file, lease.bytes, 0, (failure, count) =>
          step(() => {
            disk.close(file, () => step(() => {}));
            if (failure === null) done(null, this.#keep(segment, end, lease, count ?? 0));
            else {
              lease.release();
              done(readFault(path, failure), null);
            }
          }),
        );
      }),
    );
  }

  #keep(segment: Segment, end: Offset, lease: Lease, count: number): Sidecar {
    const place = { partition: this.#log.partition, base: segment.base, end };
    const sidecar = new Sidecar(lease.bytes.subarray(0, count), place, this.#log.tools.crc32c);
    for (const [first, behind] of sidecar.damaged) this.#damaged(first, behind, 'its sidecar does not hold');
    for (const oldest of this.#sidecars.keys()) {
      if (this.#sidecars.size < SIDECARS_MAX) break;
      this.#forgetSidecar(oldest);
    }
    this.#sidecars.set(segment, { sidecar, lease });
    return sidecar;
  }

  /** At most `length` bytes: fewer where the file ends. */
  readBytes(part: Part, leasing: Leasing, done: OnBytes): void {
    const { position, length } = part;
    const from = floorBlock(position);
    const lease = leasing(ceilBlock(position + length) - from);
    if (lease === null) {
      done(fault('OVERLOADED', 'no memory is free for a read'), null, null);
      return;
    }
    this.#open(part, (failure, open) => {
      if (open === null) {
        lease.release();
        done(failure, null, null);
        return;
      }
      open.reads++;
      this.#context.disk.read(open.file, lease.bytes, from, (error, count) =>
        step(() => {
          open.reads--;
          if (open !== this.#file) this.#closeUnused(open);
          const begins = position - from;
          const ends = Math.max(begins, Math.min(count ?? 0, begins + length));
          if (error === null) done(null, lease.bytes.subarray(begins, ends), lease);
          else {
            lease.release();
            done(readFault(open.file.path, error), null, null);
          }
        }),
      );
    });
  }

  #isOpen(segment: Segment, cached: boolean): boolean {
    return this.#file?.segment === segment && this.#file.cached === cached;
  }

  #open({ segment, cached }: Part, done: (fault: Fault | null, open: OpenFile | null) => void): void {
    if (this.#isOpen(segment, cached)) {
      done(null, this.#file);
      return;
    }
    this.#letFileGo();
    const path = segmentPath(this.#log.partition, segment.base, segment.generation);
    this.#context.disk.open(path, { mode: 'read', direct: !cached }, (error, file) =>
      step(() => {
        if (file === undefined) {
          done(readFault(path, error), null);
          return;
        }
        // Another one may have been opened meanwhile.
        this.#letFileGo();
        this.#file = { segment, cached, file, reads: 0 };
        done(null, this.#file);
      }),
    );
  }

  #letFileGo(): void {
    const open = this.#file;
    this.#file = null;
    if (open !== null) this.#closeUnused(open);
  }

  #closeUnused({ file, reads }: OpenFile): void {
    if (reads === 0) this.#context.disk.close(file, () => step(() => {}));
  }
}

function readFault(path: string, error: DiskError | null): Fault {
  if (error?.code === 'ENOENT') return fault('DATA_DAMAGED', `${path} is missing`);
  return fault('STORAGE_FAILED', `${path} could not be read: ${error?.message ?? 'no answer'}`);
}
