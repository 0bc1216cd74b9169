/**
 * Reads a partition's segments for readers behind the tail: the sidecar tells where, the bytes go to leased memory past
 * the page cache, and every batch is checked against its entry before it is answered. One read at a time, in order; when
 * none waits, what comes next for readers in sequence. A plain class inside the partition's actor.
 */
import type { Context, Lease } from '../../runtime/actor.ts';
import type { DiskError, DiskFile } from '../../runtime/ports.ts';
import { ceilBlock, floorBlock } from '../../src/log/chunk.ts';
import { ENTRY_BYTES, readEntry } from '../../src/log/entry.ts';
import type { PartitionLog } from '../../src/log/partition-log.ts';
import { segmentPath, sidecarPath } from '../../src/log/paths.ts';
import { checkRead, noteDamage, planRead, type ReadPlan, segmentOf } from '../../src/log/reading.ts';
import type { Segment } from '../../src/log/segment.ts';
import { Sidecar } from '../../src/log/sidecar.ts';
import { type Fault, fault, type Result } from '../../src/model/faults.ts';
import type { Offset } from '../../src/model/ids.ts';
import { MIB } from '../../src/model/limits.ts';
import { journalAddress } from '../journal/contract.ts';
import { type Step, step } from '../step.ts';
import { RANGE_BYTES_MAX, ReadAhead, type ReadAheadRoom, type ReadBytes } from './read-ahead.ts';

/** What a scan compares. The receiver releases the lease. */
export interface Piece {
  readonly sidecar: Sidecar;
  readonly plan: ReadPlan;
  readonly bytes: Uint8Array;
  readonly lease: Lease;
}
type OnRead = (fault: Fault | null, read: ReadBytes | null) => void;
type OnSidecar = (fault: Fault | null, sidecar: Sidecar | null) => void;

interface OpenSidecar {
  readonly sidecar: Sidecar;
  readonly lease: Lease | null;
}
/** Readers at different places of the log share so many sidecars of up to 4 MiB. */
const SIDECARS_MAX = 2;
/** One read: more comes with the next. Longer runs of memory are hard to get. */
const READ_BYTES_MAX = MIB;
/** Reads that wait for their turn; whoever comes later hears OVERLOADED. */
const QUEUE_MAX = 1_000;

export class PartitionReader {
  readonly #context: Context<Step>;
  readonly #log: PartitionLog;
  readonly #queue: (() => void)[] = [];
  #busy = false;
  /** By segment, least recently used first. */
  readonly #sidecars = new Map<Segment, OpenSidecar>();
  #file: { readonly segment: Segment; readonly file: DiskFile } | null = null;
  readonly #ahead: ReadAhead;

  constructor(context: Context<Step>, log: PartitionLog, aheadRoom: ReadAheadRoom) {
    this.#context = context;
    this.#log = log;
    this.#ahead = new ReadAhead(context, log, aheadRoom);
  }

