/**
 * What a partition does by itself: takes segments whose time is over, lets go of memory and files that nobody uses, has
 * older bytes checked when the janitor asks. A plain class inside the partition's actor; what may go, src/log decides.
 */
import type { Address, Context } from '../runtime/actor.ts';
import type { Flushing } from '../src/log/flushing.ts';
import type { PartitionLog } from '../src/log/partition-log.ts';
import { retain } from '../src/log/retention.ts';
import type { Segment } from '../src/log/segment.ts';
import type { PartitionAnswers } from './partition-answers.ts';
import type { PartitionAnswer } from './partition-contract.ts';
import { PartitionScrub } from './partition-scrub.ts';
import type { PartitionWriter } from './partition-writer.ts';
import { type Step, step } from './step.ts';

export interface Kept {
  readonly log: PartitionLog;
  readonly flushing: Flushing;
  readonly writer: PartitionWriter;
  readonly answers: PartitionAnswers;
}

/** Without appends and reads for so long, memory and files are let go, ms. */
const IDLE_MS = 5_000;
/** Retention by age looks at the log so often at most and at least, ms. */
const RETENTION_MS_MIN = 1_000;
const RETENTION_MS_MAX = 300_000;

export class PartitionUpkeep {
  readonly #context: Context<Step>;
  readonly #kept: Kept;
  /** Segments when retention last looked: it looks again when one was opened. */
  #segmentsSeen = 0;
  #used = false;
  #idleTimer = false;

  constructor(context: Context<Step>, kept: Kept) {
    this.#context = context;
    this.#kept = kept;
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
    const age = this.#kept.log.settings.retentionMs;
    const quarter = age < 0 ? RETENTION_MS_MAX : Math.floor(age / 4);
    this.#context.after(
      Math.min(RETENTION_MS_MAX, Math.max(RETENTION_MS_MIN, quarter)),
      step(() => {
        this.#retain();
        this.#retainLater();
      }),
    );
  }

  #retain(): void {
    const { log } = this.#kept;
    this.forget(retain(log, this.#context.now()), false);
    this.#segmentsSeen = log.segments.length;
  }

  /** Segments were taken off the log: their files go. `trimmed`: the manifest is to say where the log begins. */
  forget(gone: readonly Segment[], trimmed: boolean): void {
    const { flushing, answers } = this.#kept;
    answers.reader.removed(gone);
    flushing.remove(gone);
    if (trimmed) flushing.manifestDue();
  }

  /** Compares all sealed segments with their sidecars; answers when it is through. */
  scrub(request: number, from: Address): void {
    const { log, answers } = this.#kept;
    const done = (): void => this.#context.reply(from, { type: 'scrubbed', request } as PartitionAnswer);
    new PartitionScrub(this.#context, log, answers.reader, done).run();
  }
}
