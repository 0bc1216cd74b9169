/** Lines of a stream as bytes, a list a chunk: nothing is decoded, a line without its end is kept until the end comes. */
import type { Readable } from 'node:stream';
import { MIB } from '../../model/limits.ts';
import { usage } from './exit.ts';

/** Longer than any batch that a node takes: more than this is not input of lines. */
const LINE_BYTES_MAX = 16 * MIB;
const LINE_FEED = 10;

/** Ends early, and lets go of the stream, when the signal fires. */
export async function* linesOf(stream: Readable, signal: AbortSignal): AsyncGenerator<readonly Buffer[]> {
  const stop = (): void => void stream.destroy();
  signal.addEventListener('abort', stop);
  const splitter = new LineSplitter();
  try {
    if (signal.aborted) return;
    for await (const chunk of stream) yield splitter.split(Buffer.from(chunk));
    yield splitter.rest();
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

export class LineSplitter {
  /** Pieces of a line whose end has not come: joined once, so that a long line costs no more than its length. */
  #pieces: Buffer[] = [];
  #bytes = 0;

  /** The lines that end in `chunk`, without their line feeds; views on it. */
  split(chunk: Buffer): Buffer[] {
    const lines: Buffer[] = [];
    let from = 0;
    for (let at = chunk.indexOf(LINE_FEED); at >= 0; at = chunk.indexOf(LINE_FEED, from)) {
      lines.push(this.#join(chunk.subarray(from, at)));
      from = at + 1;
    }
    if (from < chunk.length) this.#keep(chunk.subarray(from));
    return lines;
  }

  /** The last line, where it has no line feed. */
  rest(): Buffer[] {
    return this.#pieces.length === 0 ? [] : [this.#join(Buffer.alloc(0))];
  }

  #join(end: Buffer): Buffer {
    if (this.#pieces.length === 0) return end;
    const line = Buffer.concat([...this.#pieces, end]);
    this.#pieces = [];
    this.#bytes = 0;
    return line;
  }

  #keep(piece: Buffer): void {
    this.#bytes += piece.length;
    if (this.#bytes > LINE_BYTES_MAX)
      throw usage(`a line is longer than ${LINE_BYTES_MAX} bytes`, 'Send large contents with --file.');
    this.#pieces.push(piece);
  }
}
