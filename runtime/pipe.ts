/**
 * A ring between two shards on one thread: records, in order, whole, once; bounded, and full says so. For worlds of several
 * shards in one thread; between threads it is ring.ts.
 */
import { assert } from '../src/model/assert.ts';
import type { RecordReader, RecordWriter } from './link.ts';
import { Fifo } from './mailbox.ts';

export class Pipe implements RecordWriter, RecordReader {
  /** Where a claimed record is filled in. */
  readonly bytes: Uint8Array;
  readonly recordBytesMax: number;
  readonly #capacity: number;
  readonly #records = new Fifo<Uint8Array>();
  #fill = 0;
  #claimed = -1;
  waits = false;

  /** @param capacityBytes the longest record has half of it. */
  constructor(capacityBytes: number) {
    this.#capacity = capacityBytes;
    this.recordBytesMax = capacityBytes >> 1;
    this.bytes = new Uint8Array(this.recordBytesMax);
  }

  get empty(): boolean {
    return this.#records.length === 0;
  }

  claim(length: number): number {
    assert(length <= this.recordBytesMax, `a record of ${length} bytes does not fit the pipe`);
    assert(this.#claimed < 0, 'one claim at a time');
    this.waits = this.#fill + length > this.#capacity;
    if (this.waits) return -1;
    this.#claimed = length;
    return 0;
  }

  publish(): void {
    assert(this.#claimed >= 0, 'nothing claimed');
    this.#records.push(this.bytes.slice(0, this.#claimed));
    this.#fill += this.#claimed;
    this.#claimed = -1;
  }

  drain(recordsMax: number, take: (bytes: Uint8Array, at: number, length: number) => void): number {
    let taken = 0;
    for (; taken < recordsMax; taken++) {
      const record = this.#records.shift();
      if (record === undefined) break;
      this.#fill -= record.length;
      take(record, 0, record.length);
    }
    return taken;
  }

  writerWaits(): boolean {
    if (!this.waits || this.#fill > this.#capacity / 2) return false;
    this.waits = false;
    return true;
  }
}
