/**
 * What a partition does by itself: takes segments whose time is over, lets go of memory and files that nobody uses, has
 * older bytes checked when the janitor asks. A plain class inside the partition's actor; what may go, src/log decides.
 */
import type { Address, Context } from '../../runtime/actor.ts';
import type { Flushing } from '../../src/log/flushing.ts';
import type { PartitionLog } from '../../src/log/partition-log.ts';
import type { Producers } from '../../src/log/producers.ts';
import { retain, trim } from '../../src/log/retention.ts';
import type { Segment } from '../../src/log/segment.ts';
import { type Fault, fault } from '../../src/model/faults.ts';
import type { Offset } from '../../src/model/ids.ts';
import { isCompacted, segmentMsOf } from '../../src/model/topic.ts';
import { type Step, step } from '../step.ts';
import type { PartitionAnswers } from './answers.ts';
import { PartitionCompaction } from './compaction.ts';
import type { CompactionRoom } from './compaction-room.ts';
import type { PartitionAnswer, PartitionRequest } from './contract.ts';
import { PartitionScrub } from './scrub.ts';
import type { PartitionWriter } from './writer.ts';

export interface Kept {
  readonly log: PartitionLog;
  readonly flushing: Flushing;
  readonly writer: PartitionWriter;
  readonly answers: PartitionAnswers;
  readonly producers: Producers;
  readonly room: CompactionRoom;
}

/** Without appends and reads for so long, memory and files are let go, ms. */
const IDLE_MS = 5_000;
/** Retention by age looks at the log so often at most and at least, ms. */
const RETENTION_MS_MIN = 1_000;
const RETENTION_MS_MAX = 300_000;
/** Trims that wait for the disk; who comes later is refused. */
const TRIMS_MAX = 1_000;
/** A compacted partition is looked at so often at least, ms. */
const COMPACTION_MS_MAX = 15_000;

export class PartitionUpkeep {
  readonly compaction: PartitionCompaction;
  readonly #context: Context<Step>;
  readonly #kept: Kept;
  /** Segments when retention last looked: it looks again when one was opened. */
  #segmentsSeen = 0;
  /** Who had the log trimmed and waits until that is on disk, in order; begins only rise. */
  #trims: { readonly request: number; readonly from: Address; readonly begin: Offset }[] = [];
  #used = false;
  #idleTimer = false;

  constructor(context: Context<Step>, kept: Kept) {
    this.#context = context;
    this.#kept = kept;
    const { log, flushing, writer, answers, producers, room } = kept;
    this.compaction = new PartitionCompaction(context, {
      ...{ log, flushing, writer, reader: answers.reader, producers, room },
      forget: (gone) => this.#forget(gone),
    });
  }

  begin(): void {
    this.used();
    this.#retainLater();
  }

  /** Somebody asked for something: memory and files are let go a while after the last time. */
  used(): void {
    this.#used = true;
    if (this.#idleTimer) return;
    this.#lookLater();
  }

  #rest(): void {
    this.#idleTimer = false;
    const { log, writer, answers } = this.#kept;
    if (this.#used) {
      this.#used = false;
      this.#lookLater();
      return;
    }
    log.rest();
    answers.reader.rest();
    if (!writer.closeFiles()) this.#lookLater();
  }

  #lookLater(): void {
    this.#idleTimer = true;
    this.#context.after(
      IDLE_MS,
      step(() => this.#rest()),
    );
  }

  /** After every turn: a segment that was opened may have made another too many. */
  look(): void {
    if (this.#kept.log.segments.length > this.#segmentsSeen) this.#retain();
  }

  #retainLater(): void {
    const { settings } = this.#kept.log;
    const quarter = settings.retentionMs < 0 ? RETENTION_MS_MAX : Math.floor(settings.retentionMs / 4);
    const most = isCompacted(settings) ? Math.min(COMPACTION_MS_MAX, segmentMsOf(settings)) : RETENTION_MS_MAX;
    this.#context.after(
      Math.min(most, Math.max(RETENTION_MS_MIN, quarter)),
      step(() => {
        this.#retain();
        this.compaction.look();
        this.#retainLater();
      }),
    );
  }

  #retain(): void {
    const { log } = this.#kept;
    this.#forget(retain(log, this.#context.now()));
    this.#segmentsSeen = log.segments.length;
  }

  /** Segments were taken off the log: their files go. */
  #forget(gone: readonly Segment[]): void {
    const { flushing, answers } = this.#kept;
    answers.reader.removed(gone);
    flushing.remove(gone);
  }

  /** Readers begin at `offset` from now on; answered once the manifest says so, which no crash takes back. */
  trim({ request, offset }: PartitionRequest & { readonly type: 'trim' }, from: Address): void {
    const { log, flushing } = this.#kept;
    if (offset > log.committed) {
      const reason = fault('OFFSET_OUT_OF_RANGE', `offset ${offset} is behind the end, ${log.committed}`);
      this.#context.reply(from, { type: 'refused', request, fault: reason } as PartitionAnswer);
    } else if (this.#trims.length === TRIMS_MAX) {
      const reason = fault('OVERLOADED', 'many wait for the manifest of the partition');
      this.#context.reply(from, { type: 'refused', request, fault: reason } as PartitionAnswer);
    } else {
      this.#forget(trim(log, offset));
      if (flushing.beginOnDisk < log.begin) flushing.manifestDue();
      this.#trims.push({ request, from, begin: log.begin });
    }
  }

  /** After every turn: the manifest may be on disk that those wait for who had the log trimmed. */
  tellTrimmed(): void {
    const { log, flushing } = this.#kept;
    for (let first = this.#trims[0]; first !== undefined; first = this.#trims[0]) {
      const { request, from, begin } = first;
      if (!log.inMemory && flushing.beginOnDisk < begin) return;
      this.#trims.shift();
      this.#context.reply(from, { type: 'trimmed', request, begin } as PartitionAnswer);
    }
  }

  /** The partition is gone with its topic: nobody writes its manifest any more. */
  refuseAll(reason: Fault): void {
    for (const { request, from } of this.#trims.splice(0))
      this.#context.reply(from, { type: 'refused', request, fault: reason } as PartitionAnswer);
  }

  /** Compares all sealed segments with their sidecars; answers when it is through. */
  scrub(request: number, from: Address): void {
    const { log, answers } = this.#kept;
    const done = (): void => this.#context.reply(from, { type: 'scrubbed', request } as PartitionAnswer);
    new PartitionScrub(this.#context, log, answers.reader, done).run();
  }
}
