/**
 * Writing for people and for programs: bulk output that waits for a slow reader, tables, progress on a terminal. A
 * reader that goes away ends the command, it does not fail it. Decides nothing about what is written.
 */
import type { Writable } from 'node:stream';
import type { Console } from './doors.ts';

/** Lines are gathered up to this before they are written: a system call a line would be the slowest part of `sub`. */
const GATHERED_CHARS = 64 * 1024;

/** Output of many lines. */
export class Lines {
  readonly #stream: Writable;
  #gathered = '';
  #scheduled = false;
  #drained: Promise<void> | null = null;

  constructor(stream: Writable) {
    this.#stream = stream;
  }

  /** Adds a line. Wait for the answer, if there is one, before adding more. */
  add(line: string): Promise<void> | undefined {
    this.#gathered += `${line}\n`;
    if (this.#gathered.length >= GATHERED_CHARS) return this.#write();
    if (!this.#scheduled) {
      this.#scheduled = true;
      setImmediate(() => {
        this.#scheduled = false;
        void this.#write();
      });
    }
    return this.#drained ?? undefined;
  }

  /** Resolves when everything was handed on, or the reader has gone. */
  async end(): Promise<void> {
    await this.#write();
    if (this.#stream.destroyed) return;
    await new Promise<void>((resolve) => {
      this.#stream.write('', () => resolve());
    });
  }

  #write(): Promise<void> | undefined {
    const text = this.#gathered;
    this.#gathered = '';
    if (text === '' || this.#stream.destroyed || this.#stream.write(text)) return this.#drained ?? undefined;
    this.#drained ??= new Promise((resolve) => {
      const done = (): void => {
        this.#stream.off('drain', done);
        this.#stream.off('close', done);
        this.#drained = null;
        resolve();
      };
      this.#stream.on('drain', done);
      this.#stream.on('close', done);
    });
    return this.#drained;
  }
}

export type Row = Readonly<Record<string, string | number | boolean>>;

/** Columns by the first row's names, as wide as needed; numbers to the right. */
export function table(rows: readonly Row[]): string {
  const [first] = rows;
  if (!first) return '';
  const names = Object.keys(first);
  const texts = rows.map((row) => names.map((name) => String(row[name] ?? '')));
  const widths = names.map((name, column) =>
    Math.max(name.length, ...texts.map((cells) => cells[column]?.length ?? 0)),
  );
  const rightward = names.map((name) => typeof first[name] === 'number');
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) =>
        rightward[column] ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd();
  return [line(names.map((name) => name.toUpperCase())), ...texts.map(line)].join('\n');
}

/** A line on the terminal that is rewritten while work goes on; silent where nobody looks. */
export class Progress {
  readonly #stream: Console['errors'];
  readonly #text: () => string;
  readonly #timer: NodeJS.Timeout | undefined;

  constructor(stream: Console['errors'], text: () => string) {
    this.#stream = stream;
    this.#text = text;
    if (stream.isTTY) this.#timer = setInterval(() => this.#show(), 200);
  }

  end(): void {
    if (this.#timer === undefined) return;
    clearInterval(this.#timer);
    this.#stream.write('\r\x1b[K');
  }

  #show(): void {
    this.#stream.write(`\r${this.#text()}\x1b[K`);
  }
}

/** A bar of 20 cells for work whose size is known. */
export function bar(done: number, total: number): string {
  const part = total <= 0 ? 1 : Math.min(1, done / total);
  const cells = Math.round(part * 20);
  return `[${'#'.repeat(cells)}${'.'.repeat(20 - cells)}] ${Math.floor(part * 100)} %`;
}
