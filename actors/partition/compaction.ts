/**
 * Compacts a partition: notes the newest offset of each key of what was not compacted yet, then writes the segments anew,
 * group by group, without what was replaced. The bytes go through a job thread piece by piece; what is there at any
 * moment is one piece, its result, and the table of keys. A plain class inside the partition's actor; what is compacted,
 * and what takes whose place, src/log/compaction.ts decides. Whatever fails is tried again another time.
 */
import type { Context, Lease } from '../../runtime/actor.ts';
import type { DiskError } from '../../runtime/ports.ts';
import { floorBlock } from '../../src/log/chunk.ts';
import type { AbortedRange, Filtered, FilterPiece, KeysNoted, KeysPiece } from '../../src/log/compacting.ts';
import {
  type CompactionPlan,
  generationOf,
  groupsOf,
  hasDamage,
  hasDamageBefore,
  planCompaction,
  replaceGroup,
  stillThere,
} from '../../src/log/compaction.ts';
import { ENTRY_BYTES } from '../../src/log/entry.ts';
import type { Flushing } from '../../src/log/flushing.ts';
import type { PartitionLog } from '../../src/log/partition-log.ts';
import type { Producers } from '../../src/log/producers.ts';
import type { Segment } from '../../src/log/segment.ts';
import type { Offset } from '../../src/model/ids.ts';
import { KIB, MIB } from '../../src/model/limits.ts';
import { type Step, step } from '../step.ts';
import type { CompactionRoom } from './compaction-room.ts';
import type { PartitionReader, Piece } from './reader.ts';
import { SegmentOutput } from './segment-output.ts';
import { sweep } from './sweep.ts';
import type { PartitionWriter } from './writer.ts';

export interface Compacting {
  readonly log: PartitionLog;
  readonly flushing: Flushing;
  readonly writer: PartitionWriter;
  readonly reader: PartitionReader;
  readonly room: CompactionRoom;
  readonly producers: Producers;
  /** These segments were taken off the log. */
  forget(gone: readonly Segment[]): void;
}

/** One piece of a segment, and the pause behind it: others want the disk too, ms. */
const PIECE_BYTES = MIB;
const PAUSE_MS = 5;
const OUTPUT_BYTES = MIB;
const TABLE_BYTES_MIN = 64 * KIB;
const TABLE_BYTES_MAX = 8 * MIB;
/** A record takes ten bytes at least, its key a third of a hundred in the table. */
const TABLE_BYTES_PER_BYTE = 3.2;

/** One run through the partition. */
interface Run {
  readonly plan: CompactionPlan;
  readonly table: Lease;
  readonly output: Lease;
  keys: number;
  /** Keys are noted below. */
  to: Offset;
  /** See {@link FilterPiece}. */
  open: readonly number[];
  bytesBefore: number;
  bytesAfter: number;
}
/** The segment that is written anew, and what goes into it. */
interface Rewriting {
  readonly run: Run;
  readonly group: readonly Segment[];
  readonly generation: number;
  readonly output: SegmentOutput;
  entries: number;
  maxTimestamp: number;
  tombstonesUntil: number;
  removed: number;
  readonly markers: number[];
}

export class PartitionCompaction {
  readonly #context: Context<Step>;
  readonly #compacting: Compacting;
  #busy = false;
  #stopped = false;
  /** What a crash has left in the folder was removed. */
  #swept = false;

  constructor(context: Context<Step>, compacting: Compacting) {
    this.#context = context;
    this.#compacting = compacting;
  }

  /** Nothing of it is in flight. */
  get idle(): boolean {
    return !this.#busy;
  }

  /** Begins no more, and ends with the step that it is at. */
  stop(): void {
    this.#stopped = true;
  }

  /** The actor is gone, in whatever way. */
  ended(): void {
    this.#compacting.room.leave(this);
  }

  /** Compacts if there is something to do. */
  look(): void {
    const { log, flushing, room, producers } = this.#compacting;
    if (this.#busy || this.#stopped || !flushing.settled) return;
    const plan = planCompaction(log, producers.transactions.stable(log.committed), this.#context.now());
    if (plan === null || !room.enter(this)) return;
    this.#busy = true;
    this.#sweep(() => this.#snapshot(plan));
  }

  #end(run: Run | null): void {
    run?.table.release();
    run?.output.release();
    this.#busy = false;
    this.#compacting.room.leave(this);
  }

  #failed(run: Run | null, what: string, error: DiskError | string | null): void {
    const { partition } = this.#compacting.log;
    const reason = typeof error === 'string' ? error : (error?.message ?? '');
    this.#context.log.warn({ partition, error: reason }, `compaction was put off: ${what}`);
    this.#end(run);
  }

