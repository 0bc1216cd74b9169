/**
 * The writing half of a connection: answers as views, written in order, one write at a time, each of a bounded length,
 * so that whatever gathers in a turn or during a write goes out together. Holds what the views lie in until it is written. Copies nothing.
 */
import type { Lease } from '../../runtime/actor.ts';
import { WRITE_BYTES_MAX } from '../../src/model/limits.ts';

interface Piece {
  readonly view: Uint8Array;
  /** Released when this piece is written: it is the last of its answer. */
  readonly holds: readonly Lease[];
}

const NO_HOLDS: readonly Lease[] = [];
const NOTHING: readonly Piece[] = [];

/** Begins a write; its end is told by {@link Outbox.written}. */
export interface Writer {
  write(views: readonly Uint8Array[]): void;
}

export class Outbox {
  readonly #writer: Writer;
  readonly #queue: Piece[] = [];
  #writing: readonly Piece[] = NOTHING;
  #bytes = 0;
  #closed = false;

  constructor(writer: Writer) {
    this.#writer = writer;
  }

  /** Bytes not yet with the operating system. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Is a write under way? */
  get writing(): boolean {
    return this.#writing.length > 0;
  }

  send(views: readonly Uint8Array[], holds: readonly Lease[]): void {
    if (this.#closed) {
      for (const hold of holds) hold.release();
      return;
    }
    const last = views.length - 1;
    for (let index = 0; index <= last; index++)
      this.#enqueue(views[index] as Uint8Array, index === last ? holds : NO_HOLDS);
  }

  /** Begins the next write, unless one is under way. */
  flush(): void {
    if (!this.writing && this.#queue.length > 0) this.#writeNext();
  }

  /** The write under way has ended. */
  written(): void {
    for (const { view, holds } of this.#writing) {
      this.#bytes -= view.length;
      for (const hold of holds) hold.release();
    }
    this.#writing = NOTHING;
  }

  /** Nobody reads any more: what is not being written is dropped. */
  close(): void {
    this.#closed = true;
    for (const { view, holds } of this.#queue.splice(0)) {
      this.#bytes -= view.length;
      for (const hold of holds) hold.release();
    }
  }

  /** In pieces, so that one write is never longer than it should be. */
  #enqueue(view: Uint8Array, holds: readonly Lease[]): void {
    let at = 0;
    for (; view.length - at > WRITE_BYTES_MAX; at += WRITE_BYTES_MAX)
      this.#queue.push({ view: view.subarray(at, at + WRITE_BYTES_MAX), holds: NO_HOLDS });
    this.#queue.push({ view: at === 0 ? view : view.subarray(at), holds });
    this.#bytes += view.length;
  }

  #writeNext(): void {
    let bytes = 0;
    let count = 0;
    for (const { view } of this.#queue) {
      if (count > 0 && bytes + view.length > WRITE_BYTES_MAX) break;
      bytes += view.length;
      count++;
    }
    this.#writing = this.#queue.splice(0, count);
    this.#writer.write(this.#writing.map((piece) => piece.view).filter((view) => view.length > 0));
  }
}
