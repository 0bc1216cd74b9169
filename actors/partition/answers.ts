/**
 * What a partition answers to readers: batches from memory by lease or from disk, look-ups by time, who waits for more.
 * A plain class inside the partition's actor; what may be seen, src/log decides. Never changes the log.
 */
import type { Address, Context, Lease } from '../../runtime/actor.ts';
import type { PartitionLog } from '../../src/log/partition-log.ts';
import { bytesFrom, locate, newestTime, segmentOfTime, timeInChunks } from '../../src/log/reading.ts';
import type { Segment } from '../../src/log/segment.ts';
import { firstOfTime, isOpenForTime, type TimeFound, type TimePiece } from '../../src/log/time-in-batch.ts';
import type { Aborted, PartitionTransactions } from '../../src/log/transactions.ts';
import { readBatchBytes, readMaxTimestamp } from '../../src/model/batch.ts';
import type { Codecs } from '../../src/model/batch-demands.ts';
import { type Fault, failed, fault, ok } from '../../src/model/faults.ts';
import { id, type Offset } from '../../src/model/ids.ts';
import { type Step, step } from '../step.ts';
import type { PartitionAnswer, PartitionRequest } from './contract.ts';
import type { ReadingRoom } from './read-ahead.ts';
import { PartitionReader } from './reader.ts';

type Request<Type extends PartitionRequest['type']> = PartitionRequest & { readonly type: Type };

interface Watcher {
  readonly from: Address;
  readonly request: number;
  readonly offset: Offset;
  readonly uncommitted: boolean;
}
/** A look-up by time, and who is told. */
interface Search {
  found(offset: Offset, timestamp: number): void;
  refuse(fault: Fault): void;
  /** From its beginning: what was found meanwhile may have been replaced, or lie before the begin. */
  again(): void;
}
/** Who waits for more, beyond it `watch` is refused. */
const WATCHERS_MAX = 100_000;
const NONE_ABORTED: readonly Aborted[] = [];
const NO_BYTES = new Uint8Array(0);

export class PartitionAnswers {
  readonly reader: PartitionReader;
  readonly #context: Context<Step>;
  readonly #log: PartitionLog;
  readonly #transactions: PartitionTransactions;
  /** In the order they came. */
  #watchers: Watcher[] = [];
  /** Who has watched and lives, by name: the incarnation. Most come back with the next batch. */
  readonly #readers = new Map<string, number>();

  constructor(context: Context<Step>, log: PartitionLog, transactions: PartitionTransactions, room: ReadingRoom) {
    this.#context = context;
    this.#log = log;
    this.#transactions = transactions;
    this.reader = new PartitionReader(context, log, room);
  }

  /** Readers of committed records see what lies below. */
  get #stable(): Offset {
    return Math.max(this.#transactions.stable(this.#log.committed), this.#log.begin) as Offset;
  }

