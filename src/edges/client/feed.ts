/**
 * What readers and consumers have in common: streams, kept filled, from which one message after the other is taken; what
 * happens where an offset is gone. Decides neither which partitions nor what counts as processed.
 */
import type { Offset } from '../../model/ids.ts';
import type { CallboardError } from './errors.ts';
import { toError } from './errors.ts';
import { Fetcher, type FetcherOptions } from './fetcher.ts';
import type { Link } from './link.ts';
import type { Message } from './message.ts';
import type { PartitionStream } from './partition-stream.ts';
import { findOffsets, type Position, type TimedPosition } from './position.ts';
import { Gate } from './wait.ts';

export interface FeedOptions extends FetcherOptions {
  /** Where to go on when the offset asked for is no longer, or not yet, in the partition; `fail` tells the reader. */
  readonly outOfRange: TimedPosition | 'fail';
  /** A topic that is gone only stops its streams: somebody else will say what to read instead. */
  readonly waitsForTopics: boolean;
}

export class Feed {
  readonly fetcher: Fetcher;
  /** Opens when it is worth looking again. */
  readonly arrived = new Gate();
  readonly #link: Link;
  readonly #options: FeedOptions;
  readonly #onFailure: (error: CallboardError) => void;

  /** `onFailure`: something went wrong that is tried again by itself. */
  constructor(link: Link, options: FeedOptions, onFailure: (error: CallboardError) => void) {
    this.#link = link;
    this.#options = options;
    this.#onFailure = onFailure;
    this.fetcher = new Fetcher(link, options, {
      arrived: () => this.arrived.open(),
      faulted: (stream, error) => this.#faulted(stream, error),
    });
  }

  /** Moves a stream; what came ahead is dropped at once. */
  async seek(stream: PartitionStream, to: Position, signal?: AbortSignal): Promise<void> {
    const seek = stream.depart();
    let offset: Offset | null = null;
    try {
      offset = (await findOffsets(this.#link, [{ place: stream, at: to }], { signal }))[0] ?? null;
    } finally {
      stream.arrive(seek, offset);
      this.fetcher.hurry();
      this.arrived.open();
    }
  }

  /** Takes the next message, waiting for one up to `timeoutMs` (default: without end); null after that. */
  async next(options: {
    readonly timeoutMs?: number;
    readonly signal?: AbortSignal | undefined;
  }): Promise<Message | null> {
    const { clock } = this.#link.options.world;
    const deadlineMs = clock.monotonicMs() + (options.timeoutMs ?? Number.POSITIVE_INFINITY);
    for (;;) {
      const message = this.fetcher.take();
      if (message !== null) return message;
      const timeoutMs = deadlineMs - clock.monotonicMs();
      if (timeoutMs <= 0) return null;
      const bound = Number.isFinite(timeoutMs) ? { timeoutMs } : {};
      await this.arrived.wait({ clock, signal: options.signal, ...bound });
    }
  }

  close(error: CallboardError): void {
    this.fetcher.close();
    this.arrived.fail(error);
  }

  #faulted(stream: PartitionStream, error: CallboardError): boolean {
    if (this.#options.waitsForTopics && (error.code === 'UNKNOWN_TOPIC' || error.code === 'UNKNOWN_PARTITION')) {
      stream.depart();
      this.#onFailure(error);
      return true;
    }
    if (error.code !== 'OFFSET_OUT_OF_RANGE' || this.#options.outOfRange === 'fail') return false;
    this.#restart(stream, this.#options.outOfRange);
    return true;
  }

  #restart(stream: PartitionStream, to: TimedPosition): void {
    this.seek(stream, to).catch((thrown: unknown) => {
      const error = toError(thrown);
      stream.stop(error);
      this.#onFailure(error);
      this.arrived.open();
    });
  }
}