  #sweep(done: () => void): void {
    if (this.#swept) done();
    else
      sweep(this.#context, this.#compacting.log, (error) => {
        this.#swept = error === null;
        if (error === null) done();
        else this.#failed(null, 'its folder could not be listed', error);
      });
  }

  /** What a start would learn of producers from batches that are gone is to be on disk before. */
  #snapshot(plan: CompactionPlan): void {
    this.#compacting.writer.snapshot((isThere) => {
      if (!isThere) this.#failed(null, 'the state of producers could not be written', null);
      else this.#begin(plan);
    });
  }

  #begin(plan: CompactionPlan): void {
    const dirty = plan.segments.reduce((sum, { end, bytes }) => sum + (end > plan.from ? bytes : 0), 0);
    const table = this.#leaseTable(
      floorBlock(Math.min(TABLE_BYTES_MAX, TABLE_BYTES_MIN + TABLE_BYTES_PER_BYTE * dirty)),
    );
    const output = table === null ? null : this.#context.lease(OUTPUT_BYTES);
    if (table === null || output === null) {
      table?.release();
      this.#failed(null, 'no memory is free for it', null);
      return;
    }
    table.bytes.fill(0);
    this.#noteKeys({ plan, table, output, keys: 0, to: plan.from, open: [], bytesBefore: 0, bytesAfter: 0 });
  }

  #leaseTable(bytes: number): Lease | null {
    const lease = this.#context.lease(bytes);
    return lease !== null || bytes <= TABLE_BYTES_MIN
      ? lease
      : this.#leaseTable(Math.max(TABLE_BYTES_MIN, floorBlock(bytes / 2)));
  }

  // ---- keys

  #noteKeys(run: Run): void {
    const { log, reader } = this.#compacting;
    const segment = run.plan.segments.find(({ end }) => end > run.to);
    if (this.#stopped) this.#end(run);
    else if (segment === undefined) this.#rewrite(run);
    else if (hasDamage(log, segment)) {
      run.to = segment.end;
      this.#noteKeys(run);
    } else
      reader.piece(segment, Math.max(run.to, segment.base) as Offset, PIECE_BYTES, (piece) => {
        if (piece === null) this.#failed(run, `segment ${segment.base} could not be read`, null);
        else this.#notePiece(run, piece);
      });
  }

  #abortedIn({ from, to }: Piece['plan'], sidecar: Piece['sidecar']): readonly AbortedRange[] {
    return this.#compacting.producers.transactions.abortedRanges(sidecar.entry(from).base, sidecar.entry(to - 1).next);
  }

  #notePiece(run: Run, { sidecar, plan, bytes, lease }: Piece): void {
    const entries = sidecar.bytes.slice(plan.from * ENTRY_BYTES, plan.to * ENTRY_BYTES);
    const end = sidecar.entry(plan.to - 1).next;
    const piece: KeysPiece = {
      entries,
      bytes,
      table: run.table.bytes,
      count: run.keys,
      from: run.plan.from,
      aborted: this.#abortedIn(plan, sidecar),
    };
    this.#context.run('noteSegmentKeys', piece, (error, result) =>
      step(() => {
        lease.release();
        if (error !== null) this.#failed(run, 'keys could not be noted', error);
        else this.#noted(run, result as KeysNoted, entries, end);
      }),
    );
  }

  #noted(run: Run, { bad, count, to }: KeysNoted, entries: Uint8Array, end: Offset): void {
    if (this.#foundDamage(run, bad, entries)) return;
    run.keys = count;
    run.to = to;
    // The table is full: what follows is for the next run.
    if (to < end) this.#rewrite(run);
    else this.#later(() => this.#noteKeys(run));
  }

  #foundDamage(run: Run, bad: readonly number[], entries: Uint8Array): boolean {
    for (const index of bad)
      this.#compacting.reader.noteDamage(
        entries,
        index,
        'compaction found that the segment does not match its sidecar',
      );
    if (bad.length > 0) this.#failed(run, 'records are damaged', null);
    return bad.length > 0;
  }

  #later(run: () => void): void {
    this.#context.after(PAUSE_MS, step(run));
  }

  // ---- segments

  #rewrite(run: Run): void {
    this.#nextGroup(run, groupsOf(this.#compacting.log, run.plan.segments, run.to));
  }

  #nextGroup(run: Run, groups: readonly (readonly Segment[])[]): void {
    const [group, ...others] = groups;
    const { log, flushing } = this.#compacting;
    if (this.#stopped) this.#end(run);
    else if (group === undefined) {
      const { partition } = log;
      const { bytesBefore, bytesAfter, keys, to } = run;
      log.cleanedTo = run.to;
      flushing.manifestDue();
      this.#context.log.info({ partition, to, keys, bytesBefore, bytesAfter }, 'a partition was compacted');
      this.#end(run);
    } else this.#writeGroup(run, group, () => this.#nextGroup(run, others));
  }

  #writeGroup(run: Run, group: readonly Segment[], done: () => void): void {
    const { partition } = this.#compacting.log;
    const generation = generationOf(group);
    const base = (group[0] as Segment).base;
    const output = new SegmentOutput(this.#context, { partition, base, generation }, run.output);
    const counts = { entries: 0, maxTimestamp: -1, tombstonesUntil: -1, removed: 0, markers: [] };
    const rewriting: Rewriting = { run, group, generation, output, ...counts };
    output.begin((error) => {
      if (error !== null) this.#giveUp(rewriting, 'a segment could not be created', error);
      else this.#nextPiece(rewriting, base, done);
    });
  }

  #giveUp({ run, output }: Rewriting, what: string, error: DiskError | string | null): void {
    output.discard(() => (this.#stopped ? this.#end(run) : this.#failed(run, what, error)));
  }

  #nextPiece(rewriting: Rewriting, offset: Offset, done: () => void): void {
    const { group } = rewriting;
    const { log, reader } = this.#compacting;
    const segment = group.find(({ end }) => end > offset);
    if (this.#stopped || !stillThere(log, group)) this.#giveUp(rewriting, 'its segments went meanwhile', null);
    else if (segment === undefined) this.#finish(rewriting, done);
    else
      reader.piece(segment, offset, PIECE_BYTES, (piece) => {
        if (piece === null) this.#giveUp(rewriting, `segment ${segment.base} could not be read`, null);
        else this.#filter(rewriting, piece, done);
      });
  }

  #filter(rewriting: Rewriting, { sidecar, plan, bytes, lease }: Piece, done: () => void): void {
    const { run, group, output } = rewriting;
    const { log, producers } = this.#compacting;
    const { partition, settings } = log;
    const end = (group.at(-1) as Segment).end;
    const entries = sidecar.bytes.slice(plan.from * ENTRY_BYTES, plan.to * ENTRY_BYTES);
    const next = sidecar.entry(plan.to - 1).next;
    const piece: FilterPiece = {
      entries,
      bytes,
      table: run.table.bytes,
      aborted: this.#abortedIn(plan, sidecar),
      partition,
      segment: (group[0] as Segment).base,
      position: output.bytes,
      end,
      now: this.#context.now(),
      tombstoneRetentionMs: settings.tombstoneRetentionMs,
      tombstonesMayGo: !hasDamageBefore(log, end),
      open: run.open,
      last: producers.lastOnes(sidecar.entry(plan.from).base, next),
    };
    this.#context.run('filterSegment', piece, (error, result) =>
      step(() => {
        lease.release();
        const filtered = result as Filtered;
        if (error !== null) this.#giveUp(rewriting, 'a segment could not be filtered', error);
        else if (filtered.bad.length > 0) output.discard(() => this.#foundDamage(run, filtered.bad, entries));
        else this.#add(rewriting, filtered, () => this.#later(() => this.#nextPiece(rewriting, next, done)));
      }),
    );
  }

  #add(rewriting: Rewriting, filtered: Filtered, done: () => void): void {
    rewriting.entries += filtered.entries.length / ENTRY_BYTES;
    rewriting.maxTimestamp = Math.max(rewriting.maxTimestamp, filtered.maxTimestamp);
    rewriting.removed += filtered.removed;
    rewriting.markers.push(...filtered.markers);
    rewriting.run.open = filtered.open;
    const times = [rewriting.tombstonesUntil, filtered.tombstonesUntil].filter((time) => time >= 0);
    rewriting.tombstonesUntil = times.length === 0 ? -1 : Math.min(...times);
    rewriting.output.add(filtered.bytes, filtered.entries, (error) => {
      if (error === null) done();
      else this.#giveUp(rewriting, 'a segment could not be written', error);
    });
  }

  #finish(rewriting: Rewriting, done: () => void): void {
    const { run, group, output, removed, tombstonesUntil } = rewriting;
    const before = group.reduce((sum, { bytes }) => sum + bytes, 0);
    run.bytesBefore += before;
    // One that would be written as it was stays where it is.
    if (group.length === 1 && removed === 0 && tombstonesUntil === group[0]?.tombstonesUntil) {
      run.bytesAfter += before;
      output.discard(done);
      return;
    }
    output.finish((error) => {
      if (error !== null) this.#giveUp(rewriting, 'a segment could not be written', error);
      else this.#forgetMarkers(rewriting, () => this.#replace(rewriting, done));
    });
  }

  /** Who is told of an aborted transaction waits for its marker: that nobody is told any more is on disk before it goes. */
  #forgetMarkers(rewriting: Rewriting, then: () => void): void {
    const { producers, writer } = this.#compacting;
    if (rewriting.markers.length === 0) {
      then();
      return;
    }
    producers.transactions.forget(rewriting.markers);
    writer.snapshot((isThere) => {
      if (isThere) then();
      else this.#giveUp(rewriting, 'the state of producers could not be written', null);
    }, true);
  }

  #replace(rewriting: Rewriting, done: () => void): void {
    const { log, forget } = this.#compacting;
    const { run, group, output, generation, entries, maxTimestamp, tombstonesUntil } = rewriting;
    if (this.#stopped || !stillThere(log, group)) {
      this.#giveUp(rewriting, 'its segments went meanwhile', null);
      return;
    }
    const { bytes } = output;
    run.bytesAfter += bytes;
    replaceGroup(log, group, { generation, bytes, entries, maxTimestamp, tombstonesUntil });
    forget(group);
    done();
  }
}
