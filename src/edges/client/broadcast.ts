/**
 * Reads every message of a topic, in every process that does so: no group shares the work. How far it came is kept in a
 * local file, so that a restart goes on there; a message counts as processed when the next one is asked for.
 */
import { CallboardError, toError } from './errors.ts';
import type { Link } from './link.ts';
import type { Message } from './message.ts';
import { readOffsets, writeOffsets } from './offset-file.ts';
import { positive } from './options.ts';
import type { Position, TimedPosition } from './position.ts';
import { Reader, type ReadOptions } from './reader.ts';
import type { Topics } from './topics.ts';
import { ignore } from './wait.ts';

export interface BroadcastOptions extends ReadOptions {
  readonly topic: string;
  /** Where offsets are kept: one file for each reader. */
  readonly file: string;
  /** Where to begin without a file; default `end`. Partitions that are added later are read from their begin. */
  readonly from?: TimedPosition;
  /** How often the file is written, ms; default 10,000; also on `close`. */
  readonly saveMs?: number;
}

export class Broadcast {
  readonly #link: Link;
  readonly #topics: Topics;
  readonly #options: BroadcastOptions;
  readonly #saveMs: number;
  readonly #newLink: () => Link;
  readonly #onClose: (broadcast: Broadcast) => void;
  /** Offset of the next message to process, by partition. */
  readonly #processed = new Map<number, number>();
  readonly #abandon = new AbortController();
  #reader: Reader | null = null;
  #topicId = 0;
  #opening: Promise<void> | null = null;
  #saving: Promise<void> = Promise.resolve();
  #dirty = false;
  #cancelTimer: () => void = ignore;
  #closing: Promise<void> | null = null;

  /** Made by `client.broadcast()`. */
  constructor(
    link: Link,
    newLink: () => Link,
    topics: Topics,
    options: BroadcastOptions,
    onClose: (broadcast: Broadcast) => void,
  ) {
    this.#link = link;
    this.#newLink = newLink;
    this.#topics = topics;
    this.#options = options;
    this.#saveMs = positive('saveMs', options.saveMs ?? 10_000);
    this.#onClose = onClose;
  }

  /** One message after the other, without end: until `break`, `close` or an error. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Message, void, undefined> {
    await this.open();
    while (this.#closing === null) {
      for (const message of await this.#poll()) {
        yield message;
        this.#processed.set(message.partition, message.offset + 1);
        this.#dirty = true;
        if (this.#closing !== null) return;
      }
    }
  }

  /** Offset of the next message to process, by partition. */
  positions(): ReadonlyMap<number, number> {
    return new Map(this.#processed);
  }

  /** Reads the file and finds the partitions; the first message asked for does it by itself. */
  async open(): Promise<void> {
    if (this.#closing !== null) throw new CallboardError('CLOSED', 'the reader was closed');
    this.#opening ??= this.#open().catch((error: unknown) => {
      this.#opening = null;
      throw error;
    });
    await this.#opening;
  }

  /** Writes the file now. */
  async save(): Promise<void> {
    this.#saving = this.#saving.catch(ignore).then(() => this.#write());
    await this.#saving;
  }

  /** Ends reading, writes the file, disconnects. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    this.#cancelTimer();
    this.#abandon.abort();
    await this.#opening?.catch(ignore);
    await this.#reader?.close();
    this.#onClose(this);
    if (this.#reader !== null) await this.save();
  }

  async #open(): Promise<void> {
    const { topic: name, from = 'end', file } = this.#options;
    const topic = await this.#topics.resolve(name, { signal: this.#abandon.signal });
    const stored = await readOffsets(file);
    if (stored !== null && stored.topic !== name)
      throw new CallboardError('INVALID_OPTION', `${file} holds the offsets of topic ${stored.topic}, not of ${name}`);
    // A topic that was deleted and made anew: its offsets begin anew too.
    const known = stored?.topicId === topic.id ? stored.offsets : null;
    const begin: Position = stored === null ? from : 'begin';
    const start = new Map<number, Position>();
    for (const partition of topic.partitions.keys()) {
      const offset = known?.get(partition);
      start.set(partition, offset === undefined ? begin : { offset });
    }
    const reader = new Reader(this.#newLink, this.#topics, { ...this.#options, from: start }, ignore);
    this.#reader = reader;
    await reader.open({ signal: this.#abandon.signal });
    for (const [partition, offset] of reader.positions()) this.#processed.set(partition, offset);
    this.#topicId = topic.id;
    // Also before the first message: where it began must not move with a restart.
    this.#dirty = true;
    await this.save();
    this.#saveLater();
  }

  async #poll(): Promise<readonly Message[]> {
    try {
      return (await this.#reader?.poll({ signal: this.#abandon.signal })) ?? [];
    } catch (error) {
      if (this.#closing !== null) return [];
      throw error;
    }
  }

  #saveLater(): void {
    this.#cancelTimer = this.#link.options.world.clock.after(this.#saveMs, () => {
      this.save()
        .catch((thrown: unknown) => this.#options.onError?.(toError(thrown)))
        .finally(() => {
          if (this.#closing === null) this.#saveLater();
        });
    });
  }

  async #write(): Promise<void> {
    if (!this.#dirty) return;
    this.#dirty = false;
    try {
      await writeOffsets(this.#options.file, {
        topic: this.#options.topic,
        topicId: this.#topicId,
        offsets: new Map(this.#processed),
      });
    } catch (error) {
      this.#dirty = true;
      throw error;
    }
  }
}
