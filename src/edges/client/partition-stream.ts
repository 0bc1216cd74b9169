/**
 * One partition as it is read: where to go on, the batches that came ahead, the record that is next. Decodes lazily, one
 * batch at a time; skips what lies before its position, control records, and what aborted transactions wrote. Asks for nothing itself.
 */
import { batchesIn, readNextOffset } from '../../model/batch.ts';
import type { Offset, PartitionIndex, TopicId } from '../../model/ids.ts';
import { MIB } from '../../model/limits.ts';
import { openRecords, type Records } from '../../model/record.ts';
import type { AbortedRecords } from '../../protocols/request.ts';
import { committedIn } from './committed.ts';
import { decompress } from './compression.ts';
import { CallboardError } from './errors.ts';
import { Fifo } from './fifo.ts';
import type { Message } from './message.ts';

/** A batch of at most 8 MiB on the wire may grow to this; what grows further was made to fill memories. */
const OPENED_BYTES_MAX = 256 * MIB;

const NONE_ABORTED: readonly AbortedRecords[] = [];
const NO_HEADERS: Message['headers'] = [];

export class PartitionStream {
  readonly topicName: string;
  readonly topic: TopicId;
  readonly partition: PartitionIndex;
  /** Offset of the next record to hand out. */
  position: Offset;
  /** Offset to fetch from: behind all that came. */
  fetchOffset: Offset;
  /** Batches that came and are not used up, bytes. */
  bufferedBytes = 0;
  paused = false;
  /** Somebody is finding out where to go on; counts up, so that only the last one's answer moves it. */
  #seeks = 0;
  #seeking = false;
  /** Set by a move: what is under way for the old place is not wanted. */
  moved = true;
  /** End of what readers may see, as of the last answer; -1: not known. */
  end = -1;
  /** Stops the stream until it is moved. Handed out once, when the records before it are used up. */
  fault: CallboardError | null = null;
  #faultTold = false;
  #batches = new Fifo<Uint8Array>();
  #records: Records | null = null;
  #recordsBytes = 0;
  #next: Message | null = null;

  constructor(topicName: string, topic: TopicId, partition: PartitionIndex, position: Offset) {
    this.topicName = topicName;
    this.topic = topic;
    this.partition = partition;
    this.position = position;
    this.fetchOffset = position;
  }

  /** Takes what a fetch brought, and which of it was taken back. */
  add(bytes: Uint8Array, aborted: readonly AbortedRecords[] = NONE_ABORTED): void {
    for (const batch of batchesIn(bytes)) this.fetchOffset = readNextOffset(batch);
    for (const batch of committedIn(bytes, aborted)) {
      this.#batches.push(batch);
      this.bufferedBytes += batch.length;
    }
  }

  get seeking(): boolean {
    return this.#seeking;
  }

  /** Holds the stream until {@link arrive} is called with the number that this answers. */
  depart(): number {
    this.#seeking = true;
    return ++this.#seeks;
  }

  /** Ends the seek of that number, unless another began since. Null: it failed, and the stream goes on where it was. */
  arrive(seek: number, offset: Offset | null): void {
    if (seek !== this.#seeks || !this.#seeking) return;
    if (offset === null) this.#seeking = false;
    else this.move(offset);
  }

  /** Goes on elsewhere; drops what came ahead. */
  move(offset: Offset): void {
    this.#seeking = false;
    this.position = offset;
    this.fetchOffset = offset;
    this.moved = true;
    this.fault = null;
    this.#faultTold = false;
    this.#batches = new Fifo();
    this.#records = null;
    this.#next = null;
    this.bufferedBytes = 0;
  }

  /** Is there a message, or an error that was not told? */
  get ready(): boolean {
    return this.peek() !== null || (this.fault !== null && !this.#faultTold);
  }

  /** The next message without taking it. */
  peek(): Message | null {
    if (this.#next === null) this.#next = this.#read();
    return this.#next;
  }

  /** The next message; null: none is here now. @throws CallboardError once, when the stream has stopped at a fault. */
  take(): Message | null {
    const message = this.peek();
    if (message !== null) {
      this.#next = null;
      this.position = (message.offset + 1) as Offset;
    } else if (this.fault !== null && !this.#faultTold) {
      this.#faultTold = true;
      throw this.fault;
    }
    return message;
  }

  #read(): Message | null {
    for (;;) {
      if (this.#records === null && !this.#open()) return null;
      const records = this.#records as Records | null;
      if (records === null) continue;
      while (records.next()) if (records.offset >= this.position) return this.#message(records);
      this.#close(records);
    }
  }

  /** Opens the next batch; false: there is none. */
  #open(): boolean {
    const batch = this.fault === null || this.#batches.size > 0 ? this.#batches.shift() : undefined;
    if (batch === undefined) return false;
    this.#recordsBytes = batch.length;
    const opened = openRecords(batch, decompress, OPENED_BYTES_MAX);
    if (!opened.ok) this.stop(CallboardError.from(opened.fault));
    else this.#records = opened.value;
    return true;
  }

  #close(records: Records): void {
    this.#records = null;
    this.bufferedBytes -= this.#recordsBytes;
    if (records.damaged)
      this.stop(
        new CallboardError(
          'CORRUPT_BATCH',
          `${this.topicName}/${this.partition}: records behind ${this.position} are damaged`,
        ),
      );
  }

  /** What is behind a batch that can't be read would be a gap. */
  stop(error: CallboardError): void {
    this.#batches = new Fifo();
    this.bufferedBytes = 0;
    this.fault = error;
  }

  #message(records: Records): Message {
    return {
      topic: this.topicName,
      partition: this.partition,
      offset: records.offset,
      timestamp: records.timestamp,
      key: bufferOf(records.key),
      value: bufferOf(records.value),
      headers: headersOf(records),
    };
  }
}

function headersOf(records: Records): Message['headers'] {
  const { headers } = records;
  if (headers.length === 0) return NO_HEADERS;
  return headers.map(({ key, value }) => ({ key, value: bufferOf(value) }));
}

/** The same bytes with Buffer's methods. */
function bufferOf(bytes: Uint8Array | null): Buffer | null {
  return bytes === null ? null : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}