  /** What a reader sees lies below. */
  #seenBy({ uncommitted = false }: { readonly uncommitted?: boolean }): Offset {
    return uncommitted ? this.#log.committed : this.#stable;
  }

  #answer(to: Address, answer: PartitionAnswer): void {
    this.#context.reply(to, answer);
  }

  #refuse(to: Address, request: number, reason: Fault): void {
    this.#answer(to, { type: 'refused', request, fault: reason });
  }

  // ---- read

  read(message: Request<'read'>, from: Address): void {
    const { request, offset, bytesMax } = message;
    const located = locate(this.#log, offset, bytesMax, this.#seenBy(message));
    if (!located.ok) {
      this.#refuse(from, request, located.fault);
      return;
    }
    const place = located.value;
    if (place.kind === 'end') this.#give(message, from, { bytes: NO_BYTES, next: offset });
    else if (place.kind === 'segment') this.#readSegment(place.segment, message, from);
    else {
      const { chunk, from: first, to } = place;
      const at = chunk.positionAt(first) - chunk.start;
      const bytes = chunk.memory.bytes.subarray(at, chunk.endAt(to - 1) - chunk.start);
      const lease = chunk.memory.retain();
      this.#give(message, from, { bytes, lease, next: chunk.nextAt(to - 1) });
    }
  }

  #give(
    { request, offset, uncommitted = false }: Request<'read'>,
    from: Address,
    read: { readonly bytes: Uint8Array; readonly next: Offset; readonly lease?: Lease },
  ): void {
    const { begin, committed: end } = this.#log;
    const aborted = uncommitted ? NONE_ABORTED : this.#transactions.aborted(offset, read.next);
    const told = aborted.length === 0 ? read : { ...read, aborted };
    this.#answer(from, { type: 'records', request, begin, end, stable: this.#stable, ...told });
  }

  #readSegment(segment: Segment, message: Request<'read'>, from: Address): void {
    const { request, offset, bytesMax } = message;
    this.reader.read(segment, offset, bytesMax, this.#seenBy(message), (problem, read) => {
      if (problem === null) this.#give(message, from, read ?? { bytes: NO_BYTES, next: offset });
      else if (this.#isGone(segment)) this.read(message, from);
      else this.#refuse(from, request, problem);
    });
  }

  /**
   * Retention, a trim or compaction took it off the log while it was read. That its files are missing is no damage then: what
   * was asked for lies in another segment, or before the begin.
   */
  #isGone(segment: Segment): boolean {
    return !this.#log.segments.includes(segment);
  }

  // ---- watch

  watch({ request, offset, uncommitted = false }: Request<'watch'>, from: Address): void {
    if (offset < this.#seenBy({ uncommitted })) {
      this.#answer(from, { type: 'ready', request });
      return;
    }
    if (this.#watchers.length >= WATCHERS_MAX) {
      this.#refuse(from, request, failed('OVERLOADED', 'too many readers wait for this partition').fault);
      return;
    }
    if (this.#readers.get(from.name) !== from.incarnation) {
      this.#readers.set(from.name, from.incarnation);
      this.#context.watch(from);
    }
    this.#watchers.push({ from, request, offset, uncommitted });
  }

  unwatch(request: number, from: Address): void {
    const at = this.#watchers.findIndex((watcher) => watcher.request === request && isSame(watcher.from, from));
    if (at >= 0) this.#watchers.splice(at, 1);
  }

  /** A reader is gone. */
  down(address: Address): void {
    if (this.#readers.get(address.name) !== address.incarnation) return;
    this.#readers.delete(address.name);
    this.#watchers = this.#watchers.filter(({ from }) => !isSame(from, address));
  }

  /** The committed offset may have moved. */
  committed(): void {
    if (this.#watchers.length === 0) return;
    const { committed } = this.#log;
    const stable = this.#stable;
    let kept = 0;
    for (const watcher of this.#watchers) {
      const { from, request, offset, uncommitted } = watcher;
      if (offset < (uncommitted ? committed : stable)) this.#answer(from, { type: 'ready', request });
      else this.#watchers[kept++] = watcher;
    }
    this.#watchers.length = kept;
  }

  // ---- look-ups

  find(message: Request<'find'>, from: Address): void {
    const { request, at } = message;
    const seen = this.#seenBy(message);
    const found = (offset: Offset, timestamp: number): void => {
      const isSeen = offset < seen;
      this.#answer(from, {
        type: 'found',
        request,
        offset: isSeen ? offset : seen,
        timestamp: isSeen ? timestamp : -1,
      });
    };
    const refuse = (problem: Fault): void => this.#refuse(from, request, problem);
    const search: Search = { found, refuse, again: () => this.find(message, from) };
    if (at === 'begin') found(this.#log.begin, -1);
    else if (at === 'end') found(this.#log.committed, -1);
    else if (at === 'newest') this.#findNewest(search);
    else this.#findTime(at, search);
  }

  #findNewest(search: Search): void {
    const newest = newestTime(this.#log);
    if (newest < 0) search.found(this.#log.committed, -1);
    else this.#findTime(newest, search);
  }

  #findTime(time: number, search: Search): void {
    const { found, refuse, again } = search;
    const segment = segmentOfTime(this.#log, time);
    if (segment === null) {
      found(this.#log.committed, -1);
      return;
    }
    const first = Math.max(segment.base, this.#log.begin) as Offset;
    const inBatch = (base: Offset | null): void => {
      if (base === null || base >= this.#log.committed) found(this.#log.committed, -1);
      else this.#findInBatch(base, time, search);
    };
    const inMemory = this.#log.chunks[0];
    if (segment.listedTo <= first || (inMemory !== undefined && inMemory.first <= first)) {
      inBatch(timeInChunks(this.#log, segment, time));
      return;
    }
    const { begin } = this.#log;
    this.reader.sidecar(segment, first, (problem, sidecar) => {
      if (this.#isGone(segment) || begin < this.#log.begin) again();
      else if (sidecar !== null) {
        const index = sidecar.indexOfTime(time, sidecar.indexOf(first));
        inBatch(index < sidecar.count ? sidecar.entry(index).base : timeInChunks(this.#log, segment, time));
      } else if (problem !== null) refuse(problem);
    });
  }

  #findInBatch(base: Offset, time: number, search: Search): void {
    const { found, refuse, again } = search;
    const look = (batch: Uint8Array, lease: Lease): void => this.#lookIntoBatch(batch, lease, time, search);
    const located = locate(this.#log, Math.max(base, this.#log.begin) as Offset, 1);
    if (!located.ok) refuse(located.fault);
    else if (located.value.kind === 'chunk') {
      const { chunk, from } = located.value;
      look(chunk.batchAt(from), chunk.memory.retain());
    } else if (located.value.kind === 'segment') {
      const { segment } = located.value;
      const { begin } = this.#log;
      this.reader.read(segment, base, 1, this.#log.committed, (problem, read) => {
        if (this.#isGone(segment) || begin < this.#log.begin) {
          read?.lease.release();
          again();
        } else if (read !== null) look(read.bytes, read.lease);
        else if (problem !== null) refuse(problem);
      });
    } else found(this.#log.committed, -1);
  }

  /** What is compressed is opened by a job thread; more than it has room for hear so. Takes over the lease. */
  #lookIntoBatch(bytes: Uint8Array, lease: Lease, time: number, { found, refuse }: Search): void {
    const batch = bytes.subarray(0, readBatchBytes(bytes));
    const piece: TimePiece = { batch, time, from: this.#log.begin };
    const tell = ({ offset, timestamp }: TimeFound): void => {
      lease.release();
      found(Math.max(offset, this.#log.begin) as Offset, timestamp);
    };
    if (isOpenForTime(batch)) tell(firstOfTime(piece, NO_CODECS));
    else
      this.#context.run('findTime', piece, (error, result) =>
        step(() => {
          if (error === null) tell(result as TimeFound);
          else {
            lease.release();
            refuse(fault('OVERLOADED', `no thread was free to look into a batch: ${error}`));
          }
        }),
      );
  }

  measure(message: Request<'measure'>, from: Address): void {
    const { request, offset } = message;
    const { begin } = this.#log;
    const end = this.#stable;
    const sizeBytes = bytesFrom(this.#log, offset);
    const done = (timestamp: number): void =>
      this.#answer(from, { type: 'measured', request, begin, end, sizeBytes, timestamp });
    const at = Math.max(offset, begin) as Offset;
    const located = at < end ? locate(this.#log, at, 1) : null;
    if (located?.ok !== true || located.value.kind === 'end') done(-1);
    else if (located.value.kind === 'chunk') done(readMaxTimestamp(located.value.chunk.batchAt(located.value.from)));
    else {
      const { segment } = located.value;
      this.reader.sidecar(segment, at, (_problem, sidecar) => {
        const index = sidecar?.indexOf(at) ?? 0;
        if (this.#isGone(segment)) this.measure(message, from);
        else done(sidecar !== null && index < sidecar.count ? sidecar.entry(index).maxTimestamp : -1);
      });
    }
  }

  describe(request: number, from: Address): void {
    const { begin, durable, end: appended, sizeBytes, segments, damaged } = this.#log;
    const end = this.#stable;
    this.#answer(from, {
      type: 'described',
      request,
      begin,
      end,
      durable,
      appended,
      sizeBytes,
      segments: segments.length,
      damaged: damaged.map(([first, behind]) => [first, id<Offset>(behind - 1)] as const),
    });
  }
}

const isSame = (a: Address, b: Address): boolean =>
  a.incarnation === b.incarnation && a.name === b.name && a.node === b.node;

/** For what is not compressed. */
const NO_CODECS: Codecs = { decompress: (_codec, bytes) => ok(bytes), compress: (_codec, bytes) => bytes };
