/**
 * The handler form of a consumer: starts a handler for each message, in order and so many at a time for each partition.
 * Ends by itself at the first failure and waits for what it started. Commits nothing.
 */
import type { CallboardError } from './errors.ts';
import type { Feed } from './feed.ts';
import type { Message } from './message.ts';
import { positive } from './options.ts';
import type { PartitionStream } from './partition-stream.ts';
import type { Clock } from './ports.ts';
import type { Progress } from './progress.ts';
import { Breath } from './wait.ts';

/** Processes one message; what it returns resolves when the message is processed. */
export type Handler = (message: Message) => void | Promise<void>;

export interface RunOptions {
  /** Messages of one partition that are handled at the same time; default 1, which keeps their order. */
  readonly concurrency?: number;
  /** Ends the run after the handlers that are running; `run` then resolves. */
  readonly signal?: AbortSignal;
}

export interface WorkSource {
  readonly feed: Feed;
  readonly clock: Clock;
  /** Notes a message as being in hands; null: nobody may handle it any more. */
  handed(message: Message): Progress | null;
  processed(progress: Progress, offset: number): void;
  failure(): CallboardError | null;
  closed(): boolean;
}

export async function runHandler(source: WorkSource, handler: Handler, options: RunOptions): Promise<void> {
  const workers = new Workers(source, handler, positive('concurrency', options.concurrency ?? 1));
  try {
    await workers.run(options.signal);
  } finally {
    await workers.rest();
  }
  if (workers.failed) throw workers.failure;
}

class Workers {
  readonly #source: WorkSource;
  readonly #handler: Handler;
  readonly #concurrency: number;
  readonly #active = new Map<PartitionStream, number>();
  #running = 0;
  failed = false;
  /** Whatever the handler threw. */
  failure: unknown;

  constructor(source: WorkSource, handler: Handler, concurrency: number) {
    this.#source = source;
    this.#handler = handler;
    this.#concurrency = concurrency;
  }

  async run(signal: AbortSignal | undefined): Promise<void> {
    const { feed, clock } = this.#source;
    const breath = new Breath(clock);
    while (!this.failed && !this.#source.closed() && signal?.aborted !== true) {
      const failure = this.#source.failure();
      if (failure !== null) throw failure;
      if (breath.due) await breath.taken();
      const message = feed.fetcher.take((stream) => (this.#active.get(stream) ?? 0) < this.#concurrency);
      if (message !== null) this.#start(message);
      else await feed.arrived.wait({ clock, signal }).catch(endedBy(signal));
    }
  }

  /** Resolves when nothing runs. */
  async rest(): Promise<void> {
    const { feed, clock } = this.#source;
    while (this.#running > 0) await feed.arrived.wait({ clock });
  }

  #start(message: Message): void {
    const stream = this.#source.feed.fetcher.current as PartitionStream;
    const progress = this.#source.handed(message);
    if (progress === null) return;
    this.#active.set(stream, (this.#active.get(stream) ?? 0) + 1);
    this.#running += 1;
    this.#work(message, progress).finally(() => {
      this.#running -= 1;
      const left = (this.#active.get(stream) ?? 1) - 1;
      if (left === 0) this.#active.delete(stream);
      else this.#active.set(stream, left);
      this.#source.feed.arrived.open();
    });
  }

  async #work(message: Message, progress: Progress): Promise<void> {
    try {
      await this.#handler(message);
      this.#source.processed(progress, message.offset);
    } catch (thrown) {
      // Not processed: it is not committed, and comes again.
      if (!this.failed) this.failure = thrown;
      this.failed = true;
    }
  }
}

/** The caller's signal ends a run without an error. */
function endedBy(signal: AbortSignal | undefined): (error: unknown) => void {
  return (error) => {
    if (signal?.aborted !== true) throw error;
  };
}
