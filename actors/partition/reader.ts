/**
 * Reads a partition's segments for readers behind the tail: the sidecar tells where, the bytes go to leased memory past
 * the page cache, and every batch is checked against its entry before it is answered. One read at a time, in order, and
 * beside them what comes next for readers in sequence. A plain class inside the partition's actor.
 */
import type { Context, Lease } from '../../runtime/actor.ts';
import { ENTRY_BYTES, readEntry } from '../../src/log/entry.ts';
import type { PartitionLog } from '../../src/log/partition-log.ts';
import { checkRead, noteDamage, planRead, type ReadPlan } from '../../src/log/reading.ts';
import type { Segment } from '../../src/log/segment.ts';
import type { Sidecar } from '../../src/log/sidecar.ts';
import { type Fault, fault } from '../../src/model/faults.ts';
import type { Offset } from '../../src/model/ids.ts';
import { MIB } from '../../src/model/limits.ts';
import { journalAddress } from '../journal/contract.ts';
import { type Step, step } from '../step.ts';
import { type Place, RANGE_BYTES_MAX, ReadAhead, type ReadBytes, type ReadingRoom } from './read-ahead.ts';
import type { Rereads } from './rereads.ts';
import { type Leasing, type OnSidecar, SegmentFiles } from './segment-files.ts';

/** What a scan compares. The receiver releases the lease. */
export interface Piece {
  readonly sidecar: Sidecar;
  readonly plan: ReadPlan;
  readonly bytes: Uint8Array;
  readonly lease: Lease;
}
type OnRead = (fault: Fault | null, read: ReadBytes | null) => void;
/** One read: more comes with the next. Longer runs of memory are hard to get. */
const READ_BYTES_MAX = MIB;
/** Reads that wait for their turn; whoever comes later hears OVERLOADED. */
const QUEUE_MAX = 1_000;

export class PartitionReader {
  readonly #context: Context<Step>;
  readonly #log: PartitionLog;
  readonly #queue: (() => void)[] = [];
  #busy = false;
  /** Somebody was given what was read ahead, and nothing was read ahead since. */
  #isOwed = false;
  readonly #files: SegmentFiles;
  readonly #ahead: ReadAhead;
  readonly #rereads: Rereads;

  constructor(context: Context<Step>, log: PartitionLog, room: ReadingRoom) {
    this.#context = context;
    this.#log = log;
    this.#files = new SegmentFiles(context, log, (first, behind, why) => this.#damaged(first, behind, why));
    this.#ahead = new ReadAhead(context, log, room);
    this.#rereads = room.rereads;
  }

  /**
   * Batches from the one that holds `offset`, up to `upTo`; null at the end of what the segment names. Where the log lets go of
   * the segment meanwhile its files may be gone: whoever asked looks anew where the offset lies.
   */
  read(segment: Segment, offset: Offset, bytesMax: number, upTo: Offset, done: OnRead): void {
    const answer: OnRead = (problem, read) => {
      if (read !== null) this.#ahead.answered(segment, offset, read.next);
      done(problem, read);
    };
    const held = this.#ahead.take(segment, offset, bytesMax, upTo);
    if (held !== null) {
      answer(null, held);
      this.#owe();
      return;
    }
    if (this.#ahead.awaits(segment, offset, () => this.read(segment, offset, bytesMax, upTo, done))) return;
    this.#enqueue(
      (next) => this.#readNow(segment, offset, bytesMax, upTo, (problem, read) => next(() => answer(problem, read))),
      (refusal) => done(refusal, null),
    );
  }

