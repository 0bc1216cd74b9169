/**
 * Tells the group how far its partitions are processed: by itself every so often, when partitions are given up, and when
 * the caller says so. Commits only what {@link Progress} calls done, or what the caller names.
 */
import type { CommitReply, CommitRequest } from '../../protocols/request.ts';
import type { CallOptions } from './call.ts';
import { CallboardError, toError } from './errors.ts';
import type { Holding } from './holdings.ts';
import type { Link } from './link.ts';
import type { Membership } from './membership.ts';
import { wireOffset } from './position.ts';
import { ignore, pause } from './wait.ts';

export interface CommitsOptions {
  readonly group: string;
  /** 0: only when the caller says so. */
  readonly intervalMs: number;
}

type Entry = CommitRequest['offsets'][number];

/** The member's epoch rises while partitions change hands; the next heartbeat brings it. */
const STALE_ATTEMPTS_MAX = 20;
const STALE_PAUSE_MS = 100;

export class Commits {
  readonly #link: Link;
  readonly #options: CommitsOptions;
  readonly #membership: Membership;
  readonly #holdings: () => readonly Holding[];
  readonly #troubled: (error: CallboardError) => void;
  #cancelTimer: () => void = ignore;
  #stopped = false;

  constructor(
    link: Link,
    membership: Membership,
    options: CommitsOptions,
    holdings: () => readonly Holding[],
    troubled: (error: CallboardError) => void,
  ) {
    this.#link = link;
    this.#options = options;
    this.#membership = membership;
    this.#holdings = holdings;
    this.#troubled = troubled;
  }

  get automatic(): boolean {
    return this.#options.intervalMs > 0;
  }

  start(): void {
    if (this.automatic && !this.#stopped) this.#later();
  }

  stop(): void {
    this.#stopped = true;
    this.#cancelTimer();
  }

  /** Commits what is processed of these. */
  async processed(holdings: readonly Holding[], options: CallOptions = {}): Promise<void> {
    const dirty = holdings.filter(({ progress }) => progress.dirty);
    await this.commit(
      dirty.map((holding) => ({ holding, offset: holding.progress.done, metadata: undefined })),
      options,
    );
  }

  /** Commits offsets: of the next message to process, each. @throws CallboardError when one of them was refused. */
  async commit(
    entries: readonly { readonly holding: Holding; readonly offset: number; readonly metadata: string | undefined }[],
    options: CallOptions = {},
  ): Promise<void> {
    if (entries.length === 0) return;
    const offsets = entries.map(({ holding: { stream }, offset, metadata }): Entry => {
      const entry = { topic: stream.topic, partition: stream.partition, offset: wireOffset(offset) };
      return metadata === undefined ? entry : { ...entry, metadata };
    });
    const { parts } = await this.#send(offsets, options);
    let refused: CallboardError | null = null;
    for (const [index, { holding, offset }] of entries.entries()) {
      const part = parts[index];
      if (part?.fault === undefined) holding.progress.committed = offset;
      else refused ??= CallboardError.from(part.fault);
    }
    if (refused !== null) throw refused;
  }

  async #send(offsets: readonly Entry[], options: CallOptions): Promise<CommitReply> {
    const { group } = this.#options;
    for (let attempt = 1; ; attempt++) {
      const { member, epoch } = this.#membership;
      if (epoch === 0) throw new CallboardError('UNKNOWN_MEMBER', `not in group ${group} at the moment`);
      try {
        return await this.#link.call({ call: 'commit', group, member, epoch, offsets }, options);
      } catch (thrown) {
        const isStale = thrown instanceof CallboardError && thrown.code === 'STALE_MEMBER_EPOCH';
        if (!isStale || attempt === STALE_ATTEMPTS_MAX) throw thrown;
        await pause(this.#link.options.world.clock, STALE_PAUSE_MS, options.signal);
      }
    }
  }

  #later(): void {
    this.#cancelTimer = this.#link.options.world.clock.after(this.#options.intervalMs, () => {
      this.processed(this.#holdings())
        .catch((thrown: unknown) => this.#troubled(toError(thrown)))
        .finally(() => this.start());
    });
  }
}