  /** Batches from the one that holds `offset`, up to `upTo`; null at the end of what the segment names. */
  read(segment: Segment, offset: Offset, bytesMax: number, upTo: Offset, done: OnRead): void {
    const answer: OnRead = (problem, read) => {
      const now = problem === null ? null : this.#replacementOf(segment, offset);
      if (now !== null) {
        this.read(now, offset, bytesMax, upTo, done);
        return;
      }
      if (read !== null) this.#ahead.answered(segment, offset, read.next);
      done(problem, read);
    };
    const held = this.#ahead.take(segment, offset, bytesMax, upTo);
    if (held !== null) {
      answer(null, held);
      this.#advance();
      return;
    }
    this.#enqueue(
      (next) => this.#readNow(segment, offset, bytesMax, upTo, (problem, read) => next(() => answer(problem, read))),
      (refusal) => done(refusal, null),
    );
  }

  /** Compaction may have put another segment in its place, whose files were removed before they were read. */
  #replacementOf(segment: Segment, offset: Offset): Segment | null {
    return this.#log.segments.includes(segment) ? null : segmentOf(this.#log, offset);
  }

  #readNow(segment: Segment, offset: Offset, bytesMax: number, upTo: Offset, done: OnRead): void {
    // It may have been read ahead while this waited for its turn.
    const held = this.#ahead.take(segment, offset, bytesMax, upTo);
    if (held !== null) {
      done(null, held);
      return;
    }
    this.#withSidecar(segment, offset, (failure, sidecar) => {
      if (sidecar === null) {
        done(failure, null);
        return;
      }
      const plan = planRead(this.#log, sidecar, offset, Math.min(bytesMax, READ_BYTES_MAX), upTo);
      this.#readBy(segment, sidecar, plan, done);
    });
  }

  /** What goes wrong here is told by the read that comes for it. */
  #readAhead(): void {
    const place = this.#ahead.begin();
    if (place === null) return;
    const { segment, offset } = place;
    this.#busy = true;
    const end = (read: ReadBytes | null): void => {
      this.#ahead.end(place, read);
      this.#busy = false;
      this.#advance();
    };
    this.#withSidecar(segment, offset, (_failure, sidecar) => {
      const plan = sidecar === null ? null : planRead(this.#log, sidecar, offset, RANGE_BYTES_MAX);
      const found =
        plan?.ok === true && plan.value !== null && plan.value.length <= RANGE_BYTES_MAX ? plan.value : null;
      if (sidecar === null || found === null) end(null);
      else this.#readPlan(segment, sidecar, found, (_problem, read) => end(read));
    });
  }

  /** Batches from `offset` on, unchecked and also where they are known as damaged; null where none can be read. */
  piece(segment: Segment, offset: Offset, bytesMax: number, done: (piece: Piece | null) => void): void {
    this.#enqueue(
      (next) =>
        this.#withSidecar(segment, offset, (_failure, sidecar) => {
          const plan = sidecar === null ? null : planRead(this.#log, sidecar, offset, bytesMax);
          if (sidecar === null || plan?.ok !== true || plan.value === null) {
            next(() => done(null));
            return;
          }
          const found = plan.value;
          this.#readBytes(segment, found.position, found.length, (_problem, bytes, lease) =>
            next(() => done(bytes === null || lease === null ? null : { sidecar, plan: found, bytes, lease })),
          );
        }),
      () => done(null),
    );
  }

  /** The batch of this entry does not match it. */
  noteDamage(entries: Uint8Array, index: number, why: string): void {
    const { base, next } = readEntry(entries, index * ENTRY_BYTES);
    this.#damaged(base, next, why);
  }

  /** The sidecar of a segment, for look-ups; only during the call of `done`. */
  sidecar(segment: Segment, offset: Offset, done: OnSidecar): void {
    this.#enqueue(
      (next) =>
        this.#withSidecar(segment, offset, (failure, sidecar) =>
          next(() => {
            const now = failure === null ? null : this.#replacementOf(segment, offset);
            if (now === null) done(failure, sidecar);
            else this.sidecar(now, offset, done);
          }),
        ),
      (refusal) => done(refusal, null),
    );
  }

  /** Some bytes of a segment as they are, unchecked; only during the call of `done`. */
  block(
    segment: Segment,
    position: number,
    length: number,
    done: (fault: Fault | null, bytes: Uint8Array | null) => void,
  ): void {
    this.#enqueue(
      (next) =>
        this.#readBytes(segment, position, length, (failure, bytes, lease) =>
          next(() => {
            done(failure, bytes?.length === length ? bytes : null);
            lease?.release();
          }),
        ),
      (refusal) => done(refusal, null),
    );
  }

  /** Lets go of memory and files that no read is using. */
  rest(): void {
    this.#ahead.forget();
    if (this.#busy) return;
    for (const segment of [...this.#sidecars.keys()]) this.#forget(segment);
    this.#closeFile();
  }

  /** The segment is gone from the log. */
  removed(segments: readonly Segment[]): void {
    this.#ahead.forget(segments);
    if (this.#busy) return;
    for (const segment of segments) this.#forget(segment);
    if (this.#file !== null && segments.includes(this.#file.segment)) this.#closeFile();
  }

  /** The actor has ended. */
  ended(): void {
    this.#ahead.ended();
  }

  #enqueue(run: (next: (answer: () => void) => void) => void, refuse: (fault: Fault) => void): void {
    if (this.#queue.length >= QUEUE_MAX) {
      refuse(fault('OVERLOADED', 'too many reads of this partition are waiting'));
      return;
    }
    this.#queue.push(() =>
      run((answer) => {
        this.#busy = false;
        answer();
        this.#advance();
      }),
    );
    this.#advance();
  }

  #advance(): void {
    if (this.#busy) return;
    const run = this.#queue.shift();
    if (run === undefined) {
      this.#readAhead();
      return;
    }
    this.#busy = true;
    run();
  }

  #forget(segment: Segment): void {
    this.#sidecars.get(segment)?.lease?.release();
    this.#sidecars.delete(segment);
  }

  #withSidecar(segment: Segment, offset: Offset, done: OnSidecar): void {
    const known = this.#sidecars.get(segment);
    const covers = known !== undefined && known.sidecar.indexOf(offset) < known.sidecar.count;
    if (known !== undefined && (covers || known.sidecar.count === segment.listed)) {
      this.#sidecars.delete(segment);
      this.#sidecars.set(segment, known);
      done(null, known.sidecar);
      return;
    }
    this.#forget(segment);
    const lease = this.#lease(Math.max(segment.listed * ENTRY_BYTES, 1));
    if (lease === null) {
      done(fault('OVERLOADED', 'no memory is free for a read'), null);
      return;
    }
    this.#load(segment, lease, done);
  }

  /** Where memory is short, what is kept for readers near the tail goes first, and all partitions are to let go of some. */
  #lease(length: number): Lease | null {
    const first = this.#context.lease(length);
    if (first !== null || this.#ahead.reading) return first;
    this.#ahead.forget();
    this.#log.evict(0);
    const second = this.#context.lease(length);
    if (second === null) this.#context.send(journalAddress(this.#context.node, this.#context.shard), { type: 'hurry' });
    return second;
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
      this.#forget(oldest);
    }
    this.#sidecars.set(segment, { sidecar, lease });
    return sidecar;
  }

  #damaged(first: Offset, behind: Offset, why: string): void {
    noteDamage(this.#log, first, behind);
    const { partition } = this.#log;
    this.#context.log.error({ partition, from: first, to: behind - 1 }, `records are damaged: ${why}`);
  }

  #readBy(segment: Segment, sidecar: Sidecar, plan: Result<ReadPlan | null>, done: OnRead): void {
    if (!plan.ok) done(plan.fault, null);
    else if (plan.value === null) done(null, null);
    else this.#readPlan(segment, sidecar, plan.value, done);
  }

  #readPlan(segment: Segment, sidecar: Sidecar, plan: ReadPlan, done: OnRead): void {
    this.#readBytes(segment, plan.position, plan.length, (failure, bytes, lease) => {
      if (bytes === null || lease === null) done(failure, null);
      else this.#check(sidecar, plan, bytes, lease, done);
    });
  }

  /** At most `length` bytes: fewer where the file ends. The lease goes with them. */
  #readBytes(
    segment: Segment,
    position: number,
    length: number,
    done: (fault: Fault | null, bytes: Uint8Array | null, lease: Lease | null) => void,
  ): void {
    const from = floorBlock(position);
    const lease = this.#lease(ceilBlock(position + length) - from);
    if (lease === null) {
      done(fault('OVERLOADED', 'no memory is free for a read'), null, null);
      return;
    }
    const fail = (failure: Fault | null): void => {
      lease.release();
      done(failure, null, null);
    };
    this.#open(segment, (failure, file) => {
      if (file === null) {
        fail(failure);
        return;
      }
      this.#context.disk.read(file, lease.bytes, from, (error, count) =>
        step(() => {
          const begins = position - from;
          if (error !== null) fail(readFault(file.path, error));
          else done(null, lease.bytes.subarray(begins, Math.max(begins, Math.min(count ?? 0, begins + length))), lease);
        }),
      );
    });
  }

  #check(sidecar: Sidecar, plan: ReadPlan, bytes: Uint8Array, lease: Lease, done: OnRead): void {
    const { length, next } = checkRead(this.#log, sidecar, plan, bytes);
    if (length > 0) {
      done(null, { bytes: bytes.subarray(0, length), lease, next });
      return;
    }
    lease.release();
    const first = sidecar.entry(plan.from);
    this.#damaged(first.base, first.next, 'the segment does not match its sidecar');
    done(fault('DATA_DAMAGED', `offsets ${first.base} to ${first.next - 1} do not match their checksums`), null);
  }

  #open(segment: Segment, done: (fault: Fault | null, file: DiskFile | null) => void): void {
    if (this.#file?.segment === segment) {
      done(null, this.#file.file);
      return;
    }
    this.#closeFile();
    const path = segmentPath(this.#log.partition, segment.base, segment.generation);
    this.#context.disk.open(path, { mode: 'read', direct: true }, (error, file) =>
      step(() => {
        if (file !== undefined) this.#file = { segment, file };
        done(file === undefined ? readFault(path, error) : null, file ?? null);
      }),
    );
  }

  #closeFile(): void {
    if (this.#file !== null) this.#context.disk.close(this.#file.file, () => step(() => {}));
    this.#file = null;
  }
}

function readFault(path: string, error: DiskError | null): Fault {
  if (error?.code === 'ENOENT') return fault('DATA_DAMAGED', `${path} is missing`);
  return fault('STORAGE_FAILED', `${path} could not be read: ${error?.message ?? 'no answer'}`);
}