  #readNow(segment: Segment, offset: Offset, bytesMax: number, upTo: Offset, done: OnRead): void {
    // It may have been read ahead while this waited for its turn.
    const held = this.#ahead.take(segment, offset, bytesMax, upTo);
    if (held !== null) {
      done(null, held);
      return;
    }
    this.#files.withSidecar(segment, offset, this.#lease, (failure, sidecar) => {
      if (sidecar === null) {
        done(failure, null);
        return;
      }
      const plan = planRead(this.#log, sidecar, offset, Math.min(bytesMax, READ_BYTES_MAX), upTo);
      if (!plan.ok) done(plan.fault, null);
      else if (plan.value === null) done(null, null);
      else this.#readPlan(segment, sidecar, plan.value, this.#lease, done);
    });
  }

  /**
   * Beside whatever else is read where the files are at hand, alone where they are not. What goes wrong here is told by
   * the read that comes for it.
   */
  #readAhead(): void {
    for (let place = this.#ahead.next; place !== null; place = this.#ahead.next) {
      const sidecar = this.#files.atHand(place.segment, place.offset, this.#rereads.isCached(place.segment));
      if (sidecar !== null) this.#readBeside(place, sidecar);
      else {
        if (!this.#busy) this.#readAlone(place);
        return;
      }
    }
  }

  #readBeside(place: Place, sidecar: Sidecar): void {
    const plan = planAhead(this.#log, sidecar, place.offset);
    const reading = plan === null ? null : this.#ahead.begin(place, sidecar.entry(plan.to - 1).next);
    if (plan === null || reading === null) {
      this.#ahead.giveUp();
      return;
    }
    // Whoever reads beside may have the sidecar make way for another.
    const hold = this.#files.hold(place.segment);
    this.#readPlan(place.segment, sidecar, plan, this.#spareLease, (_problem, read) => {
      hold?.release();
      this.#ahead.end(reading, read);
      this.#advance();
    });
  }

  #readAlone(place: Place): void {
    const reading = this.#ahead.begin(place, null);
    if (reading === null) {
      this.#ahead.giveUp();
      return;
    }
    this.#busy = true;
    const end = (read: ReadBytes | null): void => {
      this.#busy = false;
      this.#ahead.end(reading, read);
      this.#advance();
    };
    const { segment, offset } = place;
    this.#files.withSidecar(segment, offset, this.#spareLease, (_failure, sidecar) => {
      const plan = sidecar === null ? null : planAhead(this.#log, sidecar, offset);
      if (sidecar === null || plan === null) end(null);
      else this.#readPlan(segment, sidecar, plan, this.#spareLease, (_problem, read) => end(read));
    });
  }

  /** Batches from `offset` on, unchecked and also where they are known as damaged; null where none can be read. */
  piece(segment: Segment, offset: Offset, bytesMax: number, done: (piece: Piece | null) => void): void {
    this.#enqueue(
      (next) =>
        this.#files.withSidecar(segment, offset, this.#lease, (_failure, sidecar) => {
          const plan = sidecar === null ? null : planRead(this.#log, sidecar, offset, bytesMax);
          if (sidecar === null || plan?.ok !== true || plan.value === null) {
            next(() => done(null));
            return;
          }
          const found = plan.value;
          this.#files.readBytes(
            { segment, position: found.position, length: found.length, cached: false },
            this.#lease,
            (_problem, bytes, lease) =>
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
        this.#files.withSidecar(segment, offset, this.#lease, (failure, sidecar) => next(() => done(failure, sidecar))),
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
        this.#files.readBytes({ segment, position, length, cached: false }, this.#lease, (failure, bytes, lease) =>
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
    this.#files.forgetAll();
  }

  /** The segment is gone from the log. */
  removed(segments: readonly Segment[]): void {
    this.#ahead.forget(segments);
    for (const segment of segments) this.#rereads.forget(segment);
    if (this.#busy) return;
    for (const segment of segments) this.#files.forget(segment);
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

  /**
   * To read and to check takes the time in which the answer is to be written to the socket: it waits until that is done, for
   * then the client has something to do, too. Where nobody tells so it waits until the next one is given something.
   */
  #owe(): void {
    if (this.#isOwed) this.#advanceSoon();
    this.#isOwed = true;
  }

  /** What was given is written to its socket. */
  taken(): void {
    if (!this.#isOwed) return;
    this.#isOwed = false;
    this.#advance();
  }

  /** Behind the answer. */
  #advanceSoon(): void {
    const behind = step(() => this.#advance());
    if (this.#context.send(this.#context.self, behind) === 'full') behind.run();
  }

  #advance(): void {
    if (!this.#busy) {
      const run = this.#queue.shift();
      if (run !== undefined) {
        this.#busy = true;
        run();
      }
    }
    this.#readAhead();
  }

  /** Where memory is short, what is kept for readers near the tail goes first, and all partitions are to let go of some. */
  readonly #lease = (length: number): Lease | null => {
    const first = this.#context.lease(length);
    if (first !== null) return first;
    this.#ahead.forget();
    this.#log.evict(0);
    const second = this.#context.lease(length);
    if (second === null) this.#context.send(journalAddress(this.#context.node, this.#context.shard), { type: 'hurry' });
    return second;
  };

  /** What is read ahead takes nothing from anybody. */
  readonly #spareLease = (length: number): Lease | null => this.#context.lease(length);

  #damaged(first: Offset, behind: Offset, why: string): void {
    noteDamage(this.#log, first, behind);
    const { partition } = this.#log;
    this.#context.log.error({ partition, from: first, to: behind - 1 }, `records are damaged: ${why}`);
  }

  #readPlan(segment: Segment, sidecar: Sidecar, plan: ReadPlan, leasing: Leasing, done: OnRead): void {
    const { position, length } = plan;
    const cached = this.#rereads.isCached(segment);
    this.#files.readBytes({ segment, position, length, cached }, leasing, (failure, bytes, lease) => {
      if (bytes === null || lease === null) {
        done(failure, null);
        return;
      }
      const found = checkRead(this.#log, sidecar, plan, bytes);
      if (found.wrong !== null && cached) {
        // What the cache has may be older than what was written past it: the disk says what is damaged.
        lease.release();
        this.#rereads.forget(segment);
        this.#readPlan(segment, sidecar, plan, leasing, done);
        return;
      }
      if (this.#log.segments.includes(segment)) this.#rereads.read(segment, bytes.length, this.#context.monotonic());
      this.#give(found, bytes, lease, done);
    });
  }

  #give({ length, next, wrong }: ReturnType<typeof checkRead>, bytes: Uint8Array, lease: Lease, done: OnRead): void {
    if (wrong !== null && length > 0) noteDamage(this.#log, wrong.base, wrong.next);
    if (wrong === null || length > 0) {
      done(null, { bytes: bytes.subarray(0, length), lease, next });
      return;
    }
    lease.release();
    this.#damaged(wrong.base, wrong.next, 'the segment does not match its sidecar');
    done(fault('DATA_DAMAGED', `offsets ${wrong.base} to ${wrong.next - 1} do not match their checksums`), null);
  }
}

function planAhead(log: PartitionLog, sidecar: Sidecar, offset: Offset): ReadPlan | null {
  const plan = planRead(log, sidecar, offset, RANGE_BYTES_MAX);
  return plan.ok && plan.value !== null && plan.value.length <= RANGE_BYTES_MAX ? plan.value : null;
}
